//! Clusters whose controllers hold pairs of their own, as `pki mint` makes them.

use crate::boot::{IDS, Rehearsal, THREE, reports};

/// One pair for each controller, in all roles.
const EACH: &str = r#"
  ca: pki/ca.pem
  cert: "pki/{name}.pem"
  key: "pki/{name}-key.pem"
"#;

/// One for each controller and role; peers have a CA that no client's certificate comes from.
const EACH_ROLE: &str = r#"
  ca: pki/ca.pem
  server: { cert: "pki/server-{name}.pem", key: "pki/server-{name}-key.pem" }
  peer: { ca: pki/peer-ca.pem, cert: "pki/peer-{name}.pem", key: "pki/peer-{name}-key.pem" }
  client: { cert: "pki/client-{name}.pem", key: "pki/client-{name}-key.pem" }
"#;

/// The files of which etcd must say that it took them, and the client's pair.
struct Files {
    server: [&'static str; 2],
    peer: [&'static str; 2],
    client: &'static str,
}

const OF_EACH: Files = Files {
    server: ["{name}.pem", "ca.pem"],
    peer: ["{name}.pem", "ca.pem"],
    client: "{name}.pem",
};
const OF_EACH_ROLE: Files = Files {
    server: ["server-{name}.pem", "ca.pem"],
    peer: ["peer-{name}.pem", "peer-ca.pem"],
    client: "client-{name}.pem",
};

fn forms(version: &str, suite: &str, tls: &str, files: &Files) {
    let rehearsal = Rehearsal::hold_with(version, suite, &THREE, tls);
    assert_eq!(rehearsal.outcome["passed"], true);
    for (index, machine) in rehearsal.machines().iter().enumerate() {
        assert_eq!(machine["verdict"]["memberId"], IDS[index]);
        let name = format!("controller-{index}");
        let path = |file: &str| format!("/etc/etcd/{}", file.replace("{name}", &name));
        let journal = rehearsal.journal(&name);
        for (flag, file) in [
            ("CERT_FILE", files.server[0]),
            ("TRUSTED_CA_FILE", files.server[1]),
            ("PEER_CERT_FILE", files.peer[0]),
            ("PEER_TRUSTED_CA_FILE", files.peer[1]),
        ] {
            let value = path(file);
            assert!(
                reports(&journal, flag, &value),
                "ETCD_{flag}={value} is not in:\n{journal}"
            );
        }
        let check = machine["checks"][0]["command"].as_str().unwrap();
        let client = format!("--cert={} ", path(files.client));
        assert!(check.contains(&client), "{check}");
    }
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn one_for_each_controller_with_etcd_3_3_on_bullseye() {
    forms("3.3.9", "bullseye", EACH, &OF_EACH);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn one_for_each_controller_with_etcd_3_4_on_bookworm() {
    forms("3.4.27", "bookworm", EACH, &OF_EACH);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn one_for_each_controller_with_etcd_3_5_on_trixie() {
    forms("3.5.21", "trixie", EACH, &OF_EACH);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn one_for_each_controller_and_role_with_etcd_3_3_on_bullseye() {
    forms("3.3.9", "bullseye", EACH_ROLE, &OF_EACH_ROLE);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn one_for_each_controller_and_role_with_etcd_3_4_on_bookworm() {
    forms("3.4.27", "bookworm", EACH_ROLE, &OF_EACH_ROLE);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn one_for_each_controller_and_role_with_etcd_3_5_on_trixie() {
    forms("3.5.21", "trixie", EACH_ROLE, &OF_EACH_ROLE);
}
