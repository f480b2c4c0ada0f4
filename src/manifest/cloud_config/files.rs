//! `write_files`: never a path of ours, and nothing at which cloud-init stops writing.

use super::{Said, each, of, scalar};
use crate::manifest::finding::{self, FileFault};
use crate::manifest::yaml::{Node, Value};
use crate::report::closest;
use crate::wire::Scalar;

/// Directories in which everything is ours or cloud-init's own.
const OUR_DIRECTORIES: [&str; 8] = [
    "/etc/etcd",
    "/etc/firstboot",
    "/etc/systemd/system/firstboot.service.d",
    "/run/firstboot",
    "/usr/local/lib/firstboot",
    "/var/lib/cloud",
    "/var/lib/etcd",
    "/var/lib/firstboot",
];
const OUR_FILES: [&str; 6] = [
    "/etc/systemd/system/etcd.service",
    "/etc/systemd/system/firstboot.service",
    "/etc/cloud/cloud-init.disabled",
    "/usr/local/bin/etcd",
    "/usr/local/bin/etcdctl",
    "/usr/local/bin/etcdutl",
];
/// The values of `encoding`, as cloud-init spells them (`cc_write_files.canonicalize_extraction`).
pub(crate) const ENCODINGS: [&str; 9] = [
    "b64",
    "base64",
    "gz",
    "gzip",
    "gz+b64",
    "gz+base64",
    "gzip+b64",
    "gzip+base64",
    "text/plain",
];
const KEYS: [&str; 8] = [
    "path",
    "content",
    "permissions",
    "owner",
    "encoding",
    "append",
    "defer",
    "source",
];

pub(super) fn check(value: &Node, said: &Said) {
    each(value, "write_files", said, |entry| check_entry(entry, said));
}

fn check_entry(entry: &Node, said: &Said) {
    let Value::Mapping(entries) = &entry.value else {
        return said.error(finding::cloud_config_file(entry, FileFault::NoMapping));
    };
    for (key, _) in entries {
        if !KEYS.contains(&key.text.as_str()) {
            said.error(finding::unknown_key(
                "write_files",
                key,
                closest(&key.text, KEYS),
                &KEYS,
            ));
        }
    }
    match of(entry, "path") {
        Some(path) => check_path(path, said),
        None => said.error(finding::cloud_config_file(entry, FileFault::NoPath)),
    }
    check_content(entry, said);
    if let Some(node) = of(entry, "permissions").filter(|node| !is_mode(node)) {
        said.error(finding::cloud_config_file(node, FileFault::Permissions));
    }
    let is = |key: &str| of(entry, key).filter(|node| !super::is_no(node));
    if let Some(owner) = of(entry, "owner").filter(|node| is("defer").is_none() && !is_root(node)) {
        said.warning(finding::cloud_config_file(owner, FileFault::Owner));
    }
    if let Some(append) = is("append") {
        said.warning(finding::cloud_config_file(append, FileFault::Append));
    }
    if let Some(source) = of(entry, "source") {
        said.warning(finding::cloud_config_file(source, FileFault::Source));
    }
}

fn check_path(node: &Node, said: &Said) {
    let fault = match scalar(node).map(normal) {
        Some(Some(path)) => {
            if is_ours(&path) {
                Some(FileFault::Ours)
            } else if path.starts_with("/etc/systemd/system/etcd.service.d/") {
                return said.warning(finding::cloud_config_file(node, FileFault::DropIn));
            } else if path.starts_with("/tmp/") {
                return said.warning(finding::cloud_config_file(node, FileFault::Temporary));
            } else {
                None
            }
        }
        _ => Some(FileFault::Path),
    };
    if let Some(fault) = fault {
        said.error(finding::cloud_config_file(node, fault));
    }
}

fn check_content(entry: &Node, said: &Said) {
    let encoding = of(entry, "encoding");
    let name = encoding
        .and_then(scalar)
        .map(|name| name.trim().to_lowercase());
    if let Some(node) = encoding
        && !name
            .as_deref()
            .is_some_and(|name| ENCODINGS.contains(&name))
    {
        return said.error(finding::cloud_config_file(node, FileFault::Encoding));
    }
    let Some(node) = of(entry, "content") else {
        return;
    };
    let Value::Text(text) = &node.value else {
        return said.error(finding::cloud_config_file(node, FileFault::Content));
    };
    if node.plain && Scalar::plain(text).is_more_than_text() {
        return said.error(finding::cloud_config_file(node, FileFault::Content));
    }
    let name = name.unwrap_or_default();
    if name.ends_with("64") && !is_base64(text) || matches!(name.as_str(), "gz" | "gzip") {
        said.error(finding::cloud_config_file(node, FileFault::Undecodable));
    }
}

/// What Python's `b64decode` takes: it drops what is not of the alphabet.
fn is_base64(text: &str) -> bool {
    let digit = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/');
    let digits = text.bytes().filter(digit).count();
    let padding = text.bytes().filter(|&c| c == b'=').count();
    digits % 4 != 1 && padding >= (4 - digits % 4) % 4
}

/// A text of three or four octal digits; a number would be read as another one.
fn is_mode(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => {
            let octal = text.bytes().all(|c| matches!(c, b'0'..=b'7'));
            !node.plain && octal && (3..=4).contains(&text.len())
        }
        _ => false,
    }
}

fn is_root(node: &Node) -> bool {
    scalar(node).is_some_and(|owner| owner == "root" || owner.starts_with("root:"))
}

/// An absolute path without `.`, `..` and empty parts; `None` for any other.
pub(super) fn normal(path: &str) -> Option<String> {
    let rest = path.strip_prefix('/')?;
    let mut parts: Vec<&str> = Vec::new();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    // A link on every image of today.
    if parts.starts_with(&["var", "run"]) {
        parts.remove(0);
    }
    Some(format!("/{}", parts.join("/")))
}

fn is_ours(path: &str) -> bool {
    let below = |directory: &str| {
        path.strip_prefix(directory)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    path == "/"
        || OUR_FILES
            .iter()
            .chain(&OUR_DIRECTORIES)
            .any(|ours| below(ours))
}

/// Whether a mount there would hide something that was written before.
pub(super) fn hides_ours(point: &str) -> bool {
    let above = |ours: &str| {
        point == "/"
            || ours
                .strip_prefix(point)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    let ours = || OUR_FILES.iter().chain(&OUR_DIRECTORIES);
    point != "/var/lib/etcd" && is_ours(point) || ours().any(|ours| above(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_ours_is_ours_however_it_is_spelled() {
        for path in [
            "/etc/etcd/x",
            "/etc//etcd/x",
            "/etc/./etcd",
            "/a/../etc/etcd/x",
            "/etc/etcd/../etcd/",
            "/var/run/firstboot/status.json",
            "/../usr/local/bin/etcd",
            "/",
        ] {
            assert!(is_ours(&normal(path).unwrap()), "{path}");
        }
        for path in [
            "/etc/etcd.conf",
            "/etc/etcd-x/y",
            "/usr/local/bin/jq",
            "/etc/firstbootx",
        ] {
            assert!(!is_ours(&normal(path).unwrap()), "{path}");
        }
        assert_eq!(normal("etc/etcd"), None);
    }

    #[test]
    fn a_mount_above_our_files_hides_them() {
        for point in [
            "/",
            "/etc",
            "/usr",
            "/usr/local",
            "/var",
            "/var/lib",
            "/etc/etcd",
        ] {
            assert!(hides_ours(point), "{point}");
        }
        for point in ["/var/lib/etcd", "/srv", "/var/log", "/home"] {
            assert!(!hides_ours(point), "{point}");
        }
    }
}
