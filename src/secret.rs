//! Bytes that must not be seen: wiped when dropped, never shown by `Debug`.

use std::fmt;
use zeroize::Zeroizing;

/// A private key or a text that contains one.
///
/// ```
/// use firstboot::secret::Secret;
/// let key = Secret::new(b"-----BEGIN EC PRIVATE KEY-----".to_vec());
/// assert_eq!(format!("{key:?}"), "Secret(30 bytes)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; the only other way to them is [`Secret::expose`].
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves, for the one place that writes or parses them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}
