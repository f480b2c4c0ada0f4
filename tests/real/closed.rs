//! Where no release server is: the tarball lies in the image.

use crate::boot::{IDS, THREE};
use serde_json::Value;
use std::fs;
use std::process::Command;

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_closed_network_boots_from_media_in_the_image() {
    let dir = tempfile::tempdir().unwrap();
    let controller =
        |(n, ip): (usize, &&str)| format!("  - {{ name: controller-{n}, ip: {ip} }}\n");
    let controllers: Vec<_> = THREE.iter().enumerate().map(controller).collect();
    let controllers = controllers.concat();
    let manifest = format!(
        "apiVersion: firstboot/v1\ncluster: etcd-cluster-0\nplatform: nocloud\n\
         etcd: {{ version: 3.4.27, mirrors: [\"file:///media/etcd\"] }}\n\
         controllers:\n{controllers}\
         tls: {{ ca: pki/ca.pem, cert: pki/kubernetes.pem, key: pki/kubernetes-key.pem }}\n"
    );
    fs::write(dir.path().join("cluster.yaml"), manifest).unwrap();
    let firstboot = |arguments: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
            .args(arguments.split_whitespace())
            .current_dir(dir.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments}: {said}");
        output.stdout
    };
    firstboot("pki mint");
    firstboot("pin --offline");
    let outcome = firstboot("rehearse --suite bookworm --logs logs --format json");
    let outcome: Value = serde_json::from_slice(&outcome).unwrap();
    assert_eq!(outcome["passed"], true);
    assert_eq!(
        outcome["requests"],
        serde_json::json!([]),
        "somebody was asked"
    );
    for (n, id) in IDS.iter().enumerate() {
        let machine = &outcome["machines"][n];
        assert_eq!(machine["verdict"]["memberId"], *id);
        let console = dir.path().join(format!("logs/controller-{n}.console"));
        let console = fs::read_to_string(console).unwrap();
        let from = "[4/6] etcd: 3.4.23 from file:///media/etcd/v3.4.23";
        assert!(console.contains(from), "{console}");
    }
}
