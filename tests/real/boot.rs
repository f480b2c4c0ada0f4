//! Clusters that boot: real systemd, real cloud-init, real etcd.

use crate::complaints::complaints;
use serde_json::Value;
use std::fs;
use std::process::Command;

/// A manifest, its certificates, and what became of its rehearsal.
pub(crate) struct Rehearsal {
    dir: tempfile::TempDir,
    pub(crate) outcome: Value,
}

impl Rehearsal {
    /// With one pair for all; see [`Self::hold_with`].
    fn hold(version: &str, suite: &str, addresses: &[&str]) -> Self {
        Self::hold_with(version, suite, addresses, SHARED)
    }

    /// The same with the etcd of this minor version that was built here.
    fn hold_built(minor: u64) -> Self {
        let built = crate::image::release(&crate::image::newest(minor));
        // The digest of a build of our own is not the one that is known of upstream's.
        let release = format!("{}\n  sha256: {}", built.version, built.digest);
        let tarball = ["--tarball", built.tarball.to_str().unwrap()];
        Self::hold_from(&release, "bookworm", &THREE, SHARED, &tarball)
    }

    /// Mints what `tls` asks for, rehearses, and expects every machine to be healthy.
    pub(crate) fn hold_with(version: &str, suite: &str, addresses: &[&str], tls: &str) -> Self {
        Self::hold_from(version, suite, addresses, tls, &[])
    }

    fn hold_from(
        version: &str,
        suite: &str,
        addresses: &[&str],
        tls: &str,
        tarball: &[&str],
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("cluster.yaml"),
            manifest(version, addresses, tls),
        )
        .unwrap();
        let firstboot = |arguments: &[&str]| {
            let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
                .args(arguments)
                .current_dir(dir.path())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                output.status.success(),
                "{version} on {suite}: {said}\n{}",
                String::from_utf8_lossy(&output.stdout)
            );
            output.stdout
        };
        firstboot(&["pki", "mint"]);
        let rehearse = [
            "rehearse", "--suite", suite, "--logs", "logs", "--format", "json",
        ];
        let outcome = firstboot(&[&rehearse, tarball].concat());
        let outcome = serde_json::from_slice(&outcome).unwrap();
        Self { dir, outcome }
    }

    pub(crate) fn machines(&self) -> &Vec<Value> {
        self.outcome["machines"].as_array().unwrap()
    }

    pub(crate) fn journal(&self, machine: &str) -> String {
        let path = self
            .dir
            .path()
            .join("logs")
            .join(format!("{machine}.journal"));
        fs::read_to_string(path).unwrap()
    }
}

/// The lab's: one pair for all, in all roles.
const SHARED: &str = "
  ca: pki/ca.pem
  cert: pki/kubernetes.pem
  key: pki/kubernetes-key.pem
";

fn manifest(version: &str, addresses: &[&str], tls: &str) -> String {
    let controllers: Vec<String> = addresses
        .iter()
        .enumerate()
        .map(|(index, address)| format!("  - {{ name: controller-{index}, ip: \"{address}\" }}\n"))
        .collect();
    let controllers = controllers.concat();
    format!(
        "apiVersion: firstboot/v1\ncluster: etcd-cluster-0\nplatform: gce\netcd:\n  \
         version: {version}\ncontrollers:\n{controllers}tls:{tls}"
    )
}

const LAB_LINE: &str = "sudo ETCDCTL_API=3 etcdctl member list --endpoints=https://127.0.0.1:2379 \
    --cacert=/etc/etcd/ca.pem --cert=/etc/etcd/kubernetes.pem --key=/etc/etcd/kubernetes-key.pem";

/// Every machine is healthy under the planned ID, and the lab's own line says so, too.
fn check(rehearsal: &Rehearsal, ids: &[&str]) {
    assert_eq!(rehearsal.outcome["passed"], true);
    for (machine, id) in rehearsal.machines().iter().zip(ids) {
        assert_eq!(machine["verdict"]["memberId"], *id);
        let checks = machine["checks"].as_array().unwrap();
        assert_eq!(checks[0]["command"], LAB_LINE);
        assert_eq!(checks[1]["command"], LAB_LINE.trim_start_matches("sudo "));
        for check in checks {
            let output = check["output"].as_str().unwrap();
            for (index, id) in ids.iter().enumerate() {
                let line = format!("{id}, started, controller-{index}, ");
                assert!(output.contains(&line), "{output}");
            }
        }
    }
}

const TWO: [&str; 2] = ["10.240.0.10", "10.240.0.11"];
pub(crate) const THREE: [&str; 3] = ["10.240.0.10", "10.240.0.11", "10.240.0.12"];
/// As Kubernetes The Hard Way prints them.
pub(crate) const IDS: [&str; 3] = ["f98dc20bce6225a0", "ffed16798470cab5", "3a57933972cb5131"];

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn two_controllers_with_etcd_3_3_on_bullseye() {
    let rehearsal = Rehearsal::hold("3.3.9", "bullseye", &TWO);
    check(&rehearsal, &IDS[..2]);
    lab_flags_are_in_force(&rehearsal);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn three_controllers_with_etcd_3_4_on_bookworm() {
    // Debian's own, to the letter: it complains of a variable that a later one knows.
    let rehearsal = Rehearsal::hold("3.4.23", "bookworm", &THREE);
    check(&rehearsal, &IDS);
    lab_flags_are_in_force(&rehearsal);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn three_controllers_with_etcd_3_5_on_trixie() {
    let rehearsal = Rehearsal::hold("3.5.16", "trixie", &THREE);
    check(&rehearsal, &IDS);
    lab_flags_are_in_force(&rehearsal);
}

#[test]
#[ignore = "needs root, Debian's packages and Go: `make test`"]
fn three_controllers_with_etcd_3_6_as_upstream_has_it() {
    let rehearsal = Rehearsal::hold_built(6);
    check(&rehearsal, &IDS);
    lab_flags_are_in_force(&rehearsal);
}

#[test]
#[ignore = "needs root, Debian's packages and Go: `make test`"]
fn three_controllers_with_etcd_3_7_as_upstream_has_it() {
    let rehearsal = Rehearsal::hold_built(7);
    check(&rehearsal, &IDS);
    lab_flags_are_in_force(&rehearsal);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn three_controllers_with_ipv6_alone() {
    let addresses = ["fd00:10:240::10", "fd00:10:240::11", "fd00:10:240::12"];
    let rehearsal = Rehearsal::hold("3.4.27", "bookworm", &addresses);
    assert_eq!(rehearsal.outcome["passed"], true);
}

/// etcd says at its start which settings it took from its environment, and with which values.
fn lab_flags_are_in_force(rehearsal: &Rehearsal) {
    let count = rehearsal.machines().len();
    let initial_cluster: Vec<_> = (0..count)
        .map(|n| format!("controller-{n}=https://{}:2380", THREE[n]))
        .collect();
    let mut began = 0;
    for (index, ip) in THREE.iter().enumerate().take(count) {
        let flags = [
            ("NAME", format!("controller-{index}")),
            ("CERT_FILE", "/etc/etcd/kubernetes.pem".to_owned()),
            ("KEY_FILE", "/etc/etcd/kubernetes-key.pem".to_owned()),
            ("PEER_CERT_FILE", "/etc/etcd/kubernetes.pem".to_owned()),
            ("PEER_KEY_FILE", "/etc/etcd/kubernetes-key.pem".to_owned()),
            ("TRUSTED_CA_FILE", "/etc/etcd/ca.pem".to_owned()),
            ("PEER_TRUSTED_CA_FILE", "/etc/etcd/ca.pem".to_owned()),
            ("PEER_CLIENT_CERT_AUTH", "true".to_owned()),
            ("CLIENT_CERT_AUTH", "true".to_owned()),
            ("INITIAL_ADVERTISE_PEER_URLS", format!("https://{ip}:2380")),
            ("LISTEN_PEER_URLS", format!("https://{ip}:2380")),
            (
                "LISTEN_CLIENT_URLS",
                format!("https://{ip}:2379,https://127.0.0.1:2379"),
            ),
            ("ADVERTISE_CLIENT_URLS", format!("https://{ip}:2379")),
            ("INITIAL_CLUSTER_TOKEN", "etcd-cluster-0".to_owned()),
            ("DATA_DIR", "/var/lib/etcd".to_owned()),
        ];
        let begins = [
            ("INITIAL_CLUSTER", initial_cluster.join(",")),
            ("INITIAL_CLUSTER_STATE", "new".to_owned()),
        ];
        let journal = rehearsal.journal(&format!("controller-{index}"));
        // One that came when the others had a majority already found itself listed.
        let joined = journal.contains("[5/6] start: existing, it is listed");
        began += usize::from(!joined);
        for (flag, value) in flags
            .into_iter()
            .chain(begins.into_iter().filter(|_| !joined))
        {
            assert!(
                reports(&journal, flag, &value),
                "ETCD_{flag}={value} is not in:\n{journal}"
            );
        }
        let said_by_etcd = journal.lines().filter(|line| line.contains(" etcd["));
        let said_by_etcd = said_by_etcd.collect::<Vec<_>>().join("\n");
        // etcd 3.4 says so of its own default.
        let of_our_making = |line: &&str| !line.contains("--logger=capnslog");
        let complaints: Vec<_> = complaints(&said_by_etcd)
            .into_iter()
            .filter(of_our_making)
            .collect();
        assert_eq!(complaints, Vec::<&str>::new());
    }
    assert!(began > count / 2, "{began} of {count} began the cluster");
}

/// 3.3 and 3.4 write `…variable ETCD_NAME=…`; from 3.5 on it is JSON with the variable's name and
/// value as fields of their own.
pub(crate) fn reports(journal: &str, flag: &str, value: &str) -> bool {
    let plain = format!("ETCD_{flag}={value}");
    let json = [
        format!("\"variable-name\":\"ETCD_{flag}\""),
        format!("\"variable-value\":\"{value}\""),
    ];
    journal.lines().any(|line| {
        line.ends_with(&plain)
            || line.contains(&format!("{plain}\""))
            || json.iter().all(|part| line.contains(part))
    })
}
