//! etcd releases: which version, for which architecture, with which digest, from where.
//!
//! Knows nothing of members. To add a release, append its rows to
//! `data/etcd-release-sha256.tsv`; the tests in [`table`] hold the file to its rules.

pub mod advice;
mod digest;
pub mod table;
mod version;

pub use digest::Digest;
pub use version::{Arch, Version};

/// Where upstream publishes a release, in the order in which the machine tries them.
///
/// Both hold `etcd-vX-linux-ARCH.tar.gz` and `SHA256SUMS`
/// (etcd-io/etcd, `scripts/release`).
pub fn upstream_urls(version: &Version) -> Vec<String> {
    vec![
        format!("https://github.com/etcd-io/etcd/releases/download/v{version}"),
        format!("https://storage.googleapis.com/etcd/v{version}"),
    ]
}

/// The tarball's name, which is also that of its top directory with `.tar.gz` behind it.
pub fn tarball_name(version: &Version, arch: Arch) -> String {
    format!("etcd-v{version}-linux-{arch}.tar.gz")
}
