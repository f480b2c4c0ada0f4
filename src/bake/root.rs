//! The image layer, applied to a root directory of this computer.

use super::{ImageLayer, SCRIPT};
use crate::report::reason;
use std::fmt::{self, Write as _};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The exit status with which `provision` says that an image is not fit to be used.
const UNFIT: i32 = 65;

/// Why a root directory holds no image.
#[derive(Debug)]
pub enum Error {
    /// This is no directory to work on, and why.
    NotARoot(PathBuf, &'static str),
    /// The image is not fit to be used: what was found, a line each.
    Unfit(String),
    /// It could not be made: what the script said last.
    Failed(String),
    /// The operating system refused: what was tried, and why.
    Io(String, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARoot(path, why) => write!(f, "`{}` {why}", crate::report::path(path)),
            Self::Unfit(said) | Self::Failed(said) => f.write_str(said),
            Self::Io(action, error) => write!(f, "{action}: {}", reason(error)),
        }
    }
}

impl std::error::Error for Error {}

/// Installs, cleans and checks; nothing outside of `root` is touched. Returns what was done, a
/// line each.
///
/// It needs the rights to write there and this computer's `sh`, coreutils, `curl`, `tar`, `gzip`
/// and `useradd`. What is there already is not done again.
pub fn apply(layer: &ImageLayer, root: &Path) -> Result<String, Error> {
    let root = real_root(root)?;
    let doing = |action: &str| {
        let action = action.to_owned();
        move |error| Error::Io(action, error)
    };
    let directory = tempfile::tempdir().map_err(doing("creating a directory"))?;
    for (name, text) in layer.files() {
        let path = directory.path().join(name);
        fs::write(&path, text)
            .map_err(doing(&format!("writing `{}`", crate::report::path(&path))))?;
    }
    let output = Command::new("sh")
        .arg(directory.path().join(SCRIPT))
        .arg(&root)
        .output()
        .map_err(doing("running `sh`"))?;
    let said = String::from_utf8_lossy(&output.stderr)
        .trim_end()
        .to_owned();
    match output.status.code() {
        Some(0) => Ok(said),
        Some(UNFIT) => Err(Error::Unfit(said)),
        _ => Err(Error::Failed(said)),
    }
}

/// The directory itself, if it is one that may be worked on.
fn real_root(root: &Path) -> Result<PathBuf, Error> {
    let refuse = |why| Error::NotARoot(root.to_path_buf(), why);
    let real = root.canonicalize().map_err(|error| {
        let action = format!("reading `{}`", crate::report::path(root));
        Error::Io(action, error)
    })?;
    if is_own_root(&real) {
        return Err(refuse(
            "is this computer's own root: name the root directory of an image; on a machine that \
             is to be captured, run `provision /`",
        ));
    }
    if !real.join("etc/passwd").is_file() {
        return Err(refuse(
            "is no system's root directory: it has no `etc/passwd`",
        ));
    }
    Ok(real)
}

/// By whatever name: a bind mount of it is it, too.
#[cfg(unix)]
fn is_own_root(real: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |path: &Path| {
        fs::metadata(path)
            .map(|about| (about.dev(), about.ino()))
            .ok()
    };
    identity(real) == identity(Path::new("/"))
}

#[cfg(not(unix))]
fn is_own_root(real: &Path) -> bool {
    real.parent().is_none()
}

/// A directory as a mirror on this computer: a `file` URL (RFC 8089) with the host that curl knows.
pub fn file_url(directory: &Path) -> String {
    let mut url = "file://localhost".to_owned();
    for byte in directory.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'_' | b'-' => url.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => url.push(char::from(*byte)),
            byte => {
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn this_computer_is_refused_by_any_name() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/", &link).unwrap();
        for root in [Path::new("/"), Path::new("/usr/.."), &link, &link.join(".")] {
            let refused = real_root(root).unwrap_err().to_string();
            assert!(refused.contains("this computer's own root"), "{refused}");
        }
    }

    #[test]
    fn a_file_url_holds_any_path() {
        assert_eq!(file_url(Path::new("/a/b_c-1")), "file://localhost/a/b_c-1");
        assert_eq!(
            file_url(Path::new("/a b/%é")),
            "file://localhost/a%20b/%25%C3%A9"
        );
    }
}
