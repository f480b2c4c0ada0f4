//! New certificates: a CA, and leafs that the [audit](mod@super::audit) passes.
//!
//! All keys are ECDSA on P-256, which every etcd from 3.0 on reads and which makes the
//! smallest user-data.

use super::certificate::{self, Draft, Extension, Usage, oid};
use super::inspect;
use super::predecessor::Predecessor;
use super::public::verify;
use super::signer::Signer;
use super::x509::{Certificate, Parts};
use crate::secret::Secret;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::fmt;
use std::net::IpAddr;

/// How far validity reaches back: a machine's clock may lag at its first boot.
pub const BACKDATED: i64 = 60 * 60;

const DAY: i64 = 24 * 60 * 60;

/// From when to when a certificate is good, in Unix seconds, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: i64,
    /// The last second.
    pub not_after: i64,
}

impl Validity {
    /// So many days from now, and an hour back.
    ///
    /// ```
    /// use firstboot::pki::mint::Validity;
    /// let year = Validity::days(1_800_000_000, 365);
    /// assert_eq!(year.not_before, 1_800_000_000 - 3600);
    /// assert_eq!(year.not_after, 1_800_000_000 + 365 * 86_400);
    /// ```
    pub const fn days(now: i64, days: i64) -> Self {
        Self {
            not_before: now.saturating_sub(BACKDATED),
            not_after: now.saturating_add(days.saturating_mul(DAY)),
        }
    }
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Minted {
    /// PEM.
    pub certificate: String,
    /// PKCS#8 PEM.
    pub key: Secret,
}

/// What a leaf is asked to be.
#[derive(Clone, Debug)]
pub struct Leaf<'a> {
    /// The subject's only part.
    pub common_name: &'a str,
    /// IP addresses, in the order in which they are to be listed; repeats are dropped.
    pub addresses: &'a [IpAddr],
    /// DNS names, likewise.
    pub names: &'a [String],
    /// Cut to that of the CA: a leaf never outlives it.
    pub validity: Validity,
    /// `serverAuth`.
    pub server: bool,
    /// `clientAuth`.
    pub client: bool,
}

/// Why nothing was minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The operating system gave no random bytes.
    NoRandomness,
    /// The CA file holds no certificate, or one that cannot be read.
    AuthorityUnreadable,
    /// The CA's key is not a plain one on P-256, on P-384 or RSA of 2048 to 4096 bits.
    AuthorityKeyUnusable,
    /// A key that was to be kept is none to make a certificate for.
    KeyUnusable,
    /// The CA's key belongs to another certificate.
    AuthorityKeyDiffers,
    /// The given certificate may not sign others.
    NotAnAuthority,
    /// What was made cannot be read back as what was asked for.
    NotRecognised,
    /// The asked validity and that of the CA have no second in common, or are out of range.
    NoValidity,
    /// A name that is not ASCII cannot stand in a certificate.
    NameNotAscii,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRandomness => "the operating system gave no random bytes",
            Self::AuthorityUnreadable => "the CA file holds no certificate that can be read",
            Self::KeyUnusable => {
                "a key that is there is none to keep: an unencrypted one on P-256 or P-384, or RSA of 2048 to 4096 bits"
            }
            Self::AuthorityKeyUnusable => {
                "the CA's key is none to sign with here: an unencrypted one on P-256 or P-384, or RSA of 2048 to 4096 bits"
            }
            Self::AuthorityKeyDiffers => "the CA's key is not that of its certificate",
            Self::NotAnAuthority => "the given CA certificate may not sign others",
            Self::NotRecognised => "the certificate that was made cannot be read back",
            Self::NoValidity => "the validity that is asked for lies outside that of the CA",
            Self::NameNotAscii => "a name in a certificate must be ASCII; write `xn--…` for others",
        })
    }
}

impl std::error::Error for Error {}

/// A CA that can issue.
pub struct Authority {
    certificate: Certificate,
    signer: Signer,
}

impl Authority {
    /// A new self-signed CA.
    ///
    /// Its path length is 0: it signs leafs and no further CA, so nobody who gets hold of an
    /// intermediate can widen it. Replacing the CA needs no cross-signing, only both CAs in
    /// the bundle for a while.
    ///
    /// ```
    /// use firstboot::pki::mint::{Authority, Leaf, Validity};
    /// let now = 1_800_000_000;
    /// let (authority, ca) = Authority::mint("etcd-cluster-0", Validity::days(now, 3650))?;
    /// let leaf = authority.issue(&Leaf {
    ///     common_name: "kubernetes",
    ///     addresses: &["10.240.0.10".parse().unwrap()],
    ///     names: &["localhost".into()],
    ///     validity: Validity::days(now, 365),
    ///     server: true,
    ///     client: true,
    /// })?;
    /// assert!(leaf.certificate.starts_with("-----BEGIN CERTIFICATE-----"));
    /// assert!(ca.key.expose().starts_with(b"-----BEGIN PRIVATE KEY-----"));
    /// # Ok::<(), firstboot::pki::mint::Error>(())
    /// ```
    pub fn mint(common_name: &str, validity: Validity) -> Result<(Self, Minted), Error> {
        Self::mint_for(Key::New, common_name, validity)
    }

    /// The same for a key that may be there already.
    pub fn mint_for(
        key: Key<'_>,
        common_name: &str,
        validity: Validity,
    ) -> Result<(Self, Minted), Error> {
        let (signer, key) = key.take()?;
        let name = certificate::name(&[], Some(common_name));
        let draft = Draft {
            serial: &serial()?,
            issuer: &name,
            subject: &name,
            validity,
            key: &signer,
            authority_key: None,
            extensions: &[
                Extension::basic_constraints(Some(0)),
                Extension::key_usage(&[Usage::CertificateSign, Usage::CrlSign]),
            ],
        };
        let der = draft.sign(&signer).ok_or(Error::NoValidity)?;
        let certificate = Certificate::read(&der).ok_or(Error::NotRecognised)?;
        let minted = Minted {
            certificate: certificate::text(&der),
            key,
        };
        let authority = Self {
            certificate,
            signer,
        };
        Ok((authority, minted))
    }

    /// A CA from its files: the first key, and the first certificate that it belongs to, since
    /// a bundle may hold those of other CAs, too.
    pub fn read(certificate: &[u8], key: &Secret) -> Result<Self, Error> {
        let bundle = inspect::certificates(certificate);
        let first = bundle.first().ok_or(Error::AuthorityUnreadable)?;
        if bundle.len() == 1 && !may_sign(first) {
            return Err(Error::NotAnAuthority);
        }
        let signer = Signer::read(key).ok_or(Error::AuthorityKeyUnusable)?;
        let spki = signer.spki();
        let certificate = bundle
            .into_iter()
            .find(|certificate| certificate.spki == spki)
            .ok_or(Error::AuthorityKeyDiffers)?;
        if !may_sign(&certificate) {
            return Err(Error::NotAnAuthority);
        }
        Ok(Self {
            certificate,
            signer,
        })
    }

    /// Its certificate, in PEM.
    pub fn certificate(&self) -> String {
        certificate::text(&self.certificate.der)
    }

    /// Whether its certificate is the first one of this file.
    pub fn is_first_of(&self, file: &[u8]) -> bool {
        let first = inspect::certificates(file).into_iter().next();
        first.is_some_and(|first| first.der == self.certificate.der)
    }

    /// When the CA ends, in Unix seconds.
    pub fn not_after(&self) -> i64 {
        self.certificate.not_after
    }

    /// A new key and a certificate for it.
    pub fn issue(&self, leaf: &Leaf<'_>) -> Result<Minted, Error> {
        self.issue_for(Key::New, leaf)
    }

    /// A certificate for a key that may be there already.
    pub fn issue_for(&self, key: Key<'_>, leaf: &Leaf<'_>) -> Result<Minted, Error> {
        let subject = certificate::name(&[], Some(leaf.common_name));
        let mut extensions = vec![
            Extension::basic_constraints(None),
            Extension::key_usage(&[Usage::DigitalSignature]),
        ];
        extensions.extend(leaf.usages());
        extensions.extend(leaf.alternative_names());
        self.certify(key, leaf, &subject, &extensions)
    }

    /// A certificate for the place of another one, of which it keeps everything but what
    /// [`Predecessor::losses`] says; what `leaf` asks for comes to that. The common name is that of
    /// `leaf` only if `named`.
    pub fn succeed(
        &self,
        key: Key<'_>,
        old: &Predecessor,
        leaf: &Leaf<'_>,
        named: bool,
    ) -> Result<Minted, Error> {
        let subject = old.subject(named.then_some(leaf.common_name));
        self.certify(key, leaf, &subject, &old.extensions(leaf))
    }

    fn certify(
        &self,
        key: Key<'_>,
        leaf: &Leaf<'_>,
        subject: &[u8],
        extensions: &[Extension],
    ) -> Result<Minted, Error> {
        if !leaf.names.iter().all(|name| name.is_ascii()) {
            return Err(Error::NameNotAscii);
        }
        let (signer, key) = key.take()?;
        let own = Parts::read(&self.certificate.der).ok_or(Error::AuthorityUnreadable)?;
        let authority_key = own.key_identifier();
        let draft = Draft {
            serial: &serial()?,
            issuer: &self.certificate.subject.raw,
            subject,
            validity: self.cut(leaf.validity)?,
            key: &signer,
            authority_key: authority_key.as_deref(),
            extensions,
        };
        let der = draft.sign(&self.signer).ok_or(Error::NoValidity)?;
        self.recognises(&der)?;
        Ok(Minted {
            certificate: certificate::text(&der),
            key,
        })
    }

    /// Reads back what was made.
    fn recognises(&self, der: &[u8]) -> Result<(), Error> {
        let read = Certificate::read(der).ok_or(Error::NotRecognised)?;
        let signed = verify(
            &self.certificate.key,
            &read.scheme,
            &read.signed,
            &read.signature,
        );
        let named = read.issuer.raw == self.certificate.subject.raw;
        (named && signed).then_some(()).ok_or(Error::NotRecognised)
    }

    fn cut(&self, asked: Validity) -> Result<Validity, Error> {
        let cut = Validity {
            not_before: asked.not_before.max(self.certificate.not_before),
            not_after: asked.not_after.min(self.certificate.not_after),
        };
        (cut.not_before <= cut.not_after)
            .then_some(cut)
            .ok_or(Error::NoValidity)
    }
}

/// Which key a certificate is for.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// A new one, ECDSA on P-256.
    New,
    /// The first key of this PEM file: P-256, P-384, or RSA of 2048 to 4096 bits.
    Kept(&'a Secret),
}

impl Key<'_> {
    fn take(self) -> Result<(Signer, Secret), Error> {
        match self {
            Self::New => Signer::generate().ok_or(Error::NoRandomness),
            Self::Kept(key) => {
                let signer = Signer::read(key).ok_or(Error::KeyUnusable)?;
                Ok((signer, key.clone()))
            }
        }
    }
}

/// Shows the name only.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", self.certificate.subject.text)
    }
}

fn may_sign(certificate: &Certificate) -> bool {
    let usage = certificate.key_usage;
    certificate.is_authority() && usage.is_none_or(|usage| usage.certificate_sign)
}

/// 128 bits, of which 126 are random: positive, and always of one length.
fn serial() -> Result<[u8; 16], Error> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::NoRandomness)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(bytes)
}

impl Leaf<'_> {
    fn usages(&self) -> Option<Extension> {
        let server = self.server.then_some(oid::SERVER);
        let client = self.client.then_some(oid::CLIENT);
        let list: Vec<_> = server.into_iter().chain(client).collect();
        (!list.is_empty()).then(|| Extension::extended_usage(&list))
    }

    pub(super) fn alternative_names(&self) -> Option<Extension> {
        let names = self.names.iter().map(|name| certificate::dns_name(name));
        let addresses = self.addresses.iter().copied().map(certificate::address);
        let mut seen = std::collections::HashSet::new();
        let list: Vec<_> = names
            .chain(addresses)
            .filter(|name| seen.insert(name.clone()))
            .collect();
        (!list.is_empty()).then(|| Extension::alternative_names(false, &list))
    }
}
