//! What certificates are, whatever they are for.

use super::Go;
use super::audit::{Demands, Facts, File, Pair, THIRTY_DAYS, audit};
use super::pem;
use super::public::{PublicKey, verify};
use super::x509::Certificate;
use crate::release::Digest;
use crate::secret::Secret;

/// The facts on every certificate in a file, in its order; what cannot be read is left out.
pub fn facts(file: File<'_>) -> Vec<Facts> {
    // The audit tells what a bundle holds, whoever asks.
    let nothing = Secret::new(Vec::new());
    let pair = Pair {
        certificate: file,
        key_name: "",
        key: &nothing,
    };
    let demands = Demands {
        addresses: Vec::new(),
        names: Vec::new(),
        common_name: None,
        server: false,
        client: false,
        go: Go(u16::MAX),
        curl: false,
        now: 0,
        warn_within: THIRTY_DAYS,
    };
    audit(file, &pair, &demands).authorities
}

/// The facts on one certificate in DER, as a server shows it; `None` when it is none.
pub fn facts_of_der(der: &[u8]) -> Option<Facts> {
    Certificate::read(der).map(|certificate| Facts::of(&certificate))
}

/// Why this Go, and so an etcd that is built with it, refuses to parse a certificate in DER;
/// `None` when it parses it, whatever it says of it later.
pub fn refused_by(der: &[u8], go: Go) -> Option<String> {
    let certificate = match Certificate::parse(der) {
        Ok(certificate) => certificate,
        Err(why) => return Some(why),
    };
    if let PublicKey::ForeignCurve(_) | PublicKey::CompressedPoint = certificate.key {
        return Some(format!("has a key of the kind {}", certificate.key));
    }
    let mut refusals = certificate.refused_by(go);
    refusals.next().map(|refusal| refusal.what.clone())
}

/// A distinguished name in DER as [`Facts::subject`] writes it; `None` when it is none.
pub fn name_of_der(der: &[u8]) -> Option<String> {
    super::x509::name_text(der)
}

/// The digest of each certificate's public key, which outlives the certificate: a CA that is issued
/// again under its key has the same.
pub fn key_digests(file: &[u8]) -> Vec<Digest> {
    let certificates = certificates(file);
    let keys = certificates.iter().map(|one| Digest::of(&one.spki));
    keys.collect()
}

/// Whether the first certificate of `file` was signed by the first one of `ca`.
pub fn is_signed_by(file: &[u8], ca: &[u8]) -> bool {
    let first = |bytes| certificates(bytes).into_iter().next();
    let (Some(leaf), Some(ca)) = (first(file), first(ca)) else {
        return false;
    };
    leaf.issuer.raw == ca.subject.raw
        && verify(&ca.key, &leaf.scheme, &leaf.signed, &leaf.signature)
}

/// Whether the first certificate of `file` was signed by any of those in `bundle`.
pub fn is_signed_by_any(file: &[u8], bundle: &[u8]) -> bool {
    let Some(leaf) = certificates(file).into_iter().next() else {
        return false;
    };
    certificates(bundle).iter().any(|ca| {
        leaf.issuer.raw == ca.subject.raw
            && verify(&ca.key, &leaf.scheme, &leaf.signed, &leaf.signature)
    })
}

/// Every certificate in a file that can be read.
pub(super) fn certificates(file: &[u8]) -> Vec<Certificate> {
    let blocks = pem::read(file).blocks;
    let certificates = blocks.iter().filter(|block| block.label == "CERTIFICATE");
    certificates
        .filter_map(|block| Certificate::read(&block.der))
        .collect()
}
