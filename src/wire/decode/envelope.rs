//! What user-data comes in: a cloud's answer to its own client, or a disk.

use super::budget::Budget;
use super::{Kind, Part, Stopped, part, peel};
use crate::wire::{iso, seed};
use serde::Deserialize;
use zeroize::Zeroizing;

/// How a part is handed over, as far as that can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// A file of the user's; nobody says what brings it to a machine.
    File,
    /// A key of an instance's metadata on Google Compute Engine.
    Gce {
        /// `user-data`, `startup-script`, …
        key: String,
        /// What `user-data-encoding` beside it says.
        encoding: Option<String>,
    },
    /// User-data of EC2, without the base64 of its API.
    Aws,
    /// User-data of Azure, without the base64 of its API.
    Azure,
    /// User-data of Nova, without the base64 of its API.
    OpenStack,
    /// A file on a seed disk.
    Seed,
    /// A part of another part.
    Within,
}

/// Where an ISO 9660 image has its mark (ECMA-119, 8.4): behind 16 empty sectors.
const DISK_MARK: (usize, &[u8]) = (16 * 2048 + 1, b"CD001");

pub(super) fn is_disk(bytes: &[u8]) -> bool {
    let (at, mark) = DISK_MARK;
    bytes.get(at..at + mark.len()) == Some(mark)
}

/// The files in the root of a disk, each as a part.
pub(super) fn disk(part: &mut Part, bytes: &[u8], budget: &mut Budget) {
    let Ok(image) = iso::read(bytes) else {
        part.stopped = Some(Stopped::Damaged("ISO 9660 image"));
        return;
    };
    for (name, contents) in &image.files {
        let mut file = super::part(name, Carrier::Seed, contents, None, budget);
        if name == seed::META_DATA || name == seed::NETWORK_CONFIG {
            file.kind = Kind::Beside;
        }
        let over = matches!(file.stopped, Some(Stopped::TooMuch("parts" | "levels")));
        part.parts.push(file);
        if over {
            break;
        }
    }
    part.kind = Kind::Disk(image.label);
}

/// An instance as `gcloud compute instances describe --format=json` shows it.
#[derive(Deserialize)]
struct Gce {
    name: Option<String>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    key: String,
    #[serde(default)]
    value: Zeroizing<String>,
}

/// The answer to `aws ec2 describe-instance-attribute --attribute userData`.
#[derive(Deserialize)]
struct Aws {
    #[serde(rename = "InstanceId")]
    instance: Option<String>,
    #[serde(rename = "UserData")]
    user_data: AwsValue,
}

#[derive(Deserialize)]
struct AwsValue {
    #[serde(rename = "Value", default)]
    value: Zeroizing<String>,
}

/// The answer to `aws ec2 describe-launch-template-versions`.
#[derive(Deserialize)]
struct Templates {
    #[serde(rename = "LaunchTemplateVersions")]
    versions: Vec<Template>,
}

#[derive(Deserialize)]
struct Template {
    #[serde(rename = "LaunchTemplateName")]
    name: Option<String>,
    #[serde(rename = "VersionNumber")]
    version: Option<u64>,
    #[serde(rename = "LaunchTemplateData")]
    data: TemplateData,
}

#[derive(Deserialize)]
struct TemplateData {
    #[serde(rename = "UserData", default)]
    user_data: Zeroizing<String>,
}

/// The answer to `az vm show --include-user-data`.
#[derive(Deserialize)]
struct Azure {
    name: Option<String>,
    #[serde(rename = "userData")]
    user_data: Zeroizing<String>,
}

/// The answer to `openstack server show --format json`.
#[derive(Deserialize)]
struct OpenStack {
    name: Option<String>,
    #[serde(rename = "OS-EXT-SRV-ATTR:user_data")]
    user_data: Zeroizing<String>,
}

/// The keys of GCE whose values a machine runs or reads on its first boot (Compute Engine,
/// «Predefined metadata keys»).
const GCE_KEYS: [&str; 6] = [
    "user-data",
    "startup-script",
    "windows-startup-script-ps1",
    "windows-startup-script-cmd",
    "sysprep-specialize-script-ps1",
    "configure-sh",
];

/// The user-data in an answer of a cloud; `None` if it is none.
pub(super) fn answer(part: &mut Part, text: &str, budget: &mut Budget) -> Option<Kind> {
    if let Ok(inner) = serde_json::from_str::<Zeroizing<String>>(text) {
        // `--query … --output json` leaves the quotes around the text.
        let child = super::part("text", Carrier::Within, inner.as_bytes(), None, budget);
        part.parts.push(child);
        return Some(Kind::Answer);
    }
    if text.trim_start().starts_with('[') {
        let instances = serde_json::from_str::<Vec<Gce>>(text).ok()?;
        for instance in &instances {
            gce(part, instance, budget);
        }
        return Some(Kind::Answer);
    }
    if let Ok(instance) = serde_json::from_str::<Gce>(text) {
        gce(part, &instance, budget);
        return Some(Kind::Answer);
    }
    if let Ok(aws) = serde_json::from_str::<Aws>(text) {
        let name = named(aws.instance.as_deref(), "user-data");
        part.parts
            .push(encoded(&name, Carrier::Aws, &aws.user_data.value, budget));
        return Some(Kind::Answer);
    }
    if let Ok(templates) = serde_json::from_str::<Templates>(text) {
        for template in &templates.versions {
            let version = template.version.map(|version| format!("version {version}"));
            let name = named(template.name.as_deref(), &version.unwrap_or_default());
            part.parts.push(encoded(
                &name,
                Carrier::Aws,
                &template.data.user_data,
                budget,
            ));
        }
        return Some(Kind::Answer);
    }
    if let Ok(azure) = serde_json::from_str::<Azure>(text) {
        let name = named(azure.name.as_deref(), "user-data");
        part.parts
            .push(encoded(&name, Carrier::Azure, &azure.user_data, budget));
        return Some(Kind::Answer);
    }
    let server = serde_json::from_str::<OpenStack>(text).ok()?;
    let name = named(server.name.as_deref(), "user-data");
    part.parts.push(encoded(
        &name,
        Carrier::OpenStack,
        &server.user_data,
        budget,
    ));
    Some(Kind::Answer)
}

fn named(machine: Option<&str>, what: &str) -> String {
    machine.map_or_else(|| what.to_owned(), |machine| format!("{machine} {what}"))
}

fn gce(into: &mut Part, instance: &Gce, budget: &mut Budget) {
    let items = &instance.metadata.items;
    let value = |key: &str| items.iter().find(|item| item.key == key);
    let encoding = value("user-data-encoding").map(|item| item.value.to_string());
    for key in GCE_KEYS {
        let Some(item) = value(key) else { continue };
        let carrier = Carrier::Gce {
            key: key.to_owned(),
            encoding: (key == "user-data").then(|| encoding.clone()).flatten(),
        };
        let name = named(instance.name.as_deref(), key);
        into.parts
            .push(part(&name, carrier, item.value.as_bytes(), None, budget));
    }
}

/// A part of which the API makes base64.
fn encoded(name: &str, carrier: Carrier, value: &str, budget: &mut Budget) -> Part {
    if let Some(bytes) = peel::base64(value.as_bytes()) {
        return part(name, carrier, bytes.expose(), None, budget);
    }
    let mut part = Part::new(name, carrier, value.len());
    part.stopped = Some(Stopped::Damaged("base64"));
    part
}
