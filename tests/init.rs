//! `init`, and then `render` without a word of complaint.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn firstboot(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_firstboot"))
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap()
}

fn done(dir: &Path, arguments: &[&str]) -> Output {
    let output = firstboot(dir, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    output
}

#[test]
fn what_init_starts_renders_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let said = done(dir.path(), &["init", "prod"]);
    let next = String::from_utf8(said.stderr).unwrap();
    assert_eq!(next, "\nnext: cd prod && firstboot render\n");
    let prod = dir.path().join("prod");
    for line in String::from_utf8(said.stdout).unwrap().lines() {
        assert!(dir.path().join(line).is_file(), "{line}");
    }
    let rendered = done(&prod, &["render", "--strict"]);
    let said = String::from_utf8(rendered.stderr).unwrap();
    assert!(!said.contains("warning"), "{said}");
    assert!(said.contains("the cluster can begin until 2"), "{said}");
    assert!(
        said.ends_with("\nnext: sh out/etcd-cluster-0/launch\n"),
        "{said}"
    );
    assert_eq!(
        String::from_utf8(rendered.stdout).unwrap().lines().count(),
        4
    );
    let mode = |path: &str| fs::metadata(prod.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode("pki"), mode("pki/controller-2-key.pem")),
        (0o700, 0o600)
    );
    assert_eq!(
        mode("cluster.yaml") & 0o044,
        mode("cluster.schema.json") & 0o044
    );
}

#[test]
fn every_platform_and_all_addresses_render() {
    for platform in firstboot::platform::Platform::ALL {
        for addresses in ["10.1.2.3,10.1.2.4,10.1.2.5", "fd00::a,fd00::b,fd00::c"] {
            let dir = tempfile::tempdir().unwrap();
            let name = platform.name();
            let cluster = ["--cluster", "9.5_A", "--ip", addresses];
            done(
                dir.path(),
                &[&["init", "--platform", name][..], &cluster].concat(),
            );
            let checked = done(dir.path(), &["render", "--check", "--format", "json"]);
            let document: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
            assert_eq!(document["cluster"], "9.5_A");
            assert_eq!(document["controllers"].as_array().unwrap().len(), 3);
            // Some clouds let nobody choose addresses: that is no fault of the manifest.
            for finding in document["findings"].as_array().unwrap() {
                assert_eq!(finding["code"], "address-not-given", "{name}: {finding}");
            }
        }
    }
}

#[test]
fn nothing_is_overwritten() {
    for there in [
        "cluster.yaml",
        "cluster.schema.json",
        "cluster.lock",
        "pki/ca-key.pem",
        "pki/controller-2.pem",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(there);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "mine").unwrap();
        let output = firstboot(dir.path(), &["init"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{there}");
        let wanted = format!(
            "error: `{there}` exists, and `init` replaces nothing: name another directory\n"
        );
        assert_eq!(said, wanted);
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        let files = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(files, 1, "{there}: something was written");
    }
}

/// An own `.gitignore` stays, and the lines that it should have are named.
#[test]
fn git_sees_no_key() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".gitignore"), "*.swp\n").unwrap();
    let said = String::from_utf8(done(dir.path(), &["init"]).stderr).unwrap();
    assert!(
        said.contains("`/pki/*-key.pem`") && said.contains("`/out/`"),
        "{said}"
    );
    assert_eq!(
        fs::read_to_string(dir.path().join(".gitignore")).unwrap(),
        "*.swp\n"
    );

    let fresh = tempfile::tempdir().unwrap();
    done(fresh.path(), &["init"]);
    done(fresh.path(), &["render"]);
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(fresh.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "--quiet"]);
    let seen = git(&["status", "--short", "--untracked-files=all"]);
    assert!(
        seen.contains("pki/ca.pem") && seen.contains("cluster.yaml"),
        "{seen}"
    );
    assert!(!seen.contains("key") && !seen.contains("out/"), "{seen}");
}

#[test]
fn wrong_arguments_are_refused_and_write_nothing() {
    for arguments in [
        &["--cluster", "../x"][..],
        &["--platform", "gcp"],
        &["--controllers", "16"],
        &["--controllers", "0"],
        &["--ip", "10.0.0.256"],
        &["--ip", "10.0.0.1", "--controllers", "1"],
        &["--ip", "10.0.0.1,10.0.0.1,10.0.0.2"],
        &["--ip", "127.0.0.1"],
    ] {
        let dir = tempfile::tempdir().unwrap();
        let output = firstboot(dir.path(), &[&["init"], arguments].concat());
        assert!(!output.status.success(), "{arguments:?}");
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            0,
            "{arguments:?}"
        );
    }
}
