//! Our reading of certificates against Go's own, byte for byte.
//!
//! Certificates with one or two things changed are put before both: whoever refuses one that
//! the other reads is wrong, and that is us. `FIRSTBOOT_TEST_GOS` names toolchains as
//! `GOTOOLCHAIN` takes them, with a colon between; without it, the Go of this machine is asked.
//!
//! ```text
//! FIRSTBOOT_TEST_GOS=go1.16.15:go1.24.13:local cargo test --test pki_go -- --ignored
//! ```

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

mod support;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use firstboot::pki::Go;
use firstboot::pki::inspect::refused_by;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use std::io::Write as _;
use std::process::{Command, Stdio};
use support::{Workshop, der};

const HOW_MANY: usize = 6000;

/// What openssl writes when asked for all that Go looks at.
const RICH: &str = r#"
RICH="$PLAIN\n$BOTH\nsubjectAltName=$SAN,email:a@b.example,URI:spiffe://lab.example/etcd,URI:https://a.example:8443/x,dirName:dn\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid,issuer:always\ncrlDistributionPoints=URI:http://a.example/crl\nauthorityInfoAccess=OCSP;URI:http://a.example/,caIssuers;URI:http://a.example/ca\ncertificatePolicies=1.2.3.4,2.5.29.32.0\n[dn]\nCN=x\nO=y"
CAS="basicConstraints=critical,CA:TRUE,pathlen:2\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nnameConstraints=critical,permitted;DNS:localhost,permitted;IP:127.0.0.0/255.0.0.0,permitted;email:.b.example,permitted;URI:.example,excluded;email:x@y.example\npolicyConstraints=requireExplicitPolicy:3,inhibitPolicyMapping:1\ninhibitAnyPolicy=2\npolicyMappings=1.2.3.4:1.2.3.5"
good
root other lab2 "$CAS" 2> /dev/null || { key other; root other lab2 "$CAS"; }
key rsa 2048
issue rsa kubernetes ca "$RICH"
key ed ed25519
issue ed kubernetes ca "$LEAF"
issue kubernetes kubernetes ca "$RICH"
"#;

fn bases() -> Vec<Vec<u8>> {
    let base = Workshop::base();
    let shop = Workshop::make(&base, RICH);
    ["ca", "kubernetes", "other", "rsa", "ed"]
        .map(|name| {
            shop.run(&format!(
                "openssl x509 -in {name}.pem -outform der -out {name}.der"
            ));
            shop.read(&format!("{name}.der"))
        })
        .to_vec()
}

/// The minor number of a Go, and what it says of each certificate.
fn ask_go(toolchain: &str, certificates: &[Vec<u8>]) -> (Go, Vec<String>) {
    let go = |arguments: &[&str]| {
        let mut command = Command::new("go");
        command
            .args(arguments)
            .env("GOTOOLCHAIN", toolchain)
            .env("GOENV", "off")
            .env("GOFLAGS", "");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    };
    let version = go(&["version"]).output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let minor = version
        .split("go1.")
        .nth(1)
        .unwrap()
        .split(['.', ' '])
        .next()
        .unwrap();
    let mut child = go(&["run", "tests/pki/parse.go"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines: String = certificates
        .iter()
        .map(|der| STANDARD.encode(der) + "\n")
        .collect();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    // Older ones print what they refuse as it is.
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let said: Vec<_> = said.lines().map(str::to_owned).collect();
    assert_eq!(said.len(), certificates.len(), "{version}");
    (Go(minor.parse().unwrap()), said)
}

#[test]
#[ignore = "needs Go: `make test`"]
fn reads_what_go_reads() {
    let toolchains = std::env::var("FIRSTBOOT_TEST_GOS").unwrap_or_else(|_| "local".into());
    let bases = bases();
    for der in &bases {
        assert_eq!(refused_by(der, Go(26)), None);
    }
    let mut runner = TestRunner::deterministic();
    let changed = der::changed(bases);
    let certificates: Vec<_> = (0..HOW_MANY)
        .map(|_| changed.new_tree(&mut runner).unwrap().current())
        .collect();
    let mut all_wrong = Vec::new();
    for toolchain in toolchains.split(':') {
        let (go, said) = ask_go(toolchain, &certificates);
        let mut refused = 0;
        let mut wrong = Vec::new();
        for (der, said) in certificates.iter().zip(&said) {
            let ours = refused_by(der, go);
            refused += usize::from(said != "ok");
            if (said == "ok") != ours.is_none() {
                wrong.push(format!(
                    "go: {said}; we: {ours:?}\n    {}",
                    STANDARD.encode(der)
                ));
            }
        }
        println!(
            "{go}: {refused} of {} refused by both, {} differ",
            said.len(),
            wrong.len()
        );
        // Both ways are reached, or nothing was compared.
        assert!(refused > HOW_MANY / 10 && refused < HOW_MANY * 9 / 10);
        // Older parsers were others: up to 1.20 a zero too many stood in numbers of extensions,
        // up to 1.16 `encoding/asn1` looked deeper in some places and less deep in others.
        let allowed = match go.0 {
            21.. => 0,
            17.. => HOW_MANY / 1000,
            _ => HOW_MANY * 3 / 100,
        };
        if wrong.len() > allowed {
            wrong.truncate(12);
            all_wrong.push(format!("{go}\n{}", wrong.join("\n")));
        }
    }
    assert!(all_wrong.is_empty(), "{}", all_wrong.join("\n"));
}
