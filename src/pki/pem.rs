//! PEM files, split exactly as Go's `encoding/pem` splits them.
//!
//! etcd sees what Go sees: a block counts only when its BEGIN line starts a line and an END
//! line with the same label follows; anything else is skipped in silence. General PEM crates
//! are kinder, and none wipes the text of a key, so the splitting is done here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";

/// One block of a PEM file.
pub(crate) struct Block {
    /// What stands behind `BEGIN`.
    pub label: String,
    /// The 1-based line of its BEGIN.
    pub line: usize,
    /// `Proc-Type: 4,ENCRYPTED` stands in its header: the old OpenSSL way to lock a key.
    pub locked: bool,
    /// The decoded bytes.
    pub der: Zeroizing<Vec<u8>>,
}

impl Block {
    /// Whether Go's `tls.X509KeyPair` takes this block for the key.
    pub(super) fn is_private_key(&self) -> bool {
        self.label == "PRIVATE KEY" || self.label.ends_with(" PRIVATE KEY")
    }
}

/// What Go sees in a PEM file.
pub(crate) struct Pem {
    /// Every block, in the file's order.
    pub blocks: Vec<Block>,
    /// The 1-based lines of BEGINs that open no block, because no END fits or because what
    /// lies between is no base64.
    pub lost: Vec<usize>,
}

/// Splits a file.
pub(super) fn read(text: &[u8]) -> Pem {
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    let mut pem = Pem {
        blocks: Vec::new(),
        lost: Vec::new(),
    };
    for (at, line) in lines.iter().enumerate() {
        let Some(label) = label(line, BEGIN) else {
            continue;
        };
        match body(&lines[at + 1..], label).and_then(decode) {
            Some((locked, der)) => pem.blocks.push(Block {
                label: label.to_owned(),
                line: at + 1,
                locked,
                der,
            }),
            None => pem.lost.push(at + 1),
        }
    }
    pem
}

/// Why Go finds no block where one was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoilt {
    /// A byte order mark stands before it.
    ByteOrderMark,
    /// The END of the block before it is on its line.
    Joined,
    /// Its line breaks are spelt `\n`.
    Escaped,
    /// All of it is on one line.
    OneLine,
    /// No END fits, or what lies between is no base64.
    Damaged,
    /// Something stands before it on its line, blanks as a rule.
    Indented,
}

/// The 1-based lines on which a block was meant to begin and none does.
pub(crate) fn spoilt(text: &[u8], pem: &Pem) -> Vec<(usize, Spoilt)> {
    let holds = |line: &[u8], what: &[u8]| line.windows(what.len()).any(|found| found == what);
    let lines = text.split(|&byte| byte == b'\n').enumerate();
    let mut found = Vec::new();
    for (at, line) in lines.map(|(at, line)| (at + 1, line)) {
        let is_block = pem.blocks.binary_search_by_key(&at, |block| block.line);
        if is_block.is_ok() || !holds(line, BEGIN) {
            continue;
        }
        let why = match () {
            () if line.starts_with(b"\xEF\xBB\xBF") => Spoilt::ByteOrderMark,
            () if holds(line, b"----------BEGIN ") => Spoilt::Joined,
            () if holds(line, br"-----\n") => Spoilt::Escaped,
            () if holds(line, END) => Spoilt::OneLine,
            () if pem.lost.binary_search(&at).is_ok() => Spoilt::Damaged,
            () => Spoilt::Indented,
        };
        found.push((at, why));
    }
    found
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
    std::str::from_utf8(label)
        .ok()
        .filter(|label| !label.contains(char::is_control))
}

/// The lines up to the END that fits.
fn body<'a>(lines: &'a [&'a [u8]], name: &str) -> Option<&'a [&'a [u8]]> {
    let is_mark = |line: &&[u8]| line.starts_with(END) || line.starts_with(BEGIN);
    let length = lines.iter().position(is_mark)?;
    (label(lines[length], END)? == name).then_some(&lines[..length])
}

/// Whether the header says that the key is locked, and the bytes. Headers end with the first
/// line without a colon.
fn decode(body: &[&[u8]]) -> Option<(bool, Zeroizing<Vec<u8>>)> {
    let headers = body.iter().take_while(|line| line.contains(&b':')).count();
    let (headers, body) = body.split_at(headers);
    let locked = headers.iter().any(|line| {
        line.starts_with(b"Proc-Type:") && line.windows(9).any(|word| word == b"ENCRYPTED")
    });
    let length = body.iter().map(|line| line.len()).sum();
    let mut base64 = Zeroizing::new(Vec::with_capacity(length));
    let digits = body.iter().flat_map(|line| line.iter());
    base64.extend(digits.filter(|byte| !byte.is_ascii_whitespace()));
    let mut der = Zeroizing::new(vec![0; base64.len() / 4 * 3]);
    let written = STANDARD.decode_slice(&base64, &mut der).ok()?;
    der.truncate(written);
    Some((locked, der))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (Vec<(String, usize)>, Vec<usize>) {
        let pem = read(text.as_bytes());
        let blocks = pem
            .blocks
            .into_iter()
            .map(|block| (block.label, block.line));
        (blocks.collect(), pem.lost)
    }

    #[test]
    fn finds_what_go_finds() {
        let text = "# a comment\n-----BEGIN A B-----\r\nAQID\r\n-----END A B-----  \n\
                    -----BEGIN C-----\n!\n-----END C-----\n-----BEGIN D-----\n-----END D-----";
        let blocks = vec![("A B".into(), 2), ("D".into(), 8)];
        assert_eq!(found(text), (blocks, vec![5]));
    }

    #[test]
    fn skips_what_go_skips() {
        let none = |lost: &[usize]| (vec![], lost.to_vec());
        assert_eq!(
            found(" -----BEGIN A-----\nAQID\n-----END A-----\n"),
            none(&[])
        );
        assert_eq!(
            found("\u{feff}-----BEGIN A-----\nAQID\n-----END A-----\n"),
            none(&[])
        );
        assert_eq!(found("-----BEGIN A-----\nAQID\n"), none(&[1]));
        assert_eq!(
            found("-----BEGIN A-----\nAQID\n-----END B-----\n"),
            none(&[1])
        );
        let joined =
            "-----BEGIN A-----\nAQID\n-----END A----------BEGIN A-----\nAQID\n-----END A-----\n";
        assert_eq!(found(joined), none(&[1]));
    }

    #[test]
    fn says_why_it_skips() {
        let why = |text: &str| spoilt(text.as_bytes(), &read(text.as_bytes()));
        let block = "-----BEGIN A-----\nAQID\n-----END A-----\n";
        assert_eq!(why(block), []);
        for (text, expected) in [
            (format!("\u{feff}{block}"), (1, Spoilt::ByteOrderMark)),
            (format!("# a\n  {block}"), (2, Spoilt::Indented)),
            (block.replace('\n', "\\n"), (1, Spoilt::Escaped)),
            (block.replace('\n', " "), (1, Spoilt::OneLine)),
            (block.replace("AQID", "AQI!"), (1, Spoilt::Damaged)),
            (block.replace("END A", "END B"), (1, Spoilt::Damaged)),
            (format!("{block}  {block}"), (4, Spoilt::Indented)),
        ] {
            assert_eq!(why(&text), [expected], "{text}");
        }
        let joined = format!("{}{block}", block.trim_end());
        assert_eq!(why(&joined), [(1, Spoilt::Damaged), (3, Spoilt::Joined)]);
    }

    #[test]
    fn sees_a_locked_key() {
        let text = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
                    DEK-Info: AES-256-CBC,00\n\nAQID\n-----END EC PRIVATE KEY-----\n";
        let block = &read(text.as_bytes()).blocks[0];
        assert!(block.locked && block.is_private_key());
        assert_eq!(block.der.as_slice(), [1, 2, 3]);
    }

    #[test]
    fn writes_what_it_reads() {
        for length in [0, 1, 47, 48, 49, 500] {
            let der = vec![7; length];
            let text = encode("PRIVATE KEY", &der);
            assert!(text.capacity() >= text.len());
            let blocks = read(&text).blocks;
            assert_eq!(blocks.len(), 1);
            assert_eq!(blocks[0].der.as_slice(), der);
        }
    }
}
