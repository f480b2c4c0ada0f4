//! `firstboot verify` against machines that a rehearsal has booted, from inside its network.

use crate::rotate::cluster::{MACHINES, Pairs, Pki};
use firstboot::rehearse::{Act, Event, Plan};
use firstboot::secret::Secret;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// Keeps the machines on while they are looked at.
fn while_looked_at() -> Act {
    Act {
        machine: 0,
        command: "sleep 4".to_owned(),
        stdin: Secret::new(Vec::new()),
        expect: Vec::new(),
        timeout: Duration::from_secs(20),
    }
}

/// The process at the bottom of the rehearsal that this process holds: it is in its network.
fn inside() -> String {
    let children = |process: &str| {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
        let lists =
            tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("children")).ok());
        let list: Vec<_> = lists.collect();
        list.join(" ")
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let network = |process: &str| fs::read_link(format!("/proc/{process}/ns/net")).ok();
    let own = network("self");
    let mut found = children("self")
        .into_iter()
        .flat_map(|child| children(&child));
    found
        .find(|process| network(process).is_some() && network(process) != own)
        .expect("a rehearsal has a network of its own")
}

/// A program in that network, started in a directory with manifest and certificates.
pub(crate) fn run_inside(directory: &Path, program: &str, arguments: &[&str]) -> Output {
    let network = format!("--net=/proc/{}/ns/net", inside());
    Command::new("nsenter")
        .args([&network, "--", program])
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

pub(crate) fn verify(directory: &Path, wait: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_firstboot");
    let arguments = ["verify", "--wait", wait, "--format", "json"];
    run_inside(directory, program, &arguments)
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn machines_that_were_booted_are_as_planned() {
    let host = crate::image::host();
    let wanted = "3.4.27".parse().unwrap();
    let release = host.stand_in(wanted, &mut |_| {}).unwrap();
    let pki = Pki::make(&release.version.to_string(), Pairs::Each);
    let plan = Plan {
        background: Vec::new(),
        ..pki.plan(&release, vec![while_looked_at()])
    };
    let mut said = None;
    let outcome = host.rehearse(plan, &mut |event| {
        if let Event::Quorum { .. } = event {
            said = Some(verify(pki.directory(), "3s"));
        }
    });
    assert!(outcome.unwrap().passed());
    let said = said.unwrap();
    let document: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(said.status.code(), Some(0), "{document:#}");
    assert_eq!(document["asPlanned"], true);
    assert_eq!(document["findings"], serde_json::json!([]));
    let controllers = document["controllers"].as_array().unwrap();
    assert_eq!(controllers.len(), MACHINES);
    for (index, one) in controllers.iter().enumerate() {
        assert_eq!(one["state"], "as-planned");
        assert_eq!(one["etcdVersion"], release.version.to_string());
        let own = format!("CN=controller-{index}");
        assert_eq!(one["certificate"]["subject"], own.as_str());
    }
}
