//! Machines that do not become healthy, and what is told of them.

use crate::{alone, host, rehearse, stub};
use firstboot::rehearse::{Event, Plan, Verdict};
use std::time::Duration;

const FAILS: &str = "echo 'firstboot: failed: [2/6] address: not 10.240.0.10; boot it there'";
const CLAIMS: &str = "mkdir /run/firstboot; \
    echo '{\"state\":\"healthy\",\"memberId\":\"3\",\"clusterId\":\"2\"}' > /run/firstboot/status.json; \
    echo 'firstboot: healthy: controller-1 3 in cluster 2'";
const WAITS: &str = "echo 'firstboot: [1/6] files: fine'; \
    echo 'firstboot: [2/6] address: waiting: no such address'; exec sleep infinity";
const POWERS_OFF: &str = "exec systemctl poweroff --force --force";

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn a_failure_a_false_claim_a_silence_and_a_machine_that_goes_off() {
    let _alone = alone();
    let plan = Plan {
        timeout: Duration::from_hours(1),
        ..stub::plan_of_scripts(&[FAILS, CLAIMS, WAITS, POWERS_OFF])
    };
    let outcome = rehearse(&host(), plan);
    let [failed, claimed, silent, off] = &outcome.machines[..] else {
        panic!("{outcome:?}")
    };

    let reason_of = |verdict: &Verdict| match verdict {
        Verdict::Failed { reason, .. } => reason.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        reason_of(&failed.verdict),
        "[2/6] address: not 10.240.0.10; boot it there"
    );
    assert_eq!(
        reason_of(&claimed.verdict),
        "it says that it is healthy, but its member ID is `3`, not `1`"
    );
    assert!(reason_of(&off.verdict).starts_with("the machine went off before its verdict"));
    let Verdict::Silent { at, waiting } = &silent.verdict else {
        panic!("{silent:?}")
    };
    assert_eq!(waiting.as_deref(), Some("no such address"));
    // Patience ends early once there is no hope, not with the plan's: see `boot`.
    assert!(*at < 3600.0, "{at}");
    assert_eq!(silent.stages.len(), 1);
    assert!(
        silent
            .console
            .iter()
            .any(|line| line.contains("Welcome to Debian"))
    );
    assert!(!outcome.passed());
    assert_eq!(outcome.quorum, None);
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn patience_ends_when_the_plan_says_so() {
    let _alone = alone();
    let mut plan = stub::plan_of_scripts(&["exec sleep 9999"]);
    plan.timeout = Duration::from_secs(2);
    let outcome = rehearse(&host(), plan);
    let Verdict::Silent { at, waiting: None } = outcome.machines[0].verdict else {
        panic!("{outcome:?}")
    };
    assert!((2.0..9999.0).contains(&at), "{at}");
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn two_rehearsals_at_once_do_not_meet() {
    let _alone = alone();
    let same_address = "ip -o address show dev eth0; echo 'firstboot: failed: done'";
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| rehearse(&host(), stub::plan_of_scripts(&[same_address]))))
            .collect();
        for run in runs {
            let outcome = run.join().unwrap();
            let Verdict::Failed { reason, .. } = &outcome.machines[0].verdict else {
                panic!()
            };
            assert_eq!(reason, "done");
        }
    });
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn events_come_in_order_and_console_lines_with_them() {
    let _alone = alone();
    let mut seen = Vec::new();
    let host = host();
    host.rehearse(stub::plan_of_scripts(&[WAITS, FAILS]), &mut |event| {
        seen.push(match event {
            Event::Building { .. } => "building",
            Event::BuildingStep { .. } => "building step",
            Event::PowerOn { machines } => {
                assert_eq!(machines, &["controller-0", "controller-1"]);
                "power-on"
            }
            Event::Console { line, .. } => {
                assert!(!line.contains(['\u{1b}', '\r', '\n']), "{line:?}");
                "console"
            }
            Event::Stage { .. } => "stage",
            Event::Waiting { .. } => "waiting",
            Event::Verdict { .. } => "verdict",
            Event::Quorum { .. } => "quorum",
            Event::Request(_) => "request",
            Event::Fault(_) => "fault",
            Event::Act(_) => "act",
        });
    })
    .unwrap();
    seen.dedup();
    seen.retain(|kind| *kind != "console" && *kind != "building");
    assert_eq!(seen[0], "power-on");
    seen.sort_unstable();
    assert_eq!(seen, ["power-on", "stage", "verdict", "verdict", "waiting"]);
}
