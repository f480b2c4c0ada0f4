//! A note of what is still to be done, so that whoever comes next can finish a set of changes.
//!
//! A set of files cannot take its names in one step. So when all of them are on the disk, a
//! journal is put beside them, in one rename: before it, nothing has changed; from then on, the
//! set is finished by the next command that writes there, whatever is killed when. It says of
//! each file what stood in its place, and where another hand has been there since, nothing more
//! is done: what a user has put back stays.

use super::shape::{self, FILE, JOURNAL, RANDOM, STAGED};
use super::{Error, Result, sync};
use crate::input;
use crate::release::{Digest, Hasher};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

const FIRST: &str = "firstboot journal v1";
const LAST: &str = "end";
/// Stands where there is no file, or is to be none.
const NONE: &str = "-";

/// A set of changes that an earlier process had begun, and that is whole now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// What it was, in the word of whoever began it.
    pub what: String,
    /// The files that were to change.
    pub paths: Vec<PathBuf>,
}

/// One change: what is staged takes the place of what is there, or nothing does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The name of the staged file, beside its place; `None` where the place is to be empty.
    pub(super) staged: Option<String>,
    /// What is there before.
    pub(super) old: Option<Digest>,
    /// What is there afterwards.
    pub(super) new: Option<Digest>,
    /// The place, from the journal's directory on.
    pub(super) path: PathBuf,
}

/// What stands in a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Journal {
    pub(super) what: String,
    pub(super) entries: Vec<Entry>,
}

/// How a place stands.
enum State {
    Pending,
    Done,
    /// It holds neither what was there nor what is to be.
    Changed,
}

impl Entry {
    fn place(&self, root: &Path) -> PathBuf {
        root.join(&self.path)
    }

    fn stage(&self, root: &Path) -> Option<PathBuf> {
        let name = self.staged.as_ref()?;
        Some(self.place(root).with_file_name(name))
    }

    fn state(&self, root: &Path) -> Result<State> {
        let there = digest(&self.place(root))?;
        let is_staged = match self.stage(root) {
            Some(stage) => shape::is_own_file(&stage),
            None => there.is_some(),
        };
        Ok(match is_staged {
            true if there == self.old => State::Pending,
            false if there == self.new => State::Done,
            _ => State::Changed,
        })
    }

    fn take(&self, root: &Path) -> Result<()> {
        let place = self.place(root);
        let (action, done) = match self.stage(root) {
            Some(stage) => ("writing", fs::rename(stage, &place)),
            None => ("removing", fs::remove_file(&place)),
        };
        done.map_err(|error| Error::Io(action, place, error))
    }
}

impl Journal {
    /// Puts it into a directory, whole on the disk. From here on the set is as good as done.
    pub(super) fn put(&self, root: &Path) -> Result<PathBuf> {
        let io = |error| Error::Io("writing a journal into", root.to_path_buf(), error);
        let mut file = tempfile::Builder::new()
            .prefix(FILE)
            .rand_bytes(RANDOM)
            .suffix(STAGED)
            .tempfile_in(root)
            .map_err(io)?;
        file.write_all(self.text().as_bytes()).map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        let name = file
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let name = name.strip_suffix(STAGED).unwrap_or(&name);
        let path = root.join(format!("{name}{JOURNAL}"));
        file.persist_noclobber(&path)
            .map_err(|error| io(error.error))?;
        sync(root)?;
        Ok(path)
    }

    /// Does what is still to be done; `false` where another hand has been at one of the files.
    pub(super) fn finish(&self, root: &Path) -> Result<bool> {
        let mut pending = Vec::new();
        let mut changed = false;
        for entry in &self.entries {
            match entry.state(root)? {
                State::Pending => pending.push(entry),
                State::Done => {}
                State::Changed => changed = true,
            }
        }
        if changed {
            self.forget(root)?;
            return Ok(false);
        }
        for entry in &pending {
            entry.take(root)?;
        }
        let directories: BTreeSet<_> = self
            .entries
            .iter()
            .map(|entry| super::set::directory(&entry.place(root)).to_path_buf())
            .collect();
        directories.iter().try_for_each(|path| sync(path))?;
        Ok(true)
    }

    /// Removes what is staged: it is to have no name any more.
    fn forget(&self, root: &Path) -> Result<()> {
        let stages = self.entries.iter().filter_map(|entry| entry.stage(root));
        for stage in stages.filter(|stage| shape::is_own_file(stage)) {
            fs::remove_file(&stage).map_err(|error| Error::Io("removing", stage, error))?;
        }
        Ok(())
    }

    fn text(&self) -> String {
        let mut text = format!("{FIRST}\n{}\n", self.what);
        for entry in &self.entries {
            let digest = |digest: Option<Digest>| {
                digest.map_or_else(|| NONE.to_owned(), |digest| digest.to_string())
            };
            let staged = entry.staged.as_deref().unwrap_or(NONE);
            let (old, new) = (digest(entry.old), digest(entry.new));
            let path = entry.path.to_string_lossy();
            let _ = writeln!(text, "{staged} {old} {new} {path}");
        }
        text + LAST + "\n"
    }

    /// `None` unless every line is as we write it: it says what may be removed.
    fn read(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let what = lines.next().filter(|line| *line == FIRST);
        let what = what.and_then(|_| lines.next())?.to_owned();
        let mut entries = Vec::new();
        loop {
            let line = lines.next()?;
            if line == LAST {
                break;
            }
            let mut words = line.splitn(4, ' ');
            let mut optional = || words.next().map(|word| (word != NONE).then_some(word));
            let (staged, old, new) = (optional()?, optional()?, optional()?);
            let path = words.next().filter(|path| !path.is_empty())?;
            if staged.is_some_and(|name| !shape::is_called(name.as_ref(), FILE, STAGED)) {
                return None;
            }
            let digest = |word: Option<&str>| word.map(str::parse).transpose().ok();
            let (old, new) = (digest(old)?, digest(new)?);
            if staged.is_some() != new.is_some() {
                return None;
            }
            entries.push(Entry {
                staged: staged.map(str::to_owned),
                old,
                new,
                path: path.into(),
            });
        }
        lines.next().is_none().then_some(Self { what, entries })
    }
}

/// Finishes what killed processes began in this directory, which is locked.
pub(super) fn finish(root: &Path) -> Result<Option<Finished>> {
    let mut finished = None;
    for path in journals(root)? {
        let bytes = read(&path)?;
        // What is no journal of ours stays as it is.
        let Some(journal) = String::from_utf8(bytes)
            .ok()
            .and_then(|it| Journal::read(&it))
        else {
            continue;
        };
        if journal.finish(root)? {
            let paths = journal.entries.iter().map(|entry| entry.place(root));
            finished = Some(Finished {
                paths: paths.collect(),
                what: journal.what,
            });
        }
        remove(&path)?;
        sync(root)?;
    }
    Ok(finished)
}

/// A journal that is done goes.
pub(super) fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|error| Error::Io("removing", path.to_path_buf(), error))
}

fn journals(root: &Path) -> Result<Vec<PathBuf>> {
    let io = |error| Error::Io("reading", root.to_path_buf(), error);
    let mut found = Vec::new();
    for entry in fs::read_dir(root).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = entry.path();
        if shape::is_called(&entry.file_name(), FILE, JOURNAL) && shape::is_own_file(&path) {
            found.push(path);
        }
    }
    Ok(found)
}

/// The digest of the file that is there; `None` where nothing is.
pub(super) fn digest(path: &Path) -> Result<Option<Digest>> {
    let io = |error| Error::Io("reading", path.to_path_buf(), error);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
        Ok(_) => {}
    }
    let about = match fs::metadata(path) {
        // A link to nowhere is replaced like any other.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Digest::of(b""))),
        other => other.map_err(io)?,
    };
    if !about.is_file() {
        return Err(io(io::Error::other("it is no regular file")));
    }
    let mut file = input::open(path).map_err(io)?;
    let mut hasher = Hasher::default();
    let mut buffer = zeroize::Zeroizing::new([0; 8192]);
    loop {
        match file.read(&mut *buffer).map_err(io)? {
            0 => return Ok(Some(hasher.digest())),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// No journal is larger.
const MOST_BYTES: u64 = 1 << 20;

fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = input::read_start(path, MOST_BYTES)
        .map_err(|error| Error::Io("reading", path.to_path_buf(), error))?;
    Ok(bytes.expose().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_nothing_else() {
        let journal = Journal {
            what: "rotate-ca 3".to_owned(),
            entries: vec![
                Entry {
                    staged: Some(".firstboot-0123456789abcdef.tmp".to_owned()),
                    old: None,
                    new: Some(Digest::of(b"1")),
                    path: "pki/a b.pem".into(),
                },
                Entry {
                    staged: None,
                    old: Some(Digest::of(b"2")),
                    new: None,
                    path: "pki/ca-next.pem".into(),
                },
            ],
        };
        let text = journal.text();
        assert_eq!(Journal::read(&text), Some(journal));
        for cut in 0..text.len() {
            assert_eq!(Journal::read(&text[..cut]), None, "{}", &text[..cut]);
        }
        for (from, to) in [
            (".firstboot-0", "../firstboot-0"),
            ("v1", "v2"),
            (" - ", " x "),
            ("end\n", "end\nend\n"),
            (".tmp", ""),
        ] {
            assert_eq!(Journal::read(&text.replacen(from, to, 1)), None, "{to}");
        }
    }
}
