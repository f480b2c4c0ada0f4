//! A tarball at hand: which one it is, by its name, and what is in it.

use crate::commands::Failure;
use crate::input;
use crate::release::{Arch, Digest, Hasher, TARBALL_MOST_BYTES, Version, tarball_name};
use flate2::read::GzDecoder;
use std::io::{self, Read};
use std::path::Path;

/// What the largest tarball may hold.
const MOST_UNPACKED: u64 = 4 * TARBALL_MOST_BYTES;

pub(super) struct AtHand {
    pub(super) name: String,
    pub(super) version: Version,
    pub(super) arch: Arch,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// Reads a tarball, and looks into it: a saved error page must not be pinned.
/// `wanted` is the version for the example in a message.
pub(super) fn read(path: &Path, wanted: Version) -> Result<AtHand, Failure> {
    let failed = |error: io::Error| Failure::reading(path, &error);
    // A file that is missing is that, whatever it is called.
    let (digest, size) = digest(path).map_err(failed)?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let (version, arch) = named(&name).ok_or_else(|| {
        Failure::Wrong(format!(
            "`{}` is not named as upstream names its tarballs: `{}`",
            crate::report::path(&name),
            tarball_name(&wanted, Arch::Amd64)
        ))
    })?;
    if !holds_etcd(path, &name).unwrap_or(false) {
        let top = crate::report::path(name.trim_end_matches(".tar.gz"));
        return Err(Failure::Wrong(format!(
            "`{}` is no release of etcd: it holds no `{top}/etcd`",
            crate::report::path(path)
        )));
    }
    Ok(AtHand {
        name,
        version,
        arch,
        digest,
        size,
    })
}

/// Version and architecture of `etcd-vX-linux-ARCH.tar.gz`.
fn named(name: &str) -> Option<(Version, Arch)> {
    let middle = name.strip_prefix("etcd-v")?.strip_suffix(".tar.gz")?;
    let (version, arch) = middle.split_once("-linux-")?;
    let found = (version.parse().ok()?, arch.parse().ok()?);
    (tarball_name(&found.0, found.1) == name).then_some(found)
}

/// Digest and size of a file.
pub(super) fn digest(path: &Path) -> io::Result<(Digest, u64)> {
    let mut file = input::open(path)?.take(TARBALL_MOST_BYTES + 1);
    let mut hasher = Hasher::default();
    let mut chunk = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Ok((hasher.digest(), size));
        }
        hasher.update(&chunk[..count]);
        size += count as u64;
        if size > TARBALL_MOST_BYTES {
            return Err(input::too_large(TARBALL_MOST_BYTES));
        }
    }
}

fn holds_etcd(path: &Path, name: &str) -> io::Result<bool> {
    let wanted = format!("{}/etcd", name.trim_end_matches(".tar.gz"));
    let packed = input::open(path)?.take(TARBALL_MOST_BYTES);
    // A few bytes may unpack to terabytes.
    let unpacked = GzDecoder::new(packed).take(MOST_UNPACKED);
    let mut archive = tar::Archive::new(unpacked);
    for entry in archive.entries()? {
        if *entry?.path_bytes() == *wanted.as_bytes() {
            return Ok(true);
        }
    }
    Ok(false)
}
