//! What the files of user-data say about etcd: certificates, keys, settings, and whether all of
//! it is as this program sent it.

use super::command_line;
use crate::machine::{SENT, cksum};
use crate::pki::audit::{Facts, File};
use crate::pki::inspect;
use crate::report::visible;
use crate::wire::decode::{Found, Part};
use std::collections::BTreeSet;

/// Certificates of one file that are looked at; a bundle of a system has a hundred and fifty.
const MOST_CERTIFICATES: usize = 256;
const MOST_SETTINGS: usize = 256;

/// Settings of etcd in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// The file.
    pub path: String,
    /// Names and values: variables as they are, flags with their `--`.
    pub values: Vec<(String, String)>,
}

/// The list of what `render` sent, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    /// Its name, 16 hexadecimal digits; `None` if the list was cut short.
    pub name: Option<String>,
    /// Files of the list that are here with other bytes.
    pub changed: Vec<String>,
    /// Files of the list that are not here: a baked image brings them.
    pub missing: Vec<String>,
}

/// The certificates in a file.
pub(crate) fn certificates(bytes: &[u8]) -> Vec<Facts> {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    let count = bytes.windows(BEGIN.len()).filter(|window| *window == BEGIN);
    match count.take(MOST_CERTIFICATES + 1).count() {
        1..=MOST_CERTIFICATES => inspect::facts(File { name: "", bytes }),
        _ => Vec::new(),
    }
}

/// Whether a line of these bytes begins a private key in PEM.
pub(super) fn holds_key(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.lines().any(begins_key)
}

fn begins_key(line: &str) -> bool {
    line.contains("-----BEGIN ") && line.contains("PRIVATE KEY-----")
}

/// Every line of every private key, wherever in the input it stands.
pub(crate) fn key_lines(part: &Part) -> BTreeSet<&str> {
    const SHORTEST: usize = 12;
    let mut lines = BTreeSet::new();
    for part in part.all() {
        let texts = std::iter::once(part.text.expose()).chain(files_of(part));
        for text in texts.filter_map(|bytes| std::str::from_utf8(bytes).ok()) {
            let mut in_key = false;
            for line in text.lines() {
                let line = line.trim();
                in_key = (in_key || begins_key(line)) && !line.contains("-----END ");
                if in_key && line.len() >= SHORTEST && !line.contains("-----") {
                    lines.insert(line);
                }
            }
        }
    }
    lines
}

fn files_of(part: &Part) -> impl Iterator<Item = &[u8]> {
    part.files.iter().filter_map(Found::bytes)
}

/// The settings of etcd in a file: `ETCD_…` variables, or the flags of a unit that runs it.
pub(super) fn settings(file: &Found) -> Option<Settings> {
    let text = std::str::from_utf8(file.bytes()?).ok()?;
    let mut values = variables(text);
    unit(text, &mut values);
    values.truncate(MOST_SETTINGS);
    let path = visible(&file.path);
    (!values.is_empty()).then_some(Settings { path, values })
}

fn is_setting(name: &str) -> bool {
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let ours = matches!(name, "MEMBER_ID" | "CLUSTER_ID");
    ours || name.starts_with("ETCD_") && name.chars().all(is_name)
}

/// The variables of a file of them, or of a script.
fn variables(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=')?;
        // What a script computes is no value yet.
        (is_setting(name) && !value.contains('$')).then(|| (name.to_owned(), shown(value)))
    });
    lines.take(MOST_SETTINGS).collect()
}

/// What a unit of systemd sets: `Environment=`, which it splits into words, and the flags of the
/// command that starts etcd, with nothing of what stands around it.
fn unit(text: &str, values: &mut Vec<(String, String)>) {
    let mut flags = Vec::new();
    for line in unfolded(text) {
        if let Some(list) = line.strip_prefix("Environment=") {
            if list.trim().is_empty() {
                // As systemd has it: an empty one takes back those before it.
                values.clear();
            }
            for word in command_line::systemd_words(list) {
                let set = word.split_once('=').filter(|(name, _)| is_setting(name));
                values.extend(set.map(|(name, value)| (name.to_owned(), visible(value))));
            }
        } else if let Some(command) = line.strip_prefix("ExecStart=") {
            let words = command_line::systemd_words(command);
            let Some(run) = command_line::etcd(&words) else {
                continue;
            };
            let set = run.environment.into_iter();
            let set = set.filter(|(name, _)| is_setting(name));
            values.extend(set.map(|(name, value)| (name, visible(&value))));
            flags = named_flags(&run.arguments);
        }
    }
    values.append(&mut flags);
}

/// The lines of a unit: a `\` at the end goes on with the next line, and comments between are
/// left out (`systemd.syntax`).
fn unfolded(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        let is_comment = line.trim_start().starts_with(['#', ';']);
        if is_comment {
            continue;
        }
        let mut whole = open.take().unwrap_or_default();
        if let Some(start) = line.trim_end().strip_suffix('\\') {
            whole.push_str(start);
            whole.push(' ');
            open = Some(whole);
        } else {
            whole.push_str(line);
            lines.push(whole.trim().to_owned());
        }
    }
    lines.extend(open);
    lines
}

fn named_flags(arguments: &[String]) -> Vec<(String, String)> {
    let mut flags: Vec<(String, String)> = Vec::new();
    for word in arguments.iter().take(MOST_SETTINGS) {
        if let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) {
            let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
            flags.push((format!("--{}", visible(name)), shown(value)));
        } else if let Some((_, value)) = flags.last_mut().filter(|(_, value)| value.is_empty()) {
            *value = shown(word);
        }
    }
    flags
}

/// A value without its quotes, as it may be shown.
fn shown(value: &str) -> String {
    let value = value.trim().trim_matches(['"', '\'']);
    visible(value)
}

/// What `render` sent, if these files are of its making.
pub(super) fn delivery(files: &[Found]) -> Option<Delivery> {
    let list = files.iter().find(|file| file.path == SENT)?;
    let list = std::str::from_utf8(list.bytes()?).ok()?;
    let mut delivery = Delivery {
        name: None,
        changed: Vec::new(),
        missing: Vec::new(),
    };
    for line in list.lines() {
        if let Some(name) = line.strip_prefix("delivery ") {
            let is_whole = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
            delivery.name = is_whole.then(|| name.to_owned());
            continue;
        }
        let mut words = line.splitn(3, ' ');
        let (Some(sum), Some(size), Some(path)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let found = files.iter().find(|file| file.path == path);
        match found.and_then(Found::bytes) {
            None => delivery.missing.push(visible(path)),
            Some(bytes) => {
                let same = size == bytes.len().to_string() && sum == cksum(bytes).to_string();
                if !same {
                    delivery.changed.push(visible(path));
                }
            }
        }
    }
    Some(delivery)
}
