//! Private keys that sign certificates, wiped when dropped as far as their crates allow.

use super::certificate::identifier;
use super::public::PublicKey;
use super::{key, pem};
use crate::secret::Secret;
use p256::ecdsa::signature::Signer as _;
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{EncodePrivateKey as _, PrivateKeyInfoRef};
use ring::rand::SystemRandom;
use ring::signature::{self as rsa, KeyPair as _, RsaKeyPair};
use sec1::EcPrivateKey;
use sha2::{Digest as _, Sha256};
use yasna::{DERWriter, construct_der};

/// A key that can sign.
pub(super) struct Signer {
    kind: Kind,
    public: Vec<u8>,
}

enum Kind {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    /// ring neither makes RSA keys nor wipes those that it was given.
    Rsa(Box<RsaKeyPair>),
}

impl Signer {
    /// A new key on P-256, and the PKCS#8 PEM text of it.
    ///
    /// Every Go reads PKCS#8 with EC keys (`tls.X509KeyPair`, since Go 1.0), openssl writes the
    /// same label for each kind of key, and rustls and Java read nothing else.
    pub(super) fn generate() -> Option<(Self, Secret)> {
        let secret = p256::SecretKey::try_generate().ok()?;
        let der = secret.to_pkcs8_der().ok()?;
        let mut text = pem::encode("PRIVATE KEY", der.as_bytes());
        let signer = Self::p256(&secret);
        Some((signer, Secret::new(std::mem::take(&mut *text))))
    }

    /// The first key of a PEM file, if it is of a kind that can sign here.
    pub(super) fn read(text: &Secret) -> Option<Self> {
        let pem = pem::read(text.expose());
        let block = pem.blocks.iter().find(|block| block.is_private_key())?;
        let der = &block.der;
        match key::read(der) {
            key::Reading::Key(PublicKey::Rsa { .. }) => {
                let pair = RsaKeyPair::from_pkcs8(der)
                    .or_else(|_| RsaKeyPair::from_der(der))
                    .ok()?;
                let public = pair.public_key().as_ref().to_vec();
                Some(Self {
                    kind: Kind::Rsa(Box::new(pair)),
                    public,
                })
            }
            key::Reading::Key(PublicKey::Ec { .. }) => Self::elliptic(der),
            _ => None,
        }
    }

    fn elliptic(der: &[u8]) -> Option<Self> {
        let inner =
            PrivateKeyInfoRef::try_from(der).map_or(der, |info| info.private_key.as_bytes());
        let scalar = EcPrivateKey::try_from(inner).ok()?.private_key;
        match scalar.len() {
            32 => p256::SecretKey::from_slice(scalar)
                .ok()
                .map(|key| Self::p256(&key)),
            48 => p384::SecretKey::from_slice(scalar).ok().map(|secret| Self {
                public: secret.public_key().to_sec1_bytes().into_vec(),
                kind: Kind::P384(secret.into()),
            }),
            _ => None,
        }
    }

    fn p256(secret: &p256::SecretKey) -> Self {
        Self {
            public: secret.public_key().to_sec1_bytes().into_vec(),
            kind: Kind::P256(secret.into()),
        }
    }
}

impl Signer {
    /// Its public key as certificates have it, in DER.
    pub(super) fn spki(&self) -> Vec<u8> {
        construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_sequence(|writer| {
                    let (kind, curve) = match self.kind {
                        Kind::P256(_) => ("1.2.840.10045.2.1", Some("1.2.840.10045.3.1.7")),
                        Kind::P384(_) => ("1.2.840.10045.2.1", Some("1.3.132.0.34")),
                        Kind::Rsa(_) => ("1.2.840.113549.1.1.1", None),
                    };
                    writer.next().write_oid(&identifier(kind));
                    match curve {
                        Some(curve) => writer.next().write_oid(&identifier(curve)),
                        None => writer.next().write_null(),
                    }
                });
                let bits = self.public.len() * 8;
                writer.next().write_bitvec_bytes(&self.public, bits);
            });
        })
    }

    /// A short name of its public key: 160 bits of SHA-256 (RFC 7093).
    pub(super) fn key_identifier(&self) -> [u8; 20] {
        let digest: [u8; 32] = Sha256::digest(&self.public).into();
        std::array::from_fn(|index| digest[index])
    }

    /// How it signs.
    pub(super) fn write_algorithm(&self, writer: DERWriter<'_>) {
        writer.write_sequence(|writer| {
            let (algorithm, has_null) = match self.kind {
                Kind::P256(_) => ("1.2.840.10045.4.3.2", false),
                Kind::P384(_) => ("1.2.840.10045.4.3.3", false),
                Kind::Rsa(_) => ("1.2.840.113549.1.1.11", true),
            };
            writer.next().write_oid(&identifier(algorithm));
            if has_null {
                writer.next().write_null();
            }
        });
    }

    /// The signature of a message; only RSA can fail.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match &self.kind {
            Kind::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                Some(signature.as_bytes().to_vec())
            }
            Kind::P384(key) => {
                let signature: p384::ecdsa::DerSignature = key.sign(message);
                Some(signature.as_bytes().to_vec())
            }
            Kind::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let random = SystemRandom::new();
                pair.sign(&rsa::RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .ok()?;
                Some(signature)
            }
        }
    }
}
