//! Private keys in the three encodings that Go reads.

use super::public::{Curve, PublicKey};
use p256::elliptic_curve::zeroize::Zeroizing;
use p256::pkcs8::PrivateKeyInfoRef;
use p256::pkcs8::der::asn1::OctetStringRef;
use p256::pkcs8::der::{Decode as _, asn1::ObjectIdentifier};
use pkcs1::RsaPrivateKey;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair as _,
};
use sec1::EcPrivateKey;

/// What a private key's bytes are.
pub(super) enum Reading {
    /// A key that Go reads, as the public key that belongs to it.
    Key(PublicKey),
    /// An EC key that does not say its curve by name: Go refuses it.
    UnnamedCurve,
    /// Nothing that Go reads as a private key.
    Damaged,
}

/// Reads PKCS#8, PKCS#1 or SEC1, whatever the label says: so does Go.
pub(super) fn read(der: &[u8]) -> Reading {
    if let Ok(info) = PrivateKeyInfoRef::try_from(der) {
        return read_pkcs8(&info);
    }
    if let Ok(key) = RsaPrivateKey::try_from(der) {
        return Reading::Key(rsa(&key));
    }
    if let Ok(key) = EcPrivateKey::try_from(der) {
        let curve = key.parameters.and_then(sec1::EcParameters::named_curve);
        return curve.map_or(Reading::UnnamedCurve, |oid| ec(oid, &key));
    }
    if looks_like_ec(der) {
        return Reading::UnnamedCurve;
    }
    Reading::Damaged
}

fn read_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Reading {
    let inner = info.private_key.as_bytes();
    match info.algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.1" => {
            RsaPrivateKey::try_from(inner).map_or(Reading::Damaged, |key| Reading::Key(rsa(&key)))
        }
        "1.2.840.10045.2.1" => {
            let Ok(oid) = info.algorithm.parameters_oid() else {
                return Reading::UnnamedCurve;
            };
            EcPrivateKey::try_from(inner).map_or(Reading::Damaged, |key| ec(oid, &key))
        }
        "1.3.101.112" => ed25519(inner),
        other => Reading::Key(PublicKey::Foreign(super::x509::algorithm_name(other))),
    }
}

fn rsa(key: &RsaPrivateKey<pkcs1::UintRef<'_>>) -> PublicKey {
    PublicKey::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())
}

fn ec(oid: ObjectIdentifier, key: &EcPrivateKey<'_>) -> Reading {
    let oid = oid.to_string();
    let Some(curve) = Curve::of(&oid) else {
        return Reading::Key(PublicKey::ForeignCurve(super::x509::curve_name(&oid)));
    };
    let scalar = key.private_key;
    let point = match curve {
        // Refused by its curve anyway; the point is never compared.
        Curve::P224 => Some(Vec::new()),
        Curve::P256 => {
            enclosed(&ECDSA_P256_SHA256_ASN1_SIGNING, key).or_else(|| point_p256(scalar))
        }
        Curve::P384 => {
            enclosed(&ECDSA_P384_SHA384_ASN1_SIGNING, key).or_else(|| point_p384(scalar))
        }
        Curve::P521 => point_p521(scalar),
    };
    point.map_or(Reading::Damaged, |point| {
        Reading::Key(PublicKey::Ec { curve, point })
    })
}

/// The public key that most writers put beside the scalar, if it belongs to it: to check that is
/// twenty times as cheap as to compute it.
fn enclosed(curve: &'static EcdsaSigningAlgorithm, key: &EcPrivateKey<'_>) -> Option<Vec<u8>> {
    let (scalar, point) = (key.private_key, key.public_key?);
    let random = SystemRandom::new();
    EcdsaKeyPair::from_private_key_and_public_key(curve, scalar, point, &random).ok()?;
    Some(point.to_vec())
}

macro_rules! point_on {
    ($name:ident, $curve:ident, $size:literal) => {
        fn $name(scalar: &[u8]) -> Option<Vec<u8>> {
            // Go pads a scalar that some writer stripped of its leading zeros.
            let padding = $size.checked_sub(scalar.len())?;
            let mut padded = Zeroizing::new([0; $size]);
            padded[padding..].copy_from_slice(scalar);
            let key = $curve::SecretKey::from_slice(padded.as_slice()).ok()?;
            Some(key.public_key().to_sec1_bytes().into_vec())
        }
    };
}

point_on!(point_p256, p256, 32usize);
point_on!(point_p384, p384, 48usize);
point_on!(point_p521, p521, 66usize);

fn ed25519(inner: &[u8]) -> Reading {
    <&OctetStringRef>::from_der(inner)
        .ok()
        .and_then(|seed| ring::signature::Ed25519KeyPair::from_seed_unchecked(seed.as_bytes()).ok())
        .map_or(Reading::Damaged, |key| {
            Reading::Key(PublicKey::Ed25519(key.public_key().as_ref().to_vec()))
        })
}

/// SEC1 with its curve spelt out in numbers: version 1, then the scalar as an octet string.
fn looks_like_ec(der: &[u8]) -> bool {
    let start = &der[..der.len().min(12)];
    der.first() == Some(&0x30) && start.windows(4).any(|window| window == [2, 1, 1, 4])
}
