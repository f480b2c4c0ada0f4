//! The key `tls` and what a controller overrides of it.

use super::fields::{Fields, Findings};
use super::yaml::{Node, Value};
use super::{At, PairPaths, PemPath, TlsPaths, finding};
use crate::cluster::{CommonName, FileName, HostName};
use crate::report::Finding;
use std::ops::Range;

/// Stands in a path for the name of the controller whose file it is.
const NAME: &str = "{name}";

/// `tls` as written, at the top or under a controller; everything in it may be absent.
#[derive(Clone, Debug, Default)]
pub(super) struct TlsKeys {
    /// Where the mapping stands, for what is missing from it.
    place: Range<usize>,
    /// Something in it could not be read and has been reported: what else is missing is unknown.
    broken: bool,
    ca: Option<At<String>>,
    /// For servers and peers alike.
    shared: Option<WrittenPair>,
    server: Side,
    peer: Side,
    client: Option<WrittenPair>,
}

/// `tls.server` or `tls.peer`.
#[derive(Clone, Debug, Default)]
struct Side {
    ca: Option<At<String>>,
    pair: Option<WrittenPair>,
    allowed_cn: Option<At<CommonName>>,
}

/// A certificate and its key, which never come apart: an override replaces both.
#[derive(Clone, Debug)]
struct WrittenPair {
    cert: At<String>,
    key: At<String>,
}

impl TlsKeys {
    /// Reads the mapping; `None` where it is none, which has been reported by then.
    pub(super) fn read(node: &Node, called: &str, findings: &Findings) -> Option<Self> {
        let before = findings.len();
        let fields = Fields::of(node, called, findings)?;
        let side = |key: &str, known: &[&str]| {
            let node = fields.optional(key)?;
            Side::read(node, &format!("{called}.{key}"), known, findings)
        };
        let keys = Self {
            place: node.place.clone(),
            broken: false,
            ca: text(&fields, "ca", findings),
            shared: pair(&fields, findings),
            server: side("server", &["ca", "cert", "key"]).unwrap_or_default(),
            peer: side("peer", &["ca", "cert", "key", "allowed_cn"]).unwrap_or_default(),
            client: side("client", &["cert", "key"]).and_then(|side| side.pair),
        };
        fields.finish(&["ca", "cert", "key", "server", "peer", "client"]);
        Some(Self {
            broken: findings.len() > before,
            ..keys
        })
    }

    /// These keys, and those of `below` where these say nothing. A pair for servers and peers
    /// alike hides the pairs that `below` has for either.
    pub(super) fn over(self, below: &Self) -> Self {
        let below = below.clone();
        let hidden = self.shared.is_some();
        let pair = |own: Side, below: Side| Side {
            ca: own.ca.or(below.ca),
            pair: own.pair.or(below.pair.filter(|_| !hidden)),
            allowed_cn: own.allowed_cn.or(below.allowed_cn),
        };
        Self {
            place: below.place,
            broken: self.broken || below.broken,
            ca: self.ca.or(below.ca),
            server: pair(self.server, below.server),
            peer: pair(self.peer, below.peer),
            shared: self.shared.or(below.shared),
            client: self.client.or(below.client),
        }
    }

    /// The paths of the files of the controller with this name, or of one that has lost its name.
    pub(super) fn paths_of(
        &self,
        name: Option<&HostName>,
        findings: &Findings,
    ) -> Option<TlsPaths> {
        let name = name.map_or("controller", HostName::as_str);
        let path = |written: &At<String>| findings.keep(pem_path(written, name));
        let missing = |key: &str, example: &str| {
            if !self.broken {
                let place = self.place.clone();
                findings.push(finding::missing_key("tls", key, place, example));
            }
        };
        let ca = |side: &Side| {
            let written = side.ca.as_ref().or(self.ca.as_ref());
            if written.is_none() {
                missing("ca", "pki/ca.pem");
            }
            written.and_then(path)
        };
        let pair = |written: &WrittenPair| {
            let (cert, key) = (path(&written.cert), path(&written.key));
            Some(PairPaths {
                cert: cert?,
                key: key?,
            })
        };
        let pair_of = |side: &Side| {
            let written = side.pair.as_ref().or(self.shared.as_ref());
            if written.is_none() {
                missing("cert", "pki/kubernetes.pem");
                missing("key", "pki/kubernetes-key.pem");
            }
            written.and_then(pair)
        };
        let (server, server_ca) = (pair_of(&self.server), ca(&self.server));
        let (peer, peer_ca) = (pair_of(&self.peer), ca(&self.peer));
        let client = self.client.as_ref().map(pair);
        let paths = TlsPaths {
            server: server?,
            server_ca: server_ca?,
            peer: peer?,
            peer_ca: peer_ca?,
            peer_allowed_cn: self.peer.allowed_cn.clone(),
            client: match client {
                Some(client) => Some(client?),
                None => None,
            },
        };
        report_same_names(&paths, findings);
        Some(paths)
    }
}

impl Side {
    fn read(node: &Node, called: &str, known: &[&str], findings: &Findings) -> Option<Self> {
        let fields = Fields::of(node, called, findings)?;
        let takes = |key: &str| known.contains(&key);
        let only_if = |key: &str| takes(key).then(|| fields.optional(key)).flatten();
        let side = Self {
            ca: only_if("ca").and_then(|node| findings.text(node, "ca")),
            pair: pair(&fields, findings),
            allowed_cn: only_if("allowed_cn").and_then(|node| common_name(node, findings)),
        };
        fields.finish(known);
        Some(side)
    }
}

/// `cert` and `key` of a mapping: both or neither.
fn pair(fields: &Fields, findings: &Findings) -> Option<WrittenPair> {
    if fields.optional("cert").is_none() && fields.optional("key").is_none() {
        return None;
    }
    let written = |key: &str, example: &str| {
        let node = fields.required(key, example)?;
        findings.text(node, key)
    };
    let beside = |other: &str, (old, new): (&str, &str), usual: &str| {
        let given = fields.optional(other).and_then(|node| match &node.value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        });
        let example = given.and_then(|given| twin(given, old, new));
        example.unwrap_or_else(|| usual.to_owned())
    };
    let (of_cert, of_key) = (".pem", "-key.pem");
    let cert = beside("key", (of_key, of_cert), "pki/kubernetes.pem");
    let key = beside("cert", (of_cert, of_key), "pki/kubernetes-key.pem");
    let (cert, key) = (written("cert", &cert), written("key", &key));
    Some(WrittenPair {
        cert: cert?,
        key: key?,
    })
}

/// The name that goes with this one, `pki/{name}-key.pem` with `pki/{name}.pem`, if it may be
/// shown as it is.
fn twin(path: &str, old: &str, new: &str) -> Option<String> {
    let is_simple = |c: char| c.is_ascii_alphanumeric() || "/._-{}".contains(c);
    let stem = path.strip_suffix(old)?;
    let shown = path.len() <= 64 && path.chars().all(is_simple) && !path.starts_with(['{', '-']);
    shown.then(|| format!("{stem}{new}"))
}

fn text(fields: &Fields, key: &str, findings: &Findings) -> Option<At<String>> {
    findings.text(fields.optional(key)?, key)
}

fn common_name(node: &Node, findings: &Findings) -> Option<At<CommonName>> {
    let written = findings.text(node, "allowed_cn")?;
    let name = CommonName::new(&written.value);
    let name = findings.keep(name.map_err(|why| finding::common_name(&written, why)))?;
    Some(At {
        value: name,
        place: written.place,
    })
}

/// The path for this controller, which stays below the manifest's directory.
fn pem_path(written: &At<String>, name: &str) -> Result<At<PemPath>, Finding> {
    let path = written.value.replace(NAME, name);
    let parts: Vec<&str> = path.split('/').collect();
    let (why, help) = if path.contains("-----BEGIN") {
        (
            "it is a PEM text, not a path",
            "save it in a file and write the file's path",
        )
    } else if path.starts_with('/') || path.contains('\\') || path.contains(':') {
        (
            "it must be relative to the manifest's directory",
            "move the file below it, or name another root with `--files-dir`",
        )
    } else if parts.contains(&"..") {
        (
            "it leaves the manifest's directory",
            "move the file below it, or name another root with `--files-dir`",
        )
    } else if path.contains(['{', '}']) {
        (
            "only `{name}` may stand in braces",
            "write for example `pki/{name}.pem`",
        )
    } else if path.chars().any(char::is_control) || parts.contains(&"") {
        (
            "it is no path of a file",
            "write a path such as `pki/ca.pem`",
        )
    } else {
        let last = parts.last().copied().unwrap_or_default();
        return match FileName::new(last) {
            Ok(name) => Ok(At {
                value: PemPath { path, name },
                place: written.place.clone(),
            }),
            Err(why) => Err(finding::pem_name(written, why)),
        };
    };
    Err(finding::pem_path(written, why, help))
}

/// Two files of one controller may not become one on the machine.
fn report_same_names(paths: &TlsPaths, findings: &Findings) {
    let mut seen: Vec<&At<PemPath>> = Vec::new();
    for path in paths.all() {
        let name = path.value.name();
        // The same file may well stand in two places, but no certificate is a key.
        let twin = seen.iter().find(|first| {
            first.value.name() == name
                && first.place.start < path.place.start
                && (first.value != path.value || !plays_one_part(paths, path))
        });
        if let Some(first) = twin {
            let before = first.place.clone();
            findings.push(if first.value == path.value {
                finding::pem_in_two_parts(path, before)
            } else {
                finding::pem_same_name(path.place.clone(), name.as_str(), before)
            });
        }
        seen.push(path);
    }
}

/// Whether every place in which this file stands is for the same kind of content.
fn plays_one_part(paths: &TlsPaths, path: &At<PemPath>) -> bool {
    let pairs = [
        Some(&paths.server),
        Some(&paths.peer),
        paths.client.as_ref(),
    ];
    let pairs = || pairs.into_iter().flatten();
    let is = |other: &At<PemPath>| other.value == path.value;
    let authority = is(&paths.server_ca) || is(&paths.peer_ca);
    let certificate = pairs().any(|pair| is(&pair.cert));
    let key = pairs().any(|pair| is(&pair.key));
    usize::from(authority) + usize::from(certificate) + usize::from(key) == 1
}
