//! Sets made by openssl, each of which the audit must judge exactly.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use support::sets::Set;
use support::{Workshop, audit_set, issued, sets};

fn judge(list: &[Set]) {
    let wrong: Vec<String> = support::in_parallel(list, |set| {
        let shop = Workshop::new();
        shop.make(set.make);
        let audit = audit_set(&shop, set.go);
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
    judge(sets::KEYS);
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
