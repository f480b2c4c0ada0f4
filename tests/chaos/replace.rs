//! Machines that are made again from the same user-data, on blank disks.

use crate::bench::Bench;
use std::time::Instant;

const ENDED: &str = "no cluster begins after";

#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn twenty_machines_made_again_come_back_as_voters() {
    let start = Instant::now();
    let bench = Bench::with("replace: auto\n");
    let held = bench.holds(&["replace"; 20], 1);
    assert_eq!(held.begun("replace"), 20);
    println!(
        "figure: 20 replacements while a client writes: each a voter, no learner left; {} writes \
         acknowledged, 0 lost, longest pause {:.1} s; {:.0} s",
        held.acknowledged(),
        held.longest_gap(),
        start.elapsed().as_secs_f64()
    );
    // Without a majority nothing would have been acknowledged while the machine was made again.
    assert!(held.longest_gap() < 20.0, "{}", held.longest_gap());
}

/// Power fails while it joins: at the stage in which it is removed and added, and after it.
#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn a_power_cut_while_it_joins_leaves_no_learner() {
    let bench = Bench::with("replace: auto\n");
    let start = Instant::now();
    for (seed, stage) in (1..).zip(["etcd", "start", "member", "member"]) {
        let cut = format!("power-cut:{stage}@controller-1");
        bench.holds(&["replace:controller-1", &cut], seed);
    }
    let took = start.elapsed().as_secs_f64();
    println!("figure: 4 power cuts of a machine that joins: each a voter in the end; {took:.0} s");
}

/// After the window nothing is lost. Inside of it there is no such promise (docs/replace.md): if
/// the peer that comes back first lags behind, the two go on without what it had not heard of.
#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn made_again_while_the_others_are_away_it_begins_only_inside_of_the_window() {
    let bench = Bench::with("replace: auto\n");
    let start = Instant::now();
    let away = "replace-while-others-down";
    bench.window_ends_in(90);
    let outside = bench.holds(&[&format!("{away}:100s@controller-1")], 1);
    outside.shows(1, ENDED);
    outside.shows(1, "removes member");
    println!(
        "figure: made again after the window while the others are away: waits, says so, is \
         replaced when they are back; {} writes acknowledged, 0 lost; {:.0} s",
        outside.acknowledged(),
        start.elapsed().as_secs_f64()
    );
    bench.window_ends_in(86_400);
    let inside = bench.ends(&[&format!("{away}:controller-1")], 1, &["--timeout", "120"]);
    inside.shows(1, "[5/6] start: new");
    inside.shows(1, "for a majority of the members");
    println!(
        "figure: made again inside of the window while the others are away: begins, alone; of {} \
         writes acknowledged {} lost, which is the documented limit; one cluster ID",
        inside.acknowledged(),
        inside.lost()
    );
}

#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn all_made_again_after_the_window_begin_nothing_and_say_so() {
    let bench = Bench::with("replace: auto\n");
    bench.window_ends_in(90);
    let held = bench.ends(&["replace:100s@all"], 1, &["--timeout", "90"]);
    for index in 0..3 {
        let verdict = held.verdict(index);
        assert_eq!(verdict["verdict"], "silent", "{verdict}");
        held.shows(index, ENDED);
        held.shows(index, "restore a snapshot, or begin again");
    }
    println!(
        "figure: all made again after the window: nothing begins, each console says what to do"
    );
}

/// Its clock is an hour ahead, and for it the window is over: it joins, for a majority is there.
#[test]
#[ignore = "boots machines for minutes: `make test-chaos`"]
fn a_machine_that_comes_an_hour_later_by_its_clock_joins() {
    let bench = Bench::with("replace: auto\n");
    bench.window_ends_in(1800);
    let held = bench.holds(
        &["boot-order:0,2,1", "stagger:15s", "clock:+1h@controller-1"],
        1,
    );
    let ahead = held.clock(1) - held.clock(0);
    assert!((3600..3900).contains(&ahead), "{ahead} s ahead");
    held.shows(1, "existing, it is listed");
    println!("figure: a machine that comes an hour later, by its clock: healthy");
}
