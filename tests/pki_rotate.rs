//! Another CA while the cluster runs; openssl judges every moment of it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::path::Path;
use support::desk::{BOTH, Desk, EACH, SHARED};

/// Old and new pairs under old and new CA files, as they meet while the machines are rolled.
fn crosses(desk: &Desk, before: &Path, names: &[&str]) {
    let now = desk.path("pki");
    for ca in [before, &now] {
        for pair in [before, &now] {
            for name in names {
                let (ca, pair) = (ca.display(), pair.display());
                for purpose in BOTH {
                    desk.shop.run(&format!(
                        "openssl verify -purpose {purpose} -CAfile {ca}/ca.pem {pair}/{name}.pem"
                    ));
                }
            }
        }
    }
}

#[test]
fn rotate_ca_keeps_everybody_s_trust() {
    const NAMES: &[&str] = &["controller-0", "controller-1", "controller-2"];
    let mut desk = Desk::minted(EACH);
    desk.bad(
        "rotate-ca",
        0,
        &["1  due", "firstboot pki rotate-ca cluster.yaml --step 1"],
    );
    desk.bad(
        "rotate-ca --step 2",
        1,
        &["step 2 is not due", "before step 1"],
    );
    let first = desk.shop.run("cat pki/ca.pem");
    for step in 1..=3 {
        let before = desk.path(&format!("before-{step}"));
        desk.shop.run(&format!("cp -r pki before-{step}"));
        let said = desk.good(&format!("rotate-ca --unverified --step {step}"));
        assert!(
            said.out.contains(&format!("step {step} of 3 is done")),
            "{}",
            said.out
        );
        assert!(
            said.out
                .contains("controller-0, then controller-1, then controller-2")
        );
        crosses(&desk, &before, NAMES);
        desk.good("audit --strict");
        if step < 3 {
            desk.bad(&format!("rotate-ca --step {step}"), 1, &["is not due"]);
            desk.bad("rotate-ca", 0, &[&format!("{}  due", step + 1)]);
            // Whoever is added meanwhile gets a pair that every member trusts.
            let pair = "pki/controller-2.pem pki/controller-2-key.pem";
            desk.shop.run(&format!("rm {pair}"));
            desk.good("renew");
            let next = desk.signed_by_next("controller-2");
            assert_eq!(next, step == 2, "after step {step}");
            desk.good("mint --client admin --force");
            assert_eq!(desk.signed_by_next("admin"), step == 2, "after step {step}");
        }
        if step == 1 {
            let both = desk.shop.run("cat pki/ca.pem");
            assert!(both.starts_with(&first), "the old CA stands first");
            assert_eq!(both.matches("BEGIN CERTIFICATE").count(), 2);
        }
    }
    let last = desk.shop.run("cat pki/ca.pem");
    assert_eq!(last.matches("BEGIN CERTIFICATE").count(), 1);
    assert_ne!(last, first);
    assert!(!desk.path("pki/ca-next.pem").exists());
    assert!(!desk.path("pki/ca-next-key.pem").exists());
    desk.good("renew --all");
    desk.verifies("controller-0", BOTH);
    desk.bad("rotate-ca", 0, &["1  due", "no replacement is under way"]);
}

/// Every state that a kill between two renames leaves behind leads on.
#[test]
fn rotate_ca_goes_on_after_a_kill() {
    let mut desk = Desk::minted(EACH);
    desk.shop.run("cp -r pki 0");
    let said = desk.good("rotate-ca --unverified --step 1 --format json");
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&document["taken"], &document["due"]),
        (&1.into(), &2.into())
    );
    desk.shop.run("cp -r pki 1");
    // The next CA is there, but nobody trusts it yet.
    desk.shop.run("cp 0/ca.pem pki/ca.pem");
    desk.bad("rotate-ca", 0, &["1  begun"]);
    desk.good("rotate-ca --unverified --step 1");
    assert_eq!(
        desk.shop.run("cat pki/ca.pem"),
        desk.shop.run("cat 1/ca.pem")
    );
    // One pair is new, one has its new key only.
    desk.good("rotate-ca --unverified --step 2");
    desk.shop
        .run("cp -r pki 2; cp 1/controller-1.pem 1/controller-2*.pem pki/");
    desk.bad("rotate-ca", 0, &["2  begun"]);
    desk.good("rotate-ca --unverified --step 2");
    desk.good("audit --strict");
    assert_eq!(
        desk.shop.run("cat pki/controller-0.pem"),
        desk.shop.run("cat 2/controller-0.pem")
    );
    // The CA file and its key are new, one of the next files is gone.
    desk.shop
        .run("cp pki/ca-next.pem pki/ca.pem; mv pki/ca-next-key.pem pki/ca-key.pem");
    desk.bad("rotate-ca", 0, &["3  begun"]);
    desk.good("rotate-ca --unverified --step 3");
    assert!(!desk.path("pki/ca-next.pem").exists());
    desk.good("renew --all");
    desk.good("audit --strict");
}

#[test]
fn rotate_ca_refuses_what_would_split_the_cluster() {
    let mut desk = Desk::minted(SHARED);
    // A next CA that may sign for clients only.
    desk.shop.run("openssl ecparam -genkey -name prime256v1 -noout -out pki/ca-next-key.pem; chmod 600 pki/ca-next-key.pem");
    desk.shop.run(
        "openssl req -x509 -new -key pki/ca-next-key.pem -days 90 -subj /CN=next -out pki/ca-next.pem \
         -addext keyUsage=critical,keyCertSign -addext extendedKeyUsage=clientAuth",
    );
    desk.good("rotate-ca --unverified --step 1");
    desk.bad(
        "rotate-ca --unverified --step 2",
        1,
        &["ca-usage-forbidden", "nothing was written"],
    );
}
