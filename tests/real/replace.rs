//! Machines that lose their disks come back by themselves, while every controller writes.

use crate::rotate::{self, acts, cluster::{MACHINES, Pairs, Pki}};
use firstboot::rehearse::Act;
use firstboot::secret::Secret;
use std::time::Duration;

/// What a machine goes through that is created again with the same user-data.
const LOSE_THE_DISK: &str = r#"# loses its disk
systemctl stop firstboot.service etcd.service
rm -rf /var/lib/etcd /var/lib/firstboot
timeout 50 systemctl start firstboot.service || true
journalctl -qu firstboot.service -o cat
own --endpoints https://127.0.0.1:2379 member list
own --endpoints ENDPOINTS endpoint health"#;

fn loses_its_disk(machine: usize) -> Act {
    Act {
        machine,
        command: acts::script(LOSE_THE_DISK),
        stdin: Secret::new(Vec::new()),
        expect: vec!["firstboot: healthy".into()],
        timeout: Duration::from_secs(60),
    }
}

fn comes_back(version: &str) {
    let pki = Pki::make(version, Pairs::Each);
    let acts: Vec<_> = (0..MACHINES).map(loses_its_disk).collect();
    let outcome = rotate::rehearse(&pki, version, acts);
    for act in &outcome.acts {
        println!("{}", act.result.output);
    }
    assert!(outcome.passed(), "{:#?}", rotate::failures(&outcome));
    rotate::every_acknowledged_write_is_on_every_member(&outcome);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn on_etcd_3_4() {
    comes_back("3.4.27");
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn on_etcd_3_3() {
    comes_back("3.3.9");
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn on_etcd_3_5() {
    comes_back("3.5.21");
}
