//! Trees below one directory, each of them the old one or the new one, alone or by the thousand.
//!
//! # What a power cut leaves
//!
//! A tree is staged whole in a hidden directory beside its place. Nothing of that is synced while
//! it is written: until the rename it is garbage, whatever a power cut makes of it, and the next
//! writer sweeps it. [`Trees::put`] then does three things in this order, each waiting for the
//! one before:
//!
//! 1. Every byte and every name of the staged trees is brought to the disk: by `fsync` of each
//!    file and directory, or for many trees by one `syncfs` of the file system, which is what
//!    makes a thousand clusters cheap. A cut before its end leaves old trees and garbage.
//! 2. Each tree is renamed to its place, or swapped with the old one. The directory entry is old
//!    or new on the disk, and what the new one names has been there since step 1.
//! 3. The parent is synced, once for all trees, and only then old trees are removed. So no
//!    disk can hold the removal of an old tree's files without the swap that replaced it.
//!
//! `syncfs` waits for other programs' data too, so a single tree, which people wait for, does
//! without. It reports what could not be written since Linux 5.8 (syncfs(2)); where it fails, and
//! on other systems, every file is synced by itself.

use super::private::{Kind, create, has_mode, make_private_directories, private};
use super::shape::{self, ASIDE, RANDOM, STAGED};
use super::{Error, OutputFile, Owner, Result, lock, sync};
use crate::input;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// From so many trees on one `syncfs` is cheaper than the `fsync` of each file.
#[cfg(target_os = "linux")]
const MANY: usize = 8;

/// The trees that one run writes below one directory. Several threads may stage at once.
#[derive(Debug)]
pub struct Trees {
    parent: PathBuf,
    names: BTreeSet<String>,
    opened: Mutex<Option<Opened>>,
}

/// The parent, held by this process alone where the system can lock a directory.
#[derive(Debug)]
struct Opened {
    _lock: Option<File>,
}

/// A tree that has not got its name yet. Dropped, it is gone.
#[derive(Debug)]
pub struct StagedTree {
    stage: TempDir,
    target: PathBuf,
}

impl Trees {
    /// Trees of these names below `parent`. Touches nothing.
    pub fn new(parent: &Path, names: impl IntoIterator<Item = String>) -> Self {
        Self {
            parent: parent.to_path_buf(),
            names: names.into_iter().collect(),
            opened: Mutex::new(None),
        }
    }

    /// Writes a tree beside its place; `None` where the same bytes are there already. `name` is one
    /// of those of [`Trees::new`].
    pub fn stage(
        &self,
        name: &str,
        files: &[OutputFile],
        owner: impl Fn(&str) -> Owner,
    ) -> Result<Option<StagedTree>> {
        self.open()?;
        let target = self.parent.join(name);
        refuse_foreign(&target)?;
        let mut old = list(&target)?;
        if let Some(foreign) = old.iter().find(|path| owner(path) == Owner::Foreign) {
            return Err(Error::Foreign(target.join(foreign)));
        }
        let kept: Vec<_> = old
            .extract_if(.., |path| owner(path) == Owner::Other)
            .collect();
        if holds_exactly(&target, &old, files) {
            return Ok(None);
        }
        let io = |error| Error::Io("creating a directory in", self.parent.clone(), error);
        let prefix = shape::tree(name);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).rand_bytes(RANDOM).suffix(STAGED);
        let builder = private(&mut builder);
        let stage = builder.tempdir_in(&self.parent).map_err(io)?;
        keep(&target, stage.path(), &kept)?;
        fill(stage.path(), files)?;
        Ok(Some(StagedTree { stage, target }))
    }

    /// Gives trees their places, all of them on the disk before the first old one goes; the
    /// outcomes come in the given order.
    pub fn put(&self, staged: Vec<StagedTree>) -> Vec<Result<()>> {
        let synced = self.sync(&staged);
        let mut outcomes: Vec<_> = synced
            .into_iter()
            .zip(staged)
            .map(|(synced, tree)| synced.and_then(|()| tree.put()))
            .collect();
        if let Err(Error::Io(action, path, error)) = sync(&self.parent) {
            for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_ok()) {
                let error = io::Error::new(error.kind(), error.to_string());
                *outcome = Err(Error::Io(action, path.clone(), error));
            }
        }
        // Here what was replaced is removed, where there was something.
        outcomes
            .into_iter()
            .map(|outcome| outcome.map(drop::<Option<TempDir>>))
            .collect()
    }

    /// Makes and locks the parent once, and sweeps what killed processes left of these trees.
    fn open(&self) -> Result<()> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.is_none() {
            make_private_directories(&self.parent)?;
            refuse_other_user(&self.parent)?;
            let lock = lock(&self.parent)?;
            self.sweep()?;
            *opened = Some(Opened { _lock: lock });
        }
        Ok(())
    }

    /// Removes what killed processes left: it holds keys. A tree that was moved aside comes back
    /// where nothing has taken its place.
    fn sweep(&self) -> Result<()> {
        let io = |error| Error::Io("reading", self.parent.clone(), error);
        for entry in fs::read_dir(&self.parent).map_err(io)? {
            let entry = entry.map_err(io)?;
            let (file_name, path) = (entry.file_name(), entry.path());
            let is_of = |suffix| {
                let name = file_name
                    .to_str()?
                    .strip_prefix('.')?
                    .strip_suffix(suffix)?;
                let name = self.names.get(name.rsplit_once('.')?.0)?;
                shape::is_called(&file_name, &shape::tree(name), suffix).then_some(name)
            };
            let (staged, aside) = (is_of(STAGED), is_of(ASIDE));
            if staged.or(aside).is_none() || !shape::is_own_directory(&path) {
                continue;
            }
            let target = aside.map(|name| self.parent.join(name));
            match target.filter(|target| fs::symlink_metadata(target).is_err()) {
                Some(target) => fs::rename(&path, &target)
                    .map_err(|error| Error::Io("bringing back", target, error))?,
                None => {
                    fs::remove_dir_all(&path)
                        .map_err(|error| Error::Io("removing", path, error))?;
                }
            }
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn sync(&self, staged: &[StagedTree]) -> Vec<Result<()>> {
        let whole = || Ok::<_, io::Error>(rustix::fs::syncfs(File::open(&self.parent)?)?);
        if staged.len() >= MANY && whole().is_ok() {
            return staged.iter().map(|_| Ok(())).collect();
        }
        staged.iter().map(StagedTree::sync).collect()
    }

    #[cfg(not(target_os = "linux"))]
    fn sync(&self, staged: &[StagedTree]) -> Vec<Result<()>> {
        staged.iter().map(StagedTree::sync).collect()
    }
}

impl StagedTree {
    /// Brings every file and every directory to the disk.
    fn sync(&self) -> Result<()> {
        let root = self.stage.path();
        let mut directories = BTreeSet::from([root.to_path_buf()]);
        for path in list(root)? {
            let path = root.join(path);
            directories.extend(path.parent().map(Path::to_path_buf));
            sync_file(&path)?;
        }
        directories.iter().rev().try_for_each(|path| sync(path))
    }

    /// Gives the tree its place; what it replaced goes when the returned guard is dropped.
    fn put(self) -> Result<Option<TempDir>> {
        let io = |error: io::Error| Error::Io("replacing", self.target.clone(), error);
        if !self.target.exists() {
            fs::rename(self.stage.path(), &self.target).map_err(io)?;
            let _gone = self.stage.keep();
            return Ok(None);
        }
        replace(self.stage.path(), &self.target).map_err(io)?;
        Ok(Some(self.stage))
    }
}

#[cfg(unix)]
fn sync_file(path: &Path) -> Result<()> {
    sync(path)
}

/// Other systems sync only what is open for writing.
#[cfg(not(unix))]
fn sync_file(path: &Path) -> Result<()> {
    let opened = fs::OpenOptions::new().write(true).open(path);
    opened
        .and_then(|file| file.sync_all())
        .map_err(|error| Error::Io("syncing", path.to_path_buf(), error))
}

/// Every file and empty directory below `root`, relative to it, `/` between the parts.
fn list(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut waiting = vec![String::new()];
    while let Some(relative) = waiting.pop() {
        let directory = root.join(&relative);
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if relative.is_empty() && error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(Error::Io("reading", directory, error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| Error::Io("reading", directory.clone(), error))?;
            let path = format!("{relative}{}", entry.file_name().to_string_lossy());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => waiting.push(format!("{path}/")),
                _ => found.push(path),
            }
        }
    }
    Ok(found)
}

/// A tree that is none of ours, whatever is in it.
fn refuse_foreign(target: &Path) -> Result<()> {
    match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::Io("reading", target.to_path_buf(), error)),
        Ok(about) if !about.is_dir() => Err(Error::Foreign(target.to_path_buf())),
        Ok(about) if shape::is_own(&about) => Ok(()),
        Ok(about) => Err(other_user(target, &about)),
    }
}

/// Whoever owns the directory can put something else in the place of a tree. Root can anyway.
fn refuse_other_user(parent: &Path) -> Result<()> {
    let about =
        fs::metadata(parent).map_err(|error| Error::Io("reading", parent.to_path_buf(), error))?;
    if shape::is_own(&about) || shape::user(&about) == Some(0) {
        return Ok(());
    }
    Err(other_user(parent, &about))
}

fn other_user(path: &Path, about: &fs::Metadata) -> Error {
    Error::OtherUser(path.to_path_buf(), shape::user(about).unwrap_or_default())
}

/// The same bytes are not enough: a tree that others can read or write, or that has links in it,
/// is made anew.
fn holds_exactly(target: &Path, old: &[String], files: &[OutputFile]) -> bool {
    let is_private = |path: &Path| has_mode(path, Kind::Directory);
    let same = |file: &OutputFile| {
        let path = target.join(&file.path);
        path.parent().is_some_and(is_private)
            && has_mode(&path, Kind::file(file.executable))
            && input::holds(&path, file.bytes.expose())
    };
    old.len() == files.len() && is_private(target) && files.iter().all(same)
}

/// Brings files of the old tree into the new one, where they have a second name until the old one
/// goes.
fn keep(old: &Path, stage: &Path, kept: &[String]) -> Result<()> {
    for path in kept {
        let (from, to) = (old.join(path), stage.join(path));
        make_private_directories(to.parent().unwrap_or(stage))?;
        fs::hard_link(&from, &to)
            .or_else(|_| fs::copy(&from, &to).map(|_| ()))
            .map_err(|error| Error::Io("keeping", from, error))?;
    }
    Ok(())
}

fn fill(stage: &Path, files: &[OutputFile]) -> Result<()> {
    let mut directory = stage.to_path_buf();
    for file in files {
        let path = stage.join(&file.path);
        if let Some(parent) = path.parent().filter(|parent| *parent != directory) {
            make_private_directories(parent)?;
            directory = parent.to_path_buf();
        }
        create(&path, file.executable)
            .and_then(|mut out| out.write_all(file.bytes.expose()))
            .map_err(|error| Error::Io("writing", path, error))?;
    }
    Ok(())
}

/// Puts `stage` where `target` is, and `target` where `stage` was. Where the system can swap two
/// names in one step there is no moment without a tree; elsewhere the old one is moved aside first.
fn replace(stage: &Path, target: &Path) -> io::Result<()> {
    if swap(stage, target).is_ok() {
        return Ok(());
    }
    let aside = stage.with_extension(ASIDE.trim_start_matches('.'));
    fs::rename(target, &aside)?;
    fs::rename(stage, target)?;
    fs::rename(&aside, stage)
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn swap(a: &Path, b: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn swap(_a: &Path, _b: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
