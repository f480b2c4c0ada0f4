//! Three stand-ins on loopback, reached by `--at`, and what one look at them says.

use crate::desk::{Desk, Said, findings, states};
use crate::stand_in::{Manner, StandIn, healthy, members};
use serde_json::Value;
use std::net::TcpListener;
use std::sync::LazyLock;

pub(crate) const VERSION: &str = "3.6.14";

/// One for all: nothing in it changes.
pub(crate) static DESK: LazyLock<Desk> = LazyLock::new(|| {
    let desk = Desk::new(VERSION);
    desk.foreign("stranger");
    desk.issue(
        "elsewhere",
        firstboot::pki::mint::Validity::days(crate::desk::now(), 300),
        &["10.9.9.9"],
    );
    desk
});

/// Where three controllers are reached.
pub(crate) fn way(ports: [u16; 3]) -> Vec<String> {
    let ports = ports.iter().enumerate();
    let at = ports.map(|(index, port)| format!("--at=controller-{index}=127.0.0.1:{port}"));
    at.collect()
}

/// Three controllers, two of them healthy, and what one look at them says.
pub(crate) fn look_at(third: Manner, pair: &str, more: &[&str]) -> (Value, Said) {
    look(ports(third, pair), more)
}

/// The same, as people read it.
pub(crate) fn read_by_people(third: Manner) -> Said {
    let way = way(ports(third, "kubernetes"));
    let way = way.iter().map(String::as_str);
    DESK.verify(&way.chain(["--timeout", "2s"]).collect::<Vec<_>>())
}

fn ports(third: Manner, pair: &str) -> [u16; 3] {
    let good = |index| Manner::Answers(healthy(index, VERSION));
    let servers = [
        StandIn::start(&DESK, "kubernetes", good(0)),
        StandIn::start(&DESK, "kubernetes", good(1)),
        StandIn::start(&DESK, pair, third),
    ];
    servers.each_ref().map(|server| server.port)
}

pub(crate) fn look(ports: [u16; 3], more: &[&str]) -> (Value, Said) {
    let way = way(ports);
    let way = way.iter().map(String::as_str);
    let all: Vec<_> = way
        // Enough for whoever answers at all; who asks what is silent says how long to wait.
        .chain(
            ["--timeout", "1m"]
                .into_iter()
                .filter(|_| !more.contains(&"--timeout")),
        )
        .chain(more.iter().copied())
        .collect();
    DESK.json(&all)
}

/// The third controller's healthy answers with this in the place of one of them.
pub(crate) fn third(path: &str, answer: Value) -> Manner {
    let mut answers = healthy(2, VERSION);
    answers.insert(path.to_owned(), (200, answer));
    Manner::Answers(answers)
}

pub(crate) fn status(change: impl FnOnce(&mut Value)) -> Manner {
    let path = "/v3/maintenance/status";
    let mut answer = healthy(2, VERSION)[path].1.clone();
    change(&mut answer);
    third(path, answer)
}

pub(crate) fn listed(change: impl FnOnce(&mut Value)) -> Value {
    let mut list = members();
    change(&mut list);
    list
}

pub(crate) fn third_is(manner: Manner, state: &str, found: &[&str]) -> Value {
    let (document, said) = look_at(manner, "kubernetes", &[]);
    assert_eq!(
        states(&document),
        ["as-planned", "as-planned", state],
        "{document:#}"
    );
    assert_eq!(findings(&document), found, "{document:#}");
    let is_bad = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .any(|one| one["severity"] == "error");
    assert_eq!(said.status, if is_bad { 2 } else { 0 });
    document
}

pub(crate) fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
