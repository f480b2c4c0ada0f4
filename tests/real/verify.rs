//! `firstboot verify` against machines that a rehearsal has booted, from inside its network.

use crate::rotate::acts;
use crate::rotate::cluster::{ADDRESSES, MACHINES, Pairs, Pki};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firstboot::rehearse::{Act, Event, Plan};
use firstboot::secret::Secret;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// Keeps the machines on until [`tell`] says that they were looked at.
fn while_looked_at() -> Act {
    let text = "until own --endpoints https://127.0.0.1:2379 get look | grep seen
do sleep 0.3; done";
    Act {
        machine: 0,
        command: acts::script(text),
        stdin: Secret::new(Vec::new()),
        expect: Vec::new(),
        timeout: Duration::from_mins(10),
    }
}

/// Writes to etcd at this address that the look of this name is over.
pub(crate) fn tell(directory: &Path, address: &str, pair: &str, look: &str) {
    let (key, value) = (STANDARD.encode(look), STANDARD.encode("seen"));
    let body = format!(r#"{{"key":"{key}","value":"{value}"}}"#);
    let url = format!("https://{address}:2379/v3beta/kv/put");
    let (certificate, key) = (format!("pki/{pair}.pem"), format!("pki/{pair}-key.pem"));
    let pair = ["--cert", &certificate, "--key", &key];
    let options = ["-sSf", "--http1.1", "--cacert", "pki/ca.pem"];
    let said = run_inside(
        directory,
        "curl",
        &[&pair[..], &options, &["-d", &body, &url]].concat(),
    );
    assert!(said.status.success(), "{said:?}");
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
            said = Some(verify(pki.directory(), "1m"));
            tell(pki.directory(), ADDRESSES[0], "controller-0", "look");
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
