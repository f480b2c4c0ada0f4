//! Sets made by openssl, each of which the audit must judge exactly.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use support::sets::Set;
use support::{Workshop, audit_set, issued, keys, sets};

fn judge(list: &[Set]) {
    let base = Workshop::base();
    let wrong: Vec<String> = support::in_parallel(list, |set| {
        let shop = Workshop::make(&base, set.make);
        let audit = audit_set(&shop, set.go, false);
        let found = |errors| {
            let problems = audit
                .problems
                .iter()
                .filter(move |problem| problem.is_error() == errors);
            let mut codes: Vec<_> = problems
                .map(|problem| (problem.code, problem.part))
                .collect();
            codes.sort_unstable();
            codes
        };
        let wanted = |list: &[_]| {
            let mut codes = list.to_vec();
            codes.sort_unstable();
            codes
        };
        let right = found(true) == wanted(set.errors) && found(false) == wanted(set.warnings);
        for problem in &audit.problems {
            assert!(
                !problem.message.ends_with('.') && !problem.help.ends_with('.'),
                "{problem}"
            );
            assert!(!problem.help.is_empty(), "{problem}");
        }
        (!right).then(|| {
            let problems: Vec<_> = audit.problems.iter().map(ToString::to_string).collect();
            format!("{}:\n  {}", set.name, problems.join("\n  "))
        })
    })
    .into_iter()
    .flatten()
    .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        list.len(),
        wrong.join("\n")
    );
}

#[test]
fn files() {
    judge(sets::FILES);
}

#[test]
fn keys() {
    judge(keys::KEYS);
}

#[test]
fn chains() {
    judge(issued::CHAINS);
}

#[test]
fn hashes() {
    judge(issued::HASHES);
}

#[test]
fn leafs() {
    judge(issued::LEAFS);
}

/// What etcd takes and the curl of a machine's first boot does not, as seen with real ones.
#[test]
fn curl_is_stricter() {
    let base = Workshop::base();
    let all = [keys::KEYS, issued::CHAINS, issued::HASHES, issued::LEAFS].concat();
    let fit: Vec<_> = all.iter().filter(|set| set.errors.is_empty()).collect();
    let refused = support::in_parallel(&fit, |set| {
        let shop = Workshop::make(&base, set.make);
        let audit = audit_set(&shop, 12, true);
        let codes: Vec<_> = audit
            .problems
            .iter()
            .filter(|problem| problem.is_error())
            .map(|problem| problem.code)
            .collect();
        (!codes.is_empty()).then_some((set.name, codes))
    });
    let refused: Vec<_> = refused
        .into_iter()
        .flatten()
        .filter(|(_, codes)| codes[0] != "ed25519")
        .collect();
    assert_eq!(
        refused,
        [
            ("rsa 1024", vec!["rsa-small"]),
            ("rsa 1024 ca", vec!["rsa-small"]),
            ("sha-1 before go 1.18", vec!["hash-weak"]),
            ("any extended usage", vec!["usage-any"]),
            ("ca for any usage", vec!["usage-any"]),
            ("no digital signature", vec!["no-digital-signature"]),
            ("certificate that is a ca", vec!["no-digital-signature"]),
        ]
    );
}
