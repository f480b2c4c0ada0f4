//! Public files: whole under their name or not there, readable as the user's `umask` wills it.

use super::shape::{FILE, RANDOM, STAGED};
use super::{Error, Result, lock, set, sync};
use crate::input;
use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that has not got its name yet. Dropped, it is gone.
#[derive(Debug)]
pub struct Staged {
    file: NamedTempFile,
    target: PathBuf,
    /// Held as long as the file is staged: whoever gets it next sweeps what has no name.
    _lock: Option<File>,
}

impl Staged {
    /// Begins a file for this path; its directory is made, and what killed processes left is
    /// swept away.
    pub fn new(target: &Path) -> Result<Self> {
        let directory = set::directory(target);
        let io = |action| move |error| Error::Io(action, directory.to_path_buf(), error);
        fs::create_dir_all(directory).map_err(io("creating"))?;
        let lock = lock(directory)?;
        set::sweep(directory)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(FILE).rand_bytes(RANDOM).suffix(STAGED);
        let file = public(&mut builder)
            .tempfile_in(directory)
            .map_err(io("creating a file in"))?;
        Ok(Self {
            file,
            target: target.to_path_buf(),
            _lock: lock,
        })
    }

    /// Forgets what was written.
    pub fn restart(&mut self) -> io::Result<()> {
        self.file.as_file().set_len(0)?;
        self.file.rewind()
    }

    /// Appends.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Gives the file its name, once all of it is on the disk.
    pub fn commit(self) -> Result<()> {
        let io = |error| Error::Io("writing", self.target.clone(), error);
        self.file.as_file().sync_all().map_err(io)?;
        let done = self.file.persist(&self.target);
        done.map_err(|error| Error::Io("writing", self.target.clone(), error.error))?;
        sync(set::directory(&self.target))
    }
}

/// Makes a public file hold these bytes. Says whether it had to be written.
pub fn write_public(target: &Path, bytes: &[u8]) -> Result<super::Written> {
    if input::holds(target, bytes) {
        return Ok(super::Written::Unchanged);
    }
    let mut staged = Staged::new(target)?;
    let io = |error| Error::Io("writing", target.to_path_buf(), error);
    staged.write(bytes).map_err(io)?;
    staged.commit()?;
    Ok(super::Written::Changed)
}

#[cfg(unix)]
pub(super) fn public<'a, 'b>(
    builder: &'a mut tempfile::Builder<'b, 'b>,
) -> &'a mut tempfile::Builder<'b, 'b> {
    use std::os::unix::fs::PermissionsExt as _;
    builder.permissions(fs::Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
pub(super) fn public<'a, 'b>(
    builder: &'a mut tempfile::Builder<'b, 'b>,
) -> &'a mut tempfile::Builder<'b, 'b> {
    builder
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Written;

    #[test]
    fn is_whole_or_not_there_and_sweeps() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("v1/etcd");
        let mut staged = Staged::new(&target).unwrap();
        staged.write(b"half of one attempt").unwrap();
        staged.restart().unwrap();
        staged.write(b"all").unwrap();
        assert!(!target.exists());
        staged.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"all");
        drop(Staged::new(&target).unwrap());
        fs::write(
            parent.path().join("v1/.firstboot-0123456789abcdef.tmp"),
            "left by a kill",
        )
        .unwrap();
        assert_eq!(write_public(&target, b"all").unwrap(), Written::Unchanged);
        assert_eq!(write_public(&target, b"new").unwrap(), Written::Changed);
        assert_eq!(fs::read_dir(parent.path().join("v1")).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let (ours, plain) = (parent.path().join("a"), parent.path().join("b"));
        write_public(&ours, b"1").unwrap();
        fs::write(&plain, "1").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
