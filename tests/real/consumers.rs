//! cloud-init's schema and parser, and systemd's verifier, read what was rendered.

use crate::image;
use crate::support;
use firstboot::machine::{self, Layout};
use firstboot::rehearse::Suite;
use std::fs;
use std::path::{Path, PathBuf};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Every user-data of the goldens, copied into one directory under a flat name.
fn documents() -> (tempfile::TempDir, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    let mut waiting = vec![golden()];
    while let Some(here) = waiting.pop() {
        for entry in fs::read_dir(here).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.file_stem().is_some_and(|stem| stem == "user-data") {
                let relative = path.strip_prefix(golden()).unwrap();
                let name = relative.to_str().unwrap().replace('/', "_");
                fs::copy(&path, dir.path().join(&name)).unwrap();
                names.push(name);
            }
        }
    }
    names.sort();
    assert!(names.len() >= 8, "only {} documents", names.len());
    (dir, names)
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn cloud_init_finds_every_document_valid() {
    let (dir, names) = documents();
    // 22.4 and 25.1; 20.4 has no such command yet.
    for suite in [Suite::Bookworm, Suite::Trixie] {
        for name in &names {
            let script = format!("cloud-init schema --config-file /tmp/input/{name}");
            let said = image::stdout(&image::of(suite), dir.path(), &script);
            assert!(
                said.to_lowercase().contains("valid"),
                "{suite} {name}: {said}"
            );
        }
    }
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn cloud_init_finds_a_broken_document_invalid() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("bad"), "#cloud-config\nwrite_files: yes\n").unwrap();
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let output = image::run(
            &image::of(suite),
            dir.path(),
            "cloud-init schema --config-file /tmp/input/bad",
        );
        assert!(!output.status.success(), "{suite}");
    }
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn systemd_finds_nothing_to_say_about_the_units() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = support::cluster();
    for file in &machine::machines(&cluster, Layout::default())[0].files {
        if let Some(name) = file.path.strip_prefix("/etc/systemd/system/") {
            fs::write(dir.path().join(name), file.bytes()).unwrap();
        }
    }
    let script = "
        for unit in etcd firstboot; do
          install -D -m 0644 /tmp/input/$unit.service /tmp/units/$unit.service
        done
        sed -i 's|/usr/local/bin/etcd|/bin/true|' /tmp/units/etcd.service
        systemd-analyze verify /tmp/units/etcd.service /tmp/units/firstboot.service 2>&1
    ";
    for suite in Suite::ALL {
        let said = image::stdout(&image::of(suite), dir.path(), script);
        let ours: Vec<_> = said.lines().filter(|line| is_ours(line)).collect();
        assert_eq!(ours, Vec::<&str>::new(), "{suite}: {said}");
    }
}

fn is_ours(line: &str) -> bool {
    line.contains("etcd.service")
        || line.contains("firstboot.service")
        || line.contains("/tmp/units")
}
