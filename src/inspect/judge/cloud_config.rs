//! The keys of a cloud-config, as cloud-init's modules take them.

use super::super::repeated;
use super::{At, Said};
use crate::report::visible;
use crate::wire::decode::{Kind, Node, Unfilled, Value};

/// See [`crate::manifest`]: the keys of the schema of cloud-init 25.1.
const KNOWN_KEYS: &str = include_str!("../../../data/cloud-config-keys.txt");
/// cloud-init's own, which no schema has.
const MORE_KEYS: [&str; 4] = ["launch-index", "cloud_config", "merge_how", "merge_type"];

pub(super) fn judge(said: &mut Said) {
    let part = said.part;
    let tree = match &part.kind {
        Kind::CloudConfig(Ok(tree)) => tree,
        Kind::CloudConfig(Err(error)) | Kind::Archive(Err(error)) => {
            // Dropped as a template already, or read as YAML only after that is right.
            if part.unfilled.is_some() && part.unfilled != Some(Unfilled::Declared) {
                return;
            }
            let help = if part.jinja {
                "it is a template: put values with `{{ … }}` in quotes, so that it is YAML before, too"
            } else {
                "mend the indentation or the quotes there: the machine would boot without any of it"
            };
            let message = format!("cloud-init drops all of it: {}", error.why);
            return said.error("yaml", At::line(error.line), message, help);
        }
        _ => return,
    };
    if !matches!(tree.value, Value::Mapping(_)) && !tree.is_null() {
        return said.error(
            "not-a-mapping",
            At::line(tree.line),
            "a cloud-config is a mapping: cloud-init drops all of it",
            "write keys such as `runcmd:` at the margin",
        );
    }
    header_line(said, tree);
    keys(said, tree);
    commands(said, tree);
    disks(said, tree);
    users(said, tree);
}

/// What stands behind the header, on its line, is a comment.
fn header_line(said: &mut Said, tree: &Node) {
    let text = said.part.as_str().unwrap_or_default();
    let mut lines = text.lines().enumerate();
    let is_header = |line: &str| line.trim_start().starts_with("#cloud-config");
    let Some((at, line)) = lines.find(|(_, line)| is_header(line)) else {
        return;
    };
    let rest = line.trim_start()["#cloud-config".len()..].trim();
    let known = KNOWN_KEYS.lines().filter(|key| !key.is_empty());
    let is_meant = tree.is_null() && rest.contains(':')
        || rest.starts_with("\\n")
        || known.into_iter().any(|key| {
            let found = rest.match_indices(key);
            found.into_iter().any(|(at, _)| {
                rest[at + key.len()..].starts_with(':')
                    && !rest[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            })
        });
    if is_meant && !rest.starts_with('#') {
        said.error(
            "header-line",
            At::line(at + 1),
            "what stands on the line of the header is a comment: cloud-init reads nothing of it",
            "end the line after `#cloud-config`: each key begins a line of its own below it",
        );
    }
}

fn keys(said: &mut Said, tree: &Node) {
    let names = || tree.entries().iter().filter_map(|(key, _)| key.text());
    for key in repeated(names()) {
        let mut entries = tree.entries().iter().rev();
        let last = entries.find(|(found, _)| found.text() == Some(key));
        said.warning(
            "duplicate-key",
            At::line(last.map_or(1, |(key, _)| key.line)),
            format!(
                "`{}` stands there twice: only this last one counts",
                visible(key)
            ),
            "make one of them",
        );
    }
    for (key, _) in tree.entries() {
        let name = key.text().unwrap_or_default();
        let known = KNOWN_KEYS
            .lines()
            .chain(MORE_KEYS)
            .any(|known| known == name);
        if known || said.part.jinja && name.contains('{') {
            continue;
        }
        let slips = |known: &&str| strsim::damerau_levenshtein(name, known);
        let meant = KNOWN_KEYS
            .lines()
            .filter(|known| name.len() < 64 && slips(known) <= 2);
        let help = match meant.min_by_key(slips) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "remove it, unless a module of the image's own reads it".to_owned(),
        };
        let message = format!(
            "cloud-init 25.1 has no key `{}`, and ignores it",
            visible(name)
        );
        said.warning("unknown-key", At::line(key.line), message, &help);
    }
}

fn commands(said: &mut Said, tree: &Node) {
    for key in ["bootcmd", "runcmd"] {
        let Some(list) = tree.get(key).filter(|list| !list.is_null()) else {
            continue;
        };
        if !matches!(list.value, Value::List(_)) {
            said.error(
                "not-a-list",
                At::key(list.line, key),
                format!("`{key}` is no list: cloud-init runs none of it"),
                "write each command on a line of its own, behind `- `",
            );
        }
        for (at, item) in list.items().iter().enumerate() {
            if matches!(item.value, Value::Mapping(_)) {
                said.error(
                    "command-mapping",
                    At::key(item.line, format!("{key}[{at}]")),
                    "YAML sees a mapping here, because of the `: ` in it: cloud-init runs none of the commands",
                    "put the whole command in quotes, or write it as a list of arguments",
                );
            }
            let words: Vec<_> = match &item.value {
                Value::Scalar(text) => text.split_whitespace().collect(),
                _ => item.items().iter().filter_map(Node::text).collect(),
            };
            let waits = words.windows(3).any(|words| {
                words[0].ends_with("cloud-init")
                    && words[1] == "status"
                    && words[2].starts_with("--wait")
            });
            if waits {
                said.error(
                    "waits-for-itself",
                    At::key(item.line, format!("{key}[{at}]")),
                    "`cloud-init status --wait` waits for what waits for it: the boot never ends",
                    "remove it, or run it in a unit of its own",
                );
            }
        }
    }
}

fn disks(said: &mut Said, tree: &Node) {
    let is = |node: &Node, key: &str| node.get(key).is_some_and(|value| !value.is_no());
    for (at, entry) in tree
        .get("fs_setup")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        if entry.get("partition").and_then(Node::text) == Some("none") {
            said.error(
                "formats",
                At::key(entry.line, format!("fs_setup[{at}].partition")),
                "`partition: none` makes the file system anew on every new instance, even where one with data is",
                "write `partition: auto`, which keeps one with the same label",
            );
        }
        if is(entry, "overwrite") {
            formats(said, entry.line, format!("fs_setup[{at}].overwrite"));
        }
    }
    for (name, device) in tree
        .get("disk_setup")
        .map(Node::entries)
        .unwrap_or_default()
    {
        if is(device, "overwrite") {
            let name = visible(name.text().unwrap_or_default());
            formats(said, device.line, format!("disk_setup.{name}.overwrite"));
        }
    }
    hidden(said, tree);
}

fn formats(said: &mut Said, line: usize, key: String) {
    said.error(
        "formats",
        At::key(line, key),
        "`overwrite` takes away what is on the disk, on every new instance",
        "remove it",
    );
}

/// Files are written before disks are mounted.
fn hidden(said: &mut Said, tree: &Node) {
    for mount in tree.get("mounts").map(Node::items).unwrap_or_default() {
        let point = mount
            .items()
            .get(1)
            .and_then(Node::text)
            .unwrap_or_default();
        let point = point.trim_end_matches('/');
        if !point.starts_with('/') {
            continue;
        }
        for file in &said.part.files {
            let below = file
                .path
                .strip_prefix(point)
                .is_some_and(|rest| rest.starts_with('/'));
            if below && file.note.is_none() {
                said.error(
                    "mount-hides",
                    At::key(file.line.unwrap_or(mount.line), visible(&file.path)),
                    format!(
                        "it is written before `{}` is mounted, which then hides it",
                        visible(point)
                    ),
                    "write it from `runcmd`, or with `defer: true` (cloud-init 21.4)",
                );
            }
        }
    }
}

fn users(said: &mut Said, tree: &Node) {
    let Some(users) = tree.get("users").filter(|users| !users.is_null()) else {
        return;
    };
    let is_default = |user: &Node| {
        user.text() == Some("default") || user.get("name").and_then(Node::text) == Some("default")
    };
    let has = users.items().iter().any(is_default)
        || users.text().is_some_and(|text| text.contains("default"));
    if !has {
        said.warning(
            "users-without-default",
            At::key(users.line, "users"),
            "without `default` the image's own login user is not made",
            "add `- default`, if somebody logs in by that user",
        );
    }
}
