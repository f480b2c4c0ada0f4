//! `firstboot inspect` as a user runs it: what it writes, what it refuses, how it ends.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn sample(number: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inspect");
    let mut entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with(number)
            && path
                .extension()
                .is_some_and(|extension| extension == "data")
    };
    entries.find(is).unwrap()
}

fn run(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firstboot"));
    command
        .arg("inspect")
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn files_are_extracted_for_their_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let lab = sample("61_");
    let output = run(dir.path(), &[lab.to_str().unwrap(), "--extract", "a/files"]);
    assert_eq!(status(&output), 0, "{}", text(&output.stderr));
    let root = dir.path().join("a/files");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pki/kubernetes-key.pem");
    let key = root.join("etc/etcd/kubernetes-key.pem");
    assert_eq!(fs::read(&key).unwrap(), fs::read(golden).unwrap());
    for (path, mode) in [
        (key.as_path(), 0o600),
        (&root, 0o700),
        (&root.join("usr/local"), 0o700),
    ] {
        let found = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(found & 0o7777, mode, "{}", path.display());
    }
    // Again: what is there is left alone.
    let output = run(
        dir.path(),
        &[sample("01_").to_str().unwrap(), "--extract", "a/files"],
    );
    assert_eq!(status(&output), 1);
    assert!(
        text(&output.stderr).contains("is there already"),
        "{}",
        text(&output.stderr)
    );
    assert!(key.exists());
}

#[test]
fn nothing_is_written_outside_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let outside = dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let climbs = sample("21_");
    let output = run(
        dir.path(),
        &[climbs.to_str().unwrap(), "--extract", "files"],
    );
    assert_eq!(status(&output), 1);
    assert!(
        text(&output.stderr).contains("`/srv/../etc/cron.d/x`, `../../root/.ssh/authorized_keys`")
    );
    assert!(!dir.path().join("files").exists());
    // A link in the place of the directory, or within it.
    let plain = sample("01_");
    symlink(&outside, dir.path().join("link")).unwrap();
    let output = run(dir.path(), &[plain.to_str().unwrap(), "--extract", "link"]);
    assert_eq!(status(&output), 1, "{}", text(&output.stderr));
    fs::create_dir(dir.path().join("within")).unwrap();
    symlink(&outside, dir.path().join("within/etc")).unwrap();
    let output = run(
        dir.path(),
        &[plain.to_str().unwrap(), "--extract", "within"],
    );
    assert_eq!(status(&output), 1, "{}", text(&output.stderr));
    for name in ["/", "..", "."] {
        let output = run(dir.path(), &[plain.to_str().unwrap(), "--extract", name]);
        assert_eq!(status(&output), 1, "{name}: {}", text(&output.stderr));
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    // A file in the place of a directory.
    let both =
        "#cloud-config\nwrite_files:\n- {path: /a, content: x}\n- {path: /a/b, content: y}\n";
    fs::write(dir.path().join("both"), both).unwrap();
    let output = run(dir.path(), &["both", "--extract", "files"]);
    assert_eq!(status(&output), 1);
    assert!(!dir.path().join("files").exists());
}

#[test]
fn the_status_tells_what_a_machine_would_do() {
    let dir = tempfile::tempdir().unwrap();
    for (number, expected) in [
        ("01_", 0),
        ("04_", 1),
        ("27_", 0),
        ("58_", 1),
        ("61_", 0),
        ("79_", 1),
    ] {
        let output = run(dir.path(), &[sample(number).to_str().unwrap()]);
        assert_eq!(
            status(&output),
            expected,
            "{number}: {}",
            text(&output.stderr)
        );
    }
    let output = run(dir.path(), &["nowhere"]);
    assert_eq!(status(&output), 1);
    assert!(text(&output.stderr).contains("reading `nowhere`"));
    assert_eq!(status(&run(dir.path(), &[])), 2);
}

#[test]
fn standard_input_is_read_and_json_is_one_document() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_firstboot"))
        .args(["inspect", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let bytes = fs::read(sample("71_")).unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((status(&output), text(&output.stderr).as_str()), (0, ""));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["format"], "firstboot/inspect/v1");
    let part = &document["part"]["parts"][0];
    assert_eq!(part["layers"], serde_json::json!(["gzip"]));
    let key = part["files"].as_array().unwrap().iter();
    let key = key
        .filter(|file| file["privateKey"] == true)
        .collect::<Vec<_>>();
    assert_eq!(key.len(), 1);
    assert_eq!(
        (&key[0]["mode"], &key[0]["bytes"]),
        (&"0600".into(), &303.into())
    );
    let about = &document["documents"][0];
    assert_eq!(about["etcd"][0]["values"][0]["value"], "controller-0");
    assert_eq!(about["delivery"]["changed"], serde_json::json!([]));
    assert_eq!(about["counted"][1]["platform"], "aws");
    assert_eq!(document["findings"], serde_json::json!([]));
}
