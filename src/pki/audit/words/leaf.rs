//! What is said about the certificate itself and its key.

use super::super::problem::{Part, Problem};
use super::super::{Demand, Demands};
use super::Names;
use crate::pki::go::Go;
use crate::pki::public::PublicKey;
use crate::pki::x509::Certificate;
use std::net::IpAddr;

const NEW_PAIR: &str =
    "make a new pair on ECDSA P-256, which every etcd reads; `firstboot pki mint` does";
const REISSUE: &str = "have the certificate issued again";

pub(in super::super) fn curve_foreign(part: Part, file: &str, curve: &str) -> Problem {
    let message =
        format!("`{file}` holds a key on the curve `{curve}`, which Go, and so etcd, cannot read");
    Problem::error(part, "curve-unsupported", message, NEW_PAIR)
}

pub(in super::super) fn point_compressed(part: Part, file: &str) -> Problem {
    let message = format!(
        "`{file}` holds its public key in compressed form, which Go, and so etcd, cannot read"
    );
    let help = "have it issued again for a key in uncompressed form, the default of openssl";
    Problem::error(part, "point-compressed", message, help)
}

/// Keys that no TLS of that Go works with.
pub(in super::super) fn kind_refused(
    part: Part,
    file: &str,
    key: &PublicKey,
    go: Go,
) -> Option<Problem> {
    let (code, message) = match key {
        PublicKey::Ed25519(_) if go < Go::ED25519 => (
            "ed25519",
            format!(
                "`{file}` holds an Ed25519 key, but that etcd is built with {go}, and Ed25519 came with Go 1.13"
            ),
        ),
        PublicKey::ForeignCurve(curve) => return Some(curve_foreign(part, file, curve)),
        PublicKey::Foreign(name) => (
            "key-unsupported",
            format!("`{file}` holds a key of the kind `{name}`, with which etcd cannot speak TLS"),
        ),
        _ => return None,
    };
    Some(Problem::error(part, code, message, NEW_PAIR))
}

pub(in super::super) fn key_mismatch(
    names: &Names<'_>,
    certificate: &PublicKey,
    key: &PublicKey,
) -> Problem {
    let kinds = if certificate.to_string() == key.to_string() {
        String::new()
    } else {
        format!(": it is {key}, the certificate is for {certificate}")
    };
    let message = format!(
        "`{}` is not the key of `{}`{kinds}",
        names.key, names.certificate
    );
    Problem::error(
        Part::Key,
        "key-mismatch",
        message,
        "name the key that the certificate was made for, or make a new pair with `firstboot pki renew`",
    )
}

pub(in super::super) fn key_of_ca(names: &Names<'_>) -> Problem {
    let message = format!(
        "`{}` is the key of the CA in `{}`, which must never reach a machine",
        names.key, names.ca
    );
    let help = format!("name the key that `{}` was made for", names.certificate);
    Problem::error(Part::Key, "key-of-ca", message, help)
}

pub(in super::super) fn leaf_not_first(names: &Names<'_>, leaf: &Certificate) -> Problem {
    let message = format!(
        "`{}` must begin with `{}`, whose key `{}` is; etcd takes the first certificate for its own",
        names.certificate, leaf.subject.text, names.key
    );
    let help = "put the certificate first, then what issued it, in order";
    Problem::error(Part::Certificate, "leaf-not-first", message, help)
}

pub(in super::super) fn key_not_first(names: &Names<'_>) -> Problem {
    let message = format!(
        "`{}` holds several keys, and the first, which etcd takes, is not that of `{}`",
        names.key, names.certificate
    );
    Problem::error(
        Part::Key,
        "several-keys",
        message,
        "keep only the key that belongs to the certificate",
    )
}

pub(in super::super) fn several_keys(names: &Names<'_>) -> Problem {
    let message = format!(
        "`{}` holds several keys; etcd takes the first, the others only travel along",
        names.key
    );
    Problem::warning(
        Part::Key,
        "several-keys",
        message,
        "keep only the key that belongs to the certificate",
    )
}

pub(in super::super) fn curve_refused(file: &str) -> Problem {
    let message =
        format!("`{file}` is for a key on P-224, with which Go, and so etcd, cannot speak TLS");
    Problem::error(Part::Certificate, "curve-unsupported", message, NEW_PAIR)
}

pub(in super::super) fn rsa_breakable(part: Part, file: &str, bits: usize) -> Problem {
    let message = format!("`{file}` is for an RSA key of {bits} bits, which can be factored");
    Problem::error(part, "rsa-too-small", message, NEW_PAIR)
}

pub(in super::super) fn rsa_small(
    part: Part,
    file: &str,
    bits: usize,
    demands: &Demands,
) -> Problem {
    let message = format!(
        "`{file}` is for an RSA key of {bits} bits; etcd takes it, but OpenSSL in curl wants 2048 on Debian, Ubuntu and RHEL"
    );
    Problem::for_curl(demands.curl, part, "rsa-small", message, NEW_PAIR)
}

pub(in super::super) fn rsa_huge(part: Part, file: &str, bits: usize, go: Go) -> Problem {
    let message = format!("`{file}` is for an RSA key of {bits} bits, and {go} takes 8192 at most");
    Problem::error(part, "rsa-too-large", message, NEW_PAIR)
}

pub(in super::super) fn usage_missing(file: &str, server: bool) -> Problem {
    let (code, usage, what) = if server {
        ("usage-server-missing", "serverAuth", "answer calls")
    } else {
        (
            "usage-client-missing",
            "clientAuth",
            "call: members call each other with it, and etcd's JSON gateway calls its own server",
        )
    };
    let message = format!("`{file}` lacks the extended key usage `{usage}`, so etcd cannot {what}");
    let help = format!("{REISSUE} with `extendedKeyUsage = serverAuth, clientAuth`");
    Problem::error(Part::Certificate, code, message, help)
}

/// Extended key usages that Go takes for all, and OpenSSL for none.
pub(in super::super) fn usage_for_curl(
    part: Part,
    file: &str,
    it: &Certificate,
    demands: &Demands,
) -> Option<Problem> {
    let (code, what) = match it.extended {
        Some(usage) if usage.only_any => ("usage-any", "`anyExtendedKeyUsage`"),
        Some(usage) if usage.is_empty => ("usage-empty", "an empty `extendedKeyUsage`"),
        _ => return None,
    };
    let message = format!(
        "`{file}`: `{}` has {what} instead of `serverAuth, clientAuth`; etcd takes that, OpenSSL in curl does not",
        it.subject.text
    );
    let help = format!("{REISSUE} with `extendedKeyUsage = serverAuth, clientAuth`");
    Some(Problem::for_curl(demands.curl, part, code, message, help))
}

pub(in super::super) fn netscape_kind(file: &str, demands: &Demands) -> Problem {
    let message = format!(
        "`{file}` says by its `nsCertType` that it is not for servers; etcd does not look at that, OpenSSL in curl does"
    );
    let help = format!("{REISSUE} without `nsCertType`, which nobody needs any more");
    Problem::for_curl(
        demands.curl,
        Part::Certificate,
        "netscape-kind",
        message,
        help,
    )
}

pub(in super::super) fn address_mapped(
    file: &str,
    demand: &Demand<IpAddr>,
    demands: &Demands,
) -> Problem {
    let address = demand.value;
    let message = format!(
        "`{file}` names `{address}` in 16 bytes, as an IPv6 address; etcd takes it, curl does not: {}",
        demand.why
    );
    let help = format!("{REISSUE} with `IP:{address}`");
    Problem::for_curl(
        demands.curl,
        Part::Certificate,
        "san-address-mapped",
        message,
        help,
    )
}

/// Go ignores the key usage of a leaf. OpenSSL wants some way of key exchange, and, for ECDSA
/// under TLS 1.2 (all that Go before 1.13 speaks), `digitalSignature` itself.
pub(in super::super) fn no_digital_signature(file: &str, curl: bool) -> Problem {
    let message = format!(
        "`{file}` has a key usage without `digitalSignature`; etcd does not mind, but OpenSSL in curl may refuse it"
    );
    let help = format!("{REISSUE} with `keyUsage = critical, digitalSignature`");
    Problem::for_curl(
        curl,
        Part::Certificate,
        "no-digital-signature",
        message,
        help,
    )
}

pub(in super::super) fn is_authority(file: &str) -> Problem {
    let message =
        format!("`{file}` is itself a CA: whoever gets its key from a machine can make members");
    let help = format!("{REISSUE} with `basicConstraints = critical, CA:FALSE`");
    Problem::warning(Part::Certificate, "certificate-is-ca", message, help)
}

pub(in super::super) fn common_name_differs(
    file: &str,
    leaf: &Certificate,
    demand: &Demand<String>,
) -> Problem {
    let found = leaf.subject.common.as_deref().unwrap_or("");
    let message = format!(
        "`{file}` has the common name `{found}`, not `{}`: {}",
        demand.value, demand.why
    );
    Problem::error(
        Part::Certificate,
        "common-name-differs",
        message,
        format!("{REISSUE} with that common name"),
    )
}

pub(in super::super) fn no_alternative_names(file: &str, demands: &Demands) -> Problem {
    let message = format!(
        "`{file}` has no subject alternative names; {} does not look at the common name{}",
        demands.go,
        if demands.go < Go::NO_COMMON_NAME {
            " for an address"
        } else {
            ""
        }
    );
    Problem::error(
        Part::Certificate,
        "san-none",
        message,
        alternative_names(demands),
    )
}

pub(in super::super) fn address_missing(
    file: &str,
    demand: &Demand<IpAddr>,
    demands: &Demands,
) -> Problem {
    let message = format!(
        "`{file}` does not name the address `{}`: {}",
        demand.value, demand.why
    );
    Problem::error(
        Part::Certificate,
        "san-address-missing",
        message,
        alternative_names(demands),
    )
}

pub(in super::super) fn address_as_name(file: &str, demand: &Demand<IpAddr>) -> Problem {
    let address = demand.value;
    let message = format!(
        "`{file}` names `{address}` as a DNS name, which stands for no address: {}",
        demand.why
    );
    let help = format!("{REISSUE} with `IP:{address}` instead of `DNS:{address}`");
    Problem::error(Part::Certificate, "san-address-as-name", message, help)
}

pub(in super::super) fn name_missing(
    file: &str,
    demand: &Demand<String>,
    demands: &Demands,
) -> Problem {
    let message = format!(
        "`{file}` does not name the host `{}`: {}",
        demand.value, demand.why
    );
    Problem::error(
        Part::Certificate,
        "san-name-missing",
        message,
        alternative_names(demands),
    )
}

pub(in super::super) fn name_in_common_name(file: &str, go: Go) -> Problem {
    let message = format!(
        "`{file}` has its host name in the common name only, which {go} still takes and Go 1.15 does not"
    );
    Problem::warning(
        Part::Certificate,
        "san-none",
        message,
        "have it issued again with subject alternative names before etcd is upgraded",
    )
}

fn alternative_names(demands: &Demands) -> String {
    let addresses = demands
        .addresses
        .iter()
        .map(|demand| format!("IP:{}", demand.value));
    let names = demands
        .names
        .iter()
        .map(|demand| format!("DNS:{}", demand.value));
    let mut list: Vec<_> = addresses.chain(names).collect();
    let mut seen = std::collections::HashSet::new();
    list.retain(|name| seen.insert(name.clone()));
    format!(
        "{REISSUE} with `subjectAltName = {}`; `firstboot pki renew` does, with the CA's key",
        list.join(", ")
    )
}
