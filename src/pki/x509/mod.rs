//! Certificates as plain values, read as Go's `crypto/x509` reads them.
//!
//! etcd sees what Go sees, and Go refuses much that parsers for X.509 forgive, and forgives
//! what they refuse. So this follows `parser.go` step by step, in its order, and keeps what
//! some Go refuses as a [`Refusal`]: from which Go on, and in words. `tests/pki_go.rs` puts
//! the same bytes before both. From Go 1.21 on the two agree on all of them. Up to 1.20 Go read
//! object identifiers with a zero too many, which we do not; before 1.17 its parser was another,
//! of which we follow only what certificates in use could have.
//!
//! To follow a newer Go, compare its `parser.go` with the one before and add a refusal with
//! its number where a check was added.

mod extensions;
mod parts;
mod read;
mod strings;
mod words;

pub(super) use parts::Parts;
pub(super) use read::name_text;
pub(super) use words::{algorithm_name, curve_name};

use super::go::Go;
use super::public::{PublicKey, Scheme};
use std::net::IpAddr;

/// What Go processes since 1.24.
const POLICIES: [&str; 3] = ["policyMappings", "policyConstraints", "inhibitAnyPolicy"];

/// One certificate, with everything that Go's verification looks at.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub der: Vec<u8>,
    /// 1, 2 or 3; version 1 has no extensions.
    pub version: u32,
    pub serial: Vec<u8>,
    pub subject: Name,
    pub issuer: Name,
    /// Unix seconds, both ends included.
    pub not_before: i64,
    pub not_after: i64,
    pub key: PublicKey,
    /// The public key as it stands in the certificate.
    pub spki: Vec<u8>,
    pub scheme: Scheme,
    pub signature: Vec<u8>,
    /// What is signed.
    pub signed: Vec<u8>,
    pub sans: Option<Sans>,
    pub basic: Option<Basic>,
    pub key_usage: Option<KeyUsage>,
    pub extended: Option<Extended>,
    pub constraints: Option<Constraints>,
    pub subject_key_id: Option<Vec<u8>>,
    pub authority_key: Option<AuthorityKey>,
    /// Netscape's kind of certificate names some use, and not that of a server.
    pub netscape_forbids: bool,
    /// Critical extensions that not every Go processes, by name.
    pub foreign_critical: Vec<String>,
    /// What some Go refuses while it parses.
    pub refusals: Vec<Refusal>,
}

/// Something that some Go refuses while it parses, so that even an unused certificate does harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// As in [`Problem::code`](super::audit::Problem::code).
    pub code: &'static str,
    /// What the certificate has or is, for a sentence that begins with its file.
    pub what: String,
    /// How to make it again.
    pub help: &'static str,
    /// The first Go that refuses it.
    pub since: Go,
    /// The first Go that does not any more.
    pub until: Go,
    /// What it names, its key, or whether it is a CA, could not be read.
    pub loses: bool,
    /// OpenSSL, and so curl, refuses it too, whatever Go says.
    pub openssl: bool,
}

impl Refusal {
    pub(super) fn is_of(&self, go: Go) -> bool {
        self.since <= go && go < self.until
    }
}

/// A distinguished name.
#[derive(Clone, Debug)]
pub(super) struct Name {
    /// DER, which is what issuers and subjects are compared by.
    pub raw: Vec<u8>,
    pub text: String,
    /// The last CN, which is the one that Go keeps.
    pub common: Option<String>,
}

/// The subject alternative names.
#[derive(Clone, Debug, Default)]
pub(super) struct Sans {
    pub names: Vec<String>,
    pub addresses: Vec<IpAddr>,
    pub emails: Vec<String>,
    pub uris: Vec<String>,
    /// Names of other kinds, which Go passes over.
    pub others: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Basic {
    pub authority: bool,
    pub path_length: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct KeyUsage {
    pub digital_signature: bool,
    /// It names some way of setting up a connection.
    pub exchange: bool,
    pub certificate_sign: bool,
}

#[derive(Clone, Copy, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each answers a question of its own"
)]
pub(super) struct Extended {
    pub server: bool,
    pub client: bool,
    /// It names neither, only any.
    pub only_any: bool,
    /// It names nothing at all: all is allowed to Go, nothing to OpenSSL.
    pub is_empty: bool,
}

/// Which certificate of its issuer it was signed with, as it says itself. Go looks at none of
/// it, OpenSSL at all.
#[derive(Clone, Debug, Default)]
pub(super) struct AuthorityKey {
    pub id: Option<Vec<u8>>,
    /// The issuer of the issuer, in DER, if it is one distinguished name.
    pub issuer: Option<Vec<u8>>,
    pub serial: Option<Vec<u8>>,
}

/// Name constraints, as far as addresses and DNS names go.
#[derive(Clone, Debug, Default)]
pub(super) struct Constraints {
    pub permitted: Subtrees,
    pub excluded: Subtrees,
    pub critical: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Subtrees {
    pub names: Vec<String>,
    /// Network and mask, of 4 or of 16 bytes each.
    pub networks: Vec<(Vec<u8>, Vec<u8>)>,
    /// Distinguished names, as [`Name::text`] has them.
    pub subjects: Vec<String>,
    /// It constrains something that Go does not process, such as a distinguished name.
    pub foreign: bool,
}

impl Constraints {
    /// Go before 1.10 knew nothing but permitted DNS names.
    pub(super) fn needs_go_1_10(&self) -> bool {
        let excluded = &self.excluded;
        !(self.permitted.networks.is_empty()
            && excluded.networks.is_empty()
            && excluded.names.is_empty())
    }
}

impl Certificate {
    /// Reads one DER certificate with nothing behind it; `Err` says why it is none in any Go's
    /// eyes, for a sentence that begins with its file.
    pub(super) fn parse(der: &[u8]) -> Result<Self, String> {
        read::certificate(der)
    }

    /// As [`parse`](Self::parse), for those who do not tell why.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        Self::parse(der).ok()
    }

    /// What this Go refuses while it parses.
    pub(super) fn refused_by(&self, go: Go) -> impl Iterator<Item = &Refusal> {
        let refusals = self.refusals.iter();
        refusals.filter(move |refusal| refusal.is_of(go))
    }

    /// Whether issuer and subject are one name: a root, or a leaf that signed itself.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer.raw == self.subject.raw
    }

    /// Whether it says of itself that it may sign certificates.
    pub(super) fn is_authority(&self) -> bool {
        self.basic.is_some_and(|basic| basic.authority)
    }

    /// Critical extensions that this Go does not process, by name.
    pub(super) fn unknown_to(&self, go: Go) -> impl Iterator<Item = &str> {
        let names = self.foreign_critical.iter().map(String::as_str);
        names.filter(move |name| go < Go::POLICIES || !POLICIES.contains(name))
    }

    /// The serial number in hexadecimal, as openssl prints it but in lower case.
    pub(super) fn serial_text(&self) -> String {
        let start = self.serial.iter().take_while(|byte| **byte == 0).count();
        self.serial[start.min(self.serial.len().saturating_sub(1))..]
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}
