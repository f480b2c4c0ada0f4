//! Writes a rendered tree: the old one or the new one is there, whatever is killed when.
//!
//! The new tree is staged beside the old one, synced, and takes its place in one rename.

mod private;
mod public;
mod set;
mod trees;

pub use public::{Staged, write_public};
pub use set::write_set;
pub use trees::{StagedTree, Trees};

use crate::report::reason;
use crate::secret::Secret;
use private::make_private_directories;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// A file of the tree, relative to its root.
#[derive(Clone, Debug)]
pub struct OutputFile {
    /// `controller-0/user-data`: at most one directory deep.
    pub path: String,
    /// What is in it.
    pub bytes: Secret,
    /// Whether the owner may run it.
    pub executable: bool,
}

/// Whose a path in a tree is that is about to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Whoever writes now may have written it: it goes.
    Writer,
    /// Another command of this program: it stays as it is.
    Other,
    /// Nobody that is known: the tree is left alone.
    Foreign,
}

/// What became of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is new, or replaced another.
    Changed,
    /// The same bytes were there already; nothing was touched.
    Unchanged,
}

/// Why a tree was not written. What was there before is still there.
#[derive(Debug)]
pub enum Error {
    /// Somebody else's file stands in the tree that would be replaced.
    Foreign(PathBuf),
    /// The operating system refused: what was tried, on which path, and why.
    Io(&'static str, PathBuf, io::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Foreign(path) => write!(
                f,
                "`{}` was not written by this program: move it away, or name another directory with `-o`",
                path.display()
            ),
            Self::Io(action, path, error) => {
                write!(f, "{action} `{}`: {}", path.display(), reason(error))
            }
        }
    }
}

impl std::error::Error for Error {}

type Result<T> = std::result::Result<T, Error>;

/// Makes `parent/name` hold exactly these files: directories 0700, files 0600 (0700 if
/// executable), all of them on the disk before the old tree goes.
///
/// `owner` says of a path in the old tree whose it is; what another command wrote there stays.
pub fn write_tree(
    parent: &Path,
    name: &str,
    files: &[OutputFile],
    owner: impl Fn(&str) -> Owner,
) -> Result<Written> {
    let trees = Trees::new(parent, [name.to_owned()]);
    let Some(staged) = trees.stage(name, files, owner)? else {
        return Ok(Written::Unchanged);
    };
    trees.put(vec![staged]).swap_remove(0)?;
    Ok(Written::Changed)
}

/// One writer at a time, where the system can lock a directory: whoever holds the lock knows
/// that every stage it finds was left by a process that was killed.
fn lock(parent: &Path) -> Option<File> {
    let directory = File::open(parent).ok()?;
    directory.lock().ok()?;
    Some(directory)
}

#[cfg(unix)]
fn sync(directory: &Path) -> Result<()> {
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(|error| Error::Io("syncing", directory.to_path_buf(), error))
}

#[cfg(not(unix))]
fn sync(_directory: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn file(path: &str, text: &str) -> OutputFile {
        OutputFile {
            path: path.to_owned(),
            bytes: Secret::new(text.as_bytes().to_vec()),
            executable: path == "launch",
        }
    }

    fn ours(path: &str) -> Owner {
        if path == "launch" || path.ends_with("/user-data") {
            Owner::Writer
        } else if path.starts_with("image/") {
            Owner::Other
        } else {
            Owner::Foreign
        }
    }

    #[test]
    fn replaces_the_whole_tree_and_leaves_no_stage() {
        let parent = tempfile::tempdir().unwrap();
        let write = |files: &[OutputFile]| write_tree(parent.path(), "c", files, ours).unwrap();
        let old = [
            file("launch", "1"),
            file("a/user-data", "1"),
            file("b/user-data", "1"),
        ];
        let new = [file("launch", "1"), file("a/user-data", "2")];
        assert_eq!(write(&old), Written::Changed);
        assert_eq!(write(&old), Written::Unchanged);
        assert_eq!(write(&new), Written::Changed);
        assert!(!parent.path().join("c/b").exists());
        assert_eq!(fs::read(parent.path().join("c/a/user-data")).unwrap(), b"2");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn sweeps_what_a_killed_process_left() {
        let parent = tempfile::tempdir().unwrap();
        let stale = parent.path().join(".c.abc");
        for expected in [Written::Changed, Written::Unchanged] {
            fs::create_dir(&stale).unwrap();
            fs::write(stale.join("user-data"), "a key").unwrap();
            let written = write_tree(parent.path(), "c", &[file("launch", "1")], ours);
            assert_eq!(written.unwrap(), expected);
            assert!(!stale.exists());
        }
    }

    #[test]
    fn sweeps_only_its_own_stages() {
        let parent = tempfile::tempdir().unwrap();
        for name in [".c.d.abc", ".other.abc", ".hidden"] {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        write_tree(parent.path(), "c", &[file("launch", "1")], ours).unwrap();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 4);
    }

    #[test]
    fn many_trees_take_their_places_together() {
        let parent = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..20).map(|index| format!("c{index}")).collect();
        let read = |name: &str| fs::read(parent.path().join(name).join("a/user-data")).unwrap();
        for text in ["1", "2"] {
            let trees = Trees::new(parent.path(), names.iter().cloned());
            let files = [file("launch", "1"), file("a/user-data", text)];
            let stage = |name: &String| trees.stage(name, &files, ours).unwrap().unwrap();
            // Only some of them had a tree before.
            let some = if text == "1" { &names[..12] } else { &names };
            let staged: Vec<_> = some.iter().map(stage).collect();
            let here = |name: &&String| parent.path().join(name).exists();
            assert_eq!(
                some.iter().filter(here).count(),
                if text == "1" { 0 } else { 12 }
            );
            let outcomes = trees.put(staged);
            assert!(outcomes.len() == some.len() && outcomes.iter().all(Result::is_ok));
            assert!(some.iter().all(|name| read(name) == text.as_bytes()));
            assert_eq!(fs::read_dir(parent.path()).unwrap().count(), some.len());
        }
    }

    #[test]
    fn a_tree_that_finds_no_place_fails_alone() {
        let parent = tempfile::tempdir().unwrap();
        let names = ["a", "b", "c"].map(str::to_owned);
        let trees = Trees::new(parent.path(), names.clone());
        let files = [file("launch", "1")];
        let staged = names
            .iter()
            .map(|name| trees.stage(name, &files, ours).unwrap().unwrap());
        let staged = staged.collect();
        let gone = fs::read_dir(parent.path())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let is_of_b = |path: &PathBuf| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(".b.")
        };
        fs::remove_dir_all({ gone }.find(is_of_b).unwrap()).unwrap();
        let outcomes = trees.put(staged);
        let good: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
        assert_eq!(good, [true, false, true]);
        assert!(parent.path().join("c/launch").is_file() && !parent.path().join("b").exists());
    }

    #[test]
    fn what_another_command_wrote_stays() {
        let parent = tempfile::tempdir().unwrap();
        let write =
            |text: &str| write_tree(parent.path(), "c", &[file("launch", text)], ours).unwrap();
        write("1");
        let image = parent.path().join("c/image");
        fs::create_dir(&image).unwrap();
        fs::write(image.join("provision"), "theirs").unwrap();
        assert_eq!(write("1"), Written::Unchanged);
        assert_eq!(write("2"), Written::Changed);
        assert_eq!(fs::read(image.join("provision")).unwrap(), b"theirs");
        assert_eq!(fs::read(parent.path().join("c/launch")).unwrap(), b"2");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn leaves_a_tree_with_a_foreign_file_alone() {
        let parent = tempfile::tempdir().unwrap();
        write_tree(parent.path(), "c", &[file("launch", "1")], ours).unwrap();
        fs::write(parent.path().join("c/notes.txt"), "mine").unwrap();
        let error = write_tree(parent.path(), "c", &[file("launch", "2")], ours).unwrap_err();
        assert!(matches!(error, Error::Foreign(path) if path.ends_with("notes.txt")));
        assert_eq!(fs::read(parent.path().join("c/launch")).unwrap(), b"1");
    }

    #[cfg(unix)]
    #[test]
    fn strangers_can_read_nothing() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        write_tree(
            parent.path(),
            "c",
            &[file("launch", "1"), file("a/user-data", "k")],
            ours,
        )
        .unwrap();
        for (path, expected) in [
            ("c", 0o700),
            ("c/a", 0o700),
            ("c/a/user-data", 0o600),
            ("c/launch", 0o700),
        ] {
            let mode = fs::metadata(parent.path().join(path))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o7777, expected, "{path}");
        }
    }
}
