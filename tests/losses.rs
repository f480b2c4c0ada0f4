//! What a cluster with a lock is sent for the day on which it loses a machine.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/hang.rs"]
mod hang;
#[path = "support/pin_desk.rs"]
mod pin_desk;

use firstboot::release::Lock;
use pin_desk::PinDesk;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Two controllers with an etcd of the built-in table, and their certificates.
fn desk() -> PinDesk {
    let desk = PinDesk::new("version: 3.5.16", &["amd64", "amd64"]);
    desk.good("pki mint");
    desk
}

/// What `etcd.env` says about losses, and what `render` notes.
fn rendered(desk: &PinDesk) -> (Vec<String>, String) {
    let said = desk.good("render").err;
    let user_data = fs::read_to_string(desk.path("out/main/controller-0/user-data")).unwrap();
    let has_script = user_data.contains("path: /usr/local/lib/firstboot/peers\n");
    let keys = ["MORE=", "REPLACE=", "GENESIS_UNTIL="];
    let lines = user_data.lines().map(str::trim_start);
    let found: Vec<_> = lines
        .filter(|line| keys.iter().any(|key| line.starts_with(key)))
        .map(str::to_owned)
        .collect();
    assert_eq!(has_script, found.contains(&"MORE=peers".to_owned()));
    let parts = said.split("\n\n").map(str::trim_start);
    let notes = parts.filter(|part| part.starts_with("note: "));
    (found, notes.collect::<Vec<_>>().join("\n"))
}

#[test]
fn with_a_lock_machines_replace_themselves_unless_the_manifest_says_never() {
    let desk = desk();
    never(&desk);
    let (plain, note) = rendered(&desk);
    assert!(plain.is_empty(), "{plain:?}");
    assert!(note.contains("`firstboot render --new`"), "{note}");
    desk.manifest("version: 3.5.16", &["amd64", "amd64"]);

    desk.good("pin --offline");
    let (pinned, note) = rendered(&desk);
    assert_eq!(pinned[..2], ["MORE=peers", "REPLACE=auto"]);
    assert!(pinned[2].starts_with("GENESIS_UNTIL="), "{pinned:?}");
    assert!(note.contains("the cluster can begin until 2"), "{note}");

    never(&desk);
    let (found, _) = rendered(&desk);
    assert_eq!(found[..2], ["MORE=peers", "REPLACE=never"]);
}

fn never(desk: &PinDesk) {
    let manifest = fs::read_to_string(desk.path("cluster.yaml")).unwrap();
    fs::write(desk.path("cluster.yaml"), manifest + "replace: never\n").unwrap();
}

/// What `launch` says beside the client, which is there and does nothing.
fn launched(desk: &PinDesk) -> String {
    let bin = desk.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let gcloud = bin.join("gcloud");
    fs::write(&gcloud, "#!/bin/sh\n").unwrap();
    fs::set_permissions(gcloud, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new("/bin/sh")
        .arg(desk.path("out/main/launch"))
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("SUBNET", "kubernetes")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Without a lock a changed list of controllers is another cluster, and nobody would see it.
#[test]
fn a_cluster_in_the_place_of_another_is_noted() {
    let desk = desk();
    let is_noted = |note: &str| note.contains("the last render of main was of cluster ");
    never(&desk);
    let (_, note) = rendered(&desk);
    assert!(!is_noted(&note), "{note}");
    let before = fs::read_to_string(desk.path("out/main/launch")).unwrap();
    let before = firstboot::platform::cluster_id(&before).unwrap();

    desk.manifest("version: 3.5.16", &["amd64"]);
    never(&desk);
    let checked = desk.good("render --check").err;
    assert!(!is_noted(&checked), "{checked}");
    let (_, note) = rendered(&desk);
    let noted = format!("the last render of main was of cluster {before}, this one is of ");
    assert!(note.contains(&noted), "{note}");
    assert!(note.contains("put the manifest back"), "{note}");
    assert!(
        !note.contains("--new"),
        "it would pin the wrong one: {note}"
    );
    let (_, note) = rendered(&desk);
    assert!(!is_noted(&note), "{note}");

    // Pinned too late, and then as the note says.
    desk.good("pin --offline");
    rendered(&desk);
    desk.manifest("version: 3.5.16", &["amd64", "amd64"]);
    fs::remove_file(desk.path("cluster.lock")).unwrap();
    desk.good("pin --offline");
    desk.bad("render", 1, &["lock-is-another", "move `out/main` away"]);
    fs::remove_dir_all(desk.path("out/main")).unwrap();
    rendered(&desk);
    let launch = fs::read_to_string(desk.path("out/main/launch")).unwrap();
    assert_eq!(firstboot::platform::cluster_id(&launch), Some(before));
    desk.manifest("version: 3.5.16", &["amd64"]);
    let (_, note) = rendered(&desk);
    assert!(!is_noted(&note), "the lock keeps the ID: {note}");
    let launch = fs::read_to_string(desk.path("out/main/launch")).unwrap();
    assert_eq!(firstboot::platform::cluster_id(&launch), Some(before));
}

/// Whoever launches a new cluster with an old lock would wait for ever.
#[test]
fn a_window_that_is_over_is_noted() {
    let desk = desk();
    desk.good("pin --offline");
    rendered(&desk);
    assert_eq!(launched(&desk), "");
    let mut lock = Lock::parse(desk.lock().as_bytes()).unwrap();
    lock.genesis.until = 1_767_323_045;
    fs::write(desk.path("cluster.lock"), lock.to_text()).unwrap();
    let (found, note) = rendered(&desk);
    assert_eq!(found[2], "GENESIS_UNTIL=1767323045");
    assert!(
        note.contains("since 2026-01-02T03:04:05Z machines join this cluster, and begin none"),
        "{note}"
    );
    assert!(
        note.contains("`firstboot pin --genesis-window 24h`"),
        "{note}"
    );
    assert_eq!(
        launched(&desk),
        "note: since 2026-01-02T03:04:05Z machines join this cluster, and begin none; \
         for a new one, run\nfirstboot pin --genesis-window 24h, render, and create all machines again\n"
    );
}

/// What Google's metadata server is asked when the machine says these lines.
fn published(product: &str, says: &[&str], curl_ends_with: i32) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let peers = include_str!("../templates/peers").replace(
        "/sys/class/dmi/id/product_name",
        path("product").to_str().unwrap(),
    );
    fs::write(path("peers"), peers).unwrap();
    fs::write(path("product"), format!("{product}\n")).unwrap();
    fs::write(path("release.env"), "VERSION=3.5.16\n").unwrap();
    let curl = format!(
        "#!/bin/sh\necho \"$*\" >>{}\nexit {curl_ends_with}\n",
        path("asked").display()
    );
    fs::write(path("curl"), curl).unwrap();
    fs::set_permissions(path("curl"), fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new("sh")
        .arg("-euc")
        .arg(
            "lib=$0 ETCD_CERT_FILE=- ETCD_KEY_FILE=- ETCD_LISTEN_PEER_URLS=- PATH=$0:$PATH
            one_line() { printf %s \"$1\" | tr -cs '[:print:]' ' '; }
            . \"$lib/peers\"; for line; do say \"$line\"; done",
        )
        .arg(dir.path())
        .args(says)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let expected = says.iter().map(|line| format!("firstboot: {line}"));
    assert!(said.lines().eq(expected), "{said}");
    fs::read_to_string(path("asked")).unwrap_or_default()
}

const LINES: [&str; 4] = [
    "[1/6] files: whole",
    "[6/6] member: waiting: for a majority of the members (5 s)",
    "healthy: controller-0 1 in cluster 2",
    "failed: [2/6] address: there is none",
];

#[test]
fn on_gce_the_verdict_is_a_guest_attribute_whatever_becomes_of_it() {
    // Told; the host silent; the host not there.
    for end in [0, 28, 7] {
        let asked = published("Google Compute Engine", &LINES, end);
        let asked: Vec<_> = asked.lines().collect();
        assert_eq!(asked.len(), 3, "stages are left out: {asked:#?}");
        for (asked, line) in asked.iter().zip(&LINES[1..]) {
            assert_eq!(
                *asked,
                format!(
                    "-so /dev/null -m 2 -X PUT -H Metadata-Flavor: Google --data {line} \
                     http://169.254.169.254/computeMetadata/v1/instance/guest-attributes/\
                     firstboot/status"
                )
            );
        }
    }
}

#[test]
fn elsewhere_nobody_is_asked() {
    for product in ["Standard PC (Q35 + ICH9, 2009)", "OpenStack Nova", ""] {
        assert_eq!(published(product, &LINES, 0), "");
    }
}
