//! `verify` writes into the lock that the cluster runs: once, and only of the cluster of the lock.

use crate::desk::{ADDRESSES, Desk, Said};
use crate::stage::{VERSION, way};
use crate::stand_in::{Manner, StandIn, healthy};
use firstboot::cluster::{ClusterId, MemberId};
use firstboot::release::Lock;
use serde_json::{Value, json};
use std::fs;

fn desk() -> Desk {
    let desk = Desk::new(VERSION);
    let pinned = desk.run(&["pin", "--offline"]);
    assert_eq!(pinned.status, 0, "{}", pinned.err);
    desk
}

fn lock(desk: &Desk) -> Lock {
    Lock::parse(desk.read("cluster.lock").as_bytes()).unwrap()
}

/// Three controllers that answer as `change` has it, looked at once, for people and for programs.
fn look(desk: &Desk, change: impl Fn(usize, &str, &mut Value)) -> (Said, Value) {
    let servers = [0, 1, 2].map(|index| {
        let mut answers = healthy(index, VERSION);
        for (path, (_, answer)) in &mut answers {
            change(index, path, answer);
        }
        let manner = Manner::Answers(answers);
        StandIn::start(desk, "kubernetes", manner)
    });
    let way = way(servers.each_ref().map(|server| server.port));
    let way: Vec<_> = way.iter().map(String::as_str).collect();
    let all = [&way[..], &["--timeout", "5s"]].concat();
    let before = desk.read("cluster.lock");
    let said = desk.verify(&all);
    let after = desk.read("cluster.lock");
    // The same from the same start.
    desk.write("cluster.lock", &before);
    let (document, again) = desk.json(&all);
    assert_eq!(again.status, said.status);
    let kept = |text: &str| {
        Lock::parse(text.as_bytes())
            .unwrap()
            .genesis
            .began
            .is_some()
    };
    assert_eq!(kept(&after), kept(&desk.read("cluster.lock")));
    (said, document)
}

const STATUS: &str = "/v3/maintenance/status";

#[test]
fn the_lock_remembers_that_the_cluster_was_seen_to_run() {
    let desk = desk();
    let before = lock(&desk);
    let (said, document) = look(&desk, |_, _, _| {});
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(
        said.err
            .contains("note: `cluster.lock` now says that the cluster runs since 20"),
        "{}",
        said.err
    );
    assert!(
        document["lock"].as_str().unwrap().contains("cluster.lock"),
        "{document:#}"
    );
    let after = lock(&desk);
    let began = after.genesis.began.unwrap();
    assert!((0..300).contains(&(crate::desk::now() - began)));
    assert_eq!(before.with_began(began), after);

    // Once: the first moment counts, and then there is nothing to be said.
    let text = desk.read("cluster.lock");
    let (said, document) = look(&desk, |_, _, _| {});
    assert!(!said.err.contains("cluster.lock"), "{}", said.err);
    assert!(document["lock"].is_null());
    assert_eq!(desk.read("cluster.lock"), text);
    let refused = desk.run(&["pin", "--offline", "--genesis-window", "24h"]);
    assert_eq!(refused.status, 1);
    assert!(refused.err.contains("lock-began"), "{}", refused.err);
}

/// A quorum is enough: two of three are away, or wrong in some point, and yet it has begun.
#[test]
fn one_that_follows_a_leader_tells_that_there_is_a_quorum() {
    let desk = desk();
    let (said, _) = look(&desk, |index, path, answer| {
        if index > 0 && path == STATUS {
            *answer = json!("nothing of itself");
        }
    });
    assert_eq!(said.status, 2);
    assert!(lock(&desk).genesis.began.is_some());
}

#[test]
fn no_quorum_and_no_other_cluster_begins_it() {
    let desk = desk();
    let text = desk.read("cluster.lock");
    let leaderless = |_: usize, path: &str, answer: &mut Value| {
        if path == STATUS {
            drop(answer.as_object_mut().unwrap().remove("leader"));
        }
    };
    let other = |_: usize, path: &str, answer: &mut Value| {
        if path == STATUS {
            answer["header"]["cluster_id"] = json!("4660");
        }
    };
    for said in [look(&desk, leaderless), look(&desk, other)] {
        assert_eq!(said.0.status, 2);
        assert!(said.1["lock"].is_null(), "{:#}", said.1);
        assert_eq!(desk.read("cluster.lock"), text);
    }
}

/// Nobody edits a lock by hand: what the cluster itself says of its beginning is written.
#[test]
fn a_cluster_that_began_with_fewer_is_remembered_as_it_began() {
    let desk = desk();
    let first = ADDRESSES[0].parse().unwrap();
    let began = ClusterId::of([MemberId::at(first, "etcd-cluster-0")]).to_string();
    let began = u64::from_str_radix(&began, 16).unwrap().to_string();
    let (said, document) = look(&desk, |_, path, answer| {
        if path == STATUS {
            answer["header"]["cluster_id"] = json!(began);
        }
    });
    assert_eq!(
        crate::desk::findings(&document),
        ["cluster grown"],
        "{}",
        said.err
    );
    assert_eq!(lock(&desk).genesis.members, [first]);
    let (said, document) = look(&desk, |_, path, answer| {
        if path == STATUS {
            answer["header"]["cluster_id"] = json!(began);
        }
    });
    let codes = crate::desk::findings(&document);
    assert!(
        !codes.iter().any(|code| code == "cluster grown"),
        "{}",
        said.err
    );
}

/// Certificates, too, may lie elsewhere: what was seen is told all the same.
#[test]
fn a_lock_that_is_missing_keeps_nobody_from_looking() {
    let desk = desk();
    fs::remove_file(desk.path("cluster.lock")).unwrap();
    let servers = [0, 1, 2].map(|index| {
        let manner = Manner::Answers(healthy(index, VERSION));
        StandIn::start(&desk, "kubernetes", manner)
    });
    let way = way(servers.each_ref().map(|server| server.port));
    let way: Vec<_> = way.iter().map(String::as_str).collect();
    let said = desk.verify(&way);
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(
        said.err.contains("its `cluster.lock` is missing"),
        "{}",
        said.err
    );
    assert!(!desk.path("cluster.lock").exists());
}
