//! One file on a machine.

use crate::cluster::PemFile;
use std::borrow::Cow;
use std::fmt;

/// A file as it is to stand on the machine, owned by root until bootstrap hands it on.
#[derive(Clone, PartialEq, Eq)]
pub struct File<'a> {
    /// Its absolute path.
    pub path: String,
    /// Its permissions.
    pub mode: Mode,
    /// Whether its bytes must never be shown.
    pub secret: bool,
    /// Whether an image may bring it.
    pub layer: Layer,
    contents: Cow<'a, [u8]>,
}

/// Which part of the machine a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The same bytes for every cluster: an image may hold it.
    Image,
    /// This cluster's or this controller's own: only user-data brings it.
    Boot,
}

/// A file's permission bits, shown as `chmod` and cloud-init take them.
///
/// ```
/// use firstboot::machine::Mode;
/// assert_eq!(Mode::SECRET.to_string(), "0600");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(u16);

impl Mode {
    /// For a file that everybody may read.
    pub const PUBLIC: Self = Self(0o644);
    /// For a file that only its owner may read.
    pub const SECRET: Self = Self(0o600);

    /// The bits as a number, as `chmod(2)` takes them.
    pub const fn bits(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl<'a> File<'a> {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.contents
    }

    /// Whose it is once bootstrap has run: that of etcd in `/etc/etcd`, root's all else.
    pub fn owner(&self) -> &'static str {
        if self.path.starts_with("/etc/etcd/") {
            "etcd"
        } else {
            "root"
        }
    }

    pub(super) fn image(path: String, text: impl Into<Cow<'static, str>>) -> Self {
        Self::text(path, text.into(), Layer::Image)
    }

    pub(super) fn boot(path: &str, text: String) -> Self {
        Self::text(path.to_owned(), text.into(), Layer::Boot)
    }

    fn text(path: String, text: Cow<'static, str>, layer: Layer) -> Self {
        Self {
            path,
            mode: Mode::PUBLIC,
            secret: false,
            layer,
            contents: match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
        }
    }

    /// A file with any bytes, for tests.
    #[cfg(test)]
    pub(crate) fn of(path: String, mode: Mode, bytes: Vec<u8>) -> Self {
        Self {
            path,
            mode,
            secret: mode == Mode::SECRET,
            layer: Layer::Boot,
            contents: Cow::Owned(bytes),
        }
    }

    pub(super) fn pem(pem: &'a PemFile, mode: Mode) -> Self {
        Self {
            path: super::render::pem_path(pem),
            mode,
            secret: mode == Mode::SECRET,
            layer: Layer::Boot,
            contents: Cow::Borrowed(pem.bytes.expose()),
        }
    }
}

/// Without the bytes.
impl fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "File({} {} {} bytes)",
            self.mode,
            self.path,
            self.contents.len()
        )
    }
}
