//! What a plan does to machines that are healthy.

use crate::{alone, host, rehearse, stub};
use firstboot::rehearse::{Act, Background, Outcome, Plan};
use firstboot::secret::Secret;
use std::time::Duration;

/// A machine that is healthy by its own word alone.
fn healthy(index: usize) -> String {
    format!(
        "mkdir /run/firstboot; \
         echo '{{\"state\":\"healthy\",\"memberId\":\"1\",\"clusterId\":\"2\"}}' \
         > /run/firstboot/status.json; \
         echo 'firstboot: healthy: controller-{index} 1 in cluster 2'"
    )
}

fn plan(acts: Vec<Act>, background: Vec<Background>) -> Plan {
    let scripts = [healthy(0), healthy(1)];
    Plan {
        acts,
        background,
        ..stub::plan_of_scripts(&scripts.each_ref().map(String::as_str))
    }
}

fn act(machine: usize, command: &str, stdin: &str, expect: &str) -> Act {
    Act {
        machine,
        command: command.to_owned(),
        stdin: Secret::new(stdin.as_bytes().to_vec()),
        expect: vec![expect.to_owned()],
        timeout: Duration::from_mins(10),
    }
}

fn background(machine: usize, command: &str) -> Background {
    Background {
        machine,
        command: command.to_owned(),
    }
}

const CLIENT: &str = "trap 'echo told to end; exit' TERM; echo begun; while :; do :; done";

fn outputs(outcome: &Outcome) -> Vec<(&str, &str)> {
    let acts = outcome.acts.iter();
    acts.map(|act| (act.machine.as_str(), act.result.output.as_str()))
        .collect()
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn acts_come_in_order_and_clients_run_until_they_are_done() {
    let _alone = alone();
    let mut plan = plan(
        vec![
            act(1, "cat >/run/key; echo kept", "a key", "kept"),
            act(0, "hostname; test ! -e /run/key", "", "controller-0"),
            act(
                1,
                "until test -s /run/client; do :; done; kill -0 $(cat /run/client) && cat /run/key",
                "",
                "a key",
            ),
        ],
        vec![background(1, &format!("echo $$ >/run/client; {CLIENT}"))],
    );
    plan.machines[1].checks = vec![stub::check("! kill -0 $(cat /run/client)", &[])];
    let outcome = rehearse(&host(), plan);
    assert!(outcome.passed(), "{outcome:#?}");
    let told = [
        ("controller-1", "kept\n"),
        ("controller-0", "controller-0\n"),
        ("controller-1", "a key"),
    ];
    assert_eq!(outputs(&outcome), told);
    let [client] = &outcome.background[..] else {
        panic!("{outcome:#?}")
    };
    assert_eq!(client.machine, "controller-1");
    assert_eq!(client.output, "begun\ntold to end\n");
    let times: Vec<_> = outcome.acts.iter().map(|act| act.at).collect();
    assert!(times.is_sorted() && times[0] > outcome.quorum.unwrap());
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn an_act_that_takes_too_long_stops_the_rest_and_a_client_must_last() {
    let _alone = alone();
    let acts = vec![
        act(0, "echo first", "", "first"),
        Act {
            timeout: Duration::from_secs(2),
            ..act(0, "echo second; exec sleep 9999", "", "second")
        },
        act(0, "echo never", "", ""),
    ];
    let outcome = rehearse(&host(), plan(acts, vec![background(0, "echo gone")]));
    assert!(!outcome.passed());
    let told = [("controller-0", "first\n"), ("controller-0", "second\n")];
    assert_eq!(outputs(&outcome), told);
    assert!(outcome.acts[0].result.passed() && !outcome.acts[1].result.passed());
    let took = outcome.acts[1].took;
    assert!((2.0..9999.0).contains(&took), "{took}");
    assert_eq!(outcome.background[0].output, "gone\n");
    assert!(!outcome.background[0].lasted);
}

/// A cluster that is not whole is not gone on with.
#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn nothing_is_done_beside_a_machine_that_failed() {
    let _alone = alone();
    let scripts = [&healthy(0), "echo 'firstboot: failed: no'"];
    let plan = Plan {
        acts: vec![act(0, "true", "", "")],
        background: vec![background(0, CLIENT)],
        ..stub::plan_of_scripts(&scripts)
    };
    let outcome = rehearse(&host(), plan);
    assert!(outcome.acts.is_empty() && outcome.background.is_empty());
    assert!(!outcome.passed());
}
