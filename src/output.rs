//! Writes a rendered tree: the old one or the new one is there, whatever is killed when.
//!
//! The new tree is staged beside the old one, synced, and takes its place in one rename.

mod journal;
mod lock;
mod private;
mod public;
mod set;
mod shape;
mod trees;

pub use journal::Finished;
pub use public::{Staged, write_public};
pub use set::{Set, finish};
pub use trees::{StagedTree, Trees};

use crate::report::reason;
use crate::secret::Secret;
use lock::lock;
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
    /// The directory belongs to another user, with this number.
    OtherUser(PathBuf, u32),
    /// Somebody else has held the lock on this directory for too long: who, if that is known.
    Busy(PathBuf, Option<String>),
    /// The operating system refused: what was tried, on which path, and why.
    Io(&'static str, PathBuf, io::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Foreign(path) => write!(
                f,
                "`{}` was not written by this program: move it away, or name another directory with `-o`",
                crate::report::path(path)
            ),
            Self::OtherUser(path, user) => write!(
                f,
                "`{}` belongs to another user (uid {user}), who could replace what is written there: run this as that user, or name another directory with `-o`",
                crate::report::path(path)
            ),
            Self::Busy(path, holder) => {
                let directory = crate::report::path(path);
                let holder = holder.as_deref().unwrap_or("another process");
                write!(
                    f,
                    "`{directory}` is locked by {holder}: wait for its end, or end it, and try again"
                )
            }
            Self::Io(action, path, error) => {
                write!(
                    f,
                    "{action} `{}`: {}",
                    crate::report::path(path),
                    reason(error)
                )
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
        let stale = parent.path().join(".c.0123456789abcdef.tmp");
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
        for name in [
            ".c.d.0123456789abcdef.tmp",
            ".other.0123456789abcdef.tmp",
            ".hidden",
            ".c.bak",
            ".c.abc123",
            ".c.old",
        ] {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        // Of our shape, but no directory.
        fs::write(parent.path().join(".c.0123456789abcdef.tmp"), "").unwrap();
        write_tree(parent.path(), "c", &[file("launch", "1")], ours).unwrap();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 8);
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

    /// Where two names cannot be swapped, an old tree is moved aside first.
    #[test]
    fn a_tree_that_was_moved_aside_comes_back() {
        let parent = tempfile::tempdir().unwrap();
        let aside = parent.path().join(".c.0123456789abcdef.old");
        fs::create_dir(&aside).unwrap();
        fs::write(aside.join("launch"), "1").unwrap();
        let trees = Trees::new(parent.path(), ["c".to_owned()]);
        trees.stage("c", &[file("launch", "2")], ours).unwrap();
        assert_eq!(fs::read(parent.path().join("c/launch")).unwrap(), b"1");
        assert!(!aside.exists());
    }

    #[cfg(unix)]
    #[test]
    fn what_stands_there_in_another_form_is_replaced_or_refused() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let parent = tempfile::tempdir().unwrap();
        let path = |name: &str| parent.path().join(name);
        let write = || {
            let files = [file("launch", "1"), file("a/user-data", "k")];
            write_tree(parent.path(), "c", &files, ours)
        };
        write().unwrap();
        let chmod = |name: &str, mode| {
            fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        for (name, loose, right) in [
            ("c", 0o755, 0o700),
            ("c/a", 0o750, 0o700),
            ("c/a/user-data", 0o644, 0o600),
            ("c/launch", 0o755, 0o700),
        ] {
            chmod(name, loose);
            assert_eq!(write().unwrap(), Written::Changed, "{name}");
            let mode = fs::metadata(path(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, right, "{name}");
            assert_eq!(write().unwrap(), Written::Unchanged);
        }
        // The same bytes, but by a link: whoever owns its end could change them.
        fs::write(path("elsewhere"), "k").unwrap();
        fs::remove_file(path("c/a/user-data")).unwrap();
        symlink(path("elsewhere"), path("c/a/user-data")).unwrap();
        chmod("elsewhere", 0o600);
        assert_eq!(write().unwrap(), Written::Changed);
        assert!(
            fs::symlink_metadata(path("c/a/user-data"))
                .unwrap()
                .is_file()
        );
        assert_eq!(fs::read(path("elsewhere")).unwrap(), b"k");
        // A tree that is a link is somebody's own doing.
        fs::rename(path("c"), path("real")).unwrap();
        symlink(path("real"), path("c")).unwrap();
        assert!(matches!(write(), Err(Error::Foreign(path)) if path.ends_with("c")));
        assert_eq!(fs::read(path("real/launch")).unwrap(), b"1");
    }

    /// Only root can make a directory of another user's.
    #[cfg(unix)]
    #[test]
    fn a_directory_of_another_user_is_refused() {
        use std::os::unix::fs::chown;
        if !rustix::process::geteuid().is_root() {
            let parent = Path::new("/proc");
            assert!(write_tree(parent, "c", &[file("launch", "1")], ours).is_err());
            return;
        }
        let parent = tempfile::tempdir().unwrap();
        let write = |at: &Path| write_tree(at, "c", &[file("launch", "1")], ours);
        write(parent.path()).unwrap();
        let stage = parent.path().join(".c.0123456789abcdef.tmp");
        fs::create_dir(&stage).unwrap();
        chown(&stage, Some(1), None).unwrap();
        write(parent.path()).unwrap();
        assert!(stage.exists(), "another user's is not ours to remove");
        chown(parent.path().join("c"), Some(1), None).unwrap();
        assert!(matches!(write(parent.path()), Err(Error::OtherUser(_, 1))));
        let out = parent.path().join("out");
        fs::create_dir(&out).unwrap();
        chown(&out, Some(1), None).unwrap();
        assert!(matches!(write(&out), Err(Error::OtherUser(_, 1))));
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
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
