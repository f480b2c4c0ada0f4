//! What is made of the program and kept as text is what the program says today: `docs/cli.md`, the
//! keys in `docs/manifest.md`, the shapes in `docs/json.md`.
//!
//! After a change, `SNAPSHOTS=overwrite cargo test --test drift` writes the first two anew: read
//! the difference.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use clap::CommandFactory;
use firstboot::commands::Cli;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn firstboot(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_firstboot"))
        .args(arguments)
        .current_dir(dir)
        .env("COLUMNS", "80")
        .output()
        .unwrap()
}

/// Every command's words, firstboot's own (none) first.
fn commands() -> Vec<Vec<String>> {
    fn walk(command: &clap::Command, words: &[String], found: &mut Vec<Vec<String>>) {
        found.push(words.to_vec());
        for below in command
            .get_subcommands()
            .filter(|below| !below.is_hide_set())
        {
            let mut words = words.to_vec();
            words.push(below.get_name().to_owned());
            walk(below, &words, found);
        }
    }
    let mut found = Vec::new();
    walk(&Cli::command(), &[], &mut found);
    assert!(found.len() >= 15, "{found:?}");
    found
}

fn help(words: &[String], flag: &str) -> String {
    let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
    arguments.push(flag);
    let output = firstboot(Path::new("."), &arguments);
    assert!(output.status.success(), "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Compares, or writes anew.
fn same(name: &str, expected: &str, found: &str) {
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(path(name), expected).unwrap();
    } else {
        assert!(
            expected == found,
            "{name} has drifted: SNAPSHOTS=overwrite cargo test --test drift, and read the difference"
        );
    }
}

#[test]
fn the_command_line_is_as_documented() {
    let mut text = String::from(
        "# The command line\n\n\
         What `--help` says of each command; a test holds this page against it. Exit status: 0 done,\n\
         1 the input is wrong or the answer is no, 2 the world failed (disk, network, a tool); `verify` and `diff` have their own.\n\
         For programs: [json.md](json.md).\n",
    );
    for words in commands() {
        let name = ["firstboot".to_owned()].into_iter().chain(words.clone());
        let name = name.collect::<Vec<_>>().join(" ");
        let help = help(&words, "--help");
        let lines: Vec<_> = help.lines().map(str::trim_end).collect();
        let help = lines.join("\n");
        let help = help.trim_end();
        let _ = write!(text, "\n## {name}\n\n```text\n{help}\n```\n");
    }
    let kept = fs::read_to_string(path("docs/cli.md")).unwrap_or_default();
    same("docs/cli.md", &text, &kept);
}

/// What `make` would run, where cargo is told to build elsewhere: by its variable, or its file.
#[test]
fn make_finds_what_cargo_builds() {
    let home = tempfile::tempdir().unwrap();
    let elsewhere = "[build]\ntarget-dir = \"/by/config\"\n";
    fs::write(home.path().join("config.toml"), elsewhere).unwrap();
    let home = home.path().to_str().unwrap();
    for (variable, value, program) in [
        ("CARGO_TARGET_DIR", "/by/variable", "/by/variable/release"),
        ("CARGO_HOME", home, "/by/config/release"),
        ("LC_ALL", "C", "target/release"),
    ] {
        let mut make = Command::new("make");
        make.args(["-n", "all"]).current_dir(path(""));
        make.env_remove("CARGO_TARGET_DIR").env(variable, value);
        let output = make.output().expect("this test needs make");
        let said = String::from_utf8(output.stdout).unwrap();
        let rendered = format!("\n{program}/firstboot render --new examples/lab/cluster.yaml\n");
        assert!(said.contains(&rendered), "{variable}: {said}");
    }
}

#[test]
fn help_fits_eighty_columns() {
    for words in commands() {
        for flag in ["-h", "--help"] {
            let help = help(&words, flag);
            assert!(help.contains("Usage:"), "{words:?} {flag}");
            for line in help.lines() {
                assert!(line.chars().count() <= 80, "{words:?} {flag}: {line}");
            }
        }
    }
}

#[test]
fn the_keys_are_as_documented() {
    let (begin, end) = ("<!-- keys: made by tests/drift.rs -->\n", "<!-- /keys -->");
    let kept = fs::read_to_string(path("docs/manifest.md")).unwrap();
    let (before, rest) = kept.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let text = format!(
        "{before}{begin}{}{end}{after}",
        firstboot::manifest::reference()
    );
    same("docs/manifest.md", &text, &kept);
}

/// The documented document with this `format` that has all of these keys.
fn documented(format: &str, keys: &[&str]) -> Value {
    let text = fs::read_to_string(path("docs/json.md")).unwrap();
    let blocks = text.split("```json\n").skip(1);
    let documents = blocks.map(|block| block.split("```").next().unwrap());
    let mut documents = documents.map(|text| serde_json::from_str::<Value>(text).unwrap());
    let wanted = |document: &Value| {
        document["format"] == format && keys.iter().all(|key| document.get(key).is_some())
    };
    documents
        .find(wanted)
        .unwrap_or_else(|| panic!("docs/json.md has no {format} with {keys:?}"))
}

/// Both have the same keys, with values of the same types; a null stands for any type.
fn compare(documented: &Value, printed: &Value, at: &str) {
    match (documented, printed) {
        (Value::Object(one), Value::Object(other)) => {
            let keys =
                |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(one), keys(other), "keys of {at}");
            for (key, value) in one {
                compare(value, &other[key], &format!("{at}.{key}"));
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            for (one, other) in one.first().into_iter().zip(other) {
                compare(one, other, &format!("{at}[]"));
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (one, other) => {
            let same = std::mem::discriminant(one) == std::mem::discriminant(other);
            assert!(same, "{at}: {one} is documented, {other} is printed");
        }
    }
}

#[test]
fn json_has_the_documented_shapes() {
    let dir = tempfile::tempdir().unwrap();
    let print = |arguments: &[&str], status: i32| -> Value {
        let arguments = [arguments, &["--format", "json"]].concat();
        let output = firstboot(dir.path(), &arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("PRIVATE KEY"), "{arguments:?}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    };
    let check = |arguments: &[&str], status: i32, keys: &[&str]| {
        let printed = print(arguments, status);
        let format = printed["format"].as_str().unwrap();
        let words = arguments
            .iter()
            .take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
        let words: Vec<_> = words.copied().collect();
        assert_eq!(format, format!("firstboot/{}/v1", words.join("-")));
        compare(&documented(format, keys), &printed, format);
        printed
    };
    check(&["init"], 0, &["written"]);
    check(&["render"], 0, &["controllers"]);
    assert!(check(&["render", "--check"], 0, &["controllers"])["written"].is_null());
    let fleet = documented("firstboot/render-fleet/v1", &[]);
    fs::create_dir(dir.path().join("more")).unwrap();
    let several = print(&["render", "cluster.yaml", "more"], 1);
    compare(&fleet["counts"], &several["counts"], "counts");
    compare(&fleet["clusters"][0], &several["clusters"][0], "clusters");
    assert_eq!(several["format"], fleet["format"]);
    assert_eq!(several["clusters"][1]["manifest"], "more/cluster.yaml");
    check(&["pin", "--offline"], 0, &["tarballs"]);
    check(&["pin", "--check"], 0, &["upToDate"]);
    assert_eq!(
        check(&["pki", "mint"], 1, &["error"])["error"]
            .as_str()
            .map(|text| text.contains("exist")),
        Some(true)
    );
    check(&["pki", "mint", "--force"], 0, &["minted"]);
    check(&["pki", "show"], 0, &["certificates"]);
    let audit = documented("firstboot/pki-audit/v1", &[]);
    let shown = print(&["pki", "show"], 0);
    compare(
        &audit["certificates"],
        &shown["certificates"],
        "certificates",
    );
    check(&["pki", "audit"], 0, &["findings"]);
    check(&["pki", "renew", "--all"], 0, &["pairs"]);
    check(&["pki", "rotate-ca"], 0, &["due"]);
    check(&["bake"], 0, &["content"]);
    let manifest = fs::read_to_string(dir.path().join("cluster.yaml")).unwrap();
    fs::write(
        dir.path().join("cluster.yaml"),
        manifest.replace("platform:", "platfrom:"),
    )
    .unwrap();
    let refused = check(&["render"], 1, &["findings"]);
    assert_eq!(refused["findings"][0]["code"], "unknown-key");
    assert_eq!(refused["findings"][0]["line"], 7);
}

/// Rehearsals need more than this computer may have: their types are held against the page.
#[cfg(target_os = "linux")]
#[test]
fn a_rehearsal_has_the_documented_shape() {
    use firstboot::rehearse::{ClientResult, Executed, FaultResult, MachineOutcome, Request};
    fn same<T: serde::Serialize + serde::de::DeserializeOwned>(documented: &Value) {
        let typed: T = serde_json::from_value(documented.clone()).unwrap();
        assert_eq!(&serde_json::to_value(typed).unwrap(), documented);
    }
    let documented = documented("firstboot/rehearse/v1", &[]);
    same::<Vec<MachineOutcome>>(&documented["machines"]);
    same::<Vec<Request>>(&documented["requests"]);
    same::<Vec<FaultResult>>(&documented["faults"]);
    same::<ClientResult>(&documented["client"]);
    same::<Vec<Executed>>(&documented["executed"]);
}
