//! Files that belong together: all of them are on the disk before the first has its name, and
//! once the first has it, all get it, whatever is killed when.

use super::journal::{self, Entry, Finished, Journal};
use super::shape::{self, FILE, RANDOM, STAGED};
use super::{Error, Result, lock, make_private_directories, public, sync};
use crate::release::Digest;
use crate::secret::Secret;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Changes that are made together or not at all.
#[derive(Clone, Debug)]
pub struct Set {
    root: PathBuf,
    what: String,
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
struct Change {
    path: PathBuf,
    to: To,
}

#[derive(Clone, Debug)]
enum To {
    Private(Secret),
    Public(Vec<u8>),
    Nothing,
}

impl Set {
    /// No changes so far, of files below `root`. `what` they are is said again by
    /// [`finish`], if this process does not come to their end: one line.
    pub fn new(root: &Path, what: &str) -> Self {
        Self {
            root: named(root),
            what: what.to_owned(),
            changes: Vec::new(),
        }
    }

    /// A file for its owner alone, 0600 from the first byte.
    pub fn private(&mut self, path: PathBuf, bytes: Secret) {
        self.add(path, To::Private(bytes));
    }

    /// A file that others may read as the user's `umask` wills it.
    pub fn public(&mut self, path: PathBuf, bytes: Vec<u8>) {
        self.add(path, To::Public(bytes));
    }

    /// A file that goes; it may be gone already.
    pub fn removal(&mut self, path: PathBuf) {
        self.add(path, To::Nothing);
    }

    fn add(&mut self, path: PathBuf, to: To) {
        self.changes.push(Change { path, to });
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Every file that it touches.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.changes.iter().map(|change| change.path.as_path())
    }

    /// Makes the changes, in their order. Directories that are missing are made, 0700. Without
    /// `overwrite` no file is replaced.
    ///
    /// Whoever fails or is killed before the journal stands has changed nothing; what was staged
    /// goes at the next call. From then on [`finish`] does the rest.
    pub fn write(&self, overwrite: bool) -> Result<()> {
        let mut directories = BTreeSet::from([real(&self.root)?]);
        for path in self.paths() {
            directories.insert(real(directory(path))?);
        }
        let _locks: Vec<_> = directories
            .iter()
            .map(|path| lock(path))
            .collect::<Result<_>>()?;
        journal::finish(&self.root)?;
        directories.iter().try_for_each(|path| sweep(path))?;

        let mut staged = Vec::new();
        let mut entries = Vec::new();
        for change in &self.changes {
            let old = journal::digest(&change.path)?;
            if old.is_some() && !overwrite {
                let exists = io::Error::from(io::ErrorKind::AlreadyExists);
                return Err(Error::Io("writing", change.path.clone(), exists));
            }
            let file = change.stage()?;
            let name = file.as_ref().and_then(|file| file.path().file_name());
            entries.push(Entry {
                staged: name.map(|name| name.to_string_lossy().into_owned()),
                old,
                new: change.to.digest(),
                path: self.relative(&change.path)?,
            });
            staged.extend(file);
        }
        directories.iter().try_for_each(|path| sync(path))?;
        let journal = Journal {
            what: self.what.clone(),
            entries,
        };
        let noted = journal.put(&self.root)?;
        for file in staged {
            // From here on they are the journal's.
            file.into_temp_path()
                .keep()
                .map_err(|error| Error::Io("keeping", self.root.clone(), error.error))?;
        }
        journal.finish(&self.root)?;
        journal::remove(&noted)?;
        sync(&self.root)
    }

    /// As it stands in a journal: a line, and none that leads elsewhere when the directory moves.
    fn relative(&self, path: &Path) -> Result<PathBuf> {
        let within = match path.strip_prefix(&self.root) {
            Ok(within) => within.to_path_buf(),
            Err(_) if self.root == Path::new(".") => path.to_path_buf(),
            Err(_) => std::path::absolute(path)
                .map_err(|error| Error::Io("writing", path.to_path_buf(), error))?,
        };
        let is_a_line = |text: &str| !text.chars().any(char::is_control);
        if within.to_str().is_some_and(is_a_line) {
            Ok(within)
        } else {
            let error = io::Error::other("the name holds bytes that are no text");
            Err(Error::Io("writing", path.to_path_buf(), error))
        }
    }
}

impl Change {
    fn stage(&self) -> Result<Option<NamedTempFile>> {
        let io = |error| Error::Io("writing", self.path.clone(), error);
        let mut builder = tempfile::Builder::new();
        builder.prefix(FILE).rand_bytes(RANDOM).suffix(STAGED);
        let bytes = match &self.to {
            To::Nothing => return Ok(None),
            To::Private(bytes) => bytes.expose(),
            To::Public(bytes) => {
                public::public(&mut builder);
                bytes
            }
        };
        let mut file = builder.tempfile_in(directory(&self.path)).map_err(io)?;
        file.write_all(bytes).map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        Ok(Some(file))
    }
}

impl To {
    fn digest(&self) -> Option<Digest> {
        match self {
            Self::Private(bytes) => Some(Digest::of(bytes.expose())),
            Self::Public(bytes) => Some(Digest::of(bytes)),
            Self::Nothing => None,
        }
    }
}

/// Finishes the set of changes below `root` that an earlier process did not come to the end of;
/// `None` where there is none, or where its files were changed since, in which case it is
/// forgotten.
pub fn finish(root: &Path) -> Result<Option<Finished>> {
    let root = named(root);
    if !root.is_dir() {
        return Ok(None);
    }
    let _lock = lock(&root)?;
    journal::finish(&root)
}

/// The empty path means the current directory, which cannot be opened under that name.
fn named(root: &Path) -> PathBuf {
    if root.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        root.to_path_buf()
    }
}

/// The directory of a file; that of `.` is the current one.
pub(super) fn directory(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// The directory, made if it is missing. Two spellings of one would wait for each other's lock.
fn real(directory: &Path) -> Result<PathBuf> {
    make_private_directories(directory)?;
    directory
        .canonicalize()
        .map_err(|error| Error::Io("reading", directory.to_path_buf(), error))
}

/// Removes what killed processes left and nobody will finish: it may hold keys.
pub(super) fn sweep(directory: &Path) -> Result<()> {
    journal::finish(directory)?;
    let io = |error| Error::Io("reading", directory.to_path_buf(), error);
    for entry in fs::read_dir(directory).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = entry.path();
        if shape::is_called(&entry.file_name(), FILE, STAGED) && shape::is_own_file(&path) {
            fs::remove_file(&path).map_err(|error| Error::Io("removing", path, error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(parent: &Path, files: &[(&str, &str)]) -> Set {
        let mut set = Set::new(parent, "test");
        for (name, text) in files {
            set.private(parent.join(name), Secret::new(text.as_bytes().to_vec()));
        }
        set
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn overwrites_only_when_told() {
        let parent = tempfile::tempdir().unwrap();
        let write = |text: &str, overwrite| {
            set(parent.path(), &[("pki/ca-key.pem", text)]).write(overwrite)
        };
        write("1", false).unwrap();
        assert!(write("2", false).is_err());
        let read = || fs::read_to_string(parent.path().join("pki/ca-key.pem")).unwrap();
        assert_eq!(read(), "1");
        write("2", true).unwrap();
        assert_eq!(read(), "2");
        assert_eq!(names(parent.path()), ["pki"]);
        assert_eq!(names(&parent.path().join("pki")), ["ca-key.pem"]);
    }

    #[test]
    fn writes_all_or_nothing_and_sweeps_only_what_is_ours() {
        let parent = tempfile::tempdir().unwrap();
        let stale = parent.path().join(".firstboot-0123456789abcdef.tmp");
        fs::write(&stale, "a key").unwrap();
        fs::create_dir(parent.path().join(".firstboot-0123456789abcdeF.tmp")).unwrap();
        for theirs in ["file", ".firstboot-README", ".firstboot-notes.txt"] {
            fs::write(parent.path().join(theirs), "").unwrap();
        }
        let wrong = set(parent.path(), &[("a", "1"), ("file/b", "2")]);
        assert!(wrong.write(true).is_err());
        assert!(!parent.path().join("a").exists());
        set(parent.path(), &[("a", "1"), ("./b", "2")])
            .write(false)
            .unwrap();
        assert!(!stale.exists());
        assert_eq!(
            names(parent.path()),
            [
                ".firstboot-0123456789abcdeF.tmp",
                ".firstboot-README",
                ".firstboot-notes.txt",
                "a",
                "b",
                "file"
            ]
        );
    }

    /// A process is killed after so many renames; the next one finishes, unless somebody was there.
    #[test]
    fn what_was_begun_is_finished_unless_another_hand_was_there() {
        for (killed_after, touched) in [(0, false), (1, false), (3, false), (1, true), (0, true)] {
            let parent = tempfile::tempdir().unwrap();
            let path = |name: &str| parent.path().join(name);
            fs::write(path("a"), "old a").unwrap();
            fs::write(path("gone"), "old").unwrap();
            let stage = |number: usize| format!(".firstboot-000000000000000{number}.tmp");
            let mut entries = Vec::new();
            for (number, (name, old, new)) in [
                ("a", Some("old a"), Some("new a")),
                ("sub/b", None, Some("new b")),
                ("gone", Some("old"), None),
            ]
            .into_iter()
            .enumerate()
            {
                let digest = |text: Option<&str>| text.map(|text| Digest::of(text.as_bytes()));
                let place = path(name);
                fs::create_dir_all(place.parent().unwrap()).unwrap();
                let staged = place.with_file_name(stage(number));
                if let Some(new) = new {
                    fs::write(&staged, new).unwrap();
                }
                if number < killed_after {
                    match new {
                        Some(_) => fs::rename(staged, place).unwrap(),
                        None => fs::remove_file(place).unwrap(),
                    }
                }
                entries.push(Entry {
                    staged: new.map(|_| stage(number)),
                    old: digest(old),
                    new: digest(new),
                    path: name.into(),
                });
            }
            let what = "test".to_owned();
            Journal { what, entries }.put(parent.path()).unwrap();
            if touched {
                fs::write(path("a"), "put back").unwrap();
            }
            let finished = finish(parent.path()).unwrap();
            assert_eq!(finished.is_some(), !touched);
            if touched {
                assert_eq!(fs::read(path("a")).unwrap(), b"put back");
                assert_eq!(fs::read(path("gone")).unwrap(), b"old");
                assert_eq!(names(parent.path()), ["a", "gone", "sub"]);
                assert_eq!(names(&path("sub")).len(), 0);
            } else {
                assert_eq!(fs::read(path("a")).unwrap(), b"new a");
                assert_eq!(names(parent.path()), ["a", "sub"]);
                assert_eq!(names(&path("sub")), ["b"]);
            }
            assert_eq!(finish(parent.path()).unwrap(), None);
        }
    }

    #[cfg(unix)]
    #[test]
    fn strangers_can_read_nothing() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let mut both = set(parent.path(), &[("pki/key.pem", "1")]);
        both.public(parent.path().join("cluster.yaml"), b"2".to_vec());
        both.write(false).unwrap();
        let plain = parent.path().join("plain");
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        for (path, expected) in [("pki", 0o700), ("pki/key.pem", 0o600)] {
            assert_eq!(mode(&parent.path().join(path)), expected, "{path}");
        }
        assert_eq!(mode(&parent.path().join("cluster.yaml")), mode(&plain));
    }
}
