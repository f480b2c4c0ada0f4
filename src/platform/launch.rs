//! The `launch` script of a cluster: the exact commands of that cloud's own client.
//!
//! What the client must be told beyond the manifest's names and addresses is a [`Key`]: a value
//! of the manifest's `launch`, or a shell variable of the same name in upper case.

use super::{Delivery, Document, Form, Image, Platform};
use crate::cluster::{Cluster, Member};
use crate::wire::escape::ShellWord;
use crate::wire::seed;
use askama::filters::{Escaper, Safe};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The key that stands in the manifest as `image.id`.
pub(super) const IMAGE: &str = "image";

/// One thing that a `launch` script wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in the manifest's `launch`.
    pub name: &'static str,
    /// What it is, for people: no character that a shell would touch.
    pub is: &'static str,
    pub(super) otherwise: Otherwise,
}

/// What happens where neither the manifest nor a variable says it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Otherwise {
    /// The script asks for it and stops.
    Ask,
    /// This is taken.
    Take(&'static str),
    /// The client's own configuration decides, or the cloud.
    LeaveOut,
}

impl Key {
    pub(super) const fn ask(name: &'static str, is: &'static str) -> Self {
        let otherwise = Otherwise::Ask;
        Self {
            name,
            is,
            otherwise,
        }
    }

    pub(super) const fn take(name: &'static str, is: &'static str, value: &'static str) -> Self {
        let otherwise = Otherwise::Take(value);
        Self {
            name,
            is,
            otherwise,
        }
    }

    pub(super) const fn leave_out(name: &'static str, is: &'static str) -> Self {
        let otherwise = Otherwise::LeaveOut;
        Self {
            name,
            is,
            otherwise,
        }
    }

    /// The shell variable that gives it where the manifest does not.
    ///
    /// ```
    /// use firstboot::platform::Platform;
    /// let mut keys = Platform::named("gce").unwrap().keys();
    /// assert!(keys.any(|key| key.variable() == "MACHINE_TYPE"));
    /// ```
    pub fn variable(&self) -> String {
        self.name.to_ascii_uppercase()
    }

    /// What is taken where nobody says it, for the documentation.
    pub fn default(&self) -> Option<&'static str> {
        match self.otherwise {
            Otherwise::Take(value) => Some(value),
            Otherwise::Ask | Otherwise::LeaveOut => None,
        }
    }

    /// Whether the script stops where nobody says it.
    pub fn is_required(&self) -> bool {
        matches!(self.otherwise, Otherwise::Ask)
    }
}

/// A value for a cloud's client: one word of printable ASCII.
///
/// ```
/// use firstboot::platform::LaunchValue;
/// assert!(LaunchValue::new("projects/p/zones/us-west1-b").is_ok());
/// assert!(LaunchValue::new("two words").is_err());
/// assert!(LaunchValue::new("--delete-all").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchValue(String);

/// Why a text is no such value, as the rest of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAValue(pub &'static str);

impl LaunchValue {
    /// OCIDs and resource paths are the longest that clouds have; none comes near this.
    const LONGEST: usize = 512;

    /// Takes 1 to 512 characters of printable ASCII without blanks and quotes.
    pub fn new(text: &str) -> Result<Self, NotAValue> {
        let allowed = |c: char| c.is_ascii_graphic() && !matches!(c, '\'' | '"' | '`' | '\\');
        if text.is_empty() {
            Err(NotAValue("it is empty"))
        } else if text.len() > Self::LONGEST {
            Err(NotAValue("it has more than 512 characters"))
        } else if text.starts_with('-') {
            Err(NotAValue("a client would take it for an option"))
        } else if !text.chars().all(allowed) {
            Err(NotAValue(
                "only printable ASCII may stand in it, and no blanks, quotes and backslashes",
            ))
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The manifest's `launch`, or that of one controller: values by the names of their keys.
pub type LaunchValues = BTreeMap<&'static str, LaunchValue>;

/// What the manifest says about launching.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The image of all machines.
    pub image: Image,
    /// `launch`.
    pub shared: LaunchValues,
    /// `controllers[].launch`, in the manifest's order; missing ones are empty.
    pub own: Vec<LaunchValues>,
}

impl Settings {
    /// The value for all machines, if the manifest has one.
    fn shared(&self, key: &str) -> Option<&str> {
        let value = match key {
            IMAGE => self.image.id.as_ref(),
            key => self.shared.get(key),
        };
        value.map(LaunchValue::as_str)
    }

    fn own(&self, index: usize, key: &str) -> Option<&str> {
        self.own.get(index)?.get(key).map(LaunchValue::as_str)
    }
}

/// What a template is made of.
pub(super) struct Script<'a> {
    pub(super) cluster: &'a str,
    /// The file of each machine that is handed over.
    pub(super) document: Document,
    pub(super) machines: Vec<Machine<'a>>,
    /// Lines that see to the variables.
    pub(super) variables: Vec<Safe<String>>,
}

/// One machine of a template.
pub(super) struct Machine<'a> {
    pub(super) name: &'a str,
    pub(super) address: IpAddr,
    pub(super) form: Form,
    /// The file that is handed over, relative to the script.
    pub(super) file: String,
    /// Whether a `network-config` lies beside it.
    pub(super) has_network: bool,
    values: Vec<Value<'a>>,
}

/// What a machine's command says for a key.
struct Value<'a> {
    key: &'a Key,
    own: Option<&'a str>,
    /// Whether the variable has a value in any case.
    is_set: bool,
}

impl Script<'_> {
    pub(super) fn is_cloud_config(&self) -> bool {
        self.document == Document::CloudConfig
    }

    pub(super) fn is_startup_script(&self) -> bool {
        self.document == Document::StartupScript
    }

    pub(super) fn is_ignition(&self) -> bool {
        self.document == Document::Ignition
    }
}

impl Machine<'_> {
    pub(super) fn is_ipv6(&self) -> bool {
        self.address.is_ipv6()
    }

    pub(super) fn is_plain(&self) -> bool {
        self.form == Form::Plain
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.form.is_compressed()
    }

    /// A hardware address of QEMU's own range with the last bytes of the IPv4 address.
    pub(super) fn mac(&self) -> Option<String> {
        let IpAddr::V4(address) = self.address else {
            return None;
        };
        let [_, a, b, c] = address.octets();
        Some(format!("52:54:00:{a:02x}:{b:02x}:{c:02x}"))
    }

    /// How Proxmox calls the gateway of this kind of address.
    pub(super) fn gateway(&self) -> &'static str {
        if self.is_ipv6() { ",gw6" } else { ",gw" }
    }

    /// The value of a key as one word of shell.
    pub(super) fn value(&self, key: &str) -> Safe<String> {
        Safe(self.word(key))
    }

    /// `--zone=VALUE`, or nothing where the client decides.
    pub(super) fn option(&self, option: &str, key: &str) -> Safe<String> {
        self.joined(option, "=", key)
    }

    /// `--zone VALUE`, or nothing where the client decides.
    pub(super) fn option_and(&self, option: &str, key: &str) -> Safe<String> {
        self.joined(option, " ", key)
    }

    fn joined(&self, option: &str, join: &str, key: &str) -> Safe<String> {
        let value = self.find(key);
        let word = self.word(key);
        Safe(if value.own.is_some() || value.is_set {
            format!("{option}{join}{word}")
        } else {
            let variable = value.key.variable();
            format!("${{{variable}:+{option}{join}{word}}}")
        })
    }

    fn word(&self, key: &str) -> String {
        let value = self.find(key);
        match value.own {
            Some(own) => word(own),
            None => format!("\"${}\"", value.key.variable()),
        }
    }

    fn find(&self, key: &str) -> &Value<'_> {
        let found = self.values.iter().find(|value| value.key.name == key);
        found.expect("a template names the keys of its own platform, which a test renders")
    }
}

/// The script, in POSIX sh. It holds no key and no path of the computer that rendered it.
///
/// `deliveries` are those of the cluster's members, in their order.
pub fn launch(
    platform: Platform,
    cluster: &Cluster,
    settings: &Settings,
    deliveries: &[Delivery],
) -> String {
    let members = cluster.members.iter().zip(deliveries).enumerate();
    let machines = members
        .map(|(index, (member, delivery))| machine(platform, settings, index, member, delivery));
    let first = deliveries.first();
    let script = Script {
        cluster: cluster.name.as_str(),
        document: first.map_or(Document::CloudConfig, |first| first.first().document),
        machines: machines.collect(),
        variables: variables(platform, settings, cluster.members.len()),
    };
    let rendered = (platform.0.script)(&script);
    let mut text = rendered.expect("a template of plain words renders");
    text.push('\n');
    text
}

fn machine<'a>(
    platform: Platform,
    settings: &'a Settings,
    index: usize,
    member: &'a Member,
    delivery: &Delivery,
) -> Machine<'a> {
    let value = |key: &'static Key| Value {
        key,
        own: settings.own(index, key.name),
        is_set: settings.shared(key.name).is_some()
            || !matches!(key.otherwise, Otherwise::LeaveOut),
    };
    let packed = delivery.first();
    Machine {
        name: member.name.as_str(),
        address: member.address,
        form: packed.form,
        file: format!("{}/{}", member.name, packed.document.file()),
        has_network: delivery.has(seed::NETWORK_CONFIG),
        values: platform.0.keys.iter().map(value).collect(),
    }
}

/// What is taken where nobody says it: of the image, what its family is called there.
fn default(platform: Platform, settings: &Settings, key: &Key) -> Option<&'static str> {
    let family = settings.image.family.filter(|_| key.name == IMAGE);
    let Some(family) = family else {
        return key.default();
    };
    let known = platform.0.images.iter();
    known
        .clone()
        .find(|(name, _)| *name == family.name())
        .map(|(_, id)| *id)
}

/// One line for each variable that some command uses.
fn variables(platform: Platform, settings: &Settings, machines: usize) -> Vec<Safe<String>> {
    let line = |key: &Key| {
        let variable = key.variable();
        if (0..machines).all(|index| settings.own(index, key.name).is_some()) {
            return None;
        }
        if let Some(value) = settings.shared(key.name) {
            return Some(format!("{variable}={}", word(value)));
        }
        if let Some(value) = default(platform, settings, key) {
            return Some(format!("{variable}=${{{variable}:-{}}}", word(value)));
        }
        // An image whose family this cloud has no name for must be named like any other.
        if matches!(key.otherwise, Otherwise::LeaveOut) {
            return None;
        }
        let place = match key.name {
            IMAGE => "image.id".to_owned(),
            name => format!("launch.{name}"),
        };
        Some(format!(
            ": \"${{{variable}:?set {variable}, or {place} in the manifest: {}}}\"",
            key.is
        ))
    };
    platform.0.keys.iter().filter_map(line).map(Safe).collect()
}

/// A text as one word of shell.
fn word(text: &str) -> String {
    let mut out = String::new();
    ShellWord
        .write_escaped_str(&mut out, text)
        .expect("writing to memory does not fail");
    out
}
