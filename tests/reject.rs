//! Every manifest in `tests/reject` is refused: exit 1, one report, nothing written.
//! What that costs is counted in `tests/instructions.rs`.
//!
//! `NN_name.yaml` is the manifest, `NN_name.stderr` the report that it gets. After a change of
//! words, `SNAPSHOTS=overwrite cargo test --test reject` writes the reports anew: read them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/hang.rs"]
mod hang;
#[path = "support/monsters.rs"]
mod monsters;
#[path = "support/pki.rs"]
mod pki;

use snapbox::Assert;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        let addresses = ["10.240.0.10", "10.240.0.11", "10.240.0.12", "127.0.0.1"];
        let dir = bench.0.path().join("work");
        pki::lay_out(&dir.join("pki"), &addresses);
        fs::write(bench.0.path().join("outside.pem"), "not yours").unwrap();
        std::os::unix::fs::symlink("../../outside.pem", dir.join("pki/outside.pem")).unwrap();
        bench
    }

    fn dir(&self) -> PathBuf {
        self.0.path().join("work")
    }

    fn refuse(&self, name: &str, manifest: &[u8]) -> Output {
        fs::write(self.dir().join(name), manifest).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_firstboot"));
        let output = hang::output(
            command
                .args(["render", "--new", name])
                .current_dir(self.dir()),
        );
        assert_eq!(
            output.status.code(),
            Some(1),
            "{name}: {}",
            text(&output.stderr)
        );
        assert!(output.stdout.is_empty(), "{name} printed data");
        assert!(!self.dir().join("out").exists(), "{name} wrote something");
        output
    }
}

/// The report without the one number that depends on today.
fn undated(report: &str) -> String {
    let words: Vec<_> = report.split(" days ago").collect();
    let ends = words
        .iter()
        .map(|part| part.trim_end_matches(|c: char| c.is_ascii_digit()));
    match words.len() {
        1 => report.to_owned(),
        _ => ends.collect::<Vec<_>>().join("N days ago"),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn cases() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reject");
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    cases.sort();
    cases
}

#[test]
fn each_is_refused_with_its_report() {
    let bench = Bench::new();
    let cases = cases();
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    let snapshots = Assert::new().action_env("SNAPSHOTS");
    for case in cases {
        let name = case.file_name().unwrap().to_str().unwrap();
        let output = bench.refuse(name, &fs::read(&case).unwrap());
        let expected = snapbox::Data::read_from(&case.with_extension("stderr"), None);
        snapshots.eq(undated(&text(&output.stderr)), expected.raw());
    }
}

/// Too large to be kept as files: an operator gets them by naming the wrong file.
#[test]
fn monstrous_input_is_refused_in_few_words() {
    let bench = Bench::new();
    for monster in monsters::MANIFESTS {
        let (name, code) = (monster.name, monster.code);
        let manifest = (monster.of)(1);
        let report = text(&bench.refuse(&format!("{name}.yaml"), &manifest).stderr);
        assert!(
            report.contains(&format!("error[{code}]")),
            "{name}: {report}"
        );
        assert!(report.len() < 1000, "{name}: {report}");
    }
}

/// A manifest that is not there gets the usual report, with a cure.
#[test]
fn a_manifest_that_is_none_is_reported_as_every_other() {
    let bench = Bench::new();
    for (name, message) in [
        ("nope.yaml", "there is no such file"),
        ("pki", "there is no such file"), // pki/cluster.yaml
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
            .args(["render", name])
            .current_dir(bench.dir())
            .output()
            .unwrap();
        let report = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{report}");
        for part in [
            "error[manifest-missing]",
            message,
            "--> ",
            name,
            "= help: name the manifest",
        ] {
            assert!(report.contains(part), "{part}: {report}");
        }
    }
}

/// The last line says what was left undone, and nothing of the sort where only a look was asked for.
#[test]
fn the_end_is_true_of_the_command() {
    let bench = Bench::new();
    for (command, end) in [
        ("render --new", "1 error: nothing was written"),
        ("pki renew", "1 error: nothing was written"),
        ("rehearse", "1 error: nothing was booted"),
        ("pki audit", "1 error"),
        ("verify", "1 error"),
        ("diff out", "1 error"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
            .args(command.split(' '))
            .current_dir(bench.dir())
            .output()
            .unwrap();
        let report = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{report}");
        let last = report.lines().last();
        assert_eq!(last, Some(&*format!("error: {end}")), "{command}");
    }
}

#[test]
fn no_report_shows_a_key() {
    let bench = Bench::new();
    let keys: Vec<String> = ["kubernetes-key.pem", "ca-key.pem", "other-key.pem"]
        .map(|name| fs::read_to_string(bench.dir().join("pki").join(name)).unwrap())
        .to_vec();
    let lines: Vec<&str> = keys
        .iter()
        .flat_map(|key| key.lines())
        .filter(|line| !line.starts_with("-----"))
        .collect();
    assert!(lines.len() >= 6);
    for case in cases() {
        let manifest = fs::read(&case).unwrap();
        let report = text(&bench.refuse("case.yaml", &manifest).stderr);
        assert!(
            !lines.iter().any(|line| report.contains(line)),
            "{}: {report}",
            case.display()
        );
        assert!(
            !report.contains("THISISNOTAKEY"),
            "{}: {report}",
            case.display()
        );
    }
}

#[test]
fn the_same_report_as_json() {
    let bench = Bench::new();
    fs::write(bench.dir().join("case.yaml"), "cluster: etcd cluster\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
        .args(["render", "--new", "case.yaml", "--format", "json"])
        .current_dir(bench.dir())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let name = findings
        .iter()
        .find(|finding| finding["code"] == "cluster-name")
        .unwrap();
    assert_eq!((&name["line"], &name["column"]), (&1.into(), &10.into()));
    assert_eq!(document["format"], "firstboot/render/v1");
    assert_eq!(name["severity"], "error");
}
