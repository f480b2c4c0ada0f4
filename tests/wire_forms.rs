//! The forms for images without cloud-init, from whole machines: how large, and how clean.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/machine.rs"]
mod support;

use firstboot::cluster::Cluster;
use firstboot::machine::{Layout, machines};
use firstboot::secret::Secret;
use firstboot::wire::{ignition, startup_script};
use std::fs;
use std::path::Path;
use std::process::Command;
use support::{cluster, output};

/// The lab's cluster with certificates as `pki mint` makes them.
fn lab() -> Cluster {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pki");
    let read = |name: &str| Secret::new(fs::read(dir.join(name)).unwrap());
    let mut cluster = cluster();
    for tls in cluster.members.iter_mut().map(|member| &mut member.tls) {
        for side in [&mut tls.server, &mut tls.peer] {
            side.ca.bytes = read("ca.pem");
            side.pair.certificate.bytes = read("kubernetes.pem");
            side.pair.key.bytes = read("kubernetes-key.pem");
        }
        tls.client = tls.server.pair.clone();
    }
    cluster
}

/// Not more than the here-documents' frames and the few lines around them.
#[test]
fn a_startup_script_is_hardly_larger_than_its_files() {
    let cluster = lab();
    let machine = &machines(&cluster, Layout::default())[0];
    let files: usize = machine.files.iter().map(|file| file.bytes().len()).sum();
    let script = startup_script::render(machine).unwrap().expose().len();
    assert!(script < files + 2100, "{script} for {files}");
}

/// Scripts are packed, so that much is left of the 16 kB that AWS takes.
#[test]
fn an_ignition_config_is_smaller_than_its_files() {
    let cluster = lab();
    let machine = &machines(&cluster, Layout::Opt)[0];
    let files: usize = machine.files.iter().map(|file| file.bytes().len()).sum();
    let config = ignition::render(machine).unwrap().expose().len();
    assert!(config < files, "{config} for {files}");
}

#[test]
#[cfg(unix)]
fn consumer_shellcheck_finds_nothing_in_a_startup_script() {
    let cluster = lab();
    for machine in machines(&cluster, Layout::default()) {
        let script = startup_script::render(&machine).unwrap();
        let text = String::from_utf8(script.expose().to_vec()).unwrap();
        let said = output(Command::new("shellcheck").args(["-s", "sh", "-"]), &text);
        assert_eq!((said.text.as_str(), said.success), ("", true));
    }
}
