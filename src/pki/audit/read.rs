//! From files to certificates and keys, and what is wrong when that fails.

use super::foreign;
use super::problem::{Part, Problem};
use super::words::{file as say, leaf as say_key};
use super::{Demands, File, Pair};
use crate::pki::go::Go;
use crate::pki::key::{self, Reading};
use crate::pki::pem::{self, Block, Pem, Spoilt};
use crate::pki::public::PublicKey;
use crate::pki::x509::Certificate;

/// The certificates of one file.
pub(super) struct Bundle {
    /// In the file's order.
    pub certificates: Vec<Certificate>,
    /// No error was reported: if something is missing for the chain, it was never there.
    pub whole: bool,
}

/// Reads a file of certificates as etcd does, and reports what keeps etcd from it.
pub(super) fn bundle(
    part: Part,
    file: File<'_>,
    demands: &Demands,
    problems: &mut Vec<Problem>,
) -> Bundle {
    let before = problems.len();
    let pem = pem::read(file.bytes);
    let mut certificates = Vec::new();
    if let Some(problem) = spoilt(part, file.name, file.bytes, &pem) {
        problems.push(problem);
    } else if let Some(problem) = no_certificate(part, file.name, &pem.blocks) {
        problems.push(problem);
    } else {
        for block in &pem.blocks {
            certificates.extend(certificate(part, file.name, block, demands, problems));
        }
        let lost = pem.lost.iter();
        problems.extend(lost.map(|line| say::block_lost(part, file.name, *line, demands.curl)));
    }
    let whole = !problems[before..].iter().any(Problem::is_error);
    if part == Part::Ca {
        report_duplicates(file.name, &certificates, problems);
    }
    Bundle {
        certificates,
        whole,
    }
}

fn is_certificate(part: Part, block: &Block) -> bool {
    // Go wants the label in a pair; etcd's reading of the CA file does not look at it.
    block.label == "CERTIFICATE" || (part == Part::Ca && block.label == "X509 CERTIFICATE")
}

fn no_certificate(part: Part, file: &str, blocks: &[Block]) -> Option<Problem> {
    if blocks.iter().any(|block| is_certificate(part, block)) {
        return None;
    }
    Some(match blocks.iter().find(|block| block.is_private_key()) {
        Some(_) if part == Part::Ca => say::ca_is_key(file),
        Some(_) => say::key_instead_of_certificate(part, file),
        None => say::not_a_certificate(part, file, &blocks[0].label),
    })
}

fn certificate(
    part: Part,
    file: &str,
    block: &Block,
    demands: &Demands,
    problems: &mut Vec<Problem>,
) -> Option<Certificate> {
    let line = block.line;
    if block.is_private_key() {
        problems.push(match part {
            Part::Ca => say::ca_holds_key(file, line),
            Part::Certificate | Part::Key => say::certificate_holds_key(file, line),
        });
        return None;
    }
    if !is_certificate(part, block) {
        if part == Part::Ca {
            problems.push(say::foreign_block(file, &block.label, line));
        }
        return None;
    }
    let certificate = match Certificate::parse(&block.der) {
        Ok(certificate) => certificate,
        Err(why) => {
            problems.push(say::certificate_damaged(part, file, line, &why));
            return None;
        }
    };
    let mut is_lost = false;
    for refusal in &certificate.refusals {
        let problem = match () {
            () if refusal.is_of(demands.go) => {
                is_lost |= refusal.loses;
                say::refused(part, file, line, refusal, demands.go)
            }
            () if refusal.openssl => say::refused_by_curl(part, file, line, refusal, demands),
            () => continue,
        };
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    problems.extend(unreadable_key(part, file, &certificate.key));
    // What would be said of the rest would only follow from what could not be read.
    (!is_lost).then_some(certificate)
}

/// Keys that Go refuses while it parses, so that even an unused certificate does harm.
fn unreadable_key(part: Part, file: &str, key: &PublicKey) -> Option<Problem> {
    match key {
        PublicKey::ForeignCurve(curve) => Some(say_key::curve_foreign(part, file, curve)),
        PublicKey::CompressedPoint => Some(say_key::point_compressed(part, file)),
        _ => None,
    }
}

fn report_duplicates(file: &str, certificates: &[Certificate], problems: &mut Vec<Problem>) {
    for (at, one) in certificates.iter().enumerate() {
        if certificates[..at].iter().any(|other| other.der == one.der) {
            problems.push(super::words::chain::duplicate(file, one));
        }
    }
}

/// The keys of a key file, as their public halves, in the file's order.
pub(super) fn keys(pair: &Pair<'_>, go: Go, problems: &mut Vec<Problem>) -> Vec<PublicKey> {
    let file = pair.key_name;
    let pem = pem::read(pair.key.expose());
    if let Some(problem) = spoilt(Part::Key, file, pair.key.expose(), &pem) {
        problems.push(problem);
        return Vec::new();
    }
    let mut found = pem.blocks.iter().filter(|block| block.is_private_key());
    let Some(first) = found.next() else {
        problems.push(say::not_a_key(file, &pem.blocks[0].label));
        return Vec::new();
    };
    match read_key(file, first) {
        Err(problem) => {
            problems.push(problem);
            Vec::new()
        }
        Ok(key) => {
            problems.extend(say_key::kind_refused(Part::Key, file, &key, go));
            // Go takes the first key and never looks at the rest.
            let rest = found.filter_map(|block| read_key(file, block).ok());
            std::iter::once(key).chain(rest).collect()
        }
    }
}

fn read_key(file: &str, block: &Block) -> Result<PublicKey, Problem> {
    if block.locked || block.label == "ENCRYPTED PRIVATE KEY" {
        return Err(say::key_locked(file));
    }
    if block.label == "OPENSSH PRIVATE KEY" {
        return Err(say::key_of_ssh(file));
    }
    match key::read(&block.der) {
        Reading::Key(key) => Ok(key),
        Reading::UnnamedCurve => Err(say::key_curve_unnamed(file)),
        Reading::Damaged => Err(say::key_damaged(file, &block.label)),
    }
}

/// Why no block is found in it, or the first is not.
fn spoilt(part: Part, file: &str, bytes: &[u8], pem: &Pem) -> Option<Problem> {
    let spoilt = pem::spoilt(bytes, pem);
    let is = |why: Spoilt| spoilt.iter().any(|(_, found)| *found == why);
    if spoilt.first() == Some(&(1, Spoilt::ByteOrderMark)) {
        return Some(say::byte_order_mark(part, file));
    }
    if pem.blocks.is_empty()
        && let Some(problem) = foreign::foreign(part, file, bytes)
    {
        return Some(problem);
    }
    if is(Spoilt::Joined) {
        return Some(say::joined(part, file));
    }
    if !pem.blocks.is_empty() {
        return None;
    }
    Some(match () {
        () if bytes.trim_ascii().is_empty() => say::empty(part, file),
        () if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") => {
            say::wide_text(part, file)
        }
        () if is(Spoilt::Escaped) => say::escaped(part, file),
        () if is(Spoilt::OneLine) => say::one_line(part, file),
        () if !pem.lost.is_empty() => say::cut_off(part, file, pem.lost[0]),
        () if !spoilt.is_empty() => say::indented(part, file),
        () if bytes.starts_with(b"\x30") => der(part, file, bytes),
        () => say::not_pem(part, file),
    })
}

/// What a file in DER is.
fn der(part: Part, file: &str, bytes: &[u8]) -> Problem {
    // PFX ::= SEQUENCE { version INTEGER 3, authSafe ContentInfo … }
    let start = &bytes[..bytes.len().min(8)];
    let is_archive = start.windows(4).any(|window| window == [2, 1, 3, 0x30]);
    if is_archive {
        return say::pkcs12(part, file);
    }
    if Certificate::read(bytes).is_some() {
        return match part {
            Part::Key => say::not_a_key(file, "CERTIFICATE"),
            Part::Ca | Part::Certificate => say::der_certificate(part, file),
        };
    }
    match (part, key::read(bytes)) {
        (Part::Key, Reading::Key(_) | Reading::UnnamedCurve) => say::der_key(part, file),
        (_, Reading::Key(_)) => say::key_instead_of_certificate(part, file),
        _ => say::not_pem(part, file),
    }
}
