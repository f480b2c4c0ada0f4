//! One controller as its user-data makes it.

use crate::inspect::documents;
use crate::inspect::facts::key_lines;
use crate::pki::audit::Facts;
use crate::report::visible;
use crate::secret::Secret;
use crate::wire::decode::{Found, Kind, Node, Part, Value};
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

pub(super) const ENV: &str = "/etc/etcd/etcd.env";

/// A controller as user-data makes it.
pub struct Machine {
    name: String,
    /// In which form it is handed over.
    pub(super) form: &'static str,
    pub(super) files: BTreeMap<String, File>,
    /// The variables of `etcd.env`, as written.
    pub(super) env: BTreeMap<String, String>,
    /// Every line of every private key in it, which nobody is shown.
    pub(super) hidden: Vec<Zeroizing<String>>,
    /// What else a cloud-config says: the digest of each key's value.
    pub(super) keys: BTreeMap<String, Vec<u8>>,
}

/// A file that stands on the machine in the end.
#[derive(Debug)]
pub(super) struct File {
    pub(super) mode: Option<u32>,
    pub(super) owner: Option<String>,
    pub(super) bytes: Secret,
    pub(super) certificates: Vec<Facts>,
}

/// Why user-data is that of no controller of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoController(String);

impl fmt::Display for NoController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = visible(&self.0);
        write!(
            f,
            "`{part}` is not the user-data of a controller: it has no `{ENV}` with `ETCD_NAME` in it"
        )
    }
}

impl std::error::Error for NoController {}

/// The name alone: what is in it may be secret.
impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Machine({})", visible(&self.name))
    }
}

impl Machine {
    /// The controllers in an input: one, or those of several instances.
    pub fn all(part: &Part) -> Result<Vec<Self>, NoController> {
        let mut machines: Vec<Self> = Vec::new();
        for document in documents(part) {
            if matches!(document.kind, Kind::Beside) {
                continue;
            }
            let machine = Self::of(document)?;
            // `user-data` and `startup-script` of one instance.
            if !machines.iter().any(|other| other.name == machine.name) {
                machines.push(machine);
            }
        }
        if machines.is_empty() {
            return Err(NoController(part.name.clone()));
        }
        Ok(machines)
    }

    fn of(document: &Part) -> Result<Self, NoController> {
        let mut machine = Self {
            name: String::new(),
            form: match document.kind {
                Kind::Script => "startup-script",
                Kind::Ignition(_) => "Ignition",
                _ => "user-data",
            },
            files: BTreeMap::new(),
            env: BTreeMap::new(),
            hidden: key_lines(document)
                .into_iter()
                .map(|line| Zeroizing::new(line.to_owned()))
                .collect(),
            keys: BTreeMap::new(),
        };
        for part in document.all() {
            for file in &part.files {
                machine.put(file);
            }
            if let Kind::CloudConfig(Ok(tree)) = &part.kind {
                machine.keys.extend(keys(tree));
            }
        }
        if let Some(file) = machine.files.get(ENV) {
            let text = String::from_utf8_lossy(file.bytes.expose()).into_owned();
            machine.env = variables(&text);
        }
        match machine.env.get("ETCD_NAME") {
            Some(name) if !name.is_empty() => machine.name.clone_from(name),
            _ => return Err(NoController(document.name.clone())),
        }
        Ok(machine)
    }

    /// The controller's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it was rendered for a baked image: its list of what was sent names files of ours
    /// that only the image can bring.
    pub fn is_for_baked_image(&self) -> bool {
        let list = self.files.get(crate::machine::SENT);
        let list = list.map(|file| String::from_utf8_lossy(file.bytes.expose()).into_owned());
        let list = list.unwrap_or_default();
        let mut paths = list.lines().filter_map(|line| line.splitn(3, ' ').nth(2));
        paths.any(|path| path.contains("/lib/firstboot/") && !self.files.contains_key(path))
    }

    /// A variable of `etcd.env`.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str)
    }

    /// A file may come in pieces: what it holds is read of the whole.
    fn put(&mut self, file: &Found) {
        let Some(bytes) = file.bytes() else { return };
        let before = self.files.get(&file.path).filter(|_| file.append);
        // cloud-init sets mode and owner with each piece, a shell and Ignition only if told to.
        let kept = before.filter(|_| file.mode.is_none());
        let bytes = match before {
            Some(before) => [before.bytes.expose(), bytes].concat(),
            None => bytes.to_vec(),
        };
        let whole = File {
            mode: file.mode.or_else(|| kept?.mode),
            owner: file.owner.clone().or_else(|| kept?.owner.clone()),
            certificates: crate::inspect::facts::certificates(&bytes),
            bytes: Secret::new(bytes),
        };
        self.files.insert(file.path.clone(), whole);
    }
}

/// Names and values, without quotes around them.
pub(super) fn variables(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines
        .map(|(name, value)| (name.trim().to_owned(), unquoted(value.trim()).to_owned()))
        .collect()
}

fn unquoted(value: &str) -> &str {
    let within = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    within('\'').or_else(|| within('"')).unwrap_or(value)
}

/// The keys of a cloud-config that are not compared as files. `bootcmd` starts with what names
/// the delivery, which follows from the files.
fn keys(tree: &Node) -> BTreeMap<String, Vec<u8>> {
    let mut keys = BTreeMap::new();
    for (key, value) in tree.entries() {
        let Some(name) = key.text().filter(|name| *name != "write_files") else {
            continue;
        };
        let mut digest = crate::release::Hasher::default();
        match (name, &value.value) {
            ("bootcmd", Value::List(items)) => {
                for item in items.iter().skip(1) {
                    feed(item, &mut digest);
                }
            }
            _ => feed(value, &mut digest),
        }
        keys.insert(name.to_owned(), digest.digest().to_string().into_bytes());
    }
    keys
}

/// A tree without its places.
fn feed(node: &Node, digest: &mut crate::release::Hasher) {
    match &node.value {
        Value::Scalar(text) => {
            digest.update(if node.plain { b"p" } else { b"q" });
            digest.update(&text.len().to_le_bytes());
            digest.update(text.as_bytes());
        }
        Value::List(items) => {
            digest.update(b"[");
            for item in items {
                feed(item, digest);
            }
            digest.update(b"]");
        }
        Value::Mapping(entries) => {
            digest.update(b"{");
            for (key, value) in entries {
                feed(key, digest);
                feed(value, digest);
            }
            digest.update(b"}");
        }
    }
}
