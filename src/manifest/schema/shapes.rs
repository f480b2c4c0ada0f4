//! What values look like. A shape takes whatever the reader takes; where a pattern cannot say
//! what a constructor knows, it says less.

use crate::manifest::API_VERSION;
use crate::platform::{Family, Platform};
use crate::release::Arch;
use serde_json::{Value, json};

/// Four numbers, as Rust's `Ipv4Addr` reads them: none with a zero in front.
const IPV4: &str = r"^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$";
/// Not exact: what has two colons in it may be one.
const IPV6: &str = r"^[0-9A-Fa-f:]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*$";
/// The unspecified address, loopback, link-local, multicast and broadcast.
const NOBODY_V4: &str =
    r"^(?:0\.0\.0\.0$|127\.|169\.254\.|22[4-9]\.|23[0-9]\.|255\.255\.255\.255$)";
const NOBODY_V6: &str = r"^(?:::1?$|[Ff]{2}[0-9A-Fa-f]{2}:|::[Ff]{4}:[0-9]+\.)";
const LINK_V6: &str = r"^[Ff][Ee][89ABab][0-9A-Fa-f]:";

/// A time in Go's spelling with whole numbers.
pub(super) const TIME: &str = r"^(?:0|(?:[0-9]+(?:ns|us|ms|s|m|h))+)$";

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

pub(super) fn api_version() -> Value {
    json!({ "const": API_VERSION })
}

pub(super) fn cluster_name() -> Value {
    pattern("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
}

pub(super) fn host_name() -> Value {
    pattern("^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")
}

pub(super) fn common_name() -> Value {
    pattern("^[A-Za-z0-9][A-Za-z0-9._:@-]{0,62}$")
}

pub(super) fn platform() -> Value {
    json!({ "enum": Platform::ALL.map(Platform::name) })
}

pub(super) fn arch() -> Value {
    json!({ "enum": Arch::ALL.map(Arch::name) })
}

/// Those that can be used somewhere.
pub(super) fn family() -> Value {
    let usable = |family: &Family| {
        let mut platforms = Platform::ALL.into_iter();
        platforms.any(|platform| platform.documents(Some(*family)).is_ok())
    };
    let names: Vec<_> = Family::ALL
        .into_iter()
        .filter(usable)
        .map(Family::name)
        .collect();
    json!({ "enum": names })
}

pub(super) fn version() -> Value {
    pattern(r"^3\.[3-7]\.(?:0|[1-9][0-9]*)$")
}

pub(super) fn digest() -> Value {
    pattern("^[0-9A-Fa-f]{64}$")
}

pub(super) fn mirrors() -> Value {
    let url =
        r"^(?:upstream|(?:[Hh][Tt][Tt][Pp][Ss]?://[A-Za-z0-9\[]|file:///)[A-Za-z0-9._~/:+\[\]-]*)$";
    json!({ "type": "array", "minItems": 1, "uniqueItems": true, "items": pattern(url) })
}

pub(super) fn truth() -> Value {
    json!({ "type": "boolean" })
}

pub(super) fn hostname() -> Value {
    json!({ "enum": ["controller", "keep"] })
}

pub(super) fn mismatch() -> Value {
    json!({ "enum": ["install", "refuse"] })
}

pub(super) fn replace() -> Value {
    json!({ "enum": ["auto", "never"] })
}

pub(super) fn filesystem() -> Value {
    json!({ "enum": ["ext4", "xfs"] })
}

pub(super) fn device() -> Value {
    let path = r"^/dev(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._:+@-]+)+$";
    json!({ "type": "string", "maxLength": 255, "pattern": path })
}

pub(super) fn label() -> Value {
    pattern("^[A-Za-z0-9_][A-Za-z0-9_-]{0,11}$")
}

/// An address that a machine can have.
pub(super) fn address() -> Value {
    address_but(&[NOBODY_V4, NOBODY_V6, LINK_V6])
}

/// A router's: it may be one of its link alone, if it is IPv6.
pub(super) fn gateway() -> Value {
    address_but(&[NOBODY_V4, NOBODY_V6])
}

fn address_but(not: &[&str]) -> Value {
    let not = not.iter().map(|not| json!({ "pattern": not }));
    let mut schema = any_address();
    schema["not"] = json!({ "anyOf": not.collect::<Vec<_>>() });
    schema
}

/// Any address, for a cloud's client.
pub(super) fn any_address() -> Value {
    json!({ "type": "string", "anyOf": [{ "pattern": IPV4 }, { "pattern": IPV6 }] })
}

pub(super) fn nameservers() -> Value {
    json!({ "type": "array", "maxItems": 3, "uniqueItems": true, "items": address() })
}

/// A whole number between these, with quotes or without. In quotes its bounds are not seen.
pub(super) fn whole(least: i64, most: Option<i64>, written: &str) -> Value {
    let mut number = json!({ "type": "integer", "minimum": least });
    if let Some(most) = most {
        number["maximum"] = json!(most);
    }
    json!({ "anyOf": [number, pattern(written)] })
}

/// How a number is shown, which is how some readers want it.
pub(super) const AS_SHOWN: &str = "^(?:0|[1-9][0-9]*)$";

/// The length of a network's prefix, with room for two machines at least.
pub(super) fn prefix() -> Value {
    whole(1, Some(126), "^(?:[1-9][0-9]?|1[01][0-9]|12[0-6])$")
}

pub(super) fn interface() -> Value {
    let mut schema = pattern("^[A-Za-z][A-Za-z0-9._*?-]{0,14}$");
    // The loopback interface answers to these.
    schema["not"] = json!({ "pattern": r"^l(?:\*+|\**[o?]\**)$" });
    schema
}

/// A value for a cloud's client: printable ASCII without quotes, or a number.
pub(super) fn launch_text() -> Value {
    json!({
        "anyOf": [
            { "type": "string", "maxLength": 512,
              "pattern": r"^(?![ -])[ !#-&(-\[\]-_a-~]*[!#-&(-\[\]-_a-~]$" },
            { "type": "number", "minimum": 0 },
        ],
    })
}

pub(super) fn image_id() -> Value {
    launch_text()
}

/// A path below the manifest's directory, whose last part can be a name in `/etc/etcd`.
pub(super) fn pem_path() -> Value {
    pattern(concat!(
        r"^(?!/)(?!(?:.*/)?\.\.(?:/|$))(?!(?:.*/)?etcd\.env$)",
        r"(?:(?:[^/\\:{}\u0000-\u001f]|\{name\})+/)*",
        r"(?:[A-Za-z0-9]|\{name\})(?:[A-Za-z0-9._-]|\{name\})*$",
    ))
}

/// Where which keys are taken is for the platform to say.
pub(super) fn launch() -> Value {
    json!({ "type": "object" })
}
