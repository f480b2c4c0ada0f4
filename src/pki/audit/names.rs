//! Host names and addresses, matched as Go matches them.

use crate::pki::x509::{Certificate, Constraints, Sans, Subtrees};
use std::net::IpAddr;

/// Whether a name in a certificate stands for this host: letter case does not matter, and a
/// whole leftmost label may be `*`.
pub(super) fn stands_for(pattern: &str, host: &str) -> bool {
    let pattern: Vec<&str> = pattern.trim_end_matches('.').split('.').collect();
    let host: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    pattern.len() == host.len()
        && pattern
            .iter()
            .zip(&host)
            .enumerate()
            .all(|(at, (pattern, label))| {
                (at == 0 && *pattern == "*") || pattern.eq_ignore_ascii_case(label)
            })
}

/// Whether two addresses are one; `::ffff:10.0.0.1` is `10.0.0.1`.
pub(super) fn same_address(one: IpAddr, other: IpAddr) -> bool {
    one.to_canonical() == other.to_canonical()
}

/// The first alternative name that the constraints of a CA do not allow.
pub(super) fn first_forbidden(sans: &Sans, constraints: &Constraints) -> Option<String> {
    let names = sans.names.iter();
    let forbidden_name = |name: &&String| {
        let matches = |constraint: &String| in_domain(name, constraint);
        let permitted = &constraints.permitted.names;
        constraints.excluded.names.iter().any(matches)
            || (!permitted.is_empty() && !permitted.iter().any(matches))
    };
    let forbidden_address = |address: &&IpAddr| {
        let permitted = &constraints.permitted;
        in_networks(**address, &constraints.excluded)
            || (!permitted.networks.is_empty() && !in_networks(**address, permitted))
    };
    names.clone().find(forbidden_name).cloned().or_else(|| {
        sans.addresses
            .iter()
            .find(forbidden_address)
            .map(ToString::to_string)
    })
}

/// What OpenSSL constrains besides: the subject, and a common name that could be a host's where
/// the certificate has no other.
pub(super) fn first_forbidden_to_openssl(
    leaf: &Certificate,
    constraints: &Constraints,
) -> Option<String> {
    let (permitted, excluded) = (&constraints.permitted, &constraints.excluded);
    let is_below = |base: &String| {
        let (subject, base) = (leaf.subject.text.to_lowercase(), base.to_lowercase());
        let rest = subject.strip_prefix(&base);
        base.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(", "))
    };
    if excluded.subjects.iter().any(is_below)
        || (!permitted.subjects.is_empty() && !permitted.subjects.iter().any(is_below))
    {
        return Some(leaf.subject.text.clone());
    }
    let has_name = leaf
        .sans
        .as_ref()
        .is_some_and(|sans| !sans.names.is_empty());
    let common = leaf.subject.common.as_deref().filter(|_| !has_name)?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let is_host = common.contains('.') && common.chars().all(plain);
    let matches = |constraint: &String| in_domain(common, constraint);
    let is_forbidden = excluded.names.iter().any(matches)
        || (!permitted.names.is_empty() && !permitted.names.iter().any(matches));
    (is_host && is_forbidden).then(|| common.to_owned())
}

/// `example.com` covers itself and all below it, `.example.com` only what is below.
fn in_domain(name: &str, constraint: &str) -> bool {
    let (below_only, constraint) = match constraint.strip_prefix('.') {
        Some(rest) => (true, rest),
        None => (false, constraint),
    };
    if constraint.is_empty() {
        return true;
    }
    let (name, constraint) = (name.to_ascii_lowercase(), constraint.to_ascii_lowercase());
    match name.strip_suffix(&constraint) {
        Some("") => !below_only,
        Some(rest) => rest.ends_with('.'),
        None => false,
    }
}

fn in_networks(address: IpAddr, subtrees: &Subtrees) -> bool {
    let octets = match address.to_canonical() {
        IpAddr::V4(four) => four.octets().to_vec(),
        IpAddr::V6(six) => six.octets().to_vec(),
    };
    subtrees.networks.iter().any(|(network, mask)| {
        network.len() == octets.len()
            && (0..octets.len()).all(|at| octets[at] & mask[at] == network[at] & mask[at])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_whole_label() {
        assert!(stands_for("*.example.com", "A.Example.com"));
        assert!(stands_for("a.example.com.", "a.example.com"));
        for (pattern, host) in [
            ("*.example.com", "example.com"),
            ("*.example.com", "a.b.example.com"),
            ("a*.example.com", "ab.example.com"),
            ("a.*.com", "a.example.com"),
        ] {
            assert!(!stands_for(pattern, host), "{pattern} {host}");
        }
    }

    #[test]
    fn constraints_follow_go() {
        assert!(in_domain("a.example.com", "example.com"));
        assert!(in_domain("example.com", "example.com"));
        assert!(!in_domain("badexample.com", "example.com"));
        assert!(!in_domain("example.com", ".example.com"));
        let ten = Subtrees {
            networks: vec![(vec![10, 0, 0, 0], vec![255, 0, 0, 0])],
            ..Subtrees::default()
        };
        assert!(in_networks("10.9.8.7".parse().unwrap(), &ten));
        assert!(!in_networks("::1".parse().unwrap(), &ten));
    }
}
