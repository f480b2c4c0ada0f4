//! New certificates: a CA, and leafs that the [audit](mod@super::audit) passes.
//!
//! All keys are ECDSA on P-256, which every etcd from 3.0 on reads and which makes the
//! smallest user-data. The only module that sees rcgen, with `signer`.

use super::public::verify;
use super::signer::Signer;
use super::x509::Certificate;
use super::{inspect, pem};
use crate::secret::Secret;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, PublicKeyData as _, SanType, SerialNumber,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::fmt;
use std::net::IpAddr;
use time::OffsetDateTime;

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
    /// The CA has a subject that cannot be written again as it is.
    AuthorityNameUnusable,
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
            Self::AuthorityNameUnusable => "the CA has a subject that cannot be written into another certificate as it is",
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
        let mut params = params(common_name, validity)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let minted = params
            .self_signed(&signer)
            .map_err(|_| Error::NameNotAscii)?;
        let certificate = Certificate::read(minted.der()).ok_or(Error::AuthorityNameUnusable)?;
        let text = text_of(minted.der());
        Ok((
            Self {
                certificate,
                signer,
            },
            Minted {
                certificate: text,
                key,
            },
        ))
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
        let spki = signer.subject_public_key_info();
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
        let (signer, key) = key.take()?;
        let mut params = params(leaf.common_name, self.cut(leaf.validity)?)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages(leaf);
        params.subject_alt_names = alternative_names(leaf)?;
        let issuer =
            Issuer::from_ca_cert_der(&self.certificate.der.as_slice().into(), &self.signer)
                .map_err(|_| Error::AuthorityNameUnusable)?;
        let minted = params
            .signed_by(&signer, &issuer)
            .map_err(|_| Error::AuthorityNameUnusable)?;
        self.recognises(minted.der())?;
        Ok(Minted {
            certificate: text_of(minted.der()),
            key,
        })
    }

    /// Reads back what was made: rcgen writes the issuer's name anew, and a name with parts
    /// that it does not know would come out as another one.
    fn recognises(&self, der: &[u8]) -> Result<(), Error> {
        let read = Certificate::read(der).ok_or(Error::AuthorityNameUnusable)?;
        let signed = verify(
            &self.certificate.key,
            &read.scheme,
            &read.signed,
            &read.signature,
        );
        let named = read.issuer.raw == self.certificate.subject.raw;
        (named && signed)
            .then_some(())
            .ok_or(Error::AuthorityNameUnusable)
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

fn params(common_name: &str, validity: Validity) -> Result<CertificateParams, Error> {
    let moment = |unix| OffsetDateTime::from_unix_timestamp(unix).map_err(|_| Error::NoValidity);
    let mut params = CertificateParams::default();
    params.not_before = moment(validity.not_before)?;
    params.not_after = moment(validity.not_after)?;
    params.serial_number = Some(serial()?);
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    Ok(params)
}

/// 128 bits, of which 126 are random: positive, and always of one length.
fn serial() -> Result<SerialNumber, Error> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::NoRandomness)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn usages(leaf: &Leaf<'_>) -> Vec<ExtendedKeyUsagePurpose> {
    let server = leaf.server.then_some(ExtendedKeyUsagePurpose::ServerAuth);
    let client = leaf.client.then_some(ExtendedKeyUsagePurpose::ClientAuth);
    server.into_iter().chain(client).collect()
}

fn alternative_names(leaf: &Leaf<'_>) -> Result<Vec<SanType>, Error> {
    let mut list: Vec<SanType> = Vec::new();
    for name in leaf.names {
        let name = name.as_str().try_into().map_err(|_| Error::NameNotAscii)?;
        list.push(SanType::DnsName(name));
    }
    list.extend(leaf.addresses.iter().copied().map(SanType::IpAddress));
    let mut seen = std::collections::HashSet::new();
    list.retain(|name| seen.insert(name.clone()));
    Ok(list)
}

fn text_of(der: &[u8]) -> String {
    String::from_utf8_lossy(&pem::encode("CERTIFICATE", der)).into_owned()
}
