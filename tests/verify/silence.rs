//! What does not answer, or not yet: why, and within which time.

use crate::desk::{ADDRESSES, Desk, findings, messages, now, states};
use crate::hang;
use crate::stage::{DESK, VERSION, closed_port, look, look_at, way};
use crate::stand_in::{Manner, StandIn, healthy};
use firstboot::pki::mint::Validity;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Barrier};

#[test]
fn silence_is_told_apart_each_within_its_time() {
    let closed = closed_port();
    let mute = StandIn::start(&DESK, "kubernetes", Manner::Mute);
    let frozen = StandIn::start(&DESK, "kubernetes", Manner::Frozen);
    let (document, said) = look([closed, mute.port, frozen.port], &["--timeout", "4s"]);
    assert_eq!(
        states(&document),
        [
            "not-started (connection refused)",
            "waiting-for-quorum",
            "no-answer"
        ]
    );
    assert_eq!(
        messages(&document, "no-answer"),
        ["no answer to `/version`: it timed out"]
    );
    assert_eq!(said.status, 2);
    // Whoever does not answer is asked nothing more.
    assert_eq!(*frozen.asked.lock().unwrap(), ["/version"]);
    let drips = StandIn::start(&DESK, "kubernetes", Manner::Drips);
    let plain = StandIn::start(&DESK, "kubernetes", Manner::Plain);
    let (document, _) = look([closed, drips.port, plain.port], &["--timeout", "4s"]);
    assert_eq!(states(&document)[1..], ["no-answer", "no-answer"]);
    assert_eq!(*drips.asked.lock().unwrap(), ["/version"]);
    let said = messages(&document, "no-answer");
    assert_eq!(said[1], "what answers speaks no TLS");
}

/// An etcd whose URLs for clients begin with `http://` hangs up on TLS, and says nothing of it.
#[test]
fn who_speaks_without_tls_is_asked_so() {
    let (document, said) = look_at(Manner::Http, "kubernetes", &[]);
    assert_eq!(states(&document)[2], "no-answer");
    assert_eq!(findings(&document), ["controller-2 no-tls"]);
    assert_eq!(said.status, 2);
    let why = &messages(&document, "no-tls")[0];
    assert!(
        why.starts_with("it speaks without TLS: 127.0.0.1:"),
        "{why}"
    );
}

/// None of these answers before all have been asked.
#[test]
fn all_are_asked_at_once() {
    let all = Arc::new(Barrier::new(3));
    let meets = |index| Manner::Meets(healthy(index, VERSION), Arc::clone(&all));
    let servers = [0, 1, 2].map(|index| StandIn::start(&DESK, "kubernetes", meets(index)));
    let (document, said) = look(servers.each_ref().map(|server| server.port), &[]);
    assert_eq!(states(&document), ["as-planned"; 3]);
    assert_eq!(said.status, 0);
}

#[test]
fn certificates_are_refused_by_either_side_with_the_reason() {
    let answers = || Manner::Answers(healthy(2, VERSION));
    let (document, _) = look_at(answers(), "foreign", &[]);
    assert_eq!(states(&document)[2], "certificate-refused (by us)");
    let why = &messages(&document, "certificate-refused")[0];
    let ca = "signed by `CN=stranger`, which is not in `pki/ca.pem`";
    assert!(why.ends_with(ca), "{why}");
    assert_eq!(
        document["controllers"][2]["certificate"]["issuer"],
        "CN=stranger"
    );

    let (document, _) = look_at(answers(), "elsewhere", &[]);
    let why = &messages(&document, "certificate-refused")[0];
    assert!(
        why.ends_with("is not for `10.240.0.12`, but for `10.9.9.9`"),
        "{why}"
    );

    let foreign = ["--cert", "pki/foreign.pem", "--key", "pki/foreign-key.pem"];
    let (document, said) = look_at(answers(), "kubernetes", &foreign);
    let theirs = "certificate-refused (by them)".to_owned();
    assert_eq!((states(&document), said.status), (vec![theirs; 3], 2));
    let why = &messages(&document, "certificate-refused")[0];
    assert!(
        why.contains("`pki/foreign.pem` is signed by `CN=stranger`"),
        "{why}"
    );
    assert!(why.contains("its alert: `"), "{why}");
}

/// Only before the first answer may it be our certificate: a server that does not take it hangs
/// up there, and its alert may be lost.
#[test]
fn a_connection_that_breaks_after_an_answer_is_no_refused_certificate() {
    const STATUS: &str = "/v3/maintenance/status";
    let breaks_at = |path: &str, said: usize| {
        let mut answers = healthy(2, VERSION);
        assert!(answers.remove(path).is_some());
        let manner = Manner::BreaksOff(answers, said);
        let (document, told) = look_at(manner, "kubernetes", &[]);
        assert_eq!(told.status, 2, "{document:#}");
        document
    };
    let document = breaks_at("/version", 0);
    assert_eq!(states(&document)[2], "certificate-refused (by them)");
    for (path, said, state) in [
        ("/version", 50, "no-answer"),
        (STATUS, 0, "no-answer"),
        (STATUS, 50, "no-answer"),
        ("/v3/cluster/member/list", 0, "differs"),
        ("/v3/maintenance/alarm", 0, "differs"),
        ("/health", 50, "differs"),
    ] {
        let document = breaks_at(path, said);
        assert_eq!(states(&document)[2], state, "{path}: {document:#}");
        assert_eq!(findings(&document), ["controller-2 no-answer"], "{path}");
        let why = &messages(&document, "no-answer")[0];
        assert!(why.starts_with("it breaks off: "), "{path}: {why}");
    }
}

/// What a server shows that is good, and not what the manifest names.
#[test]
fn a_certificate_that_was_not_copied_is_noticed() {
    let desk = Desk::new(VERSION);
    let soon = Validity::days(now(), 5);
    desk.issue("soon", soon, &ADDRESSES);
    let servers = [("kubernetes", 0), ("kubernetes", 1), ("soon", 2)]
        .map(|(pair, index)| StandIn::start(&desk, pair, Manner::Answers(healthy(index, VERSION))));
    let way = way(servers.each_ref().map(|server| server.port));
    let way: Vec<_> = way.iter().map(String::as_str).collect();
    let (document, said) = desk.json(&way);
    assert_eq!(
        findings(&document),
        [
            "controller-2 certificate-ends-soon",
            "controller-2 certificate-differs"
        ]
    );
    assert_eq!(said.status, 0);
}

/// A cluster that comes up ends the wait, and each change on the way is a line.
#[test]
fn waiting_ends_when_the_cluster_is_there() {
    let answers = |index| Manner::Answers(healthy(index, VERSION));
    let two = [0, 1].map(|index| StandIn::start(&DESK, "kubernetes", answers(index)).port);
    let way = way([two[0], two[1], closed_port()]);
    let port = way[2].rsplit(':').next().unwrap().parse().unwrap();
    let way = way.iter().map(String::as_str);
    // Longer than this test may take.
    let arguments: Vec<_> = ["verify", "--wait", "5h"].into_iter().chain(way).collect();
    let mut command = DESK.command(&arguments);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut line = || told.next().unwrap().unwrap();
    for end in [
        "as planned",
        "as planned",
        "not started (connection refused)",
    ] {
        let line = line();
        assert!(line.ends_with(end), "{line}");
    }
    // It has looked once, and will look again.
    StandIn::start_at(port, &DESK, "kubernetes", answers(2));
    let last = line();
    assert!(last.ends_with("  controller-2  as planned"), "{last}");
    let output = hang::work("its wait", move || child.wait_with_output());
    let said = DESK.said(&output.unwrap());
    assert_eq!(said.status, 0, "{}", said.out);
}

/// One that does not come up is given up on in time.
#[test]
fn waiting_has_an_end() {
    let answers = |index| Manner::Answers(healthy(index, VERSION));
    let two = [0, 1].map(|index| StandIn::start(&DESK, "kubernetes", answers(index)));
    let mute = StandIn::start(&DESK, "kubernetes", Manner::Mute).port;
    for (third, state) in [
        (closed_port(), "not-started (connection refused)"),
        // Its last look is cut short, and says no less than the one before.
        (mute, "waiting-for-quorum"),
    ] {
        two[0].asked.lock().unwrap().clear();
        let options = ["--wait", "4s", "--timeout", "2s"];
        let (document, said) = look([two[0].port, two[1].port, third], &options);
        assert_eq!(states(&document), ["as-planned", "as-planned", state]);
        assert_eq!(said.status, 2);
        // One look a second, at most.
        let asked = two[0].asked.lock().unwrap();
        let looks = asked.iter().filter(|path| *path == "/version").count();
        assert!((1..=4).contains(&looks), "{looks}");
    }
}
