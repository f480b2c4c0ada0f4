//! Every message about a manifest, in one place: codes, words, cures.

mod advice;
mod bake;
mod cloud_config;
mod data_disk;
mod fleet;
mod network;
mod pem;
mod platform;
mod release;
mod settings;

pub(super) use advice::*;
pub(super) use bake::*;
pub(super) use cloud_config::*;
pub(super) use data_disk::*;
pub(super) use fleet::*;
pub(super) use network::*;
pub(super) use pem::*;
pub(super) use platform::*;
pub(super) use release::*;
pub(super) use settings::*;

use super::yaml::{Key, Node, Value};
use super::{API_VERSION, At};
use crate::cluster::NotAName;
use crate::platform::Platform;
use crate::release::advice as faults;
use crate::release::{Arch, Version, table};
use crate::report::{Finding, closest, quoted};
use std::net::IpAddr;
use std::ops::Range;

type Place = Range<usize>;

/// The name of the manifest's top level, which no key has.
pub(super) const TOP: &str = "";

pub(super) fn too_large() -> Finding {
    Finding::of_file(
        "manifest-too-large",
        "the file is larger than 1 MiB",
        "is this the right file? a manifest of a thousand controllers has a tenth of that",
    )
}

pub(super) fn not_text() -> Finding {
    Finding::of_file(
        "manifest-not-text",
        "the file is not UTF-8 text",
        "name the YAML file of the cluster; save it as UTF-8",
    )
}

pub(super) fn empty() -> Finding {
    Finding::of_file(
        "manifest-empty",
        "the manifest is empty",
        "`firstboot init` writes one to start from",
    )
}

pub(super) fn not_a_mapping(name: &str, node: &Node) -> Finding {
    Finding::error(
        "not-a-mapping",
        node.place.clone(),
        format!(
            "{} must be a mapping, but it is {}",
            of(name),
            node.value.kind()
        ),
        "write `key: value` lines; docs/manifest.md has them all",
    )
}

pub(super) fn not_a_list(name: &str, node: &Node) -> Finding {
    Finding::error(
        "not-a-list",
        node.place.clone(),
        format!("`{name}` must be a list, but it is {}", node.value.kind()),
        "write one line `- { name: controller-0, ip: 10.240.0.10 }` for each controller",
    )
}

pub(super) fn not_text_value(key: &str, place: Place, value: &Value) -> Finding {
    let help = match value {
        Value::Number(text) | Value::Boolean(text) => {
            format!("put it in quotes: `{key}: \"{text}\"`")
        }
        Value::Null => format!("write a value behind `{key}:`, or remove the line"),
        _ => format!("write one value behind `{key}:`"),
    };
    let message = format!("`{key}` must be a text, but it is {}", value.kind());
    Finding::error("not-a-text", place, message, help)
}

pub(super) fn duplicate_key(key: &Key, first: &Key) -> Finding {
    Finding::error(
        "duplicate-key",
        key.place.clone(),
        format!("{} stands here twice", quoted(&key.text)),
        "keep one of the two",
    )
    .with_related(first.place.clone(), "first here")
}

pub(super) fn missing_key(mapping: &str, key: &str, place: Place, example: &str) -> Finding {
    Finding::error(
        "missing-key",
        place,
        format!("{} has no `{key}`", of(mapping)),
        format!("add `{key}: {example}`"),
    )
}

pub(super) fn unknown_key(
    mapping: &str,
    key: &Key,
    meant: Option<&str>,
    known: &[&str],
) -> Finding {
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "known here: nothing; remove it".to_owned(),
        None => format!("known here: {}", listed(known)),
    };
    let message = format!("{} has no key {}", of(mapping), quoted(&key.text));
    Finding::error("unknown-key", key.place.clone(), message, help)
}

/// A mapping's name as it stands in a sentence; the top level has no key of its own.
fn of(mapping: &str) -> String {
    match mapping {
        TOP => "the manifest".to_owned(),
        key => format!("`{key}`"),
    }
}

pub(super) fn api_version(value: &At<String>) -> Finding {
    Finding::error(
        "api-version",
        value.place.clone(),
        format!(
            "{} is no form that this program knows",
            quoted(&value.value)
        ),
        format!("write `apiVersion: {API_VERSION}`"),
    )
}

pub(super) fn cluster_name(value: &At<String>, why: NotAName) -> Finding {
    Finding::error(
        "cluster-name",
        value.place.clone(),
        format!(
            "{} is no name for a cluster: {}",
            quoted(&value.value),
            why.0
        ),
        "choose a name such as `etcd-cluster-0`; it is also the initial-cluster token",
    )
}

pub(super) fn controller_name(value: &At<String>, why: NotAName) -> Finding {
    let lower = value
        .value
        .to_ascii_lowercase()
        .replace(['_', ' ', '.'], "-");
    let help = match crate::cluster::HostName::new(&lower) {
        Ok(name) => format!("write `{name}`"),
        Err(_) => "choose a name such as `controller-0`".to_owned(),
    };
    let message = format!("{} is no host name: {}", quoted(&value.value), why.0);
    Finding::error("controller-name", value.place.clone(), message, help)
}

pub(super) fn platform(value: &At<String>) -> Finding {
    let names = Platform::ALL.map(Platform::name);
    let help = match closest(&value.value, names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known: {}", listed(&names)),
    };
    let message = format!(
        "{} is no platform that this program knows",
        quoted(&value.value)
    );
    Finding::error("platform", value.place.clone(), message, help)
}

pub(super) fn hostname(value: &At<String>) -> Finding {
    Finding::error(
        "hostname",
        value.place.clone(),
        format!(
            "{} is neither `controller` nor `keep`",
            quoted(&value.value)
        ),
        "`controller`: the machine takes the controller's name; `keep`: the image decides",
    )
}

pub(super) fn version_not_exact(written: &str, place: Place) -> Finding {
    let exact: Option<Version> = written
        .strip_prefix(['v', 'V'])
        .and_then(|rest| rest.parse().ok());
    let help = match (exact, good_release(written)) {
        (Some(exact), _) => format!("write it without the `v`: `{exact}`"),
        (None, Some(good)) => format!("write all three numbers, for example `{good}`"),
        (None, None) => "write all three numbers, for example `3.6.14`".to_owned(),
    };
    let message = format!("{} is no exact etcd version", quoted(written));
    Finding::error("version-not-exact", place, message, help)
}

/// The newest release of the line of `3.5`, `3.5.x` or `3.5.99` whose digest is confirmed and
/// which loses no data; where that line has none, the newest of the next line that has one.
fn good_release(written: &str) -> Option<Version> {
    let mut numbers = written.trim_start_matches('v').split('.');
    let major: u64 = numbers.next()?.parse().ok()?;
    let minor: u64 = numbers.next()?.parse().ok()?;
    let line = |version: Version| (version.major, version.minor);
    let corrupts = |version| faults::of(version).any(|it| it.kind == faults::Kind::Corruption);
    let good: Vec<Version> = table::rows()
        .filter(|row| row.arch == Arch::Amd64 && row.sources > 1 && !corrupts(row.version))
        .map(|row| row.version)
        .filter(|version| line(*version) >= (major, minor))
        .collect();
    let nearest = good.iter().map(|version| line(*version)).min()?;
    let mut of_line = good.into_iter();
    of_line.rfind(|version| line(*version) == nearest)
}

pub(super) fn version_unsupported(version: &At<Version>) -> Finding {
    Finding::error(
        "version-unsupported",
        version.place.clone(),
        format!("etcd {} is not supported", version.value),
        "this program knows the settings of etcd 3.3 to 3.7: choose one of these",
    )
}

pub(super) fn address(value: &At<String>) -> Finding {
    let text = &value.value;
    let help = if text.contains("://") {
        "write the address alone: scheme and port are added where they are needed".to_owned()
    } else if let Some((address, _)) = text.split_once('/') {
        format!("write the machine's own address without the prefix length: `{address}`")
    } else if text.parse::<std::net::SocketAddr>().is_ok() || text.starts_with('[') {
        "write the address alone, without brackets and port".to_owned()
    } else if text.split('.').count() == 4 {
        "four numbers from 0 to 255, without leading zeros".to_owned()
    } else {
        "write an IPv4 or IPv6 address such as `10.240.0.10`".to_owned()
    };
    let message = format!("{} is no IP address", quoted(text));
    Finding::error("not-an-address", value.place.clone(), message, help)
}

pub(super) fn address_unusable(value: &At<IpAddr>, why: &str, help: &str) -> Finding {
    let message = format!(
        "`{}` cannot be a controller's address: it is {why}",
        value.value
    );
    Finding::error("address-unusable", value.place.clone(), message, help)
}

pub(super) fn duplicate_name(name: &At<crate::cluster::HostName>, first: Place) -> Finding {
    Finding::error(
        "duplicate-name",
        name.place.clone(),
        format!("two controllers have the name `{}`", name.value),
        "give each controller a name of its own",
    )
    .with_related(first, "first here")
}

pub(super) fn duplicate_address(address: &At<IpAddr>, first: Place) -> Finding {
    Finding::error(
        "duplicate-address",
        address.place.clone(),
        format!("two controllers have the address `{}`", address.value),
        "give each controller an address of its own",
    )
    .with_related(first, "first here")
}

pub(super) fn no_controllers(place: Place) -> Finding {
    Finding::error(
        "no-controllers",
        place,
        "the list of controllers is empty",
        "add `- { name: controller-0, ip: 10.240.0.10 }` for each",
    )
}

pub(super) fn too_many_controllers(place: Place, count: usize) -> Finding {
    Finding::error(
        "too-many-controllers",
        place,
        format!("{count} controllers are more than an etcd cluster can bear"),
        "three or five are right; etcd's own advice ends at seven",
    )
}

pub(super) fn single_member(place: Place) -> Finding {
    Finding::warning(
        "single-member",
        place,
        "one controller alone survives no loss at all",
        "use 3, or 5; for an experiment one is fine",
    )
}

pub(super) fn even_members(place: Place, count: usize) -> Finding {
    let spare = (count - 1) / 2;
    let loss = match spare {
        0 => "the loss of either stops both".to_owned(),
        1 => "they survive the loss of 1, as 3 would".to_owned(),
        n => format!("they survive the loss of {n}, as {} would", count - 1),
    };
    Finding::warning(
        "even-members",
        place,
        format!(
            "{count} controllers need {} for a quorum: {loss}",
            count / 2 + 1
        ),
        "use an odd number: 3 or 5",
    )
}

fn listed(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}
