//! What is printed: as documented, and no more.

use crate::desk::{ADDRESSES, Desk, now};
use crate::stage::{DESK, VERSION, look_at, way};
use crate::stand_in::{Manner, StandIn, healthy};
use firstboot::pki::mint::Validity;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn wrong_input_is_refused_before_anybody_is_asked() {
    for (arguments, status, words) in [
        (&["--cert", "pki/admin.pem"][..], 2, "--key <FILE>"),
        (
            &["--cacert", "pki/none.pem"],
            1,
            "reading `pki/none.pem`: no such file",
        ),
        (
            &["--cacert", "cluster.yaml"],
            1,
            "`cluster.yaml` holds no certificate",
        ),
        (
            &["--cert", "pki/admin.pem", "--key", "pki/kubernetes-key.pem"],
            1,
            "is not the key of `pki/admin.pem`",
        ),
        (
            &["--cert", "pki/admin.pem", "--key", "pki/admin.pem"],
            1,
            "`pki/admin.pem` holds no private key",
        ),
        (
            &["--at", "controller-9=127.0.0.1"],
            1,
            "the manifest has no such controller",
        ),
        (
            &["--at", "controller-0=somewhere"],
            2,
            "write a controller's name and an IP address",
        ),
        (&["--timeout", "5"], 2, "write for example `5s`"),
        (&["none.yaml"], 1, "there is no such file"),
    ] {
        let said = DESK.verify(arguments);
        assert_eq!(said.status, status, "{arguments:?}: {}", said.err);
        assert!(said.err.contains(words), "{arguments:?}: {}", said.err);
        assert_eq!(said.out, "");
    }
}

/// The shape that docs/verify.md describes is the one that is printed.
#[test]
fn the_document_is_the_documented_one() {
    let (document, _) = look_at(Manner::Mute, "kubernetes", &["--timeout", "2s"]);
    assert_eq!(document["format"], "firstboot/verify/v1");
    let mut printed = BTreeSet::new();
    paths(&document, "", &mut printed);
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_to_string(root.join("docs/verify.md")).unwrap();
    let section = docs.split("\n## For programs\n").nth(1).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeSet<String> = rows
        .map(|row| row.split('`').next().unwrap().to_owned())
        .collect();
    assert_eq!(documented, printed);
}

/// `controllers[].members[].id`, for everything that is no container.
fn paths(value: &Value, at: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let dot = if at.is_empty() { "" } else { "." };
                paths(value, &format!("{at}{dot}{key}"), into);
            }
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            for value in list {
                paths(value, &format!("{at}[]"), into);
            }
        }
        // What was not heard of one is heard of another.
        Value::Null if matches!(at.rsplit('.').next(), Some("certificate" | "members")) => {}
        Value::Array(_) if at.ends_with("].members") => {}
        _ => {
            into.insert(at.to_owned());
        }
    }
}

/// Whoever answers in the place of etcd writes nothing of its own on a terminal, with its words or
/// with its certificate.
#[test]
fn a_stranger_moves_no_cursor_and_turns_no_text() {
    const STRANGE: &str = "\u{1b}[2J\u{9b}1m\u{7}\r\n\u{202e}\u{2066}\u{200f}";
    let desk = Desk::new(VERSION);
    desk.foreign(STRANGE);
    let start = |index: usize, pair: &str, path: &str, status: u16, answer: Value| {
        let mut answers = healthy(index, VERSION);
        answers.insert(path.to_owned(), (status, answer));
        StandIn::start(&desk, pair, Manner::Answers(answers)).port
    };
    let versions = json!({ "etcdserver": STRANGE, "etcdcluster": STRANGE });
    let list = json!({ "members": [{
        "ID": "4660", "name": STRANGE, "peerURLs": [STRANGE], "clientURLs": [STRANGE],
    }] });
    let alarms = json!({ "alarms": [{ "memberID": "4660", "alarm": STRANGE }] });
    let sick = json!({ "health": "false", "reason": STRANGE });
    let (status, error) = ("/v3/maintenance/status", json!({ "error": STRANGE }));
    for (ports, findings) in [
        (
            [
                start(0, "kubernetes", "/version", 200, versions),
                start(1, "kubernetes", "/v3/cluster/member/list", 200, list),
                start(2, "foreign", status, 400, error.clone()),
            ],
            ["version-differs", "members-differ", "certificate-refused"],
        ),
        (
            [
                start(0, "kubernetes", "/v3/maintenance/alarm", 200, alarms),
                start(1, "kubernetes", "/health", 200, sick),
                start(2, "kubernetes", status, 400, error),
            ],
            ["alarm", "unhealthy", "no-answer"],
        ),
    ] {
        let way = way(ports);
        for format in ["human", "json"] {
            let mut arguments = vec!["--format", format];
            arguments.extend(way.iter().map(String::as_str));
            let said = desk.verify(&arguments);
            let text = said.out + &said.err;
            for code in findings {
                assert!(text.contains(code), "{code} is not in {text}");
            }
            assert!(text.contains("[2J"), "{text}");
            let raw = |c: char| c != '\n' && !(' '..='~').contains(&c) && c != '\u{fffd}';
            assert!(!text.contains(raw), "{text:?}");
        }
    }
}

/// No code of a finding or state is left out of the docs.
#[test]
fn every_state_and_finding_is_documented() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_to_string(root.join("docs/verify.md")).unwrap();
    let words = std::fs::read_to_string(root.join("src/verify/words.rs")).unwrap();
    let judge = std::fs::read_to_string(root.join("src/verify/judge.rs")).unwrap();
    let codes: BTreeMap<&str, &str> = words
        .lines()
        .map(|line| (line.trim(), "finding"))
        .chain(judge.lines().map(|line| (line.trim(), "state")))
        .filter_map(|(line, what)| {
            let text = match what {
                "state" => line.strip_prefix("Self::")?.split_once(" => \"")?.1,
                _ => {
                    line.split_once('"')
                        .filter(|(before, _)| before.is_empty() || before.ends_with('('))?
                        .1
                }
            };
            let (code, rest) = text.split_once('"')?;
            let is_code = code
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            (is_code && rest.starts_with(',')).then_some((code, what))
        })
        .collect();
    assert!(codes.len() > 20, "{codes:?}");
    for code in codes.keys() {
        assert!(docs.contains(&format!("| `{code}` |")), "{code}");
    }
}

/// What docs/verify.md shows is what is printed, figures aside.
#[test]
fn the_documented_transcripts_are_printed() {
    let desk = Desk::new(VERSION);
    let validity = Validity {
        not_before: now() - 2000,
        not_after: now() - 1000,
    };
    desk.issue("ended", validity, &ADDRESSES);
    let answers = |index| Manner::Answers(healthy(index, VERSION));
    let start = |index, pair| StandIn::start(&desk, pair, answers(index)).port;
    let good = [0, 1, 2].map(|index| start(index, "kubernetes"));
    let mute = StandIn::start(&desk, "kubernetes", Manner::Mute).port;
    let bad = [start(0, "kubernetes"), mute, start(2, "ended")];
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_to_string(root.join("docs/verify.md")).unwrap();
    let blocks = docs.split("```console\n$ firstboot ").skip(1);
    let blocks: Vec<_> = blocks
        .map(|block| block.split("```").next().unwrap())
        .collect();
    assert_eq!(blocks.len(), 2);
    for (block, (ports, status)) in blocks.iter().zip([(good, 0), (bad, 2)]) {
        let (command, expected) = block.split_once('\n').unwrap();
        let way = way(ports);
        let way = way.iter().map(String::as_str);
        let words: Vec<_> = command.split_whitespace().chain(way).collect();
        let said = desk.run(&words);
        assert_eq!(said.status, status, "{}{}", said.out, said.err);
        let digits = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "N");
        snapbox::assert_data_eq!(digits(&said.out), digits(expected));
    }
}
