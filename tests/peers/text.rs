//! The script's own functions, in each shell, on what hostile peers may answer.

use crate::machine::{cluster_named, output};
use firstboot::cluster::Replace;
use firstboot::machine::{Layout, machines};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::process::Command;

const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "sh"]];
const OWN: &str = "https://10.240.0.10:2380";

/// `decide` of a blank machine, told that all who are asked answer with the file `answer`.
const DECIDE: &str = r#"
curl() { cat answer && printf '\n1 200'; }
state=. lib=. status=./status step=start n=5 slept=0 next=0
if decide; then echo "$result"; else printf 'waits %s\n' "$(one_line "$why")"; fi
"#;

/// A machine's scripts and settings, and a curl that gets the same answer everywhere.
fn scene() -> tempfile::TempDir {
    let mut cluster = cluster_named("main", &["10.240.0.10", "10.240.0.11", "10.240.0.12"]);
    cluster.replace = Some(Replace::Auto);
    let dir = tempfile::tempdir().unwrap();
    let machine = &machines(&cluster, Layout::default())[0];
    let text = |end: &str| {
        let file = machine
            .files
            .iter()
            .find(|file| file.path.ends_with(end))
            .unwrap();
        String::from_utf8(file.bytes().to_vec()).unwrap()
    };
    let bootstrap = text("/bootstrap");
    let functions = bootstrap.split("\nmkdir -p ").next().unwrap();
    let env = text("/etcd.env").replace("/var/lib/etcd", "./data");
    let script = format!("{functions}\nlib=.\n. ./etcd.env\n. ./peers\n{DECIDE}");
    for (name, text) in [
        ("etcd.env", env.as_str()),
        ("release.env", &text("/release.env")),
        ("peers", &text("/peers")),
        ("script", &script),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// What the machine decides, and the file of settings that it leaves, if any.
fn decide(dir: &Path, shell: &[&str], answer: &[u8]) -> (String, Option<String>) {
    fs::write(dir.join("answer"), answer).unwrap();
    let kept = dir.join("initial-cluster-state.env");
    let _ = fs::remove_file(&kept);
    let mut command = Command::new(shell[0]);
    let said = output(command.args(&shell[1..]).arg("script").current_dir(dir), "");
    (said.text, fs::read_to_string(kept).ok())
}

#[derive(Clone, Debug)]
struct Listed {
    name: String,
    url: String,
}

fn is_plain(text: &str, more: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

impl Listed {
    /// Whether it may be taken: the rule, once more.
    fn is_plain(&self) -> bool {
        let host = self.url.strip_prefix("https://").unwrap_or_default();
        is_plain(&self.name, "-._") && !host.is_empty() && is_plain(host, "[]:.-")
    }
}

/// The gateway's answer; this machine is in it and never started. `gap` stands where some versions
/// have a blank.
fn answer(others: &[Listed], gap: &str) -> String {
    let text = |text: &str| serde_json::to_string(text).unwrap();
    let mut members = vec![format!(
        r#"{{"ID":"17956553187253133728",{gap}"peerURLs":["{OWN}"]}}"#
    )];
    for (id, other) in others.iter().enumerate() {
        let (name, url) = (text(&other.name), text(&other.url));
        members.push(format!(
            r#"{{"ID":"{id}",{gap}"name":{gap}{name},{gap}"peerURLs":[{url}],{gap}"clientURLs":["https://x:2379"]}}"#
        ));
    }
    let cluster = cluster_named("main", &["10.240.0.10", "10.240.0.11", "10.240.0.12"]).id;
    let id = u64::from_str_radix(&cluster.to_string(), 16).unwrap();
    let (header, members) = (
        format!(r#"{{"cluster_id":"{id}"}}"#),
        members.join(&format!(",{gap}")),
    );
    format!(r#"{{"header":{header},{gap}"members":[{members}]}}"#)
}

fn check(dir: &Path, others: &[Listed], gap: &str) -> Result<(), TestCaseError> {
    let answer = answer(others, gap);
    for shell in SHELLS {
        let (said, kept) = decide(dir, shell, answer.as_bytes());
        prop_assert_eq!(said.lines().count(), 1, "{:?} {}", shell, said);
        if others.iter().all(Listed::is_plain) {
            let list = others.iter().enumerate();
            let list: Vec<_> = list
                .map(|(id, other)| format!(",{id}={}", other.url))
                .collect();
            let list = list.concat();
            let expected = format!(
                "ETCD_INITIAL_CLUSTER_STATE=existing\nETCD_INITIAL_CLUSTER='controller-0={OWN}{list}'\n"
            );
            prop_assert_eq!(kept, Some(expected), "{:?} {}", shell, said);
        } else {
            prop_assert_eq!(&kept, &None, "{:?} {}", shell, said);
            let refused = said.starts_with("waits for an operator: ") && said.contains("refused: ");
            prop_assert!(refused, "{:?} {}", shell, said);
            prop_assert!(
                said.len() < 2_100 && said.trim_end().bytes().all(|b| (b' '..=b'~').contains(&b))
            );
        }
    }
    Ok(())
}

fn listed(name: &str, url: &str) -> Listed {
    Listed {
        name: name.to_owned(),
        url: url.to_owned(),
    }
}

const URL: &str = "https://10.240.0.11:2380";

#[test]
fn plain_members_are_taken_and_all_others_refused() {
    let dir = scene();
    let long = "x".repeat(5_000);
    let names = [
        "controller-1",
        "",
        "etcd.1_b",
        OWN,
        "a b",
        "a=b",
        "a,b",
        "a'b",
        "a\"b",
        "a\\b",
        "$(id)",
        "x\nETCD_CLIENT_CERT_AUTH=false",
        r"x\nETCD_CLIENT_CERT_AUTH=false",
        "{",
        "}",
        "]}",
        "[{",
        r#"{"ID":"9","peerURLs":["https://x:1"]}"#,
        r#"x","peerURLs":["https://10.240.0.10:2380"]"#,
        "\u{1b}[2J",
        "\u{202e}",
        "é",
        "名前",
        "\u{7f}",
        "\0",
        r#"\""#,
        &long,
    ];
    for name in names {
        for gap in ["", " "] {
            check(dir.path(), &[listed(name, URL)], gap).unwrap();
        }
    }
    let urls = [
        "https://[fd00::11]:2380",
        "https://etcd-1.example:2380",
        "http://10.240.0.11:2380",
        "https://10.240.0.11:2380,x=https://10.240.0.12:2380",
        "https://x:1'\nA=b",
        "https://$(id):2380",
        "",
        "https://",
        "unix://x",
        "https://a/b",
    ];
    for url in urls {
        check(dir.path(), &[listed("a", URL), listed("b", url)], "").unwrap();
    }
}

#[test]
fn what_is_no_list_of_members_begins_and_adds_nothing() {
    let dir = scene();
    let whole = answer(&[listed("controller-1", URL)], "");
    let mut answers: Vec<String> = ["", "{}", "null", "[]", "<html>", "{\"header\":{}}", "\0"]
        .map(str::to_owned)
        .to_vec();
    answers.extend((0..whole.len()).step_by(7).map(|at| whole[..at].to_owned()));
    for answer in answers {
        for shell in SHELLS {
            let (said, kept) = decide(dir.path(), shell, answer.as_bytes());
            assert_eq!(kept, None, "{shell:?} {answer} {said}");
            assert!(said.starts_with("waits for "), "{shell:?} {answer} {said}");
        }
    }
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-.0-9A-Z_a-z]{0,20}",
        any::<String>(),
        "[\\\\\"{}\\[\\],:= \n'$a-c]{0,12}",
        r#"(x|\\n|\{"ID":"|"clientURLs":|"isLearner":true|ETCD_NAME=|\]\}){1,6}"#,
    ]
}

fn urls() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "https://10\\.240\\.0\\.(1[1-9]|2[0-9]):2380",
        1 => "https://[\\[\\]0-9a-z.:,'\"= \n-]{0,20}",
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn only_lines_that_belong_there_are_kept(
        names in prop::collection::vec(names(), 3),
        urls in prop::collection::vec(urls(), 3),
        gap in prop::sample::select(vec!["", " "]),
    ) {
        let dir = scene();
        let others: Vec<_> = names.iter().zip(&urls).map(|(name, url)| listed(name, url)).collect();
        check(dir.path(), &others, gap)?;
    }

    /// Not even JSON.
    #[test]
    fn any_bytes_keep_nothing_else(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0..300usize) {
        let dir = scene();
        let mut answer = answer(&[listed("controller-1", URL)], "").into_bytes();
        let at = at.min(answer.len());
        answer.splice(at..at, bytes);
        for shell in SHELLS {
            let (said, kept) = decide(dir.path(), shell, &answer);
            for line in kept.iter().flat_map(|kept| kept.lines()) {
                let cluster = line.strip_prefix("ETCD_INITIAL_CLUSTER='");
                let list = cluster.and_then(|rest| rest.strip_suffix('\''));
                let is_ours = line == "ETCD_INITIAL_CLUSTER_STATE=existing"
                    || list.is_some_and(|list| is_plain(list, "-._:/[],="));
                prop_assert!(is_ours, "{:?} {} {}", shell, line, said);
            }
        }
    }
}
