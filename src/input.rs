//! The one way to read a file that somebody named: regular files only, never more than a limit.
//!
//! A path may lead anywhere. A named pipe without a writer would wait for ever, a device has no
//! end, and opening some devices does something. So a path is looked at before it is opened, it is
//! opened so that nothing waits, and what was opened is looked at again: between the two looks
//! another file may have taken its place. A test (`tests/one_way.rs`) finds code that reads files
//! by other ways.

use crate::secret::Secret;
use std::fs::{File, FileType, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// Opens a regular file for reading. Nothing here waits: not for the writer of a named pipe, and
/// not for a terminal.
pub fn open(path: &Path) -> io::Result<File> {
    regular(&path.metadata()?)?;
    let file = open_without_waiting(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// The whole file; one that is larger than `most` bytes is refused.
///
/// ```
/// use std::path::Path;
/// let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
/// assert!(firstboot::input::read(&manifest, 1 << 20).is_ok());
/// assert!(firstboot::input::read(&manifest, 10).is_err());
/// assert!(firstboot::input::read(manifest.parent().unwrap(), 10).is_err());
/// ```
pub fn read(path: &Path, most: u64) -> io::Result<Secret> {
    let bytes = read_start(path, most.saturating_add(1))?;
    if bytes.expose().len() as u64 > most {
        return Err(too_large(most));
    }
    Ok(bytes)
}

/// The first `most` bytes of a file, for readers that have their own words for one that is longer.
pub fn read_start(path: &Path, most: u64) -> io::Result<Secret> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    start(file, length, most)
}

/// The first `most` bytes of standard input.
pub fn read_stdin(most: u64) -> io::Result<Secret> {
    start(io::stdin().lock(), 0, most)
}

/// Whether a file holds exactly these bytes; not one that cannot be read.
pub fn holds(path: &Path, bytes: &[u8]) -> bool {
    read(path, bytes.len() as u64).is_ok_and(|found| found.expose() == bytes)
}

/// Reads into memory that is wiped, also where it has to grow: it may be a key.
fn start(source: impl Read, expected: u64, most: u64) -> io::Result<Secret> {
    const LEAST: u64 = 4096;
    // One more than expected, so that the end is seen without growing.
    let room = expected.saturating_add(1).max(LEAST).min(most);
    let mut bytes = Zeroizing::new(vec![0; usize::try_from(room).unwrap_or(0)]);
    let mut source = source.take(most);
    let mut count = 0;
    loop {
        if count == bytes.len() {
            let mut larger = Zeroizing::new(vec![0; (count * 2).max(1)]);
            larger[..count].copy_from_slice(&bytes);
            bytes = larger;
        }
        match source.read(&mut bytes[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(count);
    Ok(Secret::new(std::mem::take(&mut *bytes)))
}

/// Why a file that is larger than `most` bytes is not read.
pub fn too_large(most: u64) -> io::Error {
    let size = match most {
        0..1024 => format!("{most} bytes"),
        1024..1_048_576 => format!("{} KiB", most / 1024),
        _ => format!("{} MiB", most / 1_048_576),
    };
    let text = format!("it is larger than {size}, more than such a file ever has");
    io::Error::new(ErrorKind::FileTooLarge, text)
}

fn regular(about: &Metadata) -> io::Result<()> {
    if about.is_file() {
        return Ok(());
    }
    if about.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let kind = special(about.file_type());
    let text = format!("it is {kind}, no regular file: copy what it gives into a file");
    Err(io::Error::new(ErrorKind::InvalidInput, text))
}

#[cfg(unix)]
fn special(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> &'static str {
    "a device"
}

#[cfg(unix)]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    File::options()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path)
}

#[cfg(not(unix))]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_read_to_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        for length in [0, 1, 4095, 4096, 4097, 100_000] {
            let bytes = vec![b'x'; length];
            fs::write(&path, &bytes).unwrap();
            let most = length as u64;
            assert_eq!(read(&path, most).unwrap().expose(), bytes);
            assert_eq!(read_start(&path, most + 7).unwrap().expose(), bytes);
            assert!(holds(&path, &bytes) && !holds(&path, b"y"));
            if length > 0 {
                let error = read(&path, most - 1).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::FileTooLarge);
                let cut = read_start(&path, most - 1).unwrap();
                assert_eq!(cut.expose().len(), length - 1);
            }
        }
    }

    /// The size that the system gives of these is 0.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_does_not_know_its_size_is_read_whole() {
        let text = read(Path::new("/proc/self/status"), 1 << 20).unwrap();
        assert!(text.expose().ends_with(b"\n") && text.expose().len() > 200);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_regular_files_are_read() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let socket = directory.path().join("socket");
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for (path, said) in [
            (fifo.as_path(), "a named pipe"),
            (socket.as_path(), "a socket"),
            (link.as_path(), "a device"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            let error = read(path, 10).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains(said), "{error}");
        }
        let error = read(directory.path(), 10).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IsADirectory);
    }
}
