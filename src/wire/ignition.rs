//! Ignition: the JSON that Flatcar and Fedora CoreOS read once, before they first boot.
//!
//! Spec 3.3.0, the oldest that both still take with all that is used here. Ignition runs no
//! commands: what the machine starts with `systemctl enable --now` is enabled here, and systemd
//! starts it. There is no user `etcd` in it either: bootstrap makes one where the distribution
//! has not (Flatcar has). What was rendered is read back and compared before anybody gets it.

use super::{NotReadBack, differs, encoding};
use crate::machine::{File, Machine, Mode, UNITS};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::Read;
use zeroize::Zeroizing;

const SPEC: &str = "3.3.0";
const GZIP: &str = "gzip";
const HOSTNAME: &str = "/etc/hostname";

/// A config: all that Ignition's own specification has, and that is needed here.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config<'a> {
    #[serde(borrow)]
    ignition: About<'a>,
    storage: Storage<'a>,
    systemd: Systemd<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About<'a> {
    version: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Storage<'a> {
    #[serde(borrow)]
    files: Vec<Node<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Node<'a> {
    path: Cow<'a, str>,
    /// As a number, which JSON writes in decimal.
    mode: u16,
    overwrite: bool,
    contents: Contents<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents<'a> {
    /// A `data:` URL.
    source: Zeroizing<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Systemd<'a> {
    #[serde(borrow)]
    units: Vec<Unit<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unit<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    contents: Cow<'a, str>,
}

/// One machine as an Ignition config.
pub fn render(machine: &Machine) -> Result<Secret, NotReadBack> {
    let started = started(machine)?;
    let mut files = vec![];
    let mut units = vec![];
    for file in &machine.files {
        match unit(file, &started)? {
            Some(unit) => units.push(unit),
            None => files.push(node(&file.path, file.mode, file.bytes())),
        }
    }
    let hostname = hostname(machine);
    files.extend(hostname.map(|name| node(HOSTNAME, Mode::PUBLIC, name.as_bytes())));
    let config = Config {
        ignition: About {
            version: SPEC.into(),
        },
        storage: Storage { files },
        systemd: Systemd { units },
    };
    let mut json = Zeroizing::new(Vec::with_capacity(room_for(&config)));
    serde_json::to_writer(&mut *json, &config).map_err(|error| NotReadBack(error.to_string()))?;
    json.push(b'\n');
    let rendered = Secret::new(std::mem::take(&mut *json));
    read_back(&rendered, machine)?;
    Ok(rendered)
}

/// Enough for the whole config, so that no copy of a key is left where it grew.
fn room_for(config: &Config) -> usize {
    const FRAME: usize = 256;
    let file = |file: &Node| FRAME + file.path.len() + file.contents.source.len();
    // A newline or a quote is two bytes in JSON.
    let unit = |unit: &Unit| FRAME + 2 * unit.contents.len();
    FRAME
        + config.storage.files.iter().map(file).sum::<usize>()
        + config.systemd.units.iter().map(unit).sum::<usize>()
}

fn hostname(machine: &Machine) -> Option<String> {
    machine.hostname.as_ref().map(|name| format!("{name}\n"))
}

/// The units that are to be enabled; any other command would be lost, and is refused.
fn started<'a>(machine: &'a Machine) -> Result<Vec<&'a str>, NotReadBack> {
    let mut units = vec![];
    for command in &machine.start {
        let words: Vec<_> = command.iter().map(String::as_str).collect();
        match words[..] {
            ["systemctl", "enable", "--now", unit] => units.push(unit),
            _ => return differs("a command, of which Ignition runs none"),
        }
    }
    Ok(units)
}

/// The file as a unit, if it is one.
fn unit<'a>(file: &'a File, started: &[&str]) -> Result<Option<Unit<'a>>, NotReadBack> {
    let Some(name) = unit_name(file) else {
        return Ok(None);
    };
    let Ok(contents) = std::str::from_utf8(file.bytes()) else {
        return differs(&file.path);
    };
    Ok(Some(Unit {
        name: name.into(),
        enabled: started.contains(&name).then_some(true),
        contents: contents.into(),
    }))
}

/// Ignition writes units with mode 0644: one with another mode stays a file.
fn unit_name<'a>(file: &'a File) -> Option<&'a str> {
    let name = file.path.strip_prefix(UNITS)?.strip_prefix('/')?;
    (file.mode == Mode::PUBLIC && !name.contains('/')).then_some(name)
}

fn node<'a>(path: &'a str, mode: Mode, bytes: &[u8]) -> Node<'a> {
    Node {
        path: path.into(),
        mode: mode.bits(),
        overwrite: true,
        contents: contents(bytes),
    }
}

/// The bytes as the smallest `data:` URL, the most readable first where two are alike.
fn contents(bytes: &[u8]) -> Contents<'static> {
    const COMPRESSION: &str = r#","compression":"gzip""#;
    /// gzip of nothing is 20 bytes, which are 28 in base64.
    const LEAST: usize = "data:;base64,".len() + 28 + COMPRESSION.len();
    let mut forms = vec![(percent(bytes), None), (base64(bytes), None)];
    if forms.iter().all(|(source, _)| source.len() > LEAST) {
        let packed =
            encoding::gzip(&Secret::new(bytes.to_vec())).expect("writing to memory does not fail");
        forms.push((base64(packed.expose()), Some(GZIP.into())));
    }
    let size = |(source, compression): &(Zeroizing<String>, Option<Cow<str>>)| {
        source.len() + compression.as_ref().map_or(0, |_| COMPRESSION.len())
    };
    let (source, compression) = forms
        .into_iter()
        .min_by_key(size)
        .expect("there are two forms at least");
    Contents {
        source,
        compression,
    }
}

fn base64(bytes: &[u8]) -> Zeroizing<String> {
    let encoded = Zeroizing::new(encoding::base64(bytes));
    Zeroizing::new(["data:;base64,", &encoded].concat())
}

/// Only what the parsers of URLs, of `data:` URLs and of JSON all leave alone stands for itself.
fn percent(bytes: &[u8]) -> Zeroizing<String> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut url = Zeroizing::new(String::with_capacity("data:,".len() + 3 * bytes.len()));
    url.push_str("data:,");
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~/:=,@+;$!*'()&".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push('%');
            url.push(char::from(DIGITS[usize::from(byte >> 4)]));
            url.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    url
}

/// Compares a rendered config with the machine. The reason names paths, never contents.
fn read_back(rendered: &Secret, machine: &Machine) -> Result<(), NotReadBack> {
    let Ok(config) = serde_json::from_slice::<Config>(rendered.expose()) else {
        return differs("no valid JSON");
    };
    if config.ignition.version != SPEC {
        return differs("the version");
    }
    let (units, files): (Vec<_>, Vec<_>) = machine
        .files
        .iter()
        .partition(|file| unit_name(file).is_some());
    let hostname = hostname(machine);
    if config.storage.files.len() != files.len() + usize::from(hostname.is_some())
        || config.systemd.units.len() != units.len()
    {
        return differs("the number of files");
    }
    for (read, file) in config.storage.files.iter().zip(&files) {
        if !read.is(&file.path, file.mode, file.bytes()) {
            return differs(&file.path);
        }
    }
    if let (Some(name), Some(read)) = (hostname, config.storage.files.last())
        && !read.is(HOSTNAME, Mode::PUBLIC, name.as_bytes())
    {
        return differs("the host name");
    }
    let started = started(machine)?;
    for (read, file) in config.systemd.units.iter().zip(&units) {
        let enabled = started.contains(&&*read.name).then_some(true);
        if format!("{UNITS}/{}", read.name) != file.path
            || read.contents.as_bytes() != file.bytes()
            || read.enabled != enabled
        {
            return differs(&file.path);
        }
    }
    let is_here = |unit: &&str| config.systemd.units.iter().any(|read| read.name == *unit);
    if !started.iter().all(is_here) {
        return differs("a unit that is to be started is none of the files");
    }
    Ok(())
}

impl Node<'_> {
    fn is(&self, path: &str, mode: Mode, bytes: &[u8]) -> bool {
        let read = self.contents.read(bytes.len());
        self.path == path
            && self.mode == mode.bits()
            && self.overwrite
            && read.is_some_and(|read| *read == bytes)
    }
}

impl Contents<'_> {
    /// The bytes that Ignition writes. With `room` for them, no copy of a key is left behind.
    fn read(&self, room: usize) -> Option<Zeroizing<Vec<u8>>> {
        let url = self.source.strip_prefix("data:")?;
        let bytes = match url.strip_prefix(";base64,") {
            Some(text) => Zeroizing::new(STANDARD.decode(text).ok()?),
            None => unescape(url.strip_prefix(',')?)?,
        };
        match self.compression.as_deref() {
            None => Some(bytes),
            Some(GZIP) => {
                let mut unpacked = Zeroizing::new(Vec::with_capacity(room + 1));
                let mut decoder = flate2::read::GzDecoder::new(&bytes[..]);
                decoder.read_to_end(&mut unpacked).ok()?;
                Some(unpacked)
            }
            Some(_) => None,
        }
    }
}

/// The bytes of a text in which `%` escapes a byte.
pub(super) fn unescape(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else {
            return None;
        };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
        rest = after;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
