//! `render` with several manifests: one report, one exit status, and nobody stops the others.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// More than are brought to the disk together, so that a second batch is needed.
const CLUSTERS: usize = 70;

/// A directory `fleet` with manifests of one PKI below `files`.
struct Fleet(tempfile::TempDir);

impl Fleet {
    fn of(clusters: usize) -> Self {
        let fleet = Self(tempfile::tempdir().unwrap());
        for index in 0..clusters {
            fleet.add(&format!("{index:04}"), &format!("etcd-{index}"));
        }
        fs::create_dir(fleet.path("files")).unwrap();
        fs::write(fleet.path("files/cluster.yaml"), manifest("minted")).unwrap();
        let minted = fleet.run(&["pki", "mint", "files/cluster.yaml"]);
        assert!(minted.status.success(), "{minted:?}");
        fleet
    }

    fn add(&self, directory: &str, cluster: &str) {
        self.write(directory, &manifest(cluster));
    }

    fn write(&self, directory: &str, text: &str) {
        let directory = self.path("fleet").join(directory);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("cluster.yaml"), text).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_firstboot"));
        command.args(arguments).current_dir(self.0.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What is in `out`, if that is there.
    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("out")) else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect()
    }

    /// Renders the fleet; returns the exit status, standard output and standard error.
    fn render(&self, more: &[&str]) -> (i32, String, String) {
        let output = self.run(&[&["render", "fleet", "--files-dir", "files"], more].concat());
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let status = output.status.code().unwrap();
        (status, text(output.stdout), text(output.stderr))
    }
}

fn manifest(cluster: &str) -> String {
    format!(
        "apiVersion: firstboot/v1\ncluster: {cluster}\nplatform: aws\netcd: {{ version: 3.5.21 }}\n\
         controllers:\n- {{ name: controller-0, ip: 10.240.0.10 }}\n\
         - {{ name: controller-1, ip: 10.240.0.11 }}\n- {{ name: controller-2, ip: 10.240.0.12 }}\n\
         tls: {{ ca: pki/ca.pem, cert: pki/etcd.pem, key: pki/etcd-key.pem }}\nreplace: never\n"
    )
}

/// Every file below, with its bytes.
fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                files.insert(path.strip_prefix(root).unwrap().to_path_buf(), bytes);
            }
        }
    }
    files
}

#[test]
fn a_fleet_is_what_its_manifests_are_one_by_one() {
    let fleet = Fleet::of(CLUSTERS);
    let (status, out, err) = fleet.render(&[]);
    assert_eq!(status, 0, "{err}");
    for index in 0..CLUSTERS {
        let name = format!("{index:04}");
        let path = format!("fleet/{name}/cluster.yaml");
        let alone = ["render", &path, "--files-dir", "files", "-o", "alone"];
        assert!(fleet.run(&alone).status.success(), "{name}");
    }
    assert_eq!(tree(&fleet.path("out")), tree(&fleet.path("alone")));
    let heads: Vec<_> = out
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let expected: Vec<_> = (0..CLUSTERS).map(|index| format!("etcd-{index}")).collect();
    assert_eq!(heads, expected, "the order is that of the directories");
    assert!(
        err.contains("\n70 clusters with 210 controllers: 70 written"),
        "{err}"
    );

    fs::remove_file(fleet.path("out/etcd-7/launch")).unwrap();
    let (status, again, err) = fleet.render(&[]);
    assert_eq!(status, 0, "{err}");
    assert!(again.contains("etcd-7 on aws") && again.contains("written to out/etcd-7\n"));
    assert!(err.contains(": 1 written, 69 unchanged"), "{err}");
    assert_eq!(tree(&fleet.path("out")), tree(&fleet.path("alone")));
}

#[test]
fn who_is_refused_does_not_stop_the_others() {
    let fleet = Fleet::of(3);
    let wrong = manifest("etcd-1").replace("10.240.0.11", "10.240.0.10");
    fleet.write("0001", &wrong);
    let (status, out, err) = fleet.render(&[]);
    assert_eq!(status, 1, "{err}");
    assert_eq!(out.lines().count(), 2, "{out}");
    assert!(err.contains("error[duplicate-address]"), "{err}");
    assert!(err.contains("fleet/0001/cluster.yaml: 1 error"), "{err}");
    let counts = "2 clusters with 6 controllers: 2 written; 1 manifest refused; 1 error";
    assert!(err.contains(counts), "{err}");
    let names: Vec<_> = fs::read_dir(fleet.path("out")).unwrap().collect();
    assert_eq!(names.len(), 2);

    // One that is not there is the same, beside others.
    let several = ["render", "fleet", "nowhere.yaml", "--files-dir", "files"];
    let output = fleet.run(&several);
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("error[manifest-missing]"), "{err}");
    assert!(err.contains("2 unchanged; 2 manifests refused"), "{err}");
}

#[test]
fn a_world_that_fails_for_one_is_told_at_the_end() {
    let fleet = Fleet::of(3);
    fs::create_dir_all(fleet.path("out/etcd-1")).unwrap();
    fs::write(fleet.path("out/etcd-1/notes.txt"), "mine").unwrap();
    let (status, out, err) = fleet.render(&[]);
    assert_eq!(status, 2, "{err}");
    assert_eq!(out.lines().count(), 2, "{out}");
    assert!(err.contains("was not written by this program"), "{err}");
    assert!(err.contains("2 written; 1 manifest failed"), "{err}");
    assert!(fleet.path("out/etcd-2/launch").is_file());
    assert_eq!(tree(&fleet.path("out/etcd-1")).len(), 1);
}

#[test]
fn two_clusters_of_one_name_are_refused_before_anything_is_written() {
    for twin in ["etcd-1", "ETCD-1"] {
        let fleet = Fleet::of(2);
        fleet.add("0002", twin);
        let (status, out, err) = fleet.render(&[]);
        assert_eq!((status, out.as_str()), (1, ""), "{err}");
        for part in [
            "error[cluster-twice]",
            "the cluster of `fleet/0001/cluster.yaml` has the name `etcd-1`",
            "--> fleet/0002/cluster.yaml:2:10",
            "error: 1 error: nothing was written",
        ] {
            assert!(err.contains(part), "{part}: {err}");
        }
        assert!(!fleet.path("out").exists());
        let (status, out, _) = fleet.render(&["--format", "json"]);
        let document: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(status, 1);
        assert_eq!(document["findings"][0]["code"], "cluster-twice");
    }
    // The same manifest twice is one.
    let fleet = Fleet::of(1);
    let twice = ["fleet", "fleet/./0000/cluster.yaml", "--files-dir", "files"];
    let output = fleet.run(&[&["render"][..], &twice].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("\n1 cluster with 3 controllers: 1 written"),
        "{said}"
    );
}

#[test]
fn nothing_is_passed_over_in_silence() {
    let fleet = Fleet::of(1);
    fs::create_dir_all(fleet.path("fleet/0001")).unwrap();
    std::os::unix::fs::symlink("gone", fleet.path("fleet/0001/cluster.yaml")).unwrap();
    let (status, _, err) = fleet.render(&[]);
    assert_eq!(status, 1, "{err}");
    assert!(err.contains("1 written; 1 manifest refused"), "{err}");
    fs::create_dir(fleet.path("empty")).unwrap();
    let output = fleet.run(&["render", "empty"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("error[manifest-missing]"), "{said}");
    assert!(said.contains("--> empty/cluster.yaml"), "{said}");
}

#[test]
fn checking_writes_nothing() {
    let fleet = Fleet::of(2);
    let (status, out, err) = fleet.render(&["--check"]);
    assert_eq!(status, 0, "{err}");
    assert_eq!(out.matches("checked, nothing written").count(), 2, "{out}");
    assert!(err.contains("2 clusters with 6 controllers: checked, nothing written"));
    assert!(!fleet.path("out").exists());
}

#[test]
fn programs_get_one_document() {
    let fleet = Fleet::of(3);
    fleet.write("0001", "cluster: a b\n");
    let (status, out, _) = fleet.render(&["--format", "json"]);
    assert_eq!(status, 1);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    let clusters = document["clusters"].as_array().unwrap();
    let names: Vec<_> = clusters
        .iter()
        .map(|one| one["manifest"].as_str().unwrap())
        .collect();
    let expected = ["0000", "0001", "0002"].map(|name| format!("fleet/{name}/cluster.yaml"));
    assert_eq!(names, expected);
    assert_eq!(clusters[0]["controllers"].as_array().unwrap().len(), 3);
    assert_eq!(clusters[0]["written"], true);
    assert!(clusters[1]["findings"].as_array().unwrap().len() > 1);
    let counts = &document["counts"];
    assert_eq!(
        (&counts["written"], &counts["refused"]),
        (&2.into(), &1.into())
    );
}

#[test]
fn a_note_names_what_it_is_true_of() {
    let fleet = Fleet::of(10);
    let pin = |index: usize, window: &str| {
        let path = format!("fleet/{index:04}/cluster.yaml");
        let files = ["--files-dir", "files"];
        let pin = ["pin", &path, "--offline", "--genesis-window", window];
        let pin = [&pin[..], &files].concat();
        assert!(fleet.run(&pin).status.success());
    };
    let nobody_asks = "for a new cluster";
    let (_, _, err) = fleet.render(&["--check"]);
    assert!(
        err.contains(&format!("{nobody_asks} (all clusters)")),
        "{err}"
    );
    pin(4, "24h");
    let (_, _, err) = fleet.render(&[]);
    let parts = [
        format!("{nobody_asks} (fleet/0000/cluster.yaml and 8 more)"),
        "replace no machine before (fleet/0004/cluster.yaml)".to_owned(),
    ];
    assert!(parts.iter().all(|part| err.contains(part)), "{err}");
    for index in 0..10 {
        pin(index, &format!("{}h", 24 + index));
    }
    let (_, _, err) = fleet.render(&[]);
    let noted = err.matches("replace no machine before").count();
    assert_eq!(noted, 8, "{err}");
    assert!(err.contains("\n2 more notes: render a cluster"), "{err}");
}

#[test]
fn standard_input_is_one_manifest() {
    let fleet = Fleet::of(1);
    let output = fleet.run(&["render", "-", "fleet"]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("name it alone"), "{err}");
}

/// Killed at any moment, each tree is there whole or not at all, and what lies about goes.
#[test]
fn a_fleet_that_is_killed_leaves_whole_trees() {
    let fleet = Fleet::of(CLUSTERS);
    let (status, _, err) = fleet.render(&["-o", "whole"]);
    assert_eq!(status, 0, "{err}");
    let whole = tree(&fleet.path("whole"));
    // Once so many trees have their names, or stages where none has.
    for (stages, trees) in [(1, 0), (40, 0), (0, 1), (0, 20), (0, 64)] {
        let mut command = fleet.command(&["render", "fleet", "--files-dir", "files"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let named = loop {
            let (hidden, named): (Vec<_>, Vec<_>) = fleet
                .names()
                .into_iter()
                .partition(|name| name.starts_with('.'));
            let is_done = child.try_wait().unwrap().is_some();
            if is_done || (hidden.len() >= stages && named.len() >= trees) {
                break named;
            }
        };
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(named.len() >= trees, "{} trees of {trees}", named.len());
        for name in fleet.names().iter().filter(|name| !name.starts_with('.')) {
            let expected = whole.iter().filter_map(|(path, bytes)| {
                let path = path.strip_prefix(name).ok()?;
                Some((path.to_path_buf(), bytes.clone()))
            });
            let found = tree(&fleet.path("out").join(name));
            assert_eq!(found, expected.collect(), "{name}");
        }
        let (status, _, err) = fleet.render(&[]);
        assert_eq!(status, 0, "{err}");
        assert_eq!(tree(&fleet.path("out")), whole, "something is left");
        fs::remove_dir_all(fleet.path("out")).unwrap();
    }
}
