//! A certificate, written: what stands in it comes in as values, names and extensions as DER.
//!
//! Names and extensions are taken over byte for byte. A library that writes them anew from its
//! own idea of them loses what it does not know: two `OU`s, the kinds of strings, a URI.

use super::signer::Signer;
use super::{mint::Validity, pem};
use std::fmt::Write as _;
use time::OffsetDateTime;
use yasna::models::ObjectIdentifier;
use yasna::tags::{TAG_GENERALIZEDTIME, TAG_UTCTIME};
use yasna::{DERWriter, Tag, construct_der};

/// Object identifiers of extensions.
pub(super) mod oid {
    pub(in crate::pki) const SUBJECT_KEY: &str = "2.5.29.14";
    pub(in crate::pki) const KEY_USAGE: &str = "2.5.29.15";
    pub(in crate::pki) const KEY_PERIOD: &str = "2.5.29.16";
    pub(in crate::pki) const ALTERNATIVE_NAMES: &str = "2.5.29.17";
    pub(in crate::pki) const BASIC_CONSTRAINTS: &str = "2.5.29.19";
    pub(in crate::pki) const AUTHORITY_KEY: &str = "2.5.29.35";
    pub(in crate::pki) const EXTENDED_USAGE: &str = "2.5.29.37";
    pub(in crate::pki) const TIMESTAMPS: &str = "1.3.6.1.4.1.11129.2.4.2";
    pub(in crate::pki) const POISON: &str = "1.3.6.1.4.1.11129.2.4.3";
    pub(in crate::pki) const SERVER: &str = "1.3.6.1.5.5.7.3.1";
    pub(in crate::pki) const CLIENT: &str = "1.3.6.1.5.5.7.3.2";
    pub(in crate::pki) const ANY_USAGE: &str = "2.5.29.37.0";
    pub(in crate::pki) const COMMON_NAME: &str = "2.5.4.3";
}

/// The bits of a key usage, from the first one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    DigitalSignature = 0,
    CertificateSign = 5,
    CrlSign = 6,
}

/// An extension as it stands in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extension {
    /// Its object identifier, in numbers.
    pub(super) oid: String,
    pub(super) critical: bool,
    /// What it says, in DER.
    pub(super) value: Vec<u8>,
}

impl Extension {
    pub(super) fn new(oid: &str, critical: bool, value: Vec<u8>) -> Self {
        Self {
            oid: oid.to_owned(),
            critical,
            value,
        }
    }

    /// Whether it may sign certificates; `path_length` says how many CAs below it.
    pub(super) fn basic_constraints(path_length: Option<u8>) -> Self {
        let value = construct_der(|writer| {
            writer.write_sequence(|writer| {
                if let Some(length) = path_length {
                    writer.next().write_bool(true);
                    writer.next().write_u8(length);
                }
            });
        });
        Self::new(oid::BASIC_CONSTRAINTS, true, value)
    }

    pub(super) fn key_usage(bits: &[Usage]) -> Self {
        let byte = bits
            .iter()
            .fold(0u8, |byte, bit| byte | 0x80 >> (*bit as u8));
        let length = 8 - byte.trailing_zeros() as usize;
        let value = construct_der(|writer| writer.write_bitvec_bytes(&[byte], length));
        Self::new(oid::KEY_USAGE, true, value)
    }

    pub(super) fn extended_usage(usages: &[&str]) -> Self {
        let value = construct_der(|writer| {
            writer.write_sequence(|writer| {
                for usage in usages {
                    writer.next().write_oid(&identifier(usage));
                }
            });
        });
        Self::new(oid::EXTENDED_USAGE, false, value)
    }

    /// `names` are general names, each in DER.
    pub(super) fn alternative_names(critical: bool, names: &[Vec<u8>]) -> Self {
        let value = construct_der(|writer| {
            writer.write_sequence(|writer| {
                for name in names {
                    writer.next().write_der(name);
                }
            });
        });
        Self::new(oid::ALTERNATIVE_NAMES, critical, value)
    }

    fn subject_key(signer: &Signer) -> Self {
        let value = construct_der(|writer| writer.write_bytes(&signer.key_identifier()));
        Self::new(oid::SUBJECT_KEY, false, value)
    }

    fn authority_key(identifier: &[u8]) -> Self {
        let value = construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer
                    .next()
                    .write_tagged_implicit(Tag::context(0), |writer| {
                        writer.write_bytes(identifier);
                    });
            });
        });
        Self::new(oid::AUTHORITY_KEY, false, value)
    }

    fn write(&self, writer: DERWriter<'_>) {
        writer.write_sequence(|writer| {
            writer.next().write_oid(&identifier(&self.oid));
            if self.critical {
                writer.next().write_bool(true);
            }
            writer.next().write_bytes(&self.value);
        });
    }
}

/// A general name: a host's.
pub(super) fn dns_name(name: &str) -> Vec<u8> {
    tagged(2, name.as_bytes())
}

/// A general name: an address.
pub(super) fn address(address: std::net::IpAddr) -> Vec<u8> {
    match address {
        std::net::IpAddr::V4(four) => tagged(7, &four.octets()),
        std::net::IpAddr::V6(six) => tagged(7, &six.octets()),
    }
}

fn tagged(number: u64, bytes: &[u8]) -> Vec<u8> {
    construct_der(|writer| {
        writer.write_tagged_implicit(Tag::context(number), |writer| writer.write_bytes(bytes));
    })
}

/// A distinguished name of these parts, each a relative distinguished name in DER, and a common
/// name at its end.
pub(super) fn name(parts: &[Vec<u8>], common: Option<&str>) -> Vec<u8> {
    construct_der(|writer| {
        writer.write_sequence(|writer| {
            for part in parts {
                writer.next().write_der(part);
            }
            if let Some(common) = common {
                writer.next().write_set(|writer| {
                    writer.next().write_sequence(|writer| {
                        writer.next().write_oid(&identifier(oid::COMMON_NAME));
                        writer.next().write_utf8_string(common);
                    });
                });
            }
        });
    })
}

/// The parts of a sequence, each in DER; `None` if it is none.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method's lifetimes are too narrow for the parser"
)]
pub(super) fn parts(der: &[u8]) -> Option<Vec<Vec<u8>>> {
    yasna::parse_ber(der, |reader| {
        reader.collect_sequence_of(|reader| reader.read_der())
    })
    .ok()
}

/// What is to be signed.
pub(super) struct Draft<'a> {
    /// Positive, without a leading zero.
    pub(super) serial: &'a [u8],
    /// DER.
    pub(super) issuer: &'a [u8],
    /// DER.
    pub(super) subject: &'a [u8],
    pub(super) validity: Validity,
    /// Whose key it is about.
    pub(super) key: &'a Signer,
    /// How the issuer's key is called, if it has a name.
    pub(super) authority_key: Option<&'a [u8]>,
    /// All others.
    pub(super) extensions: &'a [Extension],
}

impl Draft<'_> {
    /// The certificate in DER; `None` where a date cannot be written or the key does not sign.
    pub(super) fn sign(&self, issuer: &Signer) -> Option<Vec<u8>> {
        let from = Moment::of(self.validity.not_before)?;
        let until = Moment::of(self.validity.not_after)?;
        let body = construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer
                    .next()
                    .write_tagged(Tag::context(0), |writer| writer.write_u8(2));
                writer.next().write_bigint_bytes(self.serial, true);
                issuer.write_algorithm(writer.next());
                writer.next().write_der(self.issuer);
                writer.next().write_sequence(|writer| {
                    from.write(writer.next());
                    until.write(writer.next());
                });
                writer.next().write_der(self.subject);
                writer.next().write_der(&self.key.spki());
                writer.next().write_tagged(Tag::context(3), |writer| {
                    writer.write_sequence(|writer| {
                        for extension in self.extensions {
                            extension.write(writer.next());
                        }
                        Extension::subject_key(self.key).write(writer.next());
                        if let Some(identifier) = self.authority_key {
                            Extension::authority_key(identifier).write(writer.next());
                        }
                    });
                });
            });
        });
        let signature = issuer.sign(&body)?;
        Some(construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_der(&body);
                issuer.write_algorithm(writer.next());
                let bits = signature.len() * 8;
                writer.next().write_bitvec_bytes(&signature, bits);
            });
        }))
    }
}

/// A date as certificates have it: two digits of the year until 2049, four from then on.
struct Moment {
    tag: Tag,
    text: String,
}

impl Moment {
    fn of(unix: i64) -> Option<Self> {
        let date = OffsetDateTime::from_unix_timestamp(unix).ok()?;
        let year = u16::try_from(date.year())
            .ok()
            .filter(|year| *year < 10_000)?;
        let (tag, mut text) = match year {
            1950..2050 => (TAG_UTCTIME, format!("{:02}", year % 100)),
            _ => (TAG_GENERALIZEDTIME, format!("{year:04}")),
        };
        let (month, day) = (u8::from(date.month()), date.day());
        let (hour, minute, second) = date.to_hms();
        let _ = write!(text, "{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
        Some(Self { tag, text })
    }

    fn write(&self, writer: DERWriter<'_>) {
        writer.write_tagged_implicit(self.tag, |writer| writer.write_bytes(self.text.as_bytes()));
    }
}

/// `1.2.840` as an identifier.
pub(super) fn identifier(text: &str) -> ObjectIdentifier {
    let numbers = text.split('.').filter_map(|number| number.parse().ok());
    ObjectIdentifier::new(numbers.collect())
}

/// PEM.
pub(super) fn text(der: &[u8]) -> String {
    String::from_utf8_lossy(&pem::encode("CERTIFICATE", der)).into_owned()
}
