//! Certificates as etcd will judge them, before a machine is paid for.
//!
//! etcd's verdict is that of Go's `crypto/tls` and `crypto/x509`, so this follows them and
//! not the RFCs: what the Go of that etcd accepts is at most a warning, what it refuses is an
//! error. [`Demands::curl`] adds what OpenSSL refuses. Two things are always errors although
//! etcd would run: a private key in a file that is written for everybody to read, and an RSA
//! key short enough to be factored.
//!
//! To add a check, give it a function in `words` and call it from the module that looks at
//! that part; then a case in `tests/pki_audit.rs`.

mod chain;
mod dates;
mod foreign;
mod leaf;
mod names;
mod problem;
mod public_cas;
mod read;
mod words;

pub use problem::{Part, Problem, Severity};

use super::go::Go;
use super::public::PublicKey;
use super::x509::Certificate;
use crate::release::Digest;
use crate::secret::Secret;
use std::net::IpAddr;

/// A file that may be shown: its name as the user wrote it, and its bytes.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// For messages and for the commands in their help.
    pub name: &'a str,
    /// As read from disk.
    pub bytes: &'a [u8],
}

/// What one side of etcd presents: `cert-file` and `key-file`, or their peer twins.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The certificate, perhaps with intermediates behind it.
    pub certificate: File<'a>,
    /// The key file's name, as the user wrote it.
    pub key_name: &'a str,
    /// The key file's bytes.
    pub key: &'a Secret,
}

/// Something that the certificate must name, and who asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand<T> {
    /// An address, a host name or a common name.
    pub value: T,
    /// A clause for the message: ``peers dial `controller-1` there``.
    pub why: String,
}

/// What the pair has to be good for.
#[derive(Clone, Debug)]
pub struct Demands {
    /// Every address by which it is dialled or from which it dials a peer.
    pub addresses: Vec<Demand<IpAddr>>,
    /// Every host name by which it is dialled, `peer-cert-allowed-hostname` included.
    pub names: Vec<Demand<String>>,
    /// The exact common name that `peer-cert-allowed-cn` asks for.
    pub common_name: Option<Demand<String>>,
    /// It answers: `serverAuth` is needed.
    pub server: bool,
    /// It dials: `clientAuth` is needed. etcd's own JSON gateway dials with the certificate of
    /// the server, so that one needs both.
    pub client: bool,
    /// The Go that judges it.
    pub go: Go,
    /// A machine's first boot asks etcd through curl, so OpenSSL must take it too, which is
    /// stricter in a few points: these are errors then, and warnings otherwise.
    pub curl: bool,
    /// Now, in Unix seconds.
    pub now: i64,
    /// What ends within so many seconds from now gets a warning.
    pub warn_within: i64,
}

/// Thirty days in seconds, the usual [`Demands::warn_within`].
pub const THIRTY_DAYS: i64 = 30 * 24 * 60 * 60;

/// The report on one pair.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Everything found, errors first, in the order of the files.
    pub problems: Vec<Problem>,
    /// What the certificate is, if it could be read.
    pub certificate: Option<Facts>,
    /// What the CA bundle holds, as far as it could be read.
    pub authorities: Vec<Facts>,
}

impl Audit {
    /// Whether a cluster can form with it: there is no error.
    pub fn is_fit(&self) -> bool {
        !self.problems.iter().any(Problem::is_error)
    }
}

/// A certificate in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// `O=etcd, CN=controller-0`
    pub subject: String,
    /// Likewise.
    pub issuer: String,
    /// Lower-case hexadecimal.
    pub serial: String,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds, the last one in which it is good.
    pub not_after: i64,
    /// Its DNS names.
    pub names: Vec<String>,
    /// Its IP addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether a server may present it.
    pub server: bool,
    /// Whether a client may present it.
    pub client: bool,
    /// Whether it may sign certificates.
    pub authority: bool,
    /// `ECDSA P-256`, `RSA 2048`.
    pub key: String,
    /// Of the public key: equal for two files means that they share a private key.
    pub key_digest: Digest,
    /// Of the whole certificate.
    pub digest: Digest,
}

impl Facts {
    pub(in crate::pki) fn of(certificate: &Certificate) -> Self {
        let sans = certificate.sans.clone().unwrap_or_default();
        let usage = certificate.extended;
        Self {
            subject: certificate.subject.text.clone(),
            issuer: certificate.issuer.text.clone(),
            serial: certificate.serial_text(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            names: sans.names,
            addresses: sans.addresses,
            server: usage.is_none_or(|usage| usage.server),
            client: usage.is_none_or(|usage| usage.client),
            authority: certificate.is_authority(),
            key: certificate.key.to_string(),
            key_digest: Digest::of(&certificate.spki),
            digest: Digest::of(&certificate.der),
        }
    }
}

/// What the checks look at.
struct Matter<'a> {
    leaf: &'a Certificate,
    /// What stands behind it in its file.
    behind: &'a [Certificate],
    bundle: &'a read::Bundle,
    /// No error was reported about what is in the two files.
    is_whole: bool,
    /// Public halves, in the order of the key file.
    keys: &'a [PublicKey],
    demands: &'a Demands,
    names: &'a words::Names<'a>,
}

/// Everything that is wrong with this pair under this CA bundle, at once.
///
/// Where one problem implies another, only the one that names the cause is reported.
pub fn audit(ca: File<'_>, pair: &Pair<'_>, demands: &Demands) -> Audit {
    let mut problems = Vec::new();
    let bundle = read::bundle(Part::Ca, ca, demands, &mut problems);
    let mut chain = read::bundle(Part::Certificate, pair.certificate, demands, &mut problems);
    let keys = read::keys(pair, demands.go, &mut problems);

    let names = words::Names {
        ca: ca.name,
        certificate: pair.certificate.name,
        key: pair.key_name,
    };
    if let Some(key) = keys.first() {
        problems.extend(leaf::bring_forward(&mut chain.certificates, key, &names));
    }
    if let Some((leaf, behind)) = chain.certificates.split_first() {
        let matter = Matter {
            leaf,
            behind,
            bundle: &bundle,
            is_whole: chain.whole && bundle.whole,
            keys: &keys,
            demands,
            names: &names,
        };
        leaf::check(&matter, &mut problems);
        chain::check(&matter, &mut problems);
    }
    problems.extend(public_cas::check(&bundle.certificates, ca.name));
    problems.sort_by_key(|problem| (problem.severity, problem.part));
    Audit {
        problems,
        certificate: chain.certificates.first().map(Facts::of),
        authorities: bundle.certificates.iter().map(Facts::of).collect(),
    }
}
