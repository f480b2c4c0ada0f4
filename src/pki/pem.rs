//! PEM files, split exactly as Go's `encoding/pem` splits them.
//!
//! etcd sees what Go sees: a block counts only when its BEGIN line starts a line and an END
//! line with the same label follows; anything else is skipped in silence. General PEM crates
//! are kinder, and none wipes the text of a key, so the splitting is done here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One block of a PEM file.
pub(super) struct Block {
    /// What stands behind `BEGIN`.
    pub label: String,
    /// The 1-based line of its BEGIN.
    pub line: usize,
    /// `Proc-Type: 4,ENCRYPTED` stands in its header: the old OpenSSL way to lock a key.
    pub locked: bool,
    /// The decoded bytes; `None` when they are no base64, which makes Go skip the block.
    pub der: Option<Zeroizing<Vec<u8>>>,
}

impl Block {
    /// Whether Go's `tls.X509KeyPair` takes this block for the key.
    pub(super) fn is_private_key(&self) -> bool {
        self.label == "PRIVATE KEY" || self.label.ends_with(" PRIVATE KEY")
    }
}

/// Every block, in the file's order.
pub(super) fn blocks(text: &[u8]) -> Vec<Block> {
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let end = label(lines[at], b"-----BEGIN ").and_then(|name| {
            let body = &lines[at + 1..];
            let length = body.iter().position(|line| {
                line.starts_with(b"-----END ") || line.starts_with(b"-----BEGIN ")
            })?;
            (label(body[length], b"-----END ")? == name).then_some((name, &body[..length]))
        });
        at += 1;
        let Some((name, body)) = end else { continue };
        let (locked, body) = strip_header(body);
        blocks.push(Block {
            label: name.to_owned(),
            line: at,
            locked,
            der: decode(body),
        });
    }
    blocks
}

/// One block as text, wrapped at 64 columns; the caller wraps keys in a
/// [`Secret`](crate::secret::Secret), and nothing else of them is left behind.
pub(super) fn encode(label: &str, der: &[u8]) -> Zeroizing<Vec<u8>> {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    // All of it at once: a buffer that grew would leave a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(
        base64.len() * 66 / 64 + 2 * label.len() + 40,
    ));
    text.extend_from_slice(format!("-----BEGIN {label}-----\n").as_bytes());
    for line in base64.as_bytes().chunks(64) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
    text
}

fn label<'a>(line: &'a [u8], opening: &[u8]) -> Option<&'a str> {
    let line = line.trim_ascii_end();
    let label = line.strip_prefix(opening)?.strip_suffix(b"-----")?;
    std::str::from_utf8(label).ok()
}

/// Headers end with the first line without a colon.
fn strip_header<'a>(body: &'a [&'a [u8]]) -> (bool, &'a [&'a [u8]]) {
    let length = body.iter().take_while(|line| line.contains(&b':')).count();
    let locked = body[..length].iter().any(|line| {
        line.starts_with(b"Proc-Type:") && line.windows(9).any(|word| word == b"ENCRYPTED")
    });
    (locked, &body[length..])
}

fn decode(body: &[&[u8]]) -> Option<Zeroizing<Vec<u8>>> {
    let length = body.iter().map(|line| line.len()).sum();
    let mut base64 = Zeroizing::new(Vec::with_capacity(length));
    let digits = body.iter().flat_map(|line| line.iter());
    base64.extend(digits.filter(|byte| !byte.is_ascii_whitespace()));
    let mut der = Zeroizing::new(vec![0; base64.len() / 4 * 3]);
    let written = STANDARD.decode_slice(&base64, &mut der).ok()?;
    der.truncate(written);
    Some(der)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<(String, usize, bool)> {
        blocks(text.as_bytes())
            .into_iter()
            .map(|block| (block.label, block.line, block.der.is_some()))
            .collect()
    }

    #[test]
    fn finds_what_go_finds() {
        let text = "# a comment\n-----BEGIN A B-----\r\nAQID\r\n-----END A B-----  \n\
                    -----BEGIN C-----\n!\n-----END C-----\n";
        assert_eq!(
            labels(text),
            [("A B".into(), 2, true), ("C".into(), 5, false)]
        );
    }

    #[test]
    fn skips_what_go_skips() {
        assert_eq!(labels(" -----BEGIN A-----\nAQID\n-----END A-----\n"), []);
        assert_eq!(
            labels("\u{feff}-----BEGIN A-----\nAQID\n-----END A-----\n"),
            []
        );
        assert_eq!(labels("-----BEGIN A-----\nAQID\n"), []);
        assert_eq!(labels("-----BEGIN A-----\nAQID\n-----END B-----\n"), []);
    }

    #[test]
    fn sees_a_locked_key() {
        let text = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
                    DEK-Info: AES-256-CBC,00\n\nAQID\n-----END EC PRIVATE KEY-----\n";
        let found = blocks(text.as_bytes());
        assert!(found[0].locked && found[0].is_private_key());
        assert_eq!(found[0].der.as_ref().unwrap().as_slice(), [1, 2, 3]);
    }

    #[test]
    fn writes_what_it_reads() {
        for length in [0, 1, 47, 48, 49, 500] {
            let der = vec![7; length];
            let text = encode("PRIVATE KEY", &der);
            assert!(text.capacity() >= text.len());
            let found = blocks(&text);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].der.as_ref().unwrap().as_slice(), der);
        }
    }
}
