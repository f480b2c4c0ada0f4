//! `pin --vendor`: every pinned tarball, verified, laid out as a mirror serves it.

use super::{Pin, tarball};
use crate::commands::Failure;
use crate::input;
use crate::output::{Staged, write_public};
use crate::release::{
    Digest, FetchError, Hasher, Limits, LockedTarball, Mirror, Scheme, Sink, Sums,
    TARBALL_MOST_BYTES, tarball_name,
};
use crate::terminal::{Format, Progress};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{io, mem};

impl Pin<'_> {
    /// Fetches what is not there yet; notes the sizes.
    pub(super) fn vendor(
        &mut self,
        directory: &Path,
        tarballs: &mut [LockedTarball],
    ) -> Result<(), Failure> {
        let version = self.manifest().etcd.version.value;
        let directory = directory.join(format!("v{version}"));
        let list = directory.join("SHA256SUMS");
        let old = input::read(&list, Sums::MOST_BYTES)
            .ok()
            .and_then(|bytes| Sums::parse(bytes.expose()).ok());
        let mut sums = old.unwrap_or_default();
        for pinned in tarballs {
            let name = tarball_name(&version, pinned.arch);
            let path = directory.join(&name);
            let there = tarball::digest(&path).ok();
            let there = there.filter(|(digest, _)| *digest == pinned.sha256);
            let size = match there {
                Some((_, size)) => size,
                None => self.fetch(pinned, &path)?,
            };
            self.notes.push(format!(
                "`{}` is {}",
                crate::report::path(&path),
                if there.is_some() {
                    "there already"
                } else {
                    "new"
                }
            ));
            pinned.size = Some(size);
            sums = sums.with(name, pinned.sha256);
        }
        write_public(&list, sums.to_text().as_bytes())
            .map(|_| ())
            .map_err(|error| Failure::World(error.to_string()))
    }

    /// From a file that was named, else from the first mirror that has it.
    fn fetch(&mut self, pinned: &LockedTarball, path: &Path) -> Result<u64, Failure> {
        let etcd = &self.manifest().etcd;
        let name = tarball_name(&etcd.version.value, pinned.arch);
        let at_hand = self.arguments.tarball.iter();
        if let Some(file) = at_hand.clone().find(|file| file.ends_with(&name)) {
            return copy(file, path, pinned.sha256);
        }
        let is_file = |mirror: &&Mirror| mirror.scheme() == Scheme::File;
        // Where all mirrors are directories of the machines, this is how their files get there.
        let mirrors = if etcd.mirrors.iter().all(|mirror| is_file(&mirror)) {
            Mirror::upstream().to_vec()
        } else {
            etcd.mirrors.clone()
        };
        let mirrors = mirrors.iter().filter(|mirror| !is_file(mirror));
        let urls: Vec<_> = mirrors
            .map(|mirror| mirror.tarball(etcd.version.value, pinned.arch))
            .collect();
        let mut trouble = Vec::new();
        for url in urls {
            match self.download(&url, path, pinned.sha256)? {
                Ok(size) => {
                    self.notes.extend(trouble);
                    return Ok(size);
                }
                Err(why) => trouble.push(format!("`{url}`: {why}")),
            }
        }
        Err(Failure::World(format!(
            "no `{name}`: {}",
            trouble.join("; ")
        )))
    }

    /// Inside: what the mirror did wrong. Outside: what ends the command.
    fn download(
        &mut self,
        url: &str,
        path: &Path,
        expected: Digest,
    ) -> Result<Result<u64, String>, Failure> {
        let limits = Limits {
            total: Duration::from_secs(self.arguments.timeout),
            bytes: TARBALL_MOST_BYTES,
        };
        let is_human = self.context.format == Format::Human;
        let client = self.client()?;
        let mut target = Target {
            staged: staged(path)?,
            hasher: Hasher::default(),
            size: 0,
            progress: is_human.then(|| Progress::new(url)),
        };
        match client.fetch(url, limits, &mut target) {
            Ok(()) => {}
            Err(FetchError::Sink(error)) => return Err(unwritable(path, &error)),
            Err(error) => return Ok(Err(error.to_string())),
        }
        if target.hasher.digest() != expected {
            return Ok(Err("not the pinned tarball".to_owned()));
        }
        let size = target.size;
        target
            .staged
            .commit()
            .map_err(|error| Failure::World(error.to_string()))?;
        Ok(Ok(size))
    }
}

fn staged(path: &Path) -> Result<Staged, Failure> {
    Staged::new(path).map_err(|error| Failure::World(error.to_string()))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let reason = crate::report::reason(error);
    Failure::World(format!("writing `{}`: {reason}", crate::report::path(path)))
}

fn copy(from: &PathBuf, to: &Path, expected: Digest) -> Result<u64, Failure> {
    let bytes =
        input::read(from, TARBALL_MOST_BYTES).map_err(|error| Failure::reading(from, &error))?;
    let bytes = bytes.expose();
    if Digest::of(bytes) != expected {
        return Err(Failure::Wrong(format!(
            "`{}` is not the pinned tarball",
            crate::report::path(from)
        )));
    }
    let mut staged = staged(to)?;
    staged
        .write(bytes)
        .map_err(|error| unwritable(to, &error))?;
    staged
        .commit()
        .map_err(|error| Failure::World(error.to_string()))?;
    Ok(bytes.len() as u64)
}

/// Where a tarball goes while it comes: to the disk, and through the digest.
struct Target {
    staged: Staged,
    hasher: Hasher,
    size: u64,
    progress: Option<Progress>,
}

impl Sink for Target {
    fn begin(&mut self, length: Option<u64>) -> io::Result<()> {
        mem::take(&mut self.hasher);
        self.size = 0;
        if let Some(progress) = &self.progress {
            progress.begin(length);
        }
        self.staged.restart()
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        if let Some(progress) = &self.progress {
            progress.advance(bytes.len());
        }
        self.staged.write(bytes)
    }
}
