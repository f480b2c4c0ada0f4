//! What user-data comes in: a cloud's answer to its own client, or a disk.

use super::budget::Budget;
use super::{Kind, Node, Part, Stopped, part, peel, yaml};
use crate::wire::{iso, seed};
use serde::Deserialize;
use std::collections::HashMap;
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
    let config_drive = config_drive(&image.files);
    for (name, contents) in &image.files {
        let below = name.rsplit_once('/');
        let (is_read, is_user_data) = match (&config_drive, below) {
            (Some(drive), Some((directory, file))) => (directory == *drive, file == USER_DATA),
            (_, below) => (below.is_none(), name == seed::USER_DATA),
        };
        if !is_read {
            continue;
        }
        let is_envelope = name.eq_ignore_ascii_case("ovf-env.xml");
        let carrier = if is_user_data {
            Carrier::Seed
        } else {
            Carrier::Within
        };
        let mut file = super::part(name, carrier, contents, None, budget);
        let is_beside = name == seed::META_DATA || name == seed::NETWORK_CONFIG;
        if is_beside || !is_user_data && !is_envelope && config_drive.is_some() {
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

/// The user-data of a config drive.
pub(crate) const USER_DATA: &str = "user_data";

/// The directory of a config drive that cloud-init reads: the newest version that it knows, which
/// is of 2018 in cloud-init 22.4 to 26.2, else `latest` (`sources/helpers/openstack.py`).
fn config_drive<'a>(files: &'a [(String, &[u8])]) -> Option<&'a str> {
    const NEWEST: &str = "openstack/2018-08-27";
    const LATEST: &str = "openstack/latest";
    let directories = files.iter().filter_map(|(name, _)| {
        let (directory, _) = name.rsplit_once('/')?;
        let version = directory.strip_prefix("openstack/")?;
        (version == "latest" || version.starts_with("20")).then_some(directory)
    });
    let is_known = |directory: &&str| *directory == LATEST || *directory <= NEWEST;
    directories
        .filter(is_known)
        .max_by_key(|directory| (*directory != LATEST, *directory))
}

/// What is told of a machine in YAML or XML: `gcloud`'s and `aws`'s own way to show it, and
/// `ovf-env.xml`.
pub(super) fn told(part: &mut Part, text: &str, budget: &mut Budget) -> Option<Kind> {
    const MOST: usize = 4 << 20;
    if text.len() > MOST {
        return None;
    }
    if text.trim_start().starts_with('<') {
        return ovf(part, text, budget);
    }
    let is_shown = |key: &str| text.starts_with(key) || text.contains(&format!("\n{key}"));
    if !["metadata:", "- metadata:", "  metadata:", "UserData:"]
        .iter()
        .any(|key| is_shown(key))
    {
        return None;
    }
    let tree = yaml::parse(text).ok()?;
    if let Some(value) = tree
        .get("UserData")
        .and_then(|data| data.get("Value")?.text())
    {
        let instance = tree.get("InstanceId").and_then(Node::text);
        let name = named(instance, "user-data");
        part.parts.push(encoded(&name, Carrier::Aws, value, budget));
        return Some(Kind::Answer);
    }
    let one = [&tree];
    let many: Vec<&Node> = tree.items().iter().collect();
    let instances: &[&Node] = if many.is_empty() { &one } else { &many };
    let instances: Option<Vec<Gce>> = instances.iter().map(|node| shown(node)).collect();
    for instance in &instances? {
        gce(part, instance, budget);
    }
    Some(Kind::Answer)
}

/// An instance as `gcloud compute instances describe` shows it without `--format`.
fn shown(node: &Node) -> Option<Gce> {
    let items = node.get("metadata")?.get("items")?.items();
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let items = items.iter().map(|item| {
        Some(Item {
            key: text(item, "key")?,
            value: Zeroizing::new(text(item, "value")?),
        })
    });
    Some(Gce {
        name: text(node, "name"),
        metadata: Metadata {
            items: items.collect::<Option<_>>()?,
        },
    })
}

/// The environment of a machine in XML: Azure's `CustomData`, and the property `user-data` of
/// `VMware`'s OVF, both in base64. By hand: two elements are wanted, wherever they stand.
fn ovf(part: &mut Part, text: &str, budget: &mut Budget) -> Option<Kind> {
    if !text.contains("/ovf/environment") {
        return None;
    }
    let custom = text.find("CustomData>").and_then(|at| {
        let rest = &text[at + "CustomData>".len()..];
        rest.split_once('<')
            .map(|(value, _)| ("CustomData", Carrier::Azure, value))
    });
    let property = || {
        let at = text.find("key=\"user-data\"")?;
        let end = text[at..].find('>').map_or(text.len(), |end| at + end);
        let (_, value) = text[at..end].split_once("value=\"")?;
        Some(("user-data", Carrier::Within, value.split('"').next()?))
    };
    if let Some((name, carrier, value)) = custom.or_else(property) {
        part.parts.push(encoded(name, carrier, value, budget));
    }
    Some(Kind::Answer)
}

/// An object of Kubernetes, which has `metadata`, too.
#[derive(Deserialize)]
struct Object {
    #[serde(rename = "apiVersion")]
    _version: String,
    #[serde(rename = "kind")]
    _kind: String,
}

/// What the metadata service of GCE answers, of the instance or of its attributes alone.
#[derive(Deserialize)]
struct Served {
    instance: Option<Attributes>,
    attributes: Option<HashMap<String, Zeroizing<String>>>,
}

#[derive(Deserialize)]
struct Attributes {
    name: Option<String>,
    attributes: HashMap<String, Zeroizing<String>>,
}

fn served(text: &str) -> Option<Gce> {
    let of = |name: Option<String>, attributes: HashMap<String, Zeroizing<String>>| {
        let items = attributes.into_iter();
        let items = items.map(|(key, value)| Item { key, value }).collect();
        Gce {
            name,
            metadata: Metadata { items },
        }
    };
    if let Ok(served) = serde_json::from_str::<Served>(text) {
        if let Some(instance) = served.instance {
            return Some(of(instance.name, instance.attributes));
        }
        if let Some(attributes) = served.attributes {
            return Some(of(None, attributes));
        }
    }
    let attributes: HashMap<String, Zeroizing<String>> = serde_json::from_str(text).ok()?;
    let is_gce = attributes.contains_key("user-data-encoding")
        || attributes.contains_key("startup-script")
        || attributes.contains_key("ssh-keys");
    is_gce.then(|| of(None, attributes))
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
    if serde_json::from_str::<Object>(text).is_ok() {
        return None;
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
    if let Some(instance) = served(text) {
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
