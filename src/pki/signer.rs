//! Private keys that sign certificates, wiped when dropped as far as their crates allow.

use super::public::PublicKey;
use super::{key, pem};
use crate::secret::Secret;
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{EncodePrivateKey as _, PrivateKeyInfoRef};
use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};
use ring::rand::SystemRandom;
use ring::signature::{self as rsa, KeyPair as _, RsaKeyPair};
use sec1::EcPrivateKey;

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

    /// The first key of a PEM file, if rcgen can sign with its kind.
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

impl PublicKeyData for Signer {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.kind {
            Kind::P256(_) => &rcgen::PKCS_ECDSA_P256_SHA256,
            Kind::P384(_) => &rcgen::PKCS_ECDSA_P384_SHA384,
            Kind::Rsa(_) => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

impl SigningKey for Signer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        use p256::ecdsa::signature::Signer as _;
        match &self.kind {
            Kind::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                Ok(signature.as_bytes().to_vec())
            }
            Kind::P384(key) => {
                let signature: p384::ecdsa::DerSignature = key.sign(message);
                Ok(signature.as_bytes().to_vec())
            }
            Kind::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(
                    &rsa::RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    message,
                    &mut signature,
                )
                .map_err(|_| rcgen::Error::RingUnspecified)?;
                Ok(signature)
            }
        }
    }
}
