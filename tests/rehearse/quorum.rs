//! Whole clusters, from power-on to a TLS quorum.

use crate::{alone, host, rehearse, stub};
use firstboot::rehearse::{CheckResult, Verdict};

/// Everything that these tests have in common.
fn boots_to_quorum(line: &str, addresses: &[&str]) {
    let _alone = alone();
    let host = host();
    let release = host.stand_in(line.parse().unwrap(), &mut |_| {}).unwrap();
    let outcome = rehearse(&host, stub::plan(addresses, &release));
    assert_eq!(outcome.machines.len(), addresses.len());
    for machine in &outcome.machines {
        let console = machine.console.join("\n");
        assert!(
            matches!(machine.verdict, Verdict::Healthy { .. }),
            "{console}"
        );
        assert!(!console.contains("Console Getty"), "{console}"); // it would hang up on us
        let numbers: Vec<_> = machine.stages.iter().map(|stage| stage.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
        assert!(
            machine
                .stages
                .is_sorted_by(|before, after| before.at <= after.at)
        );
        assert_eq!(machine.checks.len(), 4);
        assert!(
            machine.checks.iter().all(CheckResult::passed),
            "{:?}",
            machine.checks
        );
        let journal = machine.journal.as_deref().unwrap();
        assert!(
            journal.contains("recognized and used environment variable"),
            "{journal}"
        );
    }
    assert!(outcome.passed());
    assert!(outcome.quorum.is_some());
    let mut asked: Vec<_> = outcome
        .requests
        .iter()
        .map(|request| &request.from)
        .collect();
    asked.sort();
    let mut expected: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    expected.sort();
    assert!(asked.into_iter().eq(&expected), "{:?}", outcome.requests);
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn two_machines_on_bookworm() {
    boots_to_quorum("3.4.1", &["10.240.0.10", "10.240.0.11"]);
}

/// One of them at the very address that the release server would take.
#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn three_machines_on_bullseye_in_different_subnets() {
    boots_to_quorum("3.3.9", &["10.240.0.10", "10.9.0.11", "192.0.2.1"]);
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn three_machines_on_trixie_over_ipv6() {
    boots_to_quorum("3.5.0", &["fd00::10", "2001:db8::1", "2001:db8:1::12"]);
}
