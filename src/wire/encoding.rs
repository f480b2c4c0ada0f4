//! The encodings in which a document travels when it may not or need not travel as plain text.

use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io;

/// gzip without a time and without a name: the same bytes everywhere.
///
/// Zopfli, because every byte counts where this is needed at all: 4 % smaller than zlib's best.
pub fn gzip(document: &Secret) -> io::Result<Secret> {
    #[cfg(test)]
    WORK.with(|work| work.set(work.get() + document.expose().len()));
    let mut out = Vec::with_capacity(document.expose().len());
    let options = zopfli::Options::default();
    zopfli::compress(options, zopfli::Format::Gzip, document.expose(), &mut out)?;
    Ok(Secret::new(out))
}

#[cfg(test)]
thread_local! {
    static WORK: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How many bytes this thread has handed to zopfli so far.
#[cfg(test)]
pub(crate) fn work() -> usize {
    WORK.with(std::cell::Cell::get)
}

/// base64 on one line without a newline: one newline in it, and some datasources of cloud-init
/// take it for plain text and ignore it.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn gzip_is_reproducible_and_reversible() {
        let document = Secret::new(b"#cloud-config\n".repeat(100));
        let packed = gzip(&document).unwrap();
        assert_eq!(packed, gzip(&document).unwrap());
        assert_eq!(packed.expose()[4..8], [0; 4], "a time is in it");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed.expose())
            .read_to_end(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, document.expose());
    }

    #[test]
    fn base64_has_no_newline() {
        assert!(!base64(&[0; 1000]).contains('\n'));
    }
}
