//! The certificate itself: its key, usages, names and dates.

use super::names::{same_address, stands_for};
use super::problem::{Part, Problem};
use super::words::Names;
use super::words::chain::extension_foreign;
use super::words::leaf as say;
use super::{Demands, Matter, dates};
use crate::pki::go::Go;
use crate::pki::public::{Curve, PublicKey};
use crate::pki::x509::{Certificate, Sans};

/// Puts the certificate that the key belongs to first, as it should stand, so that what is
/// said after this is about that one.
pub(super) fn bring_forward(
    chain: &mut [Certificate],
    key: &PublicKey,
    names: &Names<'_>,
) -> Option<Problem> {
    let own = chain
        .iter()
        .position(|certificate| certificate.key == *key)?;
    if own == 0 {
        return None;
    }
    chain[..=own].rotate_right(1);
    Some(say::leaf_not_first(names, &chain[0]))
}

/// Everything about the certificate that needs no other certificate.
pub(super) fn check(matter: &Matter<'_>, problems: &mut Vec<Problem>) {
    let (leaf, demands, file) = (matter.leaf, matter.demands, matter.names.certificate);
    problems.extend(key_problem(matter));
    strength(Part::Certificate, file, &leaf.key, demands, problems);
    usages(leaf, demands, file, problems);
    if let Some(demand) = &demands.common_name
        && leaf.subject.common.as_deref() != Some(&demand.value)
    {
        problems.push(say::common_name_differs(file, leaf, demand));
    }
    match &leaf.sans {
        Some(sans) => alternative_names(sans, demands, file, problems),
        None => common_name_only(leaf, demands, file, problems),
    }
    for extension in leaf.unknown_to(demands.go) {
        problems.push(extension_foreign(Part::Certificate, file, leaf, extension));
    }
    dates::check(Part::Certificate, file, leaf, demands, problems);
}

/// Whether the key belongs to the certificate; both are those that Go takes: the first.
fn key_problem(matter: &Matter<'_>) -> Option<Problem> {
    let (names, wanted) = (matter.names, &matter.leaf.key);
    let (key, others) = matter.keys.split_first()?;
    if key == wanted {
        return (!others.is_empty()).then(|| say::several_keys(names));
    }
    // These have been reported, and tell nothing when compared.
    let is_opaque = |key: &PublicKey| {
        let is_p224 = matches!(
            key,
            PublicKey::Ec {
                curve: Curve::P224,
                ..
            }
        );
        is_p224 || !key.is_readable()
    };
    if is_opaque(key) || is_opaque(wanted) {
        return None;
    }
    let is_that_of = |authority: &Certificate| authority.key == *key;
    Some(if others.contains(wanted) {
        say::key_not_first(names)
    } else if matter.bundle.certificates.iter().any(is_that_of) {
        say::key_of_ca(names)
    } else {
        say::key_mismatch(names, wanted, key)
    })
}

/// The kind and size of a key, of the certificate or of one that signed it.
pub(super) fn strength(
    part: Part,
    file: &str,
    key: &PublicKey,
    demands: &Demands,
    problems: &mut Vec<Problem>,
) {
    let go = demands.go;
    match (key, key.rsa_bits()) {
        (PublicKey::Rsa { .. }, bits @ ..1024) => {
            problems.push(say::rsa_breakable(part, file, bits));
        }
        (PublicKey::Rsa { .. }, bits @ 1024..2048) => {
            problems.push(say::rsa_small(part, file, bits, demands));
        }
        (PublicKey::Rsa { .. }, bits @ 8193..) if go >= Go::NO_HUGE_RSA && part != Part::Ca => {
            problems.push(say::rsa_huge(part, file, bits, go));
        }
        (
            PublicKey::Ec {
                curve: Curve::P224, ..
            },
            _,
        ) if part == Part::Certificate => {
            problems.push(say::curve_refused(file));
        }
        // Said once, where the file was read.
        (PublicKey::ForeignCurve(_), _) => {}
        (key, _) => problems.extend(say::kind_refused(part, file, key, go)),
    }
}

fn usages(leaf: &Certificate, demands: &Demands, file: &str, problems: &mut Vec<Problem>) {
    if let Some(usage) = leaf.extended {
        if demands.server && !usage.server {
            problems.push(say::usage_missing(file, true));
        }
        if demands.client && !usage.client {
            problems.push(say::usage_missing(file, false));
        }
    }
    problems.extend(say::usage_for_curl(Part::Certificate, file, leaf, demands));
    if demands.server && leaf.netscape_forbids {
        problems.push(say::netscape_kind(file, demands));
    }
    if let Some(usage) = leaf.key_usage.filter(|usage| !usage.digital_signature) {
        let needs_it = demands.go < Go::TLS_1_3 && leaf.key.rsa_bits() == 0;
        let refused = needs_it || !usage.exchange;
        problems.push(say::no_digital_signature(file, demands.curl && refused));
    }
    if leaf.is_authority() {
        problems.push(say::is_authority(file));
    }
}

fn alternative_names(sans: &Sans, demands: &Demands, file: &str, problems: &mut Vec<Problem>) {
    for demand in &demands.addresses {
        let address = demand.value;
        if sans.addresses.contains(&address) {
            continue;
        }
        if sans.addresses.iter().any(|own| same_address(*own, address)) {
            problems.push(say::address_mapped(file, demand, demands));
            continue;
        }
        let is_same = |name: &String| {
            name.parse()
                .is_ok_and(|parsed| same_address(parsed, address))
        };
        problems.push(if sans.names.iter().any(is_same) {
            say::address_as_name(file, demand)
        } else {
            say::address_missing(file, demand, demands)
        });
    }
    for demand in &demands.names {
        if !sans.names.iter().any(|own| stands_for(own, &demand.value)) {
            problems.push(say::name_missing(file, demand, demands));
        }
    }
}

/// Before Go 1.15 the common name stood for a host when there were no alternative names, but
/// never for an address.
fn common_name_only(
    leaf: &Certificate,
    demands: &Demands,
    file: &str,
    problems: &mut Vec<Problem>,
) {
    if demands.addresses.is_empty() && demands.names.is_empty() {
        return;
    }
    let common_name = leaf.subject.common.as_deref().unwrap_or_default();
    let stands_for_all = demands.go < Go::NO_COMMON_NAME
        && demands.addresses.is_empty()
        && demands
            .names
            .iter()
            .all(|demand| stands_for(common_name, &demand.value));
    problems.push(if stands_for_all {
        say::name_in_common_name(file, demands.go)
    } else {
        say::no_alternative_names(file, demands)
    });
}
