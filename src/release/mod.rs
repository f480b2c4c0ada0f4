//! etcd releases: which version, for which architecture, with which digest, from where.
//!
//! Knows nothing of members. `http` alone touches the network. To add a release, append its rows to
//! `data/etcd-release-sha256.tsv`; the tests in [`table`] hold the file to its rules.

pub mod advice;
mod digest;
mod evidence;
mod http;
mod lock;
mod mirror;
mod sums;
pub mod table;
mod version;

pub use digest::{Digest, Hasher};
pub use evidence::{Disagreement, Evidence, Origin, Pinned, agree};
pub use http::{Client, Error as FetchError, Limits, Sink};
pub use lock::{
    Authorities, Genesis, LOCK_API_VERSION, Lock, LockId, LockedEtcd, LockedTarball, NotALock,
    NotALockId,
};
pub use mirror::{Mirror, NotAMirror, Scheme};
pub use sums::{NotSums, Sums};
pub use version::{Arch, NotAnArch, Version};

/// Where upstream publishes a release, in the order in which the machine tries them.
///
/// Both hold `etcd-vX-linux-ARCH.tar.gz` and `SHA256SUMS`
/// (etcd-io/etcd, `scripts/release`).
pub fn upstream_urls(version: &Version) -> Vec<String> {
    let mirrors = Mirror::upstream();
    mirrors.map(|mirror| mirror.directory(*version)).into()
}

/// More than any tarball has: ten times etcd's largest today.
pub const TARBALL_MOST_BYTES: u64 = 256 * 1024 * 1024;

/// The tarball's name, which is also that of its top directory with `.tar.gz` behind it.
pub fn tarball_name(version: &Version, arch: Arch) -> String {
    format!("etcd-v{version}-linux-{arch}.tar.gz")
}
