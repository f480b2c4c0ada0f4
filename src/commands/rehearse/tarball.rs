//! The etcd that the machines will install, and where it comes from.

use super::Failure;
use super::linux::world;
use crate::bake;
use crate::cluster::Release;
use crate::rehearse::{self, Suite};
use crate::release::{Arch, Digest, Mirror, TARBALL_MOST_BYTES, Version};
use std::path::{Path, PathBuf};

/// What the machines will install, and where it comes from.
pub(super) struct Tarball {
    pub(super) path: PathBuf,
    pub(super) version: Version,
    pub(super) arch: Arch,
    digest: Digest,
    origin: String,
    pub(super) suite: Suite,
}

impl From<rehearse::StandIn> for Tarball {
    fn from(made: rehearse::StandIn) -> Self {
        Self {
            path: made.tarball,
            version: made.version,
            arch: made.arch,
            digest: made.digest,
            origin: made.origin,
            suite: made.suite,
        }
    }
}

/// A tarball that the user names: version and architecture are in its name, as upstream's.
pub(super) fn named_tarball(path: &Path, suite: Option<Suite>) -> Result<Tarball, Failure> {
    let bytes = crate::input::read(path, TARBALL_MOST_BYTES)
        .map_err(|error| Failure::reading(path, &error))?;
    let bytes = bytes.expose();
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let (version, arch) = Arch::ALL
        .into_iter()
        .find_map(|arch| {
            let version = name.strip_prefix("etcd-v")?.strip_suffix(&format!("-linux-{arch}.tar.gz"))?;
            Some((version.parse().ok()?, arch))
        })
        .ok_or_else(|| Failure::Wrong(format!(
            "`{}` is not named as upstream names its tarballs: `etcd-v3.5.21-linux-amd64.tar.gz`",
            crate::report::path(&name)
        )))?;
    Ok(Tarball {
        path: path.canonicalize().map_err(world)?,
        version,
        arch,
        digest: Digest::of(bytes),
        origin: crate::report::path_value(path),
        suite: suite.unwrap_or(Suite::Bookworm),
    })
}

impl Tarball {
    /// Another version may stand in; the pinned version with another digest is no stand-in.
    pub(super) fn unless_forged(self, pinned: &Release) -> Result<Self, Failure> {
        let known = pinned.tarballs.iter().find(|(arch, _)| *arch == self.arch);
        match known {
            Some((_, digest)) if self.version == pinned.version && self.digest != *digest => {
                Err(Failure::Wrong(format!(
                    "`{}` is not the pinned tarball: its SHA-256 is {}, not {digest}",
                    self.origin, self.digest
                )))
            }
            _ => Ok(self),
        }
    }

    /// The pinned release, with this tarball in the place of its own.
    pub(super) fn release(&self, pinned: &Release, mirrors: &[Mirror]) -> Release {
        let others = pinned.tarballs.iter().copied();
        let mut tarballs: Vec<_> = others.filter(|(arch, _)| *arch != self.arch).collect();
        tarballs.push((self.arch, self.digest));
        tarballs.sort_by_key(|(arch, _)| *arch);
        let directory = |mirror: &Mirror| mirror.directory(self.version);
        Release {
            version: self.version,
            tarballs,
            urls: mirrors.iter().map(directory).collect(),
        }
    }

    /// The same release, out of the tarball's own directory.
    pub(super) fn local_release(&self, release: &Release) -> Release {
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        Release {
            urls: vec![bake::file_url(directory)],
            ..release.clone()
        }
    }

    /// A sentence for the user where this is not the release that the manifest pins.
    pub(super) fn stand_in(&self, pinned: &Release) -> Option<String> {
        if pinned.tarballs.contains(&(self.arch, self.digest)) {
            return None;
        }
        Some(format!(
            "etcd {} stands in for the pinned {} ({}); only version and digest differ from \
             what `render` writes",
            self.version, pinned.version, self.origin
        ))
    }
}
