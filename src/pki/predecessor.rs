//! What a new certificate takes over from the one whose place it takes: everything that is not
//! about the old key, the old dates or the old signature.

use super::audit::Facts;
use super::certificate::{self, Extension, Usage, oid};
use super::mint::{BACKDATED, Leaf, Validity};
use super::pem;
use super::x509::{Certificate, Parts};

/// A certificate that is to have a successor.
#[derive(Clone, Debug)]
pub struct Predecessor {
    own: Certificate,
    parts: Parts,
    /// How many certificates stand behind it in its file.
    behind: usize,
}

impl Predecessor {
    /// The first certificate of a file; `None` if none can be read.
    pub fn read(file: &[u8]) -> Option<Self> {
        let blocks = pem::read(file).blocks;
        let mut certificates = blocks.iter().filter(|block| block.label == "CERTIFICATE");
        let first = certificates.next()?;
        Some(Self {
            own: Certificate::read(&first.der)?,
            parts: Parts::read(&first.der)?,
            behind: certificates.count(),
        })
    }

    /// Its last common name.
    pub fn common_name(&self) -> Option<&str> {
        self.own.subject.common.as_deref()
    }

    /// As long as this one was good, from now and an hour back on.
    pub fn validity(&self, now: i64) -> Validity {
        let length = self.own.not_after.saturating_sub(self.own.not_before);
        let not_before = now.saturating_sub(BACKDATED);
        Validity {
            not_before,
            not_after: not_before.saturating_add(length.max(0)),
        }
    }

    /// When it ends, in Unix seconds.
    pub fn not_after(&self) -> i64 {
        self.own.not_after
    }

    /// What it is, in words.
    pub fn facts(&self) -> Facts {
        Facts::of(&self.own)
    }

    /// Its kind of key, as `RSA 2048`.
    pub fn key(&self) -> String {
        self.own.key.to_string()
    }

    /// What no successor can have, and why: each a sentence.
    pub fn losses(&self) -> Vec<String> {
        let mut losses = Vec::new();
        if self.behind > 0 {
            losses.push(
                "the certificates behind it in its file: the CA signs the new one itself"
                    .to_owned(),
            );
        }
        if self.own.is_authority() {
            losses.push(
                "it may sign certificates: etcd's should not, and the new one may not".to_owned(),
            );
        }
        for (known, loss) in [
            (
                oid::TIMESTAMPS,
                "its certificate transparency timestamps: they are of the old certificate",
            ),
            (oid::POISON, "the mark of a precertificate"),
            (
                oid::KEY_PERIOD,
                "the dates of its private key: the key is a new one",
            ),
        ] {
            if self.extension(known).is_some() {
                losses.push(loss.to_owned());
            }
        }
        losses
    }

    /// What is another in this successor, as it had to be: each a sentence.
    pub fn changes(&self, new: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.key() != new.key() {
            changes.push(format!(
                "its key was {}, the new one is {}",
                self.key(),
                new.key()
            ));
        }
        if self.common_name() != new.common_name() {
            let name = |one: Option<&str>| {
                one.map_or_else(|| "none".to_owned(), |name| format!("`{name}`"))
            };
            let (old, new) = (name(self.common_name()), name(new.common_name()));
            changes.push(format!("its common name was {old}, and is {new} now"));
        }
        let days = |one: &Self| (one.own.not_after - one.own.not_before) / (24 * 60 * 60);
        let (old, new) = (days(self), days(new));
        if old != new {
            changes.push(format!(
                "its validity was {old} days, the new one's is {new} days"
            ));
        }
        changes
    }

    fn extension(&self, oid: &str) -> Option<&Extension> {
        self.parts.extensions.iter().find(|one| one.oid == oid)
    }

    /// Its subject; with another common name, if that is asked for.
    pub(super) fn subject(&self, common: Option<&str>) -> Vec<u8> {
        let Some(common) = common.filter(|name| self.common_name() != Some(*name)) else {
            return self.own.subject.raw.clone();
        };
        // Each part is a set of `SEQUENCE { type, value }`, and the type stands there in DER.
        let marker = yasna::construct_der(|writer| {
            writer.write_oid(&certificate::identifier(oid::COMMON_NAME));
        });
        let names_it = |part: &[u8]| part.windows(marker.len()).any(|bytes| bytes == marker);
        let mut parts = certificate::parts(&self.own.subject.raw).unwrap_or_default();
        parts.retain(|part| !names_it(part));
        certificate::name(&parts, Some(common))
    }

    /// Its extensions, and in them whatever `leaf` asks for that they did not have.
    pub(super) fn extensions(&self, leaf: &Leaf<'_>) -> Vec<Extension> {
        let mut list = vec![Extension::basic_constraints(None)];
        for old in &self.parts.extensions {
            list.extend(match old.oid.as_str() {
                oid::SUBJECT_KEY
                | oid::AUTHORITY_KEY
                | oid::BASIC_CONSTRAINTS
                | oid::KEY_PERIOD
                | oid::TIMESTAMPS
                | oid::POISON => None,
                oid::KEY_USAGE => Some(self.key_usage(old)),
                oid::EXTENDED_USAGE => Some(extended_usage(old, leaf)),
                oid::ALTERNATIVE_NAMES => Some(self.alternative_names(old, leaf)),
                _ => Some(old.clone()),
            });
        }
        if self.extension(oid::ALTERNATIVE_NAMES).is_none() {
            list.extend(leaf.alternative_names());
        }
        list
    }

    /// As it was, but good for TLS, and for no CA any more.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "a method's lifetimes are too narrow for the parser"
    )]
    fn key_usage(&self, old: &Extension) -> Extension {
        let signs = self
            .own
            .key_usage
            .is_some_and(|usage| usage.certificate_sign);
        let is_good = self
            .own
            .key_usage
            .is_some_and(|usage| usage.digital_signature);
        if is_good && !signs {
            return old.clone();
        }
        let Ok((mut bytes, _)) = yasna::parse_ber(&old.value, |reader| reader.read_bitvec_bytes())
        else {
            return Extension::key_usage(&[Usage::DigitalSignature]);
        };
        bytes.resize(bytes.len().max(1), 0);
        bytes[0] |= 0x80;
        bytes[0] &= !(0x80 >> Usage::CertificateSign as u8 | 0x80 >> Usage::CrlSign as u8);
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        let unused = bytes
            .last()
            .map_or(0, |last| last.trailing_zeros() as usize);
        let length = bytes.len() * 8 - unused;
        let value = yasna::construct_der(|writer| writer.write_bitvec_bytes(&bytes, length));
        Extension::new(oid::KEY_USAGE, old.critical, value)
    }

    fn alternative_names(&self, old: &Extension, leaf: &Leaf<'_>) -> Extension {
        let mut names = certificate::parts(&old.value).unwrap_or_default();
        let known = self.own.sans.clone().unwrap_or_default();
        for name in leaf.names {
            if !known.names.iter().any(|old| old.eq_ignore_ascii_case(name)) {
                names.push(certificate::dns_name(name));
            }
        }
        for address in leaf.addresses {
            let address = certificate::address(*address);
            if !names.contains(&address) {
                names.push(address);
            }
        }
        Extension::alternative_names(old.critical, &names)
    }
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method's lifetimes are too narrow for the parser"
)]
fn extended_usage(old: &Extension, leaf: &Leaf<'_>) -> Extension {
    let purposes = yasna::parse_ber(&old.value, |reader| {
        reader.collect_sequence_of(|reader| reader.read_oid())
    });
    let purposes = purposes.unwrap_or_default();
    let mut list: Vec<_> = purposes.iter().map(ToString::to_string).collect();
    let any = list.iter().any(|purpose| purpose == oid::ANY_USAGE);
    for (asked, purpose) in [(leaf.server, oid::SERVER), (leaf.client, oid::CLIENT)] {
        if asked && !any && !list.iter().any(|known| known == purpose) {
            list.push(purpose.to_owned());
        }
    }
    let list: Vec<_> = list.iter().map(String::as_str).collect();
    Extension {
        critical: old.critical,
        ..Extension::extended_usage(&list)
    }
}
