//! The key `cloud_config`: the user's own cloud-config, merged with ours.
//!
//! Refused is what cloud-init would not read as it stands here, what we write ourselves, and
//! what would end, hold up or undo the first boot. To refuse one more key, give it a line in
//! `finding::refused_key`.

mod commands;
mod files;
mod plain;

pub(super) use super::finding::{is_refused, names_the_machine};
pub(super) use commands::Key as CommandKey;
pub(crate) use files::ENCODINGS;
pub(super) use plain::{Trap, is_plain};

use super::At;
use super::fields::Findings;
use super::finding;
use super::yaml::{Key, Node, Value};
use crate::cluster::Hostname;
use crate::report::Finding;
use crate::wire::{Item, Scalar, UserConfig};
use std::cell::RefCell;

/// Every key at the top of a cloud-config: those of the schema of cloud-init 25.1 (Debian 13,
/// `cloudinit/config/schemas/schema-cloud-config-v1.json`), and those that no module reads.
pub(super) const KNOWN_KEYS: &str = include_str!("../../../data/cloud-config-keys.txt");

/// `PyYAML` and libyaml take no longer key than 1024 characters on one line, escapes included.
const LONGEST_KEY: usize = 100;

/// What the user wrote under `cloud_config`, and what is unwise about it.
#[derive(Clone, Debug, Default)]
pub struct CloudConfig {
    /// The keys and values, for [`crate::wire::cloud_config::render`].
    pub config: UserConfig,
    pub(super) warnings: Vec<Finding>,
}

/// Where findings go: errors at once, warnings with the value.
struct Said<'a> {
    errors: &'a Findings,
    warnings: RefCell<Vec<Finding>>,
}

impl Said<'_> {
    fn error(&self, finding: Finding) {
        self.errors.push(finding);
    }

    fn warning(&self, finding: Finding) {
        self.warnings.borrow_mut().push(finding);
    }
}

/// Reads the key; `None` where anything is wrong with it, which has been reported by then.
pub(super) fn read(
    node: &Node,
    hostname: Option<Hostname>,
    findings: &Findings,
) -> Option<At<CloudConfig>> {
    let before = findings.len();
    let Value::Mapping(entries) = &node.value else {
        findings.push(finding::cloud_config_no_mapping(node));
        return None;
    };
    let said = Said {
        errors: findings,
        warnings: RefCell::default(),
    };
    let mut config = UserConfig::default();
    for (key, value) in entries {
        check(key, value, hostname, &said);
    }
    if let Item::Mapping(carried) = carried(node, &said)? {
        for (key, item) in carried {
            match (key.as_str(), item) {
                ("bootcmd", item) => config.bootcmd = items(item),
                ("write_files", item) => config.write_files = items(item),
                ("runcmd", item) => config.runcmd = items(item),
                (_, item) => config.others.push((key, item)),
            }
        }
    }
    (findings.len() == before).then(|| At {
        value: CloudConfig {
            config,
            warnings: said.warnings.into_inner(),
        },
        place: node.place.clone(),
    })
}

fn items(item: Item) -> Vec<Item> {
    match item {
        Item::List(items) => items,
        // Empty, or reported.
        Item::Scalar(_) | Item::Mapping(_) => Vec::new(),
    }
}

/// What is to be said of one key at the top.
fn check(key: &Key, value: &Node, hostname: Option<Hostname>, said: &Said) {
    if let Some(finding) = finding::refused_key(key) {
        return said.error(finding);
    }
    if hostname == Some(Hostname::Controller) && finding::names_the_machine(&key.text) {
        return said.error(finding::cloud_config_hostname(key));
    }
    match key.text.as_str() {
        "bootcmd" => commands::check(commands::Key::Bootcmd, value, said),
        "runcmd" => commands::check(commands::Key::Runcmd, value, said),
        "write_files" => files::check(value, said),
        "fs_setup" => each(value, "fs_setup", said, |entry| formats(entry, said)),
        "disk_setup" => partitions(value, said),
        "mounts" => each(value, "mounts", said, |entry| mount(entry, said)),
        "users" => users(key, value, said),
        "package_reboot_if_required" | "apt_reboot_if_required" if !is_no(value) => {
            said.error(finding::cloud_config_reboots(key));
        }
        known if KNOWN_KEYS.lines().any(|line| line == known) => {}
        other => match meant(other) {
            Some(meant) => said.error(finding::cloud_config_typo(key, meant)),
            None => said.warning(finding::cloud_config_unknown(key)),
        },
    }
}

/// The known key that was meant, if it is a slip of the hand or two away.
fn meant(key: &str) -> Option<&'static str> {
    let lower = key.to_lowercase().replace('-', "_");
    let slips = |known: &&str| strsim::damerau_levenshtein(&lower, known);
    KNOWN_KEYS
        .lines()
        .filter(|known| slips(known) <= if known.len() > 4 { 2 } else { 1 })
        .min_by_key(slips)
}

fn each(value: &Node, key: &str, said: &Said, mut visit: impl FnMut(&Node)) {
    match &value.value {
        Value::Sequence(items) => items.iter().for_each(&mut visit),
        Value::Null => {}
        _ => said.error(finding::cloud_config_no_list(key, value)),
    }
}

/// The value of a key of a mapping; any other value has none.
fn of<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    match &node.value {
        Value::Mapping(entries) => entries
            .iter()
            .find_map(|(found, value)| (found.text == key).then_some(value)),
        _ => None,
    }
}

/// What a scalar says, whatever it is taken for.
fn scalar(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) | Value::Number(text) | Value::Boolean(text) => Some(text),
        _ => None,
    }
}

/// False to `PyYAML`, or nothing.
fn is_no(node: &Node) -> bool {
    let no = |text: &str| ["false", "no", "off"].contains(&text.to_lowercase().as_str());
    matches!(node.value, Value::Null) || node.plain && scalar(node).is_some_and(no)
}

/// With `partition: none` cloud-init makes the file system even where it is already.
fn formats(entry: &Node, said: &Said) {
    let none = of(entry, "partition").filter(|node| scalar(node) == Some("none"));
    let overwrite = of(entry, "overwrite").filter(|node| !is_no(node));
    for node in none.into_iter().chain(overwrite) {
        said.error(finding::cloud_config_formats(node));
    }
}

fn partitions(value: &Node, said: &Said) {
    let Value::Mapping(devices) = &value.value else {
        return;
    };
    for (_, device) in devices {
        if let Some(node) = of(device, "overwrite").filter(|node| !is_no(node)) {
            said.error(finding::cloud_config_formats(node));
        }
    }
}

/// cloud-init writes files before it mounts: a mount above one of ours hides it.
fn mount(entry: &Node, said: &Said) {
    let Value::Sequence(fields) = &entry.value else {
        return;
    };
    let Some((point, path)) = fields
        .get(1)
        .and_then(|node| Some((node, files::normal(scalar(node)?)?)))
    else {
        return;
    };
    if files::hides_ours(&path) {
        said.error(finding::cloud_config_mount_hides(point));
    } else if path == "/var/lib/etcd" {
        said.warning(finding::cloud_config_mount_of_data(point));
    }
}

fn users(key: &Key, value: &Node, said: &Said) {
    let has_default = match &value.value {
        Value::Sequence(users) => users.iter().any(|user| scalar(user) == Some("default")),
        Value::Null => true,
        other => matches!(other, Value::Text(text) if text.contains("default")),
    };
    if !has_default {
        said.warning(finding::cloud_config_users(key));
    }
}

/// The tree as it travels; `None` where `PyYAML` would not take it or read it otherwise.
fn carried(node: &Node, said: &Said) -> Option<Item> {
    match &node.value {
        Value::Null => Some(Item::Scalar(Scalar::plain("null"))),
        Value::Text(text) | Value::Number(text) | Value::Boolean(text) => {
            carried_scalar(text, node.plain, &node.place, said).map(Item::Scalar)
        }
        Value::Sequence(items) => {
            // Not one `collect`: it would stop at the first finding.
            let items: Vec<_> = items.iter().map(|item| carried(item, said)).collect();
            Some(Item::List(items.into_iter().collect::<Option<_>>()?))
        }
        Value::Mapping(entries) => {
            let mut seen: Vec<&Key> = Vec::new();
            let mut carried_entries = Vec::new();
            for (key, value) in entries {
                match seen.iter().find(|first| first.text == key.text) {
                    Some(first) => said.error(finding::duplicate_key(key, first)),
                    None => seen.push(key),
                }
                carried_entries.push(carried_key(key, said).zip(carried(value, said)));
            }
            Some(Item::Mapping(
                carried_entries.into_iter().collect::<Option<_>>()?,
            ))
        }
    }
}

fn carried_key(key: &Key, said: &Said) -> Option<Scalar> {
    if !key.scalar || key.text.chars().count() > LONGEST_KEY {
        said.error(finding::cloud_config_key(key));
        return None;
    }
    carried_scalar(&key.text, key.plain, &key.place, said)
}

fn carried_scalar(
    text: &str,
    plain: bool,
    place: &std::ops::Range<usize>,
    said: &Said,
) -> Option<Scalar> {
    if text.contains('\0') {
        said.error(finding::cloud_config_plain(place.clone(), Trap::Nul));
        return None;
    }
    if !plain {
        return Some(Scalar::text(text));
    }
    match plain::trap(text) {
        None => Some(Scalar::plain(text)),
        Some(trap) => {
            said.error(finding::cloud_config_plain(place.clone(), trap));
            None
        }
    }
}
