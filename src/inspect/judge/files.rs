//! The files of a part: how cloud-init writes them, and what is in them.

use super::super::facts::{self, Delivery};
use super::{At, Said, modes};
use crate::calendar::day;
use crate::manifest::ENCODINGS;
use crate::pki::audit::THIRTY_DAYS;
use crate::pki::{self, Spoilt, Unread, Why};
use crate::report::visible;
use crate::wire::decode::{Content, Found, Kind, Node, Part, encodings, looks_like_base64};

/// Users that every image has before cloud-init runs.
const USERS: [&str; 8] = [
    "root",
    "0",
    "nobody",
    "daemon",
    "bin",
    "sys",
    "mail",
    "systemd-network",
];

pub(super) fn judge(said: &mut Said, now: i64) {
    let part = said.part;
    if let Kind::CloudConfig(Ok(tree)) = &part.kind {
        let entries = tree.get("write_files").map(Node::items).unwrap_or_default();
        // A file for each entry that names a path, in the same order, as far as there was room.
        let mut files = part.files.iter();
        for (at, entry) in entries.iter().enumerate() {
            let names_path = entry.get("path").and_then(Node::text).is_some();
            let file = names_path.then(|| files.next()).flatten();
            Entry {
                node: entry,
                at,
                tree,
                file,
            }
            .judge(said);
        }
    }
    for file in &part.files {
        contents(said, file, now);
    }
    let delivery = facts::delivery(&part.files);
    if is_cut_short(part, delivery.as_ref()) {
        said.error(
            "sent-cut-short",
            At::PART,
            "its end is not there: no machine starts with this",
            "render it again, and hand over what is rendered as it is, whole",
        );
    }
    if let Some(delivery) = delivery {
        for path in &delivery.changed {
            said.error(
                "sent-differs",
                At {
                    line: None,
                    key: Some(path.clone()),
                },
                "it is not what `firstboot render` sent: the machine's first step will fail",
                "render it again, and hand over what is rendered as it is",
            );
        }
    }
}

/// Whether ours has lost its end: the list of what was sent, or after it what starts the first boot.
fn is_cut_short(part: &Part, delivery: Option<&Delivery>) -> bool {
    let Some(delivery) = delivery else {
        let is_ours = |file: &Found| file.path.contains("/lib/firstboot/");
        return part.files.iter().any(is_ours);
    };
    let Kind::CloudConfig(Ok(tree)) = &part.kind else {
        return delivery.name.is_none();
    };
    let commands = tree.get("runcmd").map(Node::items).unwrap_or_default();
    let mut words = commands.iter().flat_map(Node::items);
    delivery.name.is_none() || !words.any(|word| word.text() == Some("firstboot.service"))
}

/// One entry of `write_files`.
struct Entry<'a> {
    node: &'a Node,
    at: usize,
    tree: &'a Node,
    file: Option<&'a Found>,
}

impl Entry<'_> {
    fn key(&self, key: &str) -> At {
        let node = self.node.get(key).unwrap_or(self.node);
        At::key(node.line, format!("write_files[{}].{key}", self.at))
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.node.get(key)?.text()
    }

    fn judge(&self, said: &mut Said) {
        let Some(path) = self.text("path") else {
            return said.error(
                "file-without-path",
                self.key("path"),
                "this entry names no path: cloud-init leaves it out",
                "say `path: /where/it/goes`",
            );
        };
        if !path.starts_with('/') && !said.part.jinja {
            said.warning(
                "path-relative",
                self.key("path"),
                "the path does not start at the root",
                "start it with `/`",
            );
        }
        if path.starts_with("/tmp/") {
            said.warning(
                "path-temporary",
                self.key("path"),
                "systemd may clean `/tmp` up while the machine boots",
                "put it somewhere else, for example into `/run`",
            );
        }
        self.permissions(said);
        self.owner(said);
        self.content(said);
        if self.node.get("source").is_some() {
            said.warning(
                "source",
                self.key("source"),
                "`source` is not known before cloud-init 24.3: the file would be empty",
                "write `content`, or fetch it from `runcmd`",
            );
        }
    }

    fn permissions(&self, said: &mut Said) {
        let Some(node) = self.node.get("permissions").filter(|node| !node.is_null()) else {
            return;
        };
        if said.part.jinja && node.text().is_some_and(|text| text.contains("{{")) {
            return;
        }
        let Some(mode) = modes::judge(node) else {
            return;
        };
        let severity = mode.severity;
        said.say(
            severity,
            mode.code,
            self.key("permissions"),
            mode.message,
            &mode.help,
        );
    }

    fn owner(&self, said: &mut Said) {
        const CODE: &str = "owner-early";
        let deferred = self.node.get("defer").is_some_and(|defer| !defer.is_no());
        let Some(owner) = self.text("owner").filter(|_| !deferred) else {
            return;
        };
        let user = owner.split(':').next().unwrap_or_default();
        if USERS.contains(&user) || said.part.jinja && user.contains('{') {
            return;
        }
        let users = self.tree.get("users").map(Node::items).unwrap_or_default();
        let is_made = users
            .iter()
            .any(|one| one.text().or_else(|| one.get("name").and_then(Node::text)) == Some(user));
        let user = visible(user);
        if is_made {
            said.error(
                CODE,
                self.key("owner"),
                format!("`{user}` is made after files are written: cloud-init stops at this file, and writes none behind it"),
                "write `defer: true` (cloud-init 21.4), or change the owner from `runcmd`",
            );
        } else {
            said.warning(
                CODE,
                self.key("owner"),
                format!("if the image has no user `{user}` already, cloud-init stops at this file, and writes none behind it"),
                "leave it to root, and change the owner from `runcmd` once the user is there",
            );
        }
    }

    fn content(&self, said: &mut Said) {
        let encoding = self.text("encoding").unwrap_or_default();
        let name = encoding.trim().to_ascii_lowercase();
        if !name.is_empty() && !ENCODINGS.contains(&name.as_str()) {
            said.warning(
                "encoding",
                self.key("encoding"),
                format!(
                    "cloud-init knows no encoding `{}`, and writes the text as it stands",
                    visible(encoding)
                ),
                "write `b64` or `gz+b64`, or leave it out",
            );
        }
        if self.node.get("content").is_none() && self.node.get("source").is_none() {
            said.warning(
                "empty",
                self.key("content"),
                "nothing is written into it",
                "say `content`",
            );
        }
        let content = self.text("content").unwrap_or_default();
        let is_tagged = self.node.get("content").is_some_and(|node| node.binary);
        let (is_base64, is_gzip) = encodings(encoding);
        if !is_base64 && !is_tagged && looks_like_base64(content.as_bytes()) {
            said.warning(
                "base64-layer",
                self.key("content"),
                "the content is base64, but no `encoding` says so: it arrives encoded",
                "add `encoding: b64`",
            );
        }
        let twice = is_base64
            && !is_gzip
            && self
                .file
                .and_then(Found::bytes)
                .is_some_and(looks_like_base64);
        if twice {
            said.warning(
                "base64-twice",
                self.key("content"),
                "the content is base64 of base64: it arrives encoded",
                "encode it once",
            );
        }
    }
}

fn contents(said: &mut Said, file: &Found, now: i64) {
    let at = || At {
        line: file.line,
        key: Some(visible(&file.path)),
    };
    if let Content::Damaged(why) = file.content {
        let message = if matches!(said.part.kind, Kind::CloudConfig(_)) {
            format!("{why}: cloud-init stops here, and writes no file behind it")
        } else {
            why.to_owned()
        };
        said.error("content-damaged", at(), message, "encode it anew");
    }
    if file.path.split('/').any(|name| name == "..") {
        said.warning(
            "path-climbs",
            at(),
            "the path climbs with `..`, and is not extracted",
            "write where it goes",
        );
    }
    let Some(bytes) = file.bytes() else { return };
    if bytes.starts_with(b"#!") && is_crlf(bytes) {
        said.error(
            "carriage-returns",
            at(),
            "its lines end with carriage returns: the kernel looks for an interpreter of that name",
            "save it with Unix line ends (`sed -i 's/\\r$//' FILE`)",
        );
    }
    if let Some(mode) = file.mode.filter(|mode| mode & 0o077 != 0)
        && facts::holds_key(bytes)
    {
        said.warning(
            "key-open",
            at(),
            format!(
                "a private key is in it, and with mode {mode:04o} others on the machine may read it"
            ),
            "give it the mode 0600",
        );
    }
    if matches!(said.part.kind, Kind::CloudConfig(_)) && has_late_interpreter(bytes) {
        said.warning(
            "interpreter-late",
            at(),
            "white space stands before `#!`: the kernel finds no interpreter there, and systemd does not start it",
            "remove what stands before `#!`, blank lines, too",
        );
    }
    unread(said, file, bytes);
    certificates(said, file, now);
}

/// A script whose `#!` is not at its very beginning.
fn has_late_interpreter(bytes: &[u8]) -> bool {
    let rest = bytes.trim_ascii_start();
    rest.len() < bytes.len() && rest.starts_with(b"#!/")
}

/// PEM that nobody finds where it lands; the audit of a cluster's own files knows the same ways.
fn unread(said: &mut Said, file: &Found, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // What a shell or a template fills in is not there yet.
    let is_filled = file.note.is_some() && (text.contains('$') || text.contains("{{"));
    if is_filled || !is_pem_file(&file.path, &text) {
        return;
    }
    let is_yaml = matches!(said.part.kind, Kind::CloudConfig(_));
    let block = if is_yaml {
        "write `content: |`, all lines of the PEM below it indented alike; or base64 of the file with `encoding: b64`"
    } else {
        "write the PEM as it stands in its file, each line at the margin; or base64 of the file, decoded on the machine"
    };
    for Unread { line, why } in pki::unread(bytes) {
        let (message, help) = match why {
            Why::Spoilt(Spoilt::Indented) => (
                format!("line {line} of it is not `-----BEGIN` at the margin"),
                block,
            ),
            Why::Spoilt(Spoilt::OneLine) => (
                format!("line {line} of it holds a whole PEM, whose line breaks are lost"),
                block,
            ),
            Why::Spoilt(Spoilt::Escaped) => (
                format!(r"line {line} of it spells line breaks as `\n`"),
                block,
            ),
            Why::Spoilt(Spoilt::Joined) => (
                format!("line {line} of it is an `-----END` and a `-----BEGIN` in one"),
                "start a new line before `-----BEGIN`",
            ),
            Why::Spoilt(Spoilt::ByteOrderMark) => (
                "a byte order mark stands before its PEM".to_owned(),
                r"save it without (`sed -i '1s/^\xEF\xBB\xBF//' FILE`)",
            ),
            Why::Spoilt(Spoilt::Damaged) => (
                format!("the block that begins on line {line} of it is damaged or breaks off"),
                "copy the file again, whole",
            ),
            Why::Certificate => (
                format!("the block on line {line} of it holds no certificate that can be read"),
                "copy the file again, whole",
            ),
            Why::Key => (
                format!("the block on line {line} of it holds no private key that can be read"),
                "copy the file again, whole",
            ),
        };
        said.error(
            "pem-unreadable",
            At {
                line: file.line,
                key: Some(visible(&file.path)),
            },
            format!("{message}: etcd finds no PEM there"),
            help,
        );
    }
}

/// Whether a file is one of PEM, by its name or its first line, and not one in which PEM stands
/// among other things, as it does in a kubeconfig or a script.
fn is_pem_file(path: &str, text: &str) -> bool {
    const ENDINGS: [&str; 5] = [".pem", ".crt", ".cer", ".cert", ".key"];
    let first = text
        .lines()
        .map(|line| line.trim_start_matches('\u{feff}').trim())
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    let begins =
        first.is_some_and(|line| line.trim_matches(['"', '\'']).starts_with("-----BEGIN "));
    begins || text.contains("-----BEGIN ") && ENDINGS.iter().any(|ending| path.ends_with(ending))
}

fn is_crlf(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    end.is_some_and(|end| bytes[..end].ends_with(b"\r"))
}

fn certificates(said: &mut Said, file: &Found, now: i64) {
    for facts in file.certificates() {
        let at = At {
            line: file.line,
            key: Some(visible(&file.path)),
        };
        let subject = visible(&facts.subject);
        let left = facts.not_after.saturating_sub(now);
        if left < 0 {
            let message = format!(
                "the certificate of `{subject}` ended on {}",
                day(facts.not_after)
            );
            said.error("certificate-ended", at, message, "renew it");
        } else if left < THIRTY_DAYS {
            let message = format!(
                "the certificate of `{subject}` ends on {}",
                day(facts.not_after)
            );
            said.warning("certificate-ends-soon", at, message, "renew it");
        } else if facts.not_before > now {
            let message = format!(
                "the certificate of `{subject}` is not good before {}",
                day(facts.not_before)
            );
            said.warning("certificate-not-yet", at, message, "is the clock right?");
        }
    }
}
