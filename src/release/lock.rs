//! `cluster.lock`: what no manifest can say. What was pinned and where each digest came from, which
//! cluster this is, whether and with whom it began, and which authorities it trusts.
//!
//! Its last line is the digest of what stands above: a lock that a merge, an editor or a full disk
//! has changed is refused, since a line that is missing from it (that the cluster has begun) could
//! cost the cluster's data. To add a key: a field here that an older lock may lack, and a case in
//! `tests/lock.rs`.

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
    /// Which cluster of that name this is; `None` in a lock that is older than this key.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "as_some_text"
    )]
    pub id: Option<LockId>,
    /// What is installed.
    pub etcd: LockedEtcd,
    /// When the cluster may begin, and with whom it did.
    pub genesis: Genesis,
    /// Whom its members trust; `None` until somebody has seen the certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<Authorities>,
}

/// Which cluster a lock is of: 128 random bits, as `c` and 32 lower-case hexadecimal digits, which
/// every cloud takes as the value of a label or a tag.
///
/// ```
/// use firstboot::release::LockId;
/// let id = LockId::of([0xab; 16]);
/// assert_eq!(id.to_string(), format!("c{}", "ab".repeat(16)));
/// assert_eq!(id.to_string().parse(), Ok(id));
/// assert!("cAB".parse::<LockId>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockId([u8; 16]);

impl LockId {
    /// The ID of these random bytes.
    pub const fn of(random: [u8; 16]) -> Self {
        Self(random)
    }
}

impl fmt::Display for LockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{:032x}", u128::from_be_bytes(self.0))
    }
}

/// Why a text is no ID of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotALockId;

impl FromStr for LockId {
    type Err = NotALockId;

    fn from_str(text: &str) -> Result<Self, NotALockId> {
        let digits = text.strip_prefix('c').ok_or(NotALockId)?;
        let bits = u128::from_str_radix(digits, 16).map_err(|_| NotALockId)?;
        let id = Self(bits.to_be_bytes());
        // One way to write it: no capitals, no sign, no digits left out.
        (id.to_string() == text).then_some(id).ok_or(NotALockId)
    }
}

/// The certificate authorities of a cluster: the SHA-256 of each one's public key, which stays when
/// the certificate is issued again under the same key. It is what kubeadm takes as
/// `--discovery-token-ca-cert-hash`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorities {
    /// Whom members trust as peers.
    #[serde(with = "as_texts")]
    pub peer: Vec<Digest>,
    /// Whom members trust as clients, and clients as members.
    #[serde(with = "as_texts")]
    pub server: Vec<Digest>,
}

impl Authorities {
    /// These public keys; order and repetition do not matter.
    pub fn new(
        peer: impl IntoIterator<Item = Digest>,
        server: impl IntoIterator<Item = Digest>,
    ) -> Self {
        fn sorted(keys: impl IntoIterator<Item = Digest>) -> Vec<Digest> {
            let mut keys: Vec<_> = keys.into_iter().collect();
            keys.sort_unstable();
            keys.dedup();
            keys
        }
        Self {
            peer: sorted(peer),
            server: sorted(server),
        }
    }

    /// Whether machines that trust the ones and machines that trust the others understand each
    /// other, as peers and as clients.
    pub fn overlap(&self, other: &Self) -> bool {
        let share = |one: &[Digest], other: &[Digest]| one.iter().any(|key| other.contains(key));
        share(&self.peer, &other.peer) && share(&self.server, &other.server)
    }
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
    /// When the cluster was first seen to run with its quorum, in Unix seconds: from then on no
    /// machine begins it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "as_some_moment"
    )]
    pub began: Option<i64>,
    /// The ID of before, where it was said that the cluster begins again.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "as_some_text"
    )]
    pub formerly: Option<LockId>,
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
            id: None,
            etcd,
            genesis: Genesis {
                until,
                members,
                began: None,
                formerly: None,
            },
            authorities: None,
        }
    }

    /// The same lock, of the cluster with this ID.
    #[must_use]
    pub fn with_id(self, id: LockId) -> Self {
        Self {
            id: Some(id),
            ..self
        }
    }

    /// The same lock, of a cluster that trusts these.
    #[must_use]
    pub fn with_authorities(self, authorities: Authorities) -> Self {
        Self {
            authorities: Some(authorities),
            ..self
        }
    }

    /// The same lock, of a cluster that was seen to run at this moment; the first one counts.
    #[must_use]
    pub fn with_began(mut self, moment: i64) -> Self {
        self.genesis.began = self.genesis.began.or(Some(moment));
        self
    }

    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotALock> {
        if bytes.len() as u64 > Self::MOST_BYTES {
            return Err(NotALock {
                why: "it is larger than 64 KiB".to_owned(),
                place: None,
            });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| NotALock {
            why: "it is not UTF-8 text".to_owned(),
            place: Some(error.valid_up_to()..error.valid_up_to()),
        })?;
        let at = |index: usize, why: &str| NotALock {
            why: why.to_owned(),
            place: Some(line_around(text, index)),
        };
        let (body, digest) = sealed(text);
        let lock: Self = serde_yaml::from_str(body).map_err(|error| {
            let index = error.location().map_or(0, |at| at.index());
            at(index, &unplaced(&error))
        })?;
        match digest {
            None if lock.id.is_some() => {
                return Err(at(
                    text.trim_end().len(),
                    "its end is missing: the last line is `digest: …`",
                ));
            }
            Some(_) if lock.id.is_none() => {
                return Err(at(0, "a line of it is missing: `id: …`"));
            }
            Some(digest) if digest != seal(body) => {
                return Err(at(
                    body.len(),
                    "it is not as it was written: a merge or an editor has changed it",
                ));
            }
            _ => {}
        }
        let find = |needle: &str| text.rfind(needle).unwrap_or(0);
        let ascending = |pair: &[LockedTarball]| pair[0].arch < pair[1].arch;
        if lock.etcd.tarballs.is_empty() {
            return Err(at(find("tarballs:"), "it pins no tarball"));
        }
        if !lock.etcd.tarballs.windows(2).all(ascending) {
            return Err(at(
                find("arch:"),
                "an architecture stands twice or out of order in it",
            ));
        }
        let members = &lock.genesis.members;
        if let Some(twice) = (1..members.len()).find(|&at| members[..at].contains(&members[at])) {
            return Err(at(
                find(&members[twice].to_string()),
                "an address stands twice among its members",
            ));
        }
        if let Some(authorities) = &lock.authorities
            && (authorities.peer.is_empty() || authorities.server.is_empty())
        {
            return Err(at(find("authorities:"), "it names no authority"));
        }
        Ok(lock)
    }

    /// As it is written: the same lock gives the same bytes.
    pub fn to_text(&self) -> String {
        let yaml = serde_yaml::to_string(self).expect("a lock holds only texts and numbers");
        let body = format!(
            "# Written by `firstboot`. It belongs beside the manifest, into version control.\n{yaml}"
        );
        // One of before stays one of before until it is completed.
        if self.id.is_none() {
            return body;
        }
        let digest = seal(&body);
        format!("{body}{SEAL}{digest}\n")
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

/// The start of the last line.
const SEAL: &str = "digest: ";

/// What a lock's digest is of, and the digest that it gives, if it ends in one.
fn sealed(text: &str) -> (&str, Option<&str>) {
    let last = text.trim_end().rfind('\n').map_or(0, |newline| newline + 1);
    match text[last..].strip_prefix(SEAL) {
        Some(digest) => (&text[..last], Some(digest.trim_end())),
        None => (text, None),
    }
}

/// The digest of a lock's text, whichever line ends a checkout has given it.
fn seal(body: &str) -> String {
    Digest::of(body.replace('\r', "").as_bytes()).to_string()
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
fn unplaced(error: &serde_yaml::Error) -> String {
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
        let wrong = |_| {
            de::Error::custom(format!(
                "{} is not understood",
                crate::report::quoted(&text)
            ))
        };
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

/// The same for a value that may be absent.
mod as_some_text {
    use super::{Deserializer, FromStr, Serializer, as_text, fmt};

    #[allow(clippy::ref_option, reason = "serde asks for a reference")]
    pub(super) fn serialize<T: fmt::Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => as_text::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        as_text::deserialize(deserializer).map(Some)
    }
}

/// Digests in a list.
mod as_texts {
    use super::{Deserialize, Deserializer, Digest, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        values: &[Digest],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Digest>, D::Error> {
        let texts = Vec::<String>::deserialize(d)?;
        let read = |text: &String| {
            let wrong = |_| de::Error::custom("a fingerprint has 64 hexadecimal digits");
            text.parse().map_err(wrong)
        };
        texts.iter().map(read).collect()
    }
}

/// A moment that may be absent.
mod as_some_moment {
    use super::{Deserializer, Serializer, as_moment};

    #[allow(
        clippy::ref_option,
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks for a reference"
    )]
    pub(super) fn serialize<S: Serializer>(
        value: &Option<i64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(moment) => as_moment::serialize(moment, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
        as_moment::deserialize(d).map(Some)
    }
}
