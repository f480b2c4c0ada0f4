//! A CA is replaced on a running cluster, while every controller writes: nothing is lost.

pub(crate) mod acts;
pub(crate) mod cluster;

use cluster::{MACHINES, Pairs, Pki};
use firstboot::rehearse::{ActResult, MachineOutcome, Outcome};
use std::collections::BTreeSet;

/// A client asks all members in turn: no more of its writes may fail in a row.
const MOST_IN_A_ROW: usize = 2;

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_shared_pair_on_etcd_3_3() {
    rotates("3.3.9", Pairs::Shared);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_shared_pair_on_etcd_3_4() {
    rotates("3.4.27", Pairs::Shared);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_pair_for_each_controller_on_etcd_3_4() {
    rotates("3.4.27", Pairs::Each);
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_pair_for_each_controller_on_etcd_3_5() {
    rotates("3.5.21", Pairs::Each);
}

#[test]
#[ignore = "needs root, Debian's packages and Go: `make test`"]
fn a_pair_for_each_controller_on_etcd_3_6() {
    rotates(&crate::image::newest(6), Pairs::Each);
}

#[test]
#[ignore = "needs root, Debian's packages and Go: `make test`"]
fn a_pair_for_each_controller_on_etcd_3_7() {
    rotates(&crate::image::newest(7), Pairs::Each);
}

fn rotates(version: &str, pairs: Pairs) {
    let pki = Pki::make(version, pairs);
    let (old, new, steps) = (pki.before(), pki.after(), &pki.states);
    let mut all = vec![
        acts::refused(0, &new.pairs[0]),
        acts::accepted(0, &old.pairs[0]),
    ];
    all.extend(acts::step(&steps[0], &steps[1]));
    all.extend((0..MACHINES).map(|m| acts::accepted(m, &new.pairs[m])));
    all.extend(acts::step(&steps[1], &steps[2]));
    all.extend((0..MACHINES).map(|m| acts::accepted(m, &old.pairs[m])));
    all.extend(acts::step(&steps[2], &steps[3]));
    all.extend((0..MACHINES).map(|m| acts::refused(m, &old.pairs[m])));
    let planned = all.len();
    let outcome = rehearse(&pki, version, all);
    assert!(outcome.passed(), "{:#?}", failures(&outcome));
    assert_eq!(outcome.acts.len(), planned);
    every_acknowledged_write_is_on_every_member(&outcome);
    never_were_two_members_down(&outcome);
}

/// The step in which members learn to trust both CAs is what the procedure hangs on; that this
/// fails also shows that the tests above can.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn without_the_overlap_the_first_member_is_cut_off() {
    let pki = Pki::make("3.4.27", Pairs::Shared);
    let outcome = rehearse(
        &pki,
        "3.4.27",
        vec![
            acts::new_pair(0, &pki.after().pairs[0]),
            acts::restarted_without_waiting(0),
            acts::distrusts_the_first(1),
            acts::distrusts_the_first(2),
            acts::healthy(0, ""),
        ],
    );
    assert!(!outcome.passed());
    let (last, others) = outcome.acts.split_last().unwrap();
    assert_eq!(others.len(), 4, "{:#?}", failures(&outcome));
    assert!(others.iter().all(|act| act.result.passed()));
    assert!(!last.result.passed());
}

pub(crate) fn rehearse(pki: &Pki, version: &str, acts: Vec<firstboot::rehearse::Act>) -> Outcome {
    let host = crate::image::host();
    let release = crate::image::release(version);
    let outcome = host
        .rehearse(pki.plan(&release, acts), &mut |_| {})
        .unwrap();
    for act in &outcome.acts {
        let lines = act.result.command.lines();
        let title = lines
            .filter(|line| line.starts_with("# "))
            .collect::<String>();
        println!(
            "{:7.2} s  {:5.2} s  {}  {title}",
            act.at, act.took, act.machine
        );
    }
    outcome
}

/// Everything of an outcome that did not go well.
pub(crate) fn failures(outcome: &Outcome) -> Vec<String> {
    let unhealthy = outcome.machines.iter().map(|machine| {
        let checks = machine.checks.iter().filter(|check| !check.passed());
        format!("{:?} {:#?}", machine.verdict, checks.collect::<Vec<_>>())
    });
    let acts = outcome.acts.iter().filter(|act| !act.result.passed());
    let ended = outcome.background.iter().filter(|ran| !ran.lasted);
    unhealthy
        .chain(acts.map(|act| format!("{act:#?}")))
        .chain(ended.map(|ran| format!("{ran:#?}")))
        .collect()
}

/// What a client was told, and when.
struct Acknowledged {
    entry: (String, String),
    at: f64,
}

fn acknowledged(output: &str) -> Vec<Acknowledged> {
    let lines = output.lines();
    let lines = lines.filter_map(|line| line.strip_prefix("acknowledged "));
    let words = lines.map(|line| line.split(' ').collect::<Vec<_>>());
    words
        .map(|words| Acknowledged {
            entry: (words[0].to_owned(), words[1].to_owned()),
            at: words[2].parse().unwrap(),
        })
        .collect()
}

pub(crate) fn every_acknowledged_write_is_on_every_member(outcome: &Outcome) {
    assert_eq!(outcome.background.len(), MACHINES);
    every_acknowledged_write_is_on(outcome, &outcome.machines);
}

pub(crate) fn every_acknowledged_write_is_on(outcome: &Outcome, machines: &[MachineOutcome]) {
    let mut told = BTreeSet::new();
    for client in &outcome.background {
        let writes = acknowledged(&client.output);
        let failed = client.output.lines();
        let failed: Vec<_> = failed.filter(|line| line.starts_with("failed")).collect();
        let gaps = writes.windows(2).map(|pair| pair[1].at - pair[0].at);
        let longest = gaps.fold(0.0, f64::max);
        println!(
            "{}: {} writes acknowledged, longest gap {longest:.2} s, {} not: {failed:#?}",
            client.machine,
            writes.len(),
            failed.len()
        );
        assert!(writes.len() > 50, "{}", client.output);
        // etcdctl asks any of its endpoints, and a learner refuses it: that is no outage.
        let lines = client.output.lines();
        let lines = lines.filter(|line| !line.contains("not supported for learner"));
        let in_a_row = lines.scan(0, |row, line| {
            *row = if line.starts_with("failed") {
                *row + 1
            } else {
                0
            };
            Some(*row)
        });
        let most = in_a_row.max().unwrap_or(0);
        assert!(most <= MOST_IN_A_ROW, "{most}: {}", client.output);
        told.extend(writes.into_iter().map(|write| write.entry));
    }
    for machine in machines {
        let listed = &machine.checks[acts::LISTED].output;
        // From 3.6 on, etcdctl knows no ETCDCTL_API, and says so in a line of JSON.
        let mut lines = listed.lines().filter(|line| !line.starts_with('{'));
        let mut stored = BTreeSet::new();
        while let (Some(key), Some(value)) = (lines.next(), lines.next()) {
            stored.insert((key.to_owned(), value.to_owned()));
        }
        let lost: Vec<_> = told.difference(&stored).collect();
        println!("{}: {} of {} there", machine.name, stored.len(), told.len());
        assert!(lost.is_empty(), "{} has lost {lost:?}", machine.name);
    }
}

/// No member ended of its own accord, and the times in which they were restarted do not overlap;
/// all machines have this computer's clock.
fn never_were_two_members_down(outcome: &Outcome) {
    for machine in &outcome.machines {
        assert_eq!(machine.checks[acts::RESTARTS].output.trim(), "0");
    }
    let down: Vec<_> = outcome.acts.iter().filter_map(restart).collect();
    assert_eq!(down.len(), 2 * MACHINES, "one for each new CA file");
    for (name, from, to) in &down {
        println!("{name} was down for {:.2} s at most", to - from);
        assert!(to > from);
    }
    for pair in down.windows(2) {
        assert!(pair[0].2 < pair[1].1, "two down at once: {pair:?}");
    }
}

/// Which member an act restarted, when it was stopped and when it was ready again.
fn restart(act: &ActResult) -> Option<(&str, f64, f64)> {
    let line = act
        .result
        .output
        .lines()
        .find_map(|line| line.strip_prefix("down "))?;
    let (from, to) = line.split_once(' ')?;
    Some((&act.machine, from.parse().ok()?, to.parse().ok()?))
}
