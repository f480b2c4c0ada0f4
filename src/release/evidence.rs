//! What is known of one tarball, from whom, and whether they agree. Pure.

use super::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who gave a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Origin {
    /// `etcd.sha256` in the manifest.
    Manifest,
    /// The table that is built in.
    Table,
    /// A tarball at hand, under this name.
    Tarball(String),
    /// A list of digests at this URL.
    Sums(String),
}

const MANIFEST: &str = "manifest";
const TABLE: &str = "built-in table";
const TARBALL: &str = "file ";

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str(MANIFEST),
            Self::Table => f.write_str(TABLE),
            Self::Tarball(name) => write!(f, "{TARBALL}{name}"),
            Self::Sums(url) => f.write_str(url),
        }
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl From<String> for Origin {
    fn from(text: String) -> Self {
        match text.as_str() {
            MANIFEST => Self::Manifest,
            TABLE => Self::Table,
            _ => match text.strip_prefix(TARBALL) {
                Some(name) => Self::Tarball(name.to_owned()),
                None => Self::Sums(text),
            },
        }
    }
}

/// A digest, and who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Who.
    pub origin: Origin,
    /// Which.
    pub digest: Digest,
    /// The tarball's size in bytes, where the whole of it was seen.
    pub size: Option<u64>,
}

/// A tarball on whose digest all agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The digest.
    pub digest: Digest,
    /// The size in bytes, if somebody saw the whole.
    pub size: Option<u64>,
    /// Everybody who gave that digest.
    pub from: Vec<Origin>,
}

/// Why there is no digest to pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// Nobody knows one.
    Nobody,
    /// Two who do not agree.
    Between(Box<[Evidence; 2]>),
}

/// The digest on which all agree; what the manifest gives is the user's word and outweighs all.
///
/// ```
/// use firstboot::release::{agree, Digest, Disagreement, Evidence, Origin};
/// let says = |origin, text: &[u8]| Evidence { origin, digest: Digest::of(text), size: None };
/// let table = says(Origin::Table, b"a");
/// assert!(agree(&[table.clone()]).is_ok());
/// assert_eq!(agree(&[]), Err(Disagreement::Nobody));
/// let liar = says(Origin::Sums("https://mirror.example".into()), b"b");
/// assert!(matches!(agree(&[table, liar.clone()]), Err(Disagreement::Between(_))));
/// assert!(agree(&[says(Origin::Manifest, b"a"), liar]).is_ok());
/// ```
pub fn agree(evidence: &[Evidence]) -> Result<Pinned, Disagreement> {
    let word = evidence
        .iter()
        .find(|found| found.origin == Origin::Manifest);
    let first = word.or(evidence.first()).ok_or(Disagreement::Nobody)?;
    let mut pinned = Pinned {
        digest: first.digest,
        size: None,
        from: Vec::new(),
    };
    for found in evidence {
        if found.digest == first.digest {
            pinned.size = pinned.size.or(found.size);
            if !pinned.from.contains(&found.origin) {
                pinned.from.push(found.origin.clone());
            }
        } else if word.is_none() {
            let both = [first.clone(), found.clone()];
            return Err(Disagreement::Between(Box::new(both)));
        }
    }
    Ok(pinned)
}
