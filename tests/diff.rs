//! `tests/diff/<case>/{before,after}.yaml`: two manifests, perhaps with their locks; `expected` is what `diff` says, for
//! people and for programs, and how it ends. And against what was written, against machines that
//! run, and against what is neither.
//!
//! After a change, `SNAPSHOTS=overwrite cargo test --test diff` writes `expected` anew: read the
//! difference.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use snapbox::Assert;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A directory with the throw-away certificates of the goldens.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        fs::create_dir(desk.path("pki")).unwrap();
        for entry in fs::read_dir(root().join("tests/golden/pki")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, desk.path("pki").join(path.file_name().unwrap())).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    fn take(&self, case: &str) {
        let case = root().join("tests/diff").join(case);
        let has_lock = case.join("before.lock").exists();
        let locks: &[&str] = if has_lock {
            &["before.lock", "after.lock"]
        } else {
            &[]
        };
        for name in ["before.yaml", "after.yaml"].iter().chain(locks) {
            fs::copy(case.join(name), self.path(name)).unwrap();
        }
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_firstboot"))
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Whoever refuses its arguments does not read.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// What it prints on both streams, and its status.
    fn diff(&self, arguments: &[&str], input: &[u8]) -> (String, i32) {
        let output = self.run(&[&["diff"], arguments].concat(), input);
        let both = [output.stdout, output.stderr].concat();
        (
            String::from_utf8(both).unwrap(),
            output.status.code().unwrap(),
        )
    }
}

fn cases() -> Vec<String> {
    let entries = fs::read_dir(root().join("tests/diff")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut cases: Vec<_> = names.collect();
    cases.sort();
    assert!(cases.len() >= 12, "only {} cases", cases.len());
    cases
}

#[test]
fn each_pair_of_manifests_is_told_as_beside_it() {
    let snapshots = Assert::new().action_env("SNAPSHOTS");
    for case in cases() {
        let desk = Desk::new();
        desk.take(&case);
        let (text, status) = desk.diff(&["after.yaml", "before.yaml"], b"");
        let (json, same_status) =
            desk.diff(&["after.yaml", "before.yaml", "--format", "json"], b"");
        assert_eq!(status, same_status, "{case}");
        let document: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(document["format"], "firstboot/diff/v1", "{case}");
        assert_eq!(document["same"], status == 0, "{case}");
        // A machine that differs has a step, and no other.
        let machines = document["machines"].as_array().unwrap();
        let differ = machines
            .iter()
            .filter(|machine| machine["state"] != "same")
            .count();
        assert_eq!(
            document["steps"].as_array().unwrap().len(),
            differ,
            "{case}"
        );
        let path = root().join("tests/diff").join(&case).join("expected");
        let expected = snapbox::Data::read_from(&path, None);
        snapshots.eq(format!("{text}\nstatus {status}\n"), expected.raw());
    }
}

#[test]
fn what_was_written_is_the_same_until_something_changes() {
    let desk = Desk::new();
    desk.take("a_setting");
    let (text, status) = desk.diff(&["before.yaml"], b"");
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("there is no `out`"), "{text}");
    assert!(desk.run(&["render", "before.yaml"], b"").status.success());
    for directory in ["out", "out/main"] {
        let (text, status) = desk.diff(&["before.yaml", directory], b"");
        assert_eq!(status, 0, "{text}");
        let (text, status) = desk.diff(&["after.yaml", directory], b"");
        assert_eq!(status, 2, "{text}");
        assert!(
            text.contains("ETCD_QUOTA_BACKEND_BYTES: 4294967296 → 8589934592"),
            "{text}"
        );
    }
    // For a baked image it says the same, too, and needs not to be told.
    let baked = ["render", "before.yaml", "--image", "baked", "-o", "baked"];
    assert!(desk.run(&baked, b"").status.success());
    let (text, status) = desk.diff(&["before.yaml", "baked"], b"");
    assert_eq!(status, 0, "{text}");
    let (text, status) = desk.diff(&["after.yaml", "baked"], b"");
    assert_eq!(status, 2, "{text}");
    assert!(!text.contains("/usr/local/lib/firstboot"), "{text}");
    let (text, status) = desk.diff(&["before.yaml", "baked", "--image", "plain"], b"");
    assert_eq!(status, 2, "{text}");
    // Packed, it says the same.
    let packed = [
        "render",
        "before.yaml",
        "--compress",
        "always",
        "-o",
        "packed",
    ];
    assert!(desk.run(&packed, b"").status.success());
    assert_eq!(desk.diff(&["before.yaml", "packed"], b"").1, 0);
}

#[test]
fn a_machine_that_runs_is_compared_by_its_own_name() {
    let desk = Desk::new();
    desk.take("a_setting");
    assert!(desk.run(&["render", "before.yaml"], b"").status.success());
    let data = fs::read_to_string(desk.path("out/main/controller-1/user-data")).unwrap();
    let answer = serde_json::json!({
        "name": "whatever-it-is-called",
        "metadata": { "items": [{ "key": "user-data", "value": data }] },
    });
    let answer = answer.to_string();
    let (text, status) = desk.diff(&["before.yaml", "-"], answer.as_bytes());
    assert_eq!((text.as_str(), status), ("controller-1  same\n", 0));
    let (text, status) = desk.diff(&["after.yaml", "-"], answer.as_bytes());
    assert_eq!(status, 2);
    assert!(
        text.starts_with("controller-1  ") && !text.contains("controller-0"),
        "{text}"
    );
    // Its file is as good.
    let (_, status) = desk.diff(&["before.yaml", "out/main/controller-1/user-data"], b"");
    assert_eq!(status, 0);
    // A machine that the manifest does not have, and what is no controller.
    let stranger = data.replace("ETCD_NAME=controller-1", "ETCD_NAME=controller-9");
    let (text, status) = desk.diff(&["before.yaml", "-"], stranger.as_bytes());
    assert_eq!(status, 1);
    assert!(text.contains("no controller `controller-9`"), "{text}");
    for nothing in [
        &b""[..],
        b"#cloud-config\n",
        b"\x00\xff",
        b"#!/bin/sh\ntrue\n",
        b"{}",
    ] {
        let (text, status) = desk.diff(&["before.yaml", "-"], nothing);
        assert_eq!(status, 1, "{text}");
        assert!(
            text.contains("is not the user-data of a controller"),
            "{text}"
        );
    }
    assert_eq!(desk.diff(&["before.yaml", "nowhere"], b"").1, 1);
}

#[test]
fn a_renewed_certificate_waits_until_the_old_one_ends() {
    let desk = Desk::new();
    fs::remove_dir_all(desk.path("pki")).unwrap();
    let manifest = fs::read_to_string(root().join("tests/diff/nothing/after.yaml")).unwrap();
    let manifest = manifest
        .replace("pki/kubernetes.pem", "\"pki/{name}.pem\"")
        .replace("pki/kubernetes-key.pem", "\"pki/{name}-key.pem\"");
    desk.write("cluster.yaml", &manifest);
    let good = |arguments: &[&str]| {
        let output = desk.run(arguments, b"");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
    };
    good(&["pki", "mint", "cluster.yaml"]);
    good(&["render", "cluster.yaml"]);
    assert_eq!(desk.diff(&["cluster.yaml"], b"").1, 0);
    fs::remove_file(desk.path("pki/controller-1.pem")).unwrap();
    fs::remove_file(desk.path("pki/controller-1-key.pem")).unwrap();
    good(&["pki", "renew", "cluster.yaml"]);
    let (text, status) = desk.diff(&["cluster.yaml"], b"");
    assert_eq!(status, 2, "{text}");
    for part in [
        "controller-0  same\n",
        "controller-1  server and peer certificate renewed, ends 20",
        ", with a new key; the old one ends 20",
        " (later)\n",
        "unchanged: settings, release, unit, scripts\n",
        "  1. controller-1  make it anew when it suits",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // Another CA is not to be had in one step.
    fs::remove_dir_all(desk.path("pki")).unwrap();
    good(&["pki", "mint", "cluster.yaml"]);
    let (text, status) = desk.diff(&["cluster.yaml"], b"");
    assert_eq!(status, 2);
    for part in [
        "CA: ",
        " is trusted\n",
        " is trusted no more\n",
        "firstboot pki rotate-ca",
        "3. controller-2  make it anew\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// The text that a machine is handed, with the file at this path in two pieces: the second begins
/// in the middle, and `second` writes it behind the first.
fn in_pieces(data: &str, path: &str, first: &str, second: &str) -> String {
    let header = data
        .lines()
        .find(|line| line.ends_with(path) || line.contains(&format!("{path} <<")));
    let header = header.unwrap();
    let (before, behind) = data.split_once(&format!("{header}\n")).unwrap();
    let cut = behind.match_indices('\n').nth(5).unwrap().0 + 1;
    let (head, tail) = behind.split_at(cut);
    format!("{before}{header}\n{first}{head}{second}{tail}")
}

/// Neither piece of a certificate can be read without the other.
#[test]
fn a_file_in_pieces_is_read_whole() {
    let desk = Desk::new();
    desk.take("own_peer_pairs");
    assert!(desk.run(&["render", "before.yaml"], b"").status.success());
    let data = fs::read_to_string(desk.path("out/main/controller-1/user-data")).unwrap();
    let mut pieces = data.clone();
    for path in ["/etc/etcd/ca.pem", "/etc/etcd/kubernetes.pem"] {
        let second = format!("- path: {path}\n  append: true\n  content: |\n");
        pieces = in_pieces(&pieces, path, "", &second);
    }
    assert_eq!(pieces.matches("append: true").count(), 2);
    let (text, status) = desk.diff(&["before.yaml", "-"], pieces.as_bytes());
    assert_eq!((text.as_str(), status), ("controller-1  same\n", 0));
    // And what differs is told as of the whole.
    let (whole, _) = desk.diff(&["after.yaml", "-"], data.as_bytes());
    assert!(whole.contains("certificate renewed, ends "), "{whole}");
    assert_eq!(desk.diff(&["after.yaml", "-"], pieces.as_bytes()).0, whole);
}

/// A shell leaves mode and owner of what it adds to as they are; cloud-init sets both each time.
#[test]
fn mode_and_owner_of_a_file_in_pieces_are_those_in_the_end() {
    const UNIT: &str = "/etc/systemd/system/etcd.service";
    let desk = Desk::new();
    desk.take("nothing");
    assert!(desk.run(&["render", "before.yaml"], b"").status.success());
    let read =
        |name: &str| fs::read_to_string(desk.path("out/main/controller-1").join(name)).unwrap();
    let told = |data: &str| desk.diff(&["before.yaml", "-"], data.as_bytes());
    let script = read("startup-script");
    for (between, change) in [
        ("", None),
        ("chmod 0600", Some("mode 0600 → 0644")),
        ("chown etcd", Some("another owner")),
    ] {
        let between = if between.is_empty() {
            String::new()
        } else {
            format!("{between} {UNIT}\n")
        };
        let second = format!("END\n{between}cat >>{UNIT} <<'END'\n");
        let (text, status) = told(&in_pieces(&script, UNIT, "", &second));
        match change {
            Some(change) => assert!(text.contains(&format!("unit {UNIT}: {change}\n")), "{text}"),
            None => assert!(!text.contains(UNIT), "{text}"),
        }
        assert_eq!(status, 2, "handed over in another form: {text}");
    }
    let first = "  permissions: \"0600\"\n  owner: etcd\n";
    let second = format!("- path: {UNIT}\n  append: true\n  content: |\n");
    let (text, status) = told(&in_pieces(&read("user-data"), UNIT, first, &second));
    assert_eq!((text.as_str(), status), ("controller-1  same\n", 0));
}

/// Whatever stands in user-data that somebody else made.
#[test]
fn no_key_and_no_escape_is_shown() {
    let desk = Desk::new();
    desk.take("nothing");
    assert!(desk.run(&["render", "before.yaml"], b"").status.success());
    // A script, which may hold what YAML may not.
    let data = fs::read_to_string(desk.path("out/main/controller-1/startup-script")).unwrap();
    let key = fs::read_to_string(desk.path("pki/kubernetes-key.pem")).unwrap();
    let lines: Vec<&str> = key
        .lines()
        .filter(|line| line.len() > 12 && !line.contains(['-', ' ']))
        .collect();
    assert!(lines.len() >= 2);
    let line = lines[0];
    let hostile = data
        .replace(
            "ETCD_DATA_DIR=/var/lib/etcd",
            &format!("ETCD_DATA_DIR={line}\n{line}=x"),
        )
        .replace(
            " /etc/systemd/system/etcd.service <<",
            &format!(" /etc/systemd/system/{line} <<"),
        )
        .replace(
            "ETCD_AUTO_COMPACTION_RETENTION=8h",
            "ETCD_AUTO_COMPACTION_RETENTION='\u{1b}[31m\u{9b}\u{202e}'",
        );
    assert_ne!(hostile, data);
    for format in ["human", "json"] {
        let (text, status) =
            desk.diff(&["after.yaml", "-", "--format", format], hostile.as_bytes());
        assert_eq!(status, 2, "{text}");
        assert!(text.contains("ETCD_DATA_DIR"), "{text}");
        for line in &lines {
            assert!(!text.contains(line), "{text}");
        }
        assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{text:?}");
    }
}
