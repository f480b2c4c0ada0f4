//! Certificates as plain values: the only module that sees the X.509 parser.

use super::go::Go;
use super::public::{Curve, Hash, PublicKey, Scheme};
use crate::report::is_unseen;
use std::net::IpAddr;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey as Parsed;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Name};

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
    /// Critical extensions that not every Go processes, by name.
    pub foreign_critical: Vec<String>,
    /// An extension stands there twice.
    pub repeats: bool,
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
pub(super) struct Extended {
    pub server: bool,
    pub client: bool,
    /// It names neither, only any.
    pub only_any: bool,
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
    /// It constrains something that Go does not process, such as a directory name.
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
    /// Reads one DER certificate with nothing behind it; `None` when it is none.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (rest, parsed) = X509Certificate::from_der(der).ok()?;
        let tbs = &parsed.tbs_certificate;
        if !rest.is_empty() || tbs.signature != parsed.signature_algorithm {
            return None;
        }
        let mut certificate = Self {
            der: der.to_vec(),
            version: tbs.version().0 + 1,
            serial: tbs.raw_serial().to_vec(),
            subject: name(tbs.subject()),
            issuer: name(tbs.issuer()),
            not_before: tbs.validity().not_before.timestamp(),
            not_after: tbs.validity().not_after.timestamp(),
            key: public_key(tbs.public_key()),
            spki: tbs.public_key().raw.to_vec(),
            scheme: scheme(&parsed.signature_algorithm),
            signature: parsed.signature_value.data.to_vec(),
            signed: tbs.as_ref().to_vec(),
            sans: None,
            basic: None,
            key_usage: None,
            extended: None,
            constraints: None,
            foreign_critical: Vec::new(),
            repeats: tbs.extensions_map().is_err(),
        };
        for extension in tbs.extensions() {
            let parsed = extension.parsed_extension();
            if !certificate.take(parsed, extension.critical)? && extension.critical {
                let oid = extension.oid.to_id_string();
                certificate.foreign_critical.push(extension_name(&oid));
            }
        }
        Some(certificate)
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

    /// A DNS name that is not ASCII.
    pub(super) fn wide_name(&self) -> Option<&str> {
        let mut names = self.sans.iter().flat_map(|sans| &sans.names);
        names.find(|name| !name.is_ascii()).map(String::as_str)
    }

    /// The serial number in hexadecimal, as openssl prints it but in lower case.
    pub(super) fn serial_text(&self) -> String {
        let start = self.serial.iter().take_while(|byte| **byte == 0).count();
        self.serial[start.min(self.serial.len().saturating_sub(1))..]
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    pub(super) fn has_negative_serial(&self) -> bool {
        self.serial.first().is_some_and(|first| first & 0x80 != 0)
    }

    /// Keeps what an extension says. `Some(false)` when Go does not process it, `None` when
    /// it cannot be read, in which case Go refuses the whole certificate.
    fn take(&mut self, extension: &ParsedExtension<'_>, critical: bool) -> Option<bool> {
        match extension {
            ParsedExtension::BasicConstraints(basic) => {
                self.basic = Some(Basic {
                    authority: basic.ca,
                    path_length: basic.path_len_constraint,
                });
            }
            ParsedExtension::KeyUsage(usage) => {
                self.key_usage = Some(KeyUsage {
                    digital_signature: usage.digital_signature(),
                    exchange: usage.digital_signature()
                        || usage.key_encipherment()
                        || usage.key_agreement(),
                    certificate_sign: usage.key_cert_sign(),
                });
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                self.extended = Some(Extended {
                    server: usage.any || usage.server_auth,
                    client: usage.any || usage.client_auth,
                    only_any: usage.any && !(usage.server_auth && usage.client_auth),
                });
            }
            ParsedExtension::SubjectAlternativeName(list) => {
                self.sans = Some(sans(&list.general_names)?);
            }
            ParsedExtension::NameConstraints(list) => {
                let subtrees = |list: &Option<Vec<_>>| {
                    list.as_deref()
                        .map_or_else(|| Some(Subtrees::default()), subtrees)
                };
                let permitted = subtrees(&list.permitted_subtrees)?;
                let excluded = subtrees(&list.excluded_subtrees)?;
                let processed = !permitted.foreign && !excluded.foreign;
                self.constraints = Some(Constraints {
                    permitted,
                    excluded,
                    critical,
                });
                return Some(processed);
            }
            ParsedExtension::ParseError { .. } => return None,
            ParsedExtension::AuthorityKeyIdentifier(_)
            | ParsedExtension::SubjectKeyIdentifier(_)
            | ParsedExtension::CertificatePolicies(_)
            | ParsedExtension::CRLDistributionPoints(_)
            | ParsedExtension::AuthorityInfoAccess(_) => {}
            _ => return Some(false),
        }
        Some(true)
    }
}

/// A distinguished name in DER as [`Name::text`] has it.
pub(super) fn name_text(der: &[u8]) -> Option<String> {
    X509Name::from_der(der).ok().map(|read| name(&read.1).text)
}

fn name(name: &X509Name<'_>) -> Name {
    Name {
        raw: name.as_raw().to_vec(),
        // It ends up on a terminal.
        text: name.to_string().replace(is_unseen, "\u{fffd}"),
        common: name
            .iter_common_name()
            .last()
            .and_then(|value| value.as_str().ok())
            .map(str::to_owned),
    }
}

fn sans(list: &[GeneralName<'_>]) -> Option<Sans> {
    let mut sans = Sans::default();
    for name in list {
        match name {
            GeneralName::DNSName(name) => sans.names.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => sans.addresses.push(address(bytes)?),
            GeneralName::Invalid(..) => return None,
            _ => {}
        }
    }
    Some(sans)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(four.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(Into::into)
}

fn subtrees(list: &[x509_parser::extensions::GeneralSubtree<'_>]) -> Option<Subtrees> {
    let mut subtrees = Subtrees::default();
    for subtree in list {
        match &subtree.base {
            GeneralName::DNSName(name) => subtrees.names.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) if matches!(bytes.len(), 8 | 32) => {
                let (network, mask) = bytes.split_at(bytes.len() / 2);
                subtrees.networks.push((network.to_vec(), mask.to_vec()));
            }
            GeneralName::IPAddress(_) | GeneralName::Invalid(..) => return None,
            GeneralName::RFC822Name(_) | GeneralName::URI(_) => {}
            _ => subtrees.foreign = true,
        }
    }
    Some(subtrees)
}

fn public_key(info: &SubjectPublicKeyInfo<'_>) -> PublicKey {
    let oid = info.algorithm.algorithm.to_id_string();
    match oid.as_str() {
        "1.2.840.113549.1.1.1" => match info.parsed() {
            Ok(Parsed::RSA(key)) => PublicKey::rsa(key.modulus, key.exponent),
            _ => PublicKey::Foreign("damaged RSA".into()),
        },
        "1.2.840.10045.2.1" => elliptic(info),
        "1.3.101.112" => PublicKey::Ed25519(info.subject_public_key.data.to_vec()),
        other => PublicKey::Foreign(algorithm_name(other)),
    }
}

fn elliptic(info: &SubjectPublicKeyInfo<'_>) -> PublicKey {
    let named = info.algorithm.parameters.as_ref();
    let Some(oid) = named.and_then(|any| any.as_oid().ok()) else {
        return PublicKey::ForeignCurve("with its curve in numbers".into());
    };
    let oid = oid.to_id_string();
    let point = info.subject_public_key.data.to_vec();
    match Curve::of(&oid) {
        None => PublicKey::ForeignCurve(curve_name(&oid)),
        Some(_) if point.first() != Some(&4) => PublicKey::CompressedPoint,
        Some(curve) => PublicKey::Ec { curve, point },
    }
}

fn scheme(algorithm: &AlgorithmIdentifier<'_>) -> Scheme {
    let oid = algorithm.algorithm.to_id_string();
    match oid.as_str() {
        "1.2.840.113549.1.1.4" => Scheme::RsaPkcs1(Hash::Md5),
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => Scheme::RsaPkcs1(Hash::Sha1),
        "1.2.840.113549.1.1.11" => Scheme::RsaPkcs1(Hash::Sha256),
        "1.2.840.113549.1.1.12" => Scheme::RsaPkcs1(Hash::Sha384),
        "1.2.840.113549.1.1.13" => Scheme::RsaPkcs1(Hash::Sha512),
        "1.2.840.113549.1.1.10" => pss(algorithm),
        "1.2.840.10045.4.1" => Scheme::Ecdsa(Hash::Sha1),
        "1.2.840.10045.4.3.2" => Scheme::Ecdsa(Hash::Sha256),
        "1.2.840.10045.4.3.3" => Scheme::Ecdsa(Hash::Sha384),
        "1.2.840.10045.4.3.4" => Scheme::Ecdsa(Hash::Sha512),
        "1.3.101.112" => Scheme::Ed25519,
        other => Scheme::Foreign(algorithm_name(other)),
    }
}

fn pss(algorithm: &AlgorithmIdentifier<'_>) -> Scheme {
    let parameters = algorithm.parameters.as_ref();
    let hash = parameters
        .and_then(|any| RsaSsaPssParams::try_from(any).ok())
        .map(|parameters| parameters.hash_algorithm_oid().to_id_string());
    match hash.as_deref() {
        Some("2.16.840.1.101.3.4.2.1") => Scheme::RsaPss(Hash::Sha256),
        Some("2.16.840.1.101.3.4.2.2") => Scheme::RsaPss(Hash::Sha384),
        Some("2.16.840.1.101.3.4.2.3") => Scheme::RsaPss(Hash::Sha512),
        _ => Scheme::Foreign("RSA-PSS with SHA-1".into()),
    }
}

/// The usual name of an algorithm, or its number.
pub(super) fn algorithm_name(oid: &str) -> String {
    match oid {
        "1.2.840.113549.1.1.1" => "RSA",
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.113549.1.1.2" => "MD2 with RSA",
        "1.2.840.113549.1.1.14" => "SHA-224 with RSA",
        "1.2.840.10040.4.1"
        | "1.2.840.10040.4.3"
        | "2.16.840.1.101.3.4.3.1"
        | "2.16.840.1.101.3.4.3.2" => "DSA",
        "1.2.840.10045.4.3.1" => "ECDSA with SHA-224",
        "1.3.101.110" => "X25519",
        "1.3.101.111" => "X448",
        "1.3.101.113" => "Ed448",
        other => other,
    }
    .to_owned()
}

/// The usual name of a curve that Go lacks, or its number.
pub(super) fn curve_name(oid: &str) -> String {
    match oid {
        "1.3.132.0.10" => "secp256k1",
        "1.2.840.10045.3.1.1" => "P-192",
        "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1",
        "1.3.36.3.3.2.8.1.1.11" => "brainpoolP384r1",
        "1.3.36.3.3.2.8.1.1.13" => "brainpoolP512r1",
        other => other,
    }
    .to_owned()
}

fn extension_name(oid: &str) -> String {
    match oid {
        "2.5.29.18" => "issuerAltName",
        "2.5.29.30" => "nameConstraints",
        "2.5.29.33" => "policyMappings",
        "2.5.29.36" => "policyConstraints",
        "2.5.29.54" => "inhibitAnyPolicy",
        "2.16.840.1.113730.1.1" => "nsCertType",
        "1.3.6.1.5.5.7.1.24" => "tlsfeature",
        other => other,
    }
    .to_owned()
}

/// What stands in a certificate, untouched.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    /// In their order.
    pub extensions: Vec<super::certificate::Extension>,
}

impl Parts {
    /// Reads one DER certificate; `None` when it is none.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let extensions = parsed.tbs_certificate.extensions().iter();
        let extensions = extensions.map(|one| {
            let oid = one.oid.to_id_string();
            super::certificate::Extension::new(&oid, one.critical, one.value.to_vec())
        });
        Some(Self {
            extensions: extensions.collect(),
        })
    }

    /// How it calls its own key, in bytes.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "a method's lifetimes are too narrow for the parser"
    )]
    pub(super) fn key_identifier(&self) -> Option<Vec<u8>> {
        let mut extensions = self.extensions.iter();
        let found = extensions.find(|one| one.oid == super::certificate::oid::SUBJECT_KEY)?;
        yasna::parse_ber(&found.value, |reader| reader.read_bytes()).ok()
    }
}
