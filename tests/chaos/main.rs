//! Clusters in their first boot, while power, mirrors, clocks and disks fail; a client writes all
//! the while, and looks for every acknowledged write at the end.
//!
//! `make test-chaos` runs all, and the long ones of `tests/real`, for two hours, and prints the
//! lines that begin with `figure` again at its end; `make test` runs what is called `short`. They boot machines, so they need
//! root and Debian's packages; they are ignored unless asked for, and fail where they cannot run.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "what a test prints is cargo's to show")]

mod bench;
mod replace;

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

fn power_cuts(suite: &str) {
    let bench = Bench::new();
    let (target, first) = (wanted("FIRSTBOOT_CUTS", 100), wanted("FIRSTBOOT_SEED", 1));
    let start = Instant::now();
    let (mut moments, mut machines, mut writes, mut clusters, mut fell) = (0, 0, 0, 0, 0);
    let mut figure = String::new();
    for (seed, pattern) in (first..).zip(PATTERNS.iter().cycle()) {
        if moments >= target {
            break;
        }
        match bench.holds_unless_cloud_init_fell(suite, pattern, seed) {
            Some(held) => {
                moments += pattern.len() as u64;
                machines += held.begun("power-cut");
                writes += held.acknowledged();
                clusters += 1;
            }
            None => fell += 1,
        }
        figure = format!(
            "{suite}: power cuts at {moments} moments, {machines} machines cut, {clusters} \
             clusters, all converged; {writes} writes acknowledged, 0 lost; {fell} clusters \
             beside these fell by cloud-init's own bug; {:.0} s",
            start.elapsed().as_secs_f64()
        );
        println!("seed {seed}: {figure}");
    }
    println!("figure: {figure}");
}

#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn power_cuts_at_random_moments_of_first_boot_on_bookworm() {
    power_cuts("bookworm");
}

#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn power_cuts_at_random_moments_of_first_boot_on_trixie() {
    power_cuts("trixie");
}

#[test]
#[ignore = "boots machines for a minute: `make test`"]
fn short_power_cuts_a_mirror_that_lies_and_a_machine_made_again() {
    let bench = Bench::with("replace: auto\n");
    bench.holds(&["power-cut:etcd", "power-cut", "replace"], 7);
    let held = bench.holds(&["mirror-corrupt:40s", "power-cut:start@all"], 11);
    held.says("not the pinned tarball");
}

/// Each until its cause goes: the machine names it, and heals by itself.
fn heal(bench: &Bench, faults: &[(&str, &str)]) {
    for (fault, named) in faults {
        let start = Instant::now();
        bench.holds(&[fault], 1).says(named);
        println!(
            "figure: {fault}: named `{named}`, healed, nothing but the pinned programs executed; \
             {:.0} s",
            start.elapsed().as_secs_f64()
        );
    }
}

#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn mirrors_that_fail_are_named_and_waited_for() {
    let faults = [
        ("mirror-503:60s", "error: 503"),
        ("mirror-corrupt:60s", "not the pinned tarball"),
        ("mirror-truncate:60s", "curl: (18)"),
        ("mirror-stall:90s", "curl: (28)"),
        ("no-dns:60s@all", "Could not resolve host"),
    ];
    heal(&Bench::new(), &faults);
}

#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn a_false_clock_a_full_disk_a_partition_and_a_wrong_address_are_named_and_heal() {
    let faults = [
        ("clock:-2h@all", "the certificates begin"),
        ("disk-full:60s@controller-1", "No space left"),
        (
            "wrong-ip:60s@controller-0",
            "for 10.240.0.10; there is 198.51.100.1",
        ),
    ];
    let bench = Bench::new();
    heal(&bench, &faults);
    // Every first boot waits for a majority: here it does so for as long as the cut lasts.
    let held = bench.holds(&["peer-cut:60s@controller-2"], 1);
    held.says("for a majority of the members");
    assert!(held.verdict(2)["at"].as_f64().unwrap() >= 60.0);
    println!("figure: peer-cut:60s@controller-2: waited for a majority all the while, healed");
}

#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn a_data_disk_that_is_late_is_waited_for_and_outlives_power_cuts() {
    let bench = Bench::with("data_disk: { device: /dev/disk/by-id/google-etcd }\n");
    let attach = "for /dev/disk/by-id/google-etcd: attach the data disk";
    heal(&bench, &[("disk-late:60s@all", attach)]);
    bench.holds(&["power-cut:etcd@all", "power-cut:member", "power-cut"], 3);
}

#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn an_address_that_stays_wrong_ends_with_its_cause() {
    let outcome = Bench::new().ends(&["wrong-ip:1h@controller-0"], 1, &[]);
    let failed = outcome.verdict(0);
    assert_eq!(failed["verdict"], "failed", "{failed}");
    let reason = failed["reason"].as_str().unwrap();
    let cause = "there is 198.51.100.1, not 10.240.0.10";
    assert!(reason.contains(cause), "{reason}");
    let named = outcome.said_by("controller-0", cause.split(',').next().unwrap());
    assert!(named < 60.0, "{named}");
    println!("figure: wrong-ip: named {named:.0} s after power-on, failed after two minutes");
}

#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn machines_come_in_any_order_and_far_apart() {
    let bench = Bench::new();
    let start = Instant::now();
    for order in ["0,1,2", "2,0,1", "1,2,0", "2,1,0"] {
        bench.holds(&[&format!("boot-order:{order}")], 1);
    }
    bench.holds(&["stagger:40s"], 1);
    bench.holds(&["boot-order:2,1,0", "stagger:20s", "power-cut"], 5);
    let took = start.elapsed().as_secs_f64();
    println!("figure: 4 boot orders, staggers of 20 s and 40 s: healthy; {took:.0} s");
}

/// Five minutes between each two machines.
#[test]
#[ignore = "boots machines for ten minutes: `make test-chaos`"]
fn machines_five_minutes_apart() {
    let start = Instant::now();
    Bench::new().holds(&["stagger:5m"], 1);
    let took = start.elapsed().as_secs_f64();
    println!("figure: 5 minutes between each two machines: healthy; {took:.0} s");
}
