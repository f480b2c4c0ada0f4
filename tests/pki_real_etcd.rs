//! The audit against real etcd: two members on loopback for each certificate set.
//!
//! A set that forms a cluster must not be refused, and a set that forms none must not be
//! passed. Needs directories with `etcd` and `etcdctl` (or `usr/bin/etcd`, as a package
//! unpacks), separated by colons, and openssl and curl:
//!
//! ```text
//! FIRSTBOOT_TEST_ETCD=/path/to/3.4:/path/to/3.5 cargo test --test pki_real_etcd -- --ignored
//! ```

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

mod support;

use firstboot::pki::audit::Audit;
use std::path::PathBuf;
use support::cluster::{Etcd, Outcome};
use support::sets::Set;
use support::{Workshop, audit_set, in_parallel, issued, keys, sets};

fn etcds() -> Vec<Etcd> {
    let list = std::env::var("FIRSTBOOT_TEST_ETCD")
        .expect("FIRSTBOOT_TEST_ETCD names no directories with an etcd");
    let found: Vec<_> = list
        .split(':')
        .map(PathBuf::from)
        .map(|dir| Etcd::find(&dir))
        .collect();
    assert!(!found.is_empty());
    found
}

/// What etcd says decides; of those that form, what curl says decides when curl is asked too.
fn is_right(set: &Set, outcome: &Outcome, for_etcd: &Audit, for_curl: &Audit) -> bool {
    match outcome {
        Outcome::Failed(_) => !for_etcd.is_fit() && !for_curl.is_fit(),
        Outcome::Formed(_) if set.stricter => !for_etcd.is_fit(),
        Outcome::Formed(curl) => for_etcd.is_fit() && for_curl.is_fit() == curl.is_ok(),
    }
}

fn compare(list: &[Set]) {
    let base = Workshop::base();
    for etcd in etcds() {
        let wrong: Vec<String> = in_parallel(list, |set| {
            let shop = Workshop::make(&base, set.make);
            let for_etcd = audit_set(&shop, etcd.go, false);
            let for_curl = audit_set(&shop, etcd.go, true);
            let outcome = etcd.try_to_form(&shop);
            let said: Vec<_> = for_curl.problems.iter().map(ToString::to_string).collect();
            let verdict = format!("{}: {outcome:?}, audit: {said:#?}", set.name);
            if std::env::var_os("FIRSTBOOT_TEST_VERBOSE").is_some() {
                println!("go {} {verdict}", etcd.go);
            }
            (!is_right(set, &outcome, &for_etcd, &for_curl)).then_some(verdict)
        })
        .into_iter()
        .flatten()
        .collect();
        let (go, all) = (etcd.go, list.len());
        assert!(
            wrong.is_empty(),
            "go {go}: {} of {all}\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

#[test]
#[ignore = "needs a real etcd: make test-real"]
fn files() {
    compare(sets::FILES);
}

#[test]
#[ignore = "needs a real etcd: make test-real"]
fn keys() {
    compare(keys::KEYS);
}

#[test]
#[ignore = "needs a real etcd: make test-real"]
fn chains() {
    compare(issued::CHAINS);
}

#[test]
#[ignore = "needs a real etcd: make test-real"]
fn hashes() {
    compare(issued::HASHES);
}

#[test]
#[ignore = "needs a real etcd: make test-real"]
fn leafs() {
    compare(issued::LEAFS);
}
