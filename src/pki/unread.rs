//! What in a file of PEM neither etcd nor openssl can read, for those who only look at files.

use super::key::{self, Reading};
use super::pem::{self, Spoilt};
use super::x509::Certificate;

/// Something in a file of PEM that its reader does not find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    /// The 1-based line on which it begins.
    pub line: usize,
    /// Why it is not read.
    pub why: Why,
}

/// Why a block is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// No block is found there.
    Spoilt(Spoilt),
    /// The block holds no certificate.
    Certificate,
    /// The block holds no private key.
    Key,
}

/// All of it, in the order of the lines.
pub(crate) fn unread(file: &[u8]) -> Vec<Unread> {
    let pem = pem::read(file);
    let spoilt = pem::spoilt(file, &pem);
    let mut all: Vec<_> = spoilt
        .into_iter()
        .map(|(line, why)| Unread {
            line,
            why: Why::Spoilt(why),
        })
        .collect();
    for block in &pem.blocks {
        let is_plain_key = block.is_private_key()
            && !block.locked
            && !matches!(
                block.label.as_str(),
                "ENCRYPTED PRIVATE KEY" | "OPENSSH PRIVATE KEY"
            );
        let why = match () {
            () if block.label == "CERTIFICATE" && Certificate::read(&block.der).is_none() => {
                Why::Certificate
            }
            () if is_plain_key && matches!(key::read(&block.der), Reading::Damaged) => Why::Key,
            () => continue,
        };
        all.push(Unread {
            line: block.line,
            why,
        });
    }
    all.sort_by_key(|unread| unread.line);
    all
}
