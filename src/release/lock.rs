//! `cluster.lock`: what was pinned, where each digest came from, how the cluster began.

use super::{Arch, Digest, Origin, Pinned, Version};
use crate::calendar;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::str::FromStr;

/// The only version of the lock's form so far.
pub const LOCK_API_VERSION: &str = "firstboot-lock/v1";

/// A cluster's lock file. One that exists is right in itself.
///
/// Time enters a render only through it: the genesis window is a moment, not a span.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    expecting = "what `firstboot pin` writes"
)]
pub struct Lock {
    api_version: ApiVersion,
    /// The cluster's name: a window of another cluster is none of this one's.
    pub cluster: String,
    /// What is installed.
    pub etcd: LockedEtcd,
    /// When the cluster may begin, and with whom it did.
    pub genesis: Genesis,
}

/// The key `etcd` of a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedEtcd {
    /// The release.
    #[serde(with = "as_text")]
    pub version: Version,
    /// One for each architecture of the cluster, in the order of [`Arch::ALL`].
    pub tarballs: Vec<LockedTarball>,
    /// Directories that hold the tarballs, in the order in which a machine tries them.
    pub urls: Vec<String>,
}

/// One tarball of a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedTarball {
    /// For which machines.
    #[serde(with = "as_text")]
    pub arch: Arch,
    /// Its digest.
    #[serde(with = "as_text")]
    pub sha256: Digest,
    /// Its size in bytes, where the whole tarball was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Everybody who gave that digest.
    pub from: Vec<Origin>,
}

/// The key `genesis` of a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The moment in Unix seconds after which a blank machine only ever joins (RFC 3339, UTC).
    #[serde(with = "as_moment")]
    pub until: i64,
    /// The controllers' addresses with which it begins, from which its ID follows for ever; none
    /// in a lock that is older than this key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<IpAddr>,
}

/// Why a text is no lock, and where, as a byte range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotALock {
    /// What is wrong with it.
    pub why: String,
    /// Where; `None` for the whole.
    pub place: Option<Range<usize>>,
}

impl Lock {
    /// More than any lock has.
    pub const MOST_BYTES: u64 = 64 * 1024;

    /// A lock for this cluster.
    pub fn new(cluster: &str, etcd: LockedEtcd, until: i64, members: Vec<IpAddr>) -> Self {
        Self {
            api_version: ApiVersion,
            cluster: cluster.to_owned(),
            etcd,
            genesis: Genesis { until, members },
        }
    }

    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotALock> {
        let whole = |why: &str| NotALock {
            why: why.to_owned(),
            place: None,
        };
        if bytes.len() as u64 > Self::MOST_BYTES {
            return Err(whole("it is larger than 64 KiB"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| whole("it is not UTF-8 text"))?;
        let lock: Self = yaml_serde::from_str(text).map_err(|error| NotALock {
            place: error.location().map(|at| line_around(text, at.index())),
            why: unplaced(&error),
        })?;
        let ascending = |pair: &[LockedTarball]| pair[0].arch < pair[1].arch;
        if lock.etcd.tarballs.is_empty() {
            return Err(whole("it pins no tarball"));
        }
        if !lock.etcd.tarballs.windows(2).all(ascending) {
            return Err(whole("an architecture stands twice or out of order in it"));
        }
        let members = &lock.genesis.members;
        if (1..members.len()).any(|at| members[..at].contains(&members[at])) {
            return Err(whole("an address stands twice among its members"));
        }
        Ok(lock)
    }

    /// As it is written: the same lock gives the same bytes.
    pub fn to_text(&self) -> String {
        let yaml = yaml_serde::to_string(self).expect("a lock holds only texts and numbers");
        format!(
            "# Written by `firstboot pin`. It belongs beside the manifest, into version control.\n{yaml}"
        )
    }

    /// What is pinned for an architecture.
    pub fn find(&self, arch: Arch) -> Option<&LockedTarball> {
        self.etcd.tarballs.iter().find(|found| found.arch == arch)
    }
}

impl From<(Arch, Pinned)> for LockedTarball {
    fn from((arch, pinned): (Arch, Pinned)) -> Self {
        Self {
            arch,
            sha256: pinned.digest,
            size: pinned.size,
            from: pinned.from,
        }
    }
}

/// The whole line, for a report that underlines it.
fn line_around(text: &str, index: usize) -> Range<usize> {
    let index = (0..=index.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at));
    let (before, after) = text.split_at(index.unwrap_or(0));
    let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
    let end = before.len() + after.find('\n').unwrap_or(after.len());
    begin..end
}

/// The parser's words without the line and column that a report shows itself.
fn unplaced(error: &yaml_serde::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ApiVersion;

impl Serialize for ApiVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(LOCK_API_VERSION)
    }
}

impl<'de> Deserialize<'de> for ApiVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if String::deserialize(deserializer)? == LOCK_API_VERSION {
            return Ok(Self);
        }
        Err(de::Error::custom(format!(
            "only `{LOCK_API_VERSION}` is known to this program"
        )))
    }
}

/// Values that are written as they are shown.
mod as_text {
    use super::{Deserialize, Deserializer, FromStr, Serializer, de, fmt};

    pub(super) fn serialize<T: fmt::Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = |_| de::Error::custom(format!("`{}` is not understood", text.escape_debug()));
        text.parse().map_err(wrong)
    }
}

/// A moment in Unix seconds, written as RFC 3339 in UTC.
mod as_moment {
    use super::{Deserialize, Deserializer, Serializer, calendar, de};

    #[allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks for a reference"
    )]
    pub(super) fn serialize<S: Serializer>(value: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&calendar::moment(*value))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
        let text = String::deserialize(d)?;
        calendar::parse(&text)
            .ok_or_else(|| de::Error::custom("a moment is written as `2027-01-15T08:00:00Z`"))
    }
}
