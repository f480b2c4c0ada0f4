//! Private files that belong together: all are whole on the disk before the first has its name.

use super::{Error, Result, lock, make_private_directories, sync};
use crate::secret::Secret;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// How a file is called that has not got its name yet.
pub(super) const STAGED: &str = ".firstboot-";

/// Writes these files, 0600 from the first byte; directories that are missing are made, 0700.
///
/// They take their names in the given order, each in one rename. Whoever is killed before the
/// first rename has changed nothing, and what was staged goes at the next call. Without
/// `overwrite` no file is replaced.
pub fn write_set(files: &[(PathBuf, Secret)], overwrite: bool) -> Result<()> {
    let mut directories = BTreeSet::new();
    for (path, _) in files {
        let directory = directory(path);
        make_private_directories(directory)?;
        // Two spellings of one directory would wait for each other's lock.
        let real = directory
            .canonicalize()
            .map_err(|error| Error::Io("reading", directory.to_path_buf(), error))?;
        directories.insert(real);
    }
    let _locks: Vec<_> = directories.iter().map(|path| lock(path)).collect();
    directories.iter().try_for_each(|path| sweep(path))?;
    let staged: Vec<_> = files
        .iter()
        .map(|(path, bytes)| stage(path, bytes))
        .collect::<Result<_>>()?;
    for (file, (path, _)) in staged.into_iter().zip(files) {
        let done = if overwrite {
            file.persist(path)
        } else {
            file.persist_noclobber(path)
        };
        done.map_err(|error| Error::Io("writing", path.clone(), error.error))?;
    }
    directories.iter().try_for_each(|path| sync(path))
}

pub(super) fn directory(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn stage(path: &Path, bytes: &Secret) -> Result<NamedTempFile> {
    let io = |error| Error::Io("writing", path.to_path_buf(), error);
    let mut file = tempfile::Builder::new()
        .prefix(STAGED)
        .tempfile_in(directory(path))
        .map_err(io)?;
    file.write_all(bytes.expose()).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    Ok(file)
}

/// Removes what killed processes left: it may hold keys.
pub(super) fn sweep(directory: &Path) -> Result<()> {
    let io = |error| Error::Io("reading", directory.to_path_buf(), error);
    for entry in fs::read_dir(directory).map_err(io)? {
        let entry = entry.map_err(io)?;
        if entry.file_name().to_string_lossy().starts_with(STAGED) {
            let path = entry.path();
            fs::remove_file(&path).map_err(|error| Error::Io("removing", path, error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(parent: &Path, files: &[(&str, &str)]) -> Vec<(PathBuf, Secret)> {
        let one = |(name, text): &(&str, &str)| {
            (parent.join(name), Secret::new(text.as_bytes().to_vec()))
        };
        files.iter().map(one).collect()
    }

    #[test]
    fn overwrites_only_when_told() {
        let parent = tempfile::tempdir().unwrap();
        let write = |text: &str, overwrite| {
            write_set(&set(parent.path(), &[("pki/ca-key.pem", text)]), overwrite)
        };
        write("1", false).unwrap();
        assert!(write("2", false).is_err());
        let read = || fs::read_to_string(parent.path().join("pki/ca-key.pem")).unwrap();
        assert_eq!(read(), "1");
        write("2", true).unwrap();
        assert_eq!(read(), "2");
    }

    #[test]
    fn writes_all_or_nothing_and_sweeps() {
        let parent = tempfile::tempdir().unwrap();
        let stale = parent.path().join(".firstboot-abc");
        fs::write(&stale, "a key").unwrap();
        fs::write(parent.path().join("file"), "").unwrap();
        let wrong = set(parent.path(), &[("a", "1"), ("file/b", "2")]);
        assert!(write_set(&wrong, true).is_err());
        assert!(!parent.path().join("a").exists());
        write_set(&set(parent.path(), &[("a", "1"), ("./b", "2")]), false).unwrap();
        assert!(!stale.exists());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 3);
    }

    #[cfg(unix)]
    #[test]
    fn strangers_can_read_nothing() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        write_set(&set(parent.path(), &[("pki/key.pem", "1")]), false).unwrap();
        for (path, mode) in [("pki", 0o700), ("pki/key.pem", 0o600)] {
            let found = fs::metadata(parent.path().join(path)).unwrap();
            assert_eq!(found.permissions().mode() & 0o7777, mode, "{path}");
        }
    }
}
