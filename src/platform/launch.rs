//! The `launch` script of a cluster: the exact commands of that cloud's own client.
//!
//! What the client must be told beyond the manifest's names and addresses is a [`Key`]: a value
//! of the manifest's `launch`, or a shell variable of the same name in upper case.

use super::key::{IMAGE, Key, LaunchValue, LaunchValues, Otherwise};
use super::{Delivery, Document, Form, Image, Platform};
use crate::calendar::moment;
use crate::cluster::{Cluster, ClusterId, Member};
use crate::release::Arch;
use crate::release::LockId;
use crate::wire::escape::ShellWord;
use crate::wire::seed;
use askama::filters::{Escaper, Safe};
use std::net::IpAddr;

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
    pub(super) cluster_id: String,
    /// The ID of its lock.
    pub(super) lock: Option<String>,
    /// Until when machines begin the cluster, if not for ever: in seconds since 1970, and in words.
    pub(super) begins_until: Option<(i64, String)>,
    /// The file of each machine that is handed over.
    pub(super) document: Document,
    pub(super) machines: Vec<Machine<'a>>,
    /// The clients that it runs, and what each is.
    pub(super) clients: &'static [(&'static str, &'static str)],
    pub(super) variables: Variables,
}

/// What the script sees to before it runs anything.
#[derive(Default)]
pub(super) struct Variables {
    /// Lines that give variables their values.
    pub(super) set: Vec<Safe<String>>,
    /// The variables that somebody must set, and what is said of each that is not.
    pub(super) asked: Vec<(Safe<String>, Safe<String>)>,
    /// Every variable of use, with its value, for the reader.
    pub(super) used: Option<Safe<String>>,
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
    variable: String,
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

    /// Whether the machines know their network by the manifest's.
    pub(super) fn has_network(&self) -> bool {
        self.machines.iter().any(|machine| machine.has_network)
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

    /// The same, where the network's own DHCP server must give the address.
    pub(super) fn reserved(&self) -> Option<String> {
        self.mac().filter(|_| !self.has_network)
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
            format!("${{{}:+{option}{join}{word}}}", value.variable)
        })
    }

    fn word(&self, key: &str) -> String {
        let value = self.find(key);
        match value.own {
            Some(own) => word(own),
            None => format!("\"${}\"", value.variable),
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
    script(
        platform,
        cluster,
        settings,
        &deliveries.iter().enumerate().collect::<Vec<_>>(),
    )
}

/// The same for one member alone, to be pasted into a shell that stands where `launch` lies: in a
/// shell of its own, so that nothing of it stays; without comments, which some shells take for
/// commands, and without a newline at its end, so that it waits for a last look.
pub fn launch_one(
    platform: Platform,
    cluster: &Cluster,
    settings: &Settings,
    index: usize,
    delivery: &Delivery,
) -> String {
    let script = script(platform, cluster, settings, &[(index, delivery)]);
    // In a shell `$0` is the shell's own path, and not in that directory.
    let is_told =
        |line: &&str| !line.starts_with('#') && !line.is_empty() && *line != ENTER_OWN_DIRECTORY;
    let told: Vec<_> = script.lines().filter(is_told).collect();
    format!("(\n{}\n)", told.join("\n"))
}

/// The cluster's ID in a script that [`launch`] made, whoever may have changed it since.
///
/// ```
/// use firstboot::platform::cluster_id;
/// let id = cluster_id("#!/bin/sh\n# Its cluster ID: 3e7cc799faffb625\nset -eu\n");
/// assert_eq!(id.unwrap().to_string(), "3e7cc799faffb625");
/// assert_eq!(cluster_id("# Its cluster ID: mine\n"), None);
/// ```
pub fn cluster_id(script: &str) -> Option<ClusterId> {
    let mut lines = script.lines();
    let id = lines.find_map(|line| line.strip_prefix(CLUSTER_ID))?;
    let id = u64::from_str_radix(id, 16).ok()?;
    Some(ClusterId::reported(id))
}

/// The ID of the lock by which a script was rendered that [`launch`] made.
///
/// ```
/// use firstboot::platform::lineage;
/// let id = format!("c{}", "ab".repeat(16));
/// let script = format!("#!/bin/sh\n# Its lock: {id}\nset -eu\n");
/// assert_eq!(lineage(&script).unwrap().to_string(), id);
/// ```
pub fn lineage(script: &str) -> Option<LockId> {
    let mut lines = script.lines();
    let id = lines.find_map(|line| line.strip_prefix(LINEAGE))?;
    id.parse().ok()
}

/// Before the IDs (`templates/launch/head.sh`).
const CLUSTER_ID: &str = "# Its cluster ID: ";
const LINEAGE: &str = "# Its lock: ";

/// With this line `launch` goes to where it lies (`templates/launch/`).
const ENTER_OWN_DIRECTORY: &str = r#"cd "$(dirname -- "$0")""#;

/// What `launch` asks for where nobody says it: the variable, and what it is.
pub fn asked(platform: Platform, cluster: &Cluster, settings: &Settings) -> Vec<(String, String)> {
    let plan = Plan {
        platform,
        settings,
        members: &cluster.members,
    };
    let all = plan.variables(&(0..cluster.members.len()).collect::<Vec<_>>());
    let asked = all.asked.into_iter();
    asked.map(|(variable, what)| (variable.0, what.0)).collect()
}

fn script(
    platform: Platform,
    cluster: &Cluster,
    settings: &Settings,
    deliveries: &[(usize, &Delivery)],
) -> String {
    let plan = Plan {
        platform,
        settings,
        members: &cluster.members,
    };
    let machines = deliveries.iter();
    let machines = machines.map(|(index, delivery)| plan.machine(*index, delivery));
    let indices: Vec<_> = deliveries.iter().map(|(index, _)| *index).collect();
    let document = deliveries.first().map(|(_, first)| first.first().document);
    let script = Script {
        cluster: cluster.name.as_str(),
        cluster_id: cluster.id.to_string(),
        lock: cluster.lineage.map(|id| id.to_string()),
        begins_until: cluster.begins_until().map(|until| (until, moment(until))),
        document: document.unwrap_or(Document::CloudConfig),
        machines: machines.collect(),
        clients: platform.0.clients,
        variables: plan.variables(&indices),
    };
    let rendered = (platform.0.script)(&script);
    let mut text = rendered.expect("a template of plain words renders");
    text.push('\n');
    text
}

/// Who says what to whom.
struct Plan<'a> {
    platform: Platform,
    settings: &'a Settings,
    members: &'a [Member],
}

impl<'a> Plan<'a> {
    fn machine(&self, index: usize, delivery: &Delivery) -> Machine<'a> {
        let member = &self.members[index];
        let value = |key: &'static Key| Value {
            key,
            own: self.settings.own(index, key.name),
            variable: self.variable(key, member.arch),
            is_set: self.settings.shared(key.name).is_some()
                || !matches!(key.otherwise, Otherwise::LeaveOut),
        };
        let packed = delivery.first();
        Machine {
            name: member.name.as_str(),
            address: member.address,
            form: packed.form,
            file: format!("{}/{}", member.name, packed.document.file()),
            has_network: delivery.has(seed::NETWORK_CONFIG),
            values: self.platform.0.keys.iter().map(value).collect(),
        }
    }

    /// `IMAGE`; beside amd64 machines, those of another architecture have their own: `IMAGE_ARM64`.
    fn variable(&self, key: &Key, arch: Arch) -> String {
        let variable = key.variable();
        let is_mixed = self.members.iter().any(|other| other.arch != arch);
        let is_shared = self.settings.shared(key.name).is_some();
        if is_mixed && !is_shared && arch != Arch::Amd64 && key.follows_architecture() {
            format!("{variable}_{}", arch.to_string().to_ascii_uppercase())
        } else {
            variable
        }
    }

    /// What is taken where nobody says it: of the image, what its family is called there.
    fn default(&self, key: &Key, arch: Arch) -> Option<&'static str> {
        let family = self.settings.image.family.filter(|_| key.name == IMAGE);
        let Some(family) = family else {
            return key.default(arch);
        };
        let mut known = self.platform.0.images.iter();
        let (_, usual) = known.find(|(name, _)| *name == family.name())?;
        usual.of(arch)
    }

    /// Every variable that a command for one of these members uses, once.
    fn variables(&self, indices: &[usize]) -> Variables {
        let mut variables = Variables::default();
        let mut used = String::new();
        let mut seen = Vec::new();
        for key in self.platform.0.keys {
            for &index in indices {
                let member = &self.members[index];
                let variable = self.variable(key, member.arch);
                if self.settings.own(index, key.name).is_none() && !seen.contains(&variable) {
                    used.push_str(&self.see_to(&variable, key, member.arch, &mut variables));
                    seen.push(variable);
                }
            }
        }
        variables.used = (!used.is_empty()).then_some(Safe(used));
        variables
    }

    /// Adds its line, and returns what the reader is told: ` NAME=VALUE`.
    fn see_to(&self, variable: &str, key: &Key, arch: Arch, all: &mut Variables) -> String {
        if let Some(value) = self.settings.shared(key.name) {
            let line = format!("{variable}={}", word(value));
            all.set.push(Safe(line));
        } else if let Some(value) = self.default(key, arch) {
            let line = format!("{variable}=${{{variable}:-{}}}", word(value));
            all.set.push(Safe(line));
        } else if matches!(key.otherwise, Otherwise::LeaveOut) {
            return format!("${{{variable}:+ {variable}=${variable}}}");
        } else {
            let ask = format!("{variable}, or {}", self.asked(key, arch));
            all.asked.push((Safe(variable.to_owned()), Safe(ask)));
        }
        format!(" {variable}=${variable}")
    }

    /// Where the manifest says it, and what it is.
    fn asked(&self, key: &Key, arch: Arch) -> String {
        let place = match key.name {
            IMAGE => "image.id".to_owned(),
            name => format!("launch.{name}"),
        };
        let family = match self.settings.image.family {
            _ if key.name != IMAGE => String::new(),
            Some(family) => format!(" ({family}, {arch})"),
            None => format!(" (with cloud-init, {arch})"),
        };
        format!("{place} in the manifest: {}{family}", key.is)
    }
}

/// A text as one word of shell.
fn word(text: &str) -> String {
    let mut out = String::new();
    ShellWord
        .write_escaped_str(&mut out, text)
        .expect("writing to memory does not fail");
    out
}
