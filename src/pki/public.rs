//! Public keys and the signatures that they made.

use ring::signature as ring;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use std::fmt;

/// An elliptic curve, by whether Go knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P224,
    P256,
    P384,
    P521,
}

impl Curve {
    /// By its object identifier; `None` for every curve that Go's `crypto/x509` lacks.
    pub(super) fn of(oid: &str) -> Option<Self> {
        Some(match oid {
            "1.3.132.0.33" => Self::P224,
            "1.2.840.10045.3.1.7" => Self::P256,
            "1.3.132.0.34" => Self::P384,
            "1.3.132.0.35" => Self::P521,
            _ => return None,
        })
    }

    /// Whether an uncompressed point lies on it. Nobody speaks TLS on P-224, whose points are
    /// not looked at more closely.
    pub(super) fn has(self, point: &[u8]) -> bool {
        point.first() == Some(&4)
            && match self {
                Self::P224 => point.len() == 57,
                Self::P256 => p256::PublicKey::from_sec1_bytes(point).is_ok(),
                Self::P384 => p384::PublicKey::from_sec1_bytes(point).is_ok(),
                Self::P521 => p521::PublicKey::from_sec1_bytes(point).is_ok(),
            }
    }
}

/// A public key, or why it is none that etcd can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// Modulus (no leading zero) and exponent, both big-endian.
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The point, uncompressed.
    Ec {
        curve: Curve,
        point: Vec<u8>,
    },
    Ed25519(Vec<u8>),
    /// A curve that Go lacks, under its usual name.
    ForeignCurve(String),
    /// A point in compressed form, which Go does not read.
    CompressedPoint,
    /// Another algorithm, under its usual name.
    Foreign(String),
}

impl PublicKey {
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        let start = modulus.iter().take_while(|byte| **byte == 0).count();
        let first = exponent.iter().take_while(|byte| **byte == 0).count();
        Self::Rsa {
            modulus: modulus[start..].to_vec(),
            exponent: exponent[first..].to_vec(),
        }
    }

    /// Whether Go can read it; which it can use is another question.
    pub(super) fn is_readable(&self) -> bool {
        !matches!(
            self,
            Self::ForeignCurve(_) | Self::CompressedPoint | Self::Foreign(_)
        )
    }

    /// The size of an RSA key in bits, 0 for other kinds.
    pub(super) fn rsa_bits(&self) -> usize {
        match self {
            Self::Rsa { modulus, .. } => modulus.first().map_or(0, |first| {
                modulus.len() * 8 - first.leading_zeros() as usize
            }),
            _ => 0,
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { .. } => write!(f, "RSA {}", self.rsa_bits()),
            Self::Ec { curve, .. } => write!(f, "ECDSA {}", name(*curve)),
            Self::Ed25519(_) => f.write_str("Ed25519"),
            Self::ForeignCurve(curve) => write!(f, "ECDSA {curve}"),
            Self::CompressedPoint => f.write_str("ECDSA with a compressed point"),
            Self::Foreign(name) => f.write_str(name),
        }
    }
}

const fn name(curve: Curve) -> &'static str {
    match curve {
        Curve::P224 => "P-224",
        Curve::P256 => "P-256",
        Curve::P384 => "P-384",
        Curve::P521 => "P-521",
    }
}

/// The hash inside a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// How a certificate was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    RsaPkcs1(Hash),
    RsaPss(Hash),
    Ecdsa(Hash),
    Ed25519,
    /// Nothing that Go verifies, under its usual name.
    Foreign(String),
}

impl Scheme {
    pub(super) fn hash(&self) -> Option<Hash> {
        match self {
            Self::RsaPkcs1(hash) | Self::RsaPss(hash) | Self::Ecdsa(hash) => Some(*hash),
            Self::Ed25519 | Self::Foreign(_) => None,
        }
    }
}

/// Whether a signature of this kind under this key can be checked here at all. Everything
/// that Go verifies can, but for RSA beyond 1024 to 8192 bits and a few rare hashes.
pub(super) fn is_checkable(key: &PublicKey, scheme: &Scheme) -> bool {
    match (key, scheme) {
        (_, Scheme::Foreign(_)) => false,
        (PublicKey::Rsa { modulus, .. }, Scheme::RsaPkcs1(_) | Scheme::RsaPss(_)) => {
            rsa_parameters(modulus.len(), scheme).is_some()
        }
        (PublicKey::Ec { curve, .. }, Scheme::Ecdsa(hash)) => {
            *curve != Curve::P224 && *hash != Hash::Md5
        }
        (key, _) => key.is_readable(),
    }
}

/// Whether the holder of `key` made this signature over `message`.
pub(super) fn verify(key: &PublicKey, scheme: &Scheme, message: &[u8], signature: &[u8]) -> bool {
    match (key, scheme) {
        (PublicKey::Rsa { modulus, exponent }, _) => {
            let key = ring::RsaPublicKeyComponents {
                n: modulus,
                e: exponent,
            };
            rsa_parameters(modulus.len(), scheme)
                .is_some_and(|how| key.verify(how, message, signature).is_ok())
        }
        (PublicKey::Ec { curve, point }, Scheme::Ecdsa(hash)) => {
            verify_ecdsa(*curve, point, *hash, message, signature)
        }
        (PublicKey::Ed25519(key), Scheme::Ed25519) => {
            ring_verifies(&ring::ED25519, key, message, signature)
        }
        _ => false,
    }
}

fn rsa_parameters(bytes: usize, scheme: &Scheme) -> Option<&'static ring::RsaParameters> {
    Some(match scheme {
        _ if !(128..=1024).contains(&bytes) => return None,
        Scheme::RsaPkcs1(Hash::Sha1) => &ring::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Scheme::RsaPkcs1(Hash::Sha256) => &ring::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        Scheme::RsaPkcs1(Hash::Sha512) => &ring::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        _ if bytes < 256 => return None,
        Scheme::RsaPkcs1(Hash::Sha384) => &ring::RSA_PKCS1_2048_8192_SHA384,
        Scheme::RsaPss(Hash::Sha256) => &ring::RSA_PSS_2048_8192_SHA256,
        Scheme::RsaPss(Hash::Sha384) => &ring::RSA_PSS_2048_8192_SHA384,
        Scheme::RsaPss(Hash::Sha512) => &ring::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// ring is several times as fast, but has only the usual pairs of curve and hash.
fn verify_ecdsa(curve: Curve, point: &[u8], hash: Hash, message: &[u8], signature: &[u8]) -> bool {
    let usual: &ring::EcdsaVerificationAlgorithm = match (curve, hash) {
        (Curve::P256, Hash::Sha256) => &ring::ECDSA_P256_SHA256_ASN1,
        (Curve::P256, Hash::Sha384) => &ring::ECDSA_P256_SHA384_ASN1,
        (Curve::P384, Hash::Sha256) => &ring::ECDSA_P384_SHA256_ASN1,
        (Curve::P384, Hash::Sha384) => &ring::ECDSA_P384_SHA384_ASN1,
        _ => return verify_rare_ecdsa(curve, point, hash, message, signature),
    };
    ring_verifies(usual, point, message, signature)
}

fn verify_rare_ecdsa(
    curve: Curve,
    point: &[u8],
    hash: Hash,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let digest = match hash {
        Hash::Md5 => return false,
        Hash::Sha1 => sha1::Sha1::digest(message).to_vec(),
        Hash::Sha256 => Sha256::digest(message).to_vec(),
        Hash::Sha384 => Sha384::digest(message).to_vec(),
        Hash::Sha512 => Sha512::digest(message).to_vec(),
    };
    match curve {
        Curve::P224 => false,
        Curve::P256 => p256_verifies(point, &digest, signature),
        Curve::P384 => p384_verifies(point, &digest, signature),
        Curve::P521 => p521_verifies(point, &digest, signature),
    }
}

fn ring_verifies(
    how: &'static dyn ring::VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    ring::UnparsedPublicKey::new(how, key)
        .verify(message, signature)
        .is_ok()
}

macro_rules! verifies_on {
    ($name:ident, $curve:ident) => {
        fn $name(point: &[u8], digest: &[u8], signature: &[u8]) -> bool {
            use $curve::ecdsa::signature::hazmat::PrehashVerifier as _;
            use $curve::ecdsa::{Signature, VerifyingKey};
            let key = VerifyingKey::from_sec1_bytes(point);
            let signature = Signature::from_der(signature);
            match (key, signature) {
                (Ok(key), Ok(signature)) => key.verify_prehash(digest, &signature).is_ok(),
                _ => false,
            }
        }
    };
}

verifies_on!(p256_verifies, p256);
verifies_on!(p384_verifies, p384);
verifies_on!(p521_verifies, p521);
