//! Directories and files that only their owner can read, from the first byte on.

#[cfg(unix)]
use super::shape;
use super::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

#[cfg(unix)]
pub(super) fn private<'a, 'b>(
    builder: &'a mut tempfile::Builder<'b, 'b>,
) -> &'a mut tempfile::Builder<'b, 'b> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
pub(super) fn private<'a, 'b>(
    builder: &'a mut tempfile::Builder<'b, 'b>,
) -> &'a mut tempfile::Builder<'b, 'b> {
    builder
}

#[cfg(unix)]
pub(super) fn make_private_directories(path: &Path) -> Result<()> {
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
pub(super) fn make_private_directories(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Error::Io("creating", path.to_path_buf(), error))
}

/// What a private path may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
    Executable,
}

impl Kind {
    pub(super) fn file(executable: bool) -> Self {
        if executable {
            Self::Executable
        } else {
            Self::File
        }
    }

    #[cfg(unix)]
    fn mode(self) -> u32 {
        match self {
            Self::File => 0o600,
            Self::Directory | Self::Executable => 0o700,
        }
    }
}

#[cfg(unix)]
pub(super) fn create(path: &Path, executable: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode(Kind::file(executable).mode())
        .open(path)
}

#[cfg(not(unix))]
pub(super) fn create(path: &Path, _executable: bool) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Whether it is of this kind itself, not a link to it, our own user's, and with the mode that we
/// give it.
#[cfg(unix)]
pub(super) fn has_mode(path: &Path, kind: Kind) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::symlink_metadata(path).is_ok_and(|found| {
        found.is_dir() == (kind == Kind::Directory)
            && found.is_file() == (kind != Kind::Directory)
            && shape::is_own(&found)
            // A directory may have its group from the one above it.
            && found.permissions().mode() & 0o5777 == kind.mode()
    })
}

#[cfg(not(unix))]
pub(super) fn has_mode(path: &Path, kind: Kind) -> bool {
    path.is_dir() == (kind == Kind::Directory)
}
