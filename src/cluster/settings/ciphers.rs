//! Cipher suites under the names that etcd takes.

use crate::report::closest;

/// Every TLS 1.2 suite that each etcd from 3.3.7 on knows under this name (`pkg/tlsutil`,
/// `GetCipherSuite`). The names that end in `POLY1305_SHA256` are known from 3.4.22 on only; all
/// versions take them without that ending.
const SUITES: [(&str, Strength); 22] = {
    use Strength::{Forward, Weak};
    [
        ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Forward),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Forward),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Forward),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Forward),
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", Forward),
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", Forward),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", Weak),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", Weak),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", Weak),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Weak),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", Weak),
        ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", Weak),
        ("TLS_RSA_WITH_AES_128_GCM_SHA256", Weak),
        ("TLS_RSA_WITH_AES_256_GCM_SHA384", Weak),
        ("TLS_RSA_WITH_AES_128_CBC_SHA256", Weak),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", Weak),
        ("TLS_RSA_WITH_AES_256_CBC_SHA", Weak),
        ("TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", Weak),
        ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", Weak),
        ("TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", Weak),
        ("TLS_ECDHE_RSA_WITH_RC4_128_SHA", Weak),
        ("TLS_RSA_WITH_RC4_128_SHA", Weak),
    ]
};

/// HTTP/2 demands one of these of a server that offers TLS 1.2 (RFC 9113, section 9.2.2).
pub(crate) const FOR_HTTP2: [&str; 2] = [SUITES[0].0, SUITES[1].0];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    /// Forward secrecy and authenticated encryption.
    Forward,
    Weak,
}

/// Whether a suite is broken or nearly so: no forward secrecy, CBC, RC4 or 3DES.
pub(crate) fn is_weak(name: &str) -> bool {
    SUITES.contains(&(name, Strength::Weak))
}

/// Whether a server whose certificate has such a key can use the suite: those for ECDSA keys serve
/// Ed25519 ones, too (RFC 8422, section 5.10).
pub(crate) fn suits_key(name: &str, key: &str) -> bool {
    let is_for_rsa = name.contains("_RSA_WITH_");
    is_for_rsa == key.starts_with("RSA")
}

/// `Err` is the cure.
pub(super) fn check(name: &str) -> Result<(), String> {
    if SUITES.iter().any(|(known, _)| *known == name) {
        return Ok(());
    }
    if let Some(short) = name
        .strip_suffix("_SHA256")
        .filter(|name| name.ends_with("POLY1305"))
    {
        return Err(format!("write `{short}`, which every version takes"));
    }
    if name.starts_with("TLS_") && !name.contains("_WITH_") {
        return Err("Go chooses the suites of TLS 1.3 by itself: remove it".to_owned());
    }
    let known = SUITES.iter().map(|(known, _)| *known);
    Err(match closest(&name.replace('-', "_"), known) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("write Go's names, such as `{}`", FOR_HTTP2[0]),
    })
}
