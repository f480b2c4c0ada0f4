//! Boots machines for real. Needs root and Debian's packages, so these tests are ignored unless
//! asked for, and fail, rather than pass, where they cannot run.
#![cfg(target_os = "linux")]

mod stub;

use firstboot::rehearse::{
    self, CheckResult, Event, Host, Interrupt, Outcome, Plan, StandIn, Verdict,
};

fn host() -> Host {
    let missing = rehearse::missing();
    assert!(missing.is_empty(), "this test could not run: {missing}");
    Host {
        program: env!("CARGO_BIN_EXE_firstboot").into(),
        cache: rehearse::default_cache(),
        interrupt: Interrupt::default(),
    }
}

fn stand_in(host: &Host, version: &str) -> StandIn {
    host.stand_in(version.parse().unwrap(), &mut |_| {})
        .unwrap()
}

fn rehearse(host: &Host, plan: Plan) -> Outcome {
    let outcome = host.rehearse(plan, &mut |_| {}).unwrap();
    for machine in &outcome.machines {
        println!("{} {:?}", machine.name, machine.verdict);
        for stage in &machine.stages {
            println!(
                "  {:6.2} s  {} {}: {}",
                stage.at, stage.number, stage.step, stage.text
            );
        }
    }
    println!("quorum {:?}", outcome.quorum);
    outcome
}

/// Everything that the tests of a whole cluster have in common.
fn boots_to_quorum(line: &str, addresses: &[&str]) -> Outcome {
    let host = host();
    let release = stand_in(&host, line);
    let plan = stub::plan(addresses, &release);
    let outcome = rehearse(&host, plan);
    for machine in &outcome.machines {
        let console = machine.console.join("\n");
        assert!(
            matches!(machine.verdict, Verdict::Healthy { .. }),
            "{console}"
        );
        let numbers: Vec<_> = machine.stages.iter().map(|stage| stage.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
        assert!(machine.stages.is_sorted_by_key(|stage| stage.at));
        assert_eq!(machine.checks.len(), 2);
        assert!(
            machine.checks.iter().all(CheckResult::passed),
            "{:?}",
            machine.checks
        );
        let journal = machine.journal.as_deref().unwrap();
        assert!(journal.contains("etcd"), "{journal}");
    }
    assert_eq!(outcome.machines.len(), addresses.len());
    assert!(outcome.passed());
    assert!(outcome.quorum.is_some());
    assert_eq!(outcome.requests.len(), addresses.len());
    outcome
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn two_machines_on_bookworm() {
    boots_to_quorum("3.4.1", &["10.240.0.10", "10.240.0.11"]);
}

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
