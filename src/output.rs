//! Writes a rendered tree: the old one or the new one is there, whatever is killed when.
//!
//! The new tree is staged beside the old one, synced, and takes its place in one rename.

mod public;
mod set;

pub use public::{Staged, write_public};
pub use set::write_set;

use crate::report::reason;
use crate::secret::Secret;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
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
    let target = parent.join(name);
    let mut old = list(&target)?;
    if let Some(foreign) = old.iter().find(|path| owner(path) == Owner::Foreign) {
        return Err(Error::Foreign(target.join(foreign)));
    }
    let kept: Vec<_> = old
        .extract_if(.., |path| owner(path) == Owner::Other)
        .collect();
    if holds_exactly(&target, &old, files) {
        return Ok(Written::Unchanged);
    }
    make_private_directories(parent)?;
    let _lock = lock(parent);
    let prefix = format!(".{name}.");
    sweep(parent, &prefix)?;
    let mut builder = tempfile::Builder::new();
    let stage = private(builder.prefix(&prefix))
        .tempdir_in(parent)
        .map_err(|error| Error::Io("creating a directory in", parent.to_path_buf(), error))?;
    keep(&target, stage.path(), &kept)?;
    fill(stage.path(), files)?;
    replace(stage.path(), &target)?;
    sync(parent)?;
    Ok(Written::Changed)
}

/// One writer at a time, where the system can lock a directory: whoever holds the lock knows
/// that every stage it finds was left by a process that was killed.
fn lock(parent: &Path) -> Option<File> {
    let directory = File::open(parent).ok()?;
    directory.lock().ok()?;
    Some(directory)
}

/// Removes what killed processes left: it holds keys.
fn sweep(parent: &Path, prefix: &str) -> Result<()> {
    let io = |error| Error::Io("reading", parent.to_path_buf(), error);
    for entry in fs::read_dir(parent).map_err(io)? {
        let entry = entry.map_err(io)?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            let path = entry.path();
            fs::remove_dir_all(&path).map_err(|error| Error::Io("removing", path, error))?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn private<'a, 'b>(
    builder: &'a mut tempfile::Builder<'b, 'b>,
) -> &'a mut tempfile::Builder<'b, 'b> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn private<'a, 'b>(
    builder: &'a mut tempfile::Builder<'b, 'b>,
) -> &'a mut tempfile::Builder<'b, 'b> {
    builder
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

fn holds_exactly(target: &Path, old: &[String], files: &[OutputFile]) -> bool {
    let same = |file: &OutputFile| {
        let path = target.join(&file.path);
        has_mode(&path, file.executable)
            && fs::read(&path).is_ok_and(|bytes| bytes == file.bytes.expose())
    };
    old.len() == files.len() && files.iter().all(same)
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
    let mut directories = vec![stage.to_path_buf()];
    for file in files {
        let path = stage.join(&file.path);
        if let Some(directory) = path
            .parent()
            .filter(|parent| !directories.iter().any(|d| d == parent))
        {
            make_private_directories(directory)?;
            directories.push(directory.to_path_buf());
        }
        let io = |error| Error::Io("writing", path.clone(), error);
        let mut out = create(&path, file.executable).map_err(io)?;
        out.write_all(file.bytes.expose()).map_err(io)?;
        out.sync_all().map_err(io)?;
    }
    directories
        .iter()
        .rev()
        .try_for_each(|directory| sync(directory))
}

#[cfg(unix)]
fn make_private_directories(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(path)
        .map_err(|error| Error::Io("creating", path.to_path_buf(), error))
}

#[cfg(not(unix))]
fn make_private_directories(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Error::Io("creating", path.to_path_buf(), error))
}

#[cfg(unix)]
fn mode(executable: bool) -> u32 {
    if executable { 0o700 } else { 0o600 }
}

#[cfg(unix)]
fn create(path: &Path, executable: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode(mode(executable))
        .open(path)
}

#[cfg(not(unix))]
fn create(path: &Path, _executable: bool) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn has_mode(path: &Path, executable: bool) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o7777 == mode(executable))
}

#[cfg(not(unix))]
fn has_mode(path: &Path, _executable: bool) -> bool {
    path.is_file()
}

/// Puts `stage` where `target` is. Where the system can swap two names in one step there is no
/// moment without a tree; elsewhere the old one is moved aside first.
fn replace(stage: &Path, target: &Path) -> Result<()> {
    let io = |error: io::Error| Error::Io("replacing", target.to_path_buf(), error);
    if !target.exists() {
        // What is renamed away is an empty directory again, for the staging guard to remove.
        fs::rename(stage, target).map_err(io)?;
        return fs::create_dir(stage).map_err(io);
    }
    if swap(stage, target).is_ok() {
        return Ok(());
    }
    let aside = stage.with_extension("old");
    fs::rename(target, &aside).map_err(io)?;
    fs::rename(stage, target).map_err(io)?;
    fs::rename(&aside, stage).map_err(io)
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
        fs::create_dir(&stale).unwrap();
        fs::write(stale.join("user-data"), "a key").unwrap();
        write_tree(parent.path(), "c", &[file("launch", "1")], ours).unwrap();
        assert!(!stale.exists());
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
