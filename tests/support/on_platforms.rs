//! The lab on any platform, rendered by the program, and a stand-in for every cloud's client.

#![allow(dead_code)] // each test binary uses its own part

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) struct Bench(pub(crate) tempfile::TempDir);

impl Bench {
    pub(crate) fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        let pki = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pki");
        fs::create_dir(bench.path("pki")).unwrap();
        for entry in fs::read_dir(pki).unwrap() {
            let from = entry.unwrap().path();
            fs::copy(&from, bench.path("pki").join(from.file_name().unwrap())).unwrap();
        }
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Renders the lab with these lines more, into `out`.
    pub(crate) fn render(&self, more: &str, arguments: &[&str]) -> Output {
        let manifest = format!(
            "apiVersion: firstboot/v1\ncluster: lab\n{more}\netcd: {{ version: 3.3.9 }}\n\
             controllers:\n  - {{ name: controller-0, ip: 10.240.0.10 }}\n  \
             - {{ name: controller-1, ip: 10.240.0.11 }}\ntls: {{ ca: pki/ca.pem, \
             cert: pki/kubernetes.pem, key: pki/kubernetes-key.pem }}\n\
             replace: never\n"
        );
        fs::write(self.path("cluster.yaml"), manifest).unwrap();
        let _ = fs::remove_dir_all(self.path("out"));
        Command::new(env!("CARGO_BIN_EXE_firstboot"))
            .arg("render")
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    /// Renders what was rendered last with these words in the place of others.
    pub(crate) fn edited(&self, edits: &[(&str, &str)]) -> Output {
        let file = self.path("cluster.yaml");
        let mut manifest = fs::read_to_string(&file).unwrap();
        for (old, new) in edits {
            manifest = manifest.replace(old, new);
        }
        fs::write(&file, manifest).unwrap();
        Command::new(env!("CARGO_BIN_EXE_firstboot"))
            .arg("render")
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    /// The same, which must go well.
    pub(crate) fn rendered(&self, more: &str, arguments: &[&str]) -> serde_json::Value {
        let arguments = [arguments, &["--format", "json"]].concat();
        let output = self.render(more, &arguments);
        let said = text(&output.stdout);
        assert!(output.status.success(), "{more}: {said}");
        serde_json::from_str(&said).unwrap()
    }

    /// A directory with a stand-in for every client.
    pub(crate) fn clients(&self) -> PathBuf {
        let bin = self.path("bin");
        fs::create_dir(&bin).unwrap();
        for client in CLIENTS {
            fs::write(bin.join(client), CLIENT).unwrap();
            fs::set_permissions(bin.join(client), fs::Permissions::from_mode(0o755)).unwrap();
        }
        bin
    }

    pub(crate) fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.path("out/lab").join(name)).unwrap()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A client that writes down what it is told, one argument a line, and knows no machine yet.
pub(crate) const CLIENT: &str = r#"#!/bin/sh
for word; do printf '%s\n' "$word"; done >>"$LOG"
case " $* " in
  *" describe "* | *" show "* | *" dominfo "*) exit 1 ;;
  *" path "*) echo "$LOG.snippet" ;;
  *nextid*) echo 100 ;;
esac
"#;

/// The programs that `launch` calls, on all platforms together.
pub(crate) const CLIENTS: [&str; 14] = [
    "gcloud",
    "aws",
    "az",
    "openstack",
    "hcloud",
    "doctl",
    "oci",
    "govc",
    "linode-cli",
    "virsh",
    "virt-install",
    "qm",
    "pvesm",
    "pvesh",
];
