//! Where a page's commands are run.

use super::page::root;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// What a reader has before the first command: a manifest that nobody would be warned of.
pub(crate) const MANIFEST: &str = "apiVersion: firstboot/v1
cluster: etcd
platform: gce
image: ubuntu
etcd:
  version: 3.6.14
controllers:
  - { name: controller-0, ip: 10.240.0.10 }
  - { name: controller-1, ip: 10.240.0.11 }
  - { name: controller-2, ip: 10.240.0.12 }
tls:
  ca: pki/ca.pem
  cert: pki/kubernetes.pem
  key: pki/kubernetes-key.pem
";

pub(crate) struct Sandbox(tempfile::TempDir);

impl Sandbox {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lab = "examples/lab/cluster.yaml";
        fs::create_dir_all(dir.path().join("examples/lab")).unwrap();
        fs::copy(root().join(lab), dir.path().join(lab)).unwrap();
        fs::write(dir.path().join("cluster.yaml"), MANIFEST).unwrap();
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs a script here, with the program on its path and both of its streams as one.
    pub(crate) fn run(&self, script: &str) -> Output {
        let bin = Path::new(env!("CARGO_BIN_EXE_firstboot")).parent().unwrap();
        let mut path = vec![self.path().join("bin"), bin.to_owned()];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        Command::new("sh")
            .args(["-euc", &format!("exec 2>&1\n{script}")])
            .current_dir(self.path())
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap()
    }

    /// What a script printed; it must end well.
    pub(crate) fn output(&self, script: &str, place: &str) -> String {
        let output = self.run(script);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{place}: {script}\n{printed}");
        printed
    }
}

/// `base` with the top-level keys of `excerpt` in the place of its own.
pub(crate) fn with_keys_of(base: &str, excerpt: &str) -> String {
    let key = |line: &str| {
        let name = line.split_once(':')?.0;
        let plain = |c: char| c.is_ascii_alphabetic() || c == '_';
        (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned())
    };
    let new: Vec<_> = excerpt.lines().filter_map(key).collect();
    let mut kept = String::new();
    let mut keep = true;
    for line in base.lines() {
        keep = key(line).map_or(keep, |key| !new.contains(&key));
        if keep {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept + excerpt
}

#[test]
fn an_excerpt_takes_the_place_of_what_it_names() {
    let merged = with_keys_of("a: 1\nb:\n  c: 2\nd: 3\n", "b:\n  e: 4\n");
    assert_eq!(merged, "a: 1\nd: 3\nb:\n  e: 4\n");
}
