//! Clusters in their first boot, while power, mirrors, clocks and disks fail; a client writes all
//! the while, and looks for every acknowledged write at the end.
//!
//! Minutes: `make test-chaos` runs all, `make test` what is called `short`. They boot machines,
//! so they need root and Debian's packages; they are ignored unless asked for, and fail where
//! they cannot run.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "what a test prints is cargo's to show")]

mod bench;

use bench::Bench;
use std::time::Instant;

/// What one rehearsal of the cuts does to three machines: single, double, all at once.
const PATTERNS: [&[&str]; 4] = [
    &["power-cut", "power-cut", "power-cut"],
    &["power-cut@all", "power-cut"],
    &["power-cut", "power-cut", "power-cut", "power-cut"],
    &["power-cut", "power-cut@all", "power-cut"],
];

/// How many moments of power cuts are wanted, and from which seed on.
fn wanted(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn power_cuts_at_random_moments_of_first_boot() {
    let bench = Bench::new();
    let (target, first) = (wanted("FIRSTBOOT_CUTS", 100), wanted("FIRSTBOOT_SEED", 1));
    let start = Instant::now();
    let (mut moments, mut machines, mut writes, mut rehearsals) = (0, 0, 0, 0);
    let mut fell = 0;
    for (seed, pattern) in (first..).zip(PATTERNS.iter().cycle()) {
        let Some(held) = bench.holds_unless_cloud_init_fell(pattern, seed) else {
            fell += 1;
            println!("seed {seed}: cloud-init fell over its own file, {fell} clusters so far");
            continue;
        };
        moments += pattern.len() as u64;
        machines += held.begun("power-cut");
        writes += held.acknowledged();
        rehearsals += 1;
        println!(
            "{moments} moments, {machines} machines cut, {writes} writes, {rehearsals} clusters, \
             {:.0} s",
            start.elapsed().as_secs_f64()
        );
        if moments >= target {
            break;
        }
    }
}

#[test]
#[ignore = "boots machines for a minute: `make test`"]
fn short_a_few_power_cuts_and_a_mirror_that_lies() {
    let bench = Bench::new();
    bench.holds(&["power-cut:etcd", "power-cut"], 7);
    let held = bench.holds(&["mirror-corrupt:12s", "power-cut:start@all"], 11);
    held.says("not the pinned tarball");
}

/// The mirrors, each until its cause goes: the machine names it, and heals by itself.
#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn mirrors_that_fail_are_named_and_waited_for() {
    let bench = Bench::new();
    for (fault, named) in [
        ("mirror-503", "error: 503"),
        ("mirror-corrupt", "not the pinned tarball"),
        ("mirror-truncate", "curl: (18)"),
        ("mirror-stall:50s", "curl: (28)"),
        ("no-dns@all", "Could not resolve host"),
    ] {
        bench.holds(&[fault], 1).says(named);
    }
}

#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn a_false_clock_a_full_disk_a_partition_and_a_wrong_address_are_named_and_heal() {
    let bench = Bench::new();
    for (fault, named) in [
        ("clock:-2h@all", "the certificates begin"),
        ("disk-full@controller-1", "No space left"),
        ("peer-cut:30s@controller-2", "for a majority of the members"),
        (
            "wrong-ip@controller-0",
            "for 10.240.0.10; there is 198.51.100.1",
        ),
    ] {
        bench.holds(&[fault], 1).says(named);
    }
}

#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn an_address_that_stays_wrong_ends_with_its_cause() {
    let outcome = Bench::new().ends(&["wrong-ip:1h@controller-0"], 1);
    let failed = outcome.verdict(0);
    assert_eq!(failed["verdict"], "failed", "{failed}");
    let reason = failed["reason"].as_str().unwrap();
    let cause = "there is 198.51.100.1, not 10.240.0.10";
    assert!(reason.contains(cause), "{reason}");
    assert!(outcome.said_by("controller-0", cause.split(',').next().unwrap()) < 60.0);
}

#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn machines_come_in_any_order_and_far_apart() {
    let bench = Bench::new();
    for order in ["0,1,2", "2,0,1", "1,2,0", "2,1,0"] {
        bench.holds(&[&format!("boot-order:{order}")], 1);
    }
    bench.holds(&["stagger:40s"], 1);
    bench.holds(&["boot-order:2,1,0", "stagger:20s", "power-cut"], 5);
}

/// Five minutes between each two machines.
#[test]
#[ignore = "boots machines for ten minutes: `make test-chaos`"]
fn machines_five_minutes_apart() {
    Bench::new().holds(&["stagger:5m"], 1);
}
