//! Directories and files that only their owner can read, from the first byte on.

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

#[cfg(unix)]
fn mode(executable: bool) -> u32 {
    if executable { 0o700 } else { 0o600 }
}

#[cfg(unix)]
pub(super) fn create(path: &Path, executable: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode(mode(executable))
        .open(path)
}

#[cfg(not(unix))]
pub(super) fn create(path: &Path, _executable: bool) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
pub(super) fn has_mode(path: &Path, executable: bool) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o7777 == mode(executable))
}

#[cfg(not(unix))]
pub(super) fn has_mode(path: &Path, _executable: bool) -> bool {
    path.is_file()
}
