//! A directory with a manifest, and the real binary that pins it.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own part, and a test may panic"
)]

use crate::hang;
use flate2::{Compression, write::GzEncoder};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A release that no table knows.
pub(crate) const VERSION: &str = "3.5.99";

pub(crate) struct PinDesk {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) environment: Vec<(String, String)>,
}

pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl PinDesk {
    /// `etcd` is what stands in the braces of `etcd: {}`; `arches` is the controllers'.
    pub(crate) fn new(etcd: &str, arches: &[&str]) -> Self {
        let desk = Self {
            dir: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        };
        desk.manifest(etcd, arches);
        desk
    }

    pub(crate) fn manifest(&self, etcd: &str, arches: &[&str]) {
        let controller = |(n, arch): (usize, &&str)| {
            format!("  - {{ name: controller-{n}, ip: 10.240.0.1{n}, arch: {arch} }}\n")
        };
        let controllers: Vec<_> = arches.iter().enumerate().map(controller).collect();
        let controllers = controllers.concat();
        let text = format!(
            "apiVersion: firstboot/v1\ncluster: main\nplatform: gce\netcd: {{ {etcd} }}\n\
             controllers:\n{controllers}\
             tls: {{ ca: pki/ca.pem, cert: pki/kubernetes.pem, key: pki/kubernetes-key.pem }}\n"
        );
        fs::write(self.path("cluster.yaml"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_firstboot"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        for name in [
            "HTTPS_PROXY",
            "HTTP_PROXY",
            "ALL_PROXY",
            "NO_PROXY",
            "SSL_CERT_FILE",
        ] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.envs(self.environment.iter().cloned());
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Said {
        let output = hang::output(&mut self.command(arguments));
        Said {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn good(&self, arguments: &str) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.status, 0, "{arguments}\n{}{}", said.out, said.err);
        said
    }

    /// Exit status, the parts of what is said, and not a byte changed on the disk.
    pub(crate) fn bad(&self, arguments: &str, status: i32, parts: &[&str]) -> Said {
        let before = self.files();
        let said = self.run(arguments);
        assert_eq!(said.status, status, "{arguments}\n{}{}", said.out, said.err);
        for part in parts {
            assert!(
                said.err.contains(part),
                "{arguments}: {part} in\n{}",
                said.err
            );
        }
        assert_eq!(self.files(), before, "{arguments} changed files");
        said
    }

    pub(crate) fn lock(&self) -> String {
        fs::read_to_string(self.path("cluster.lock")).unwrap()
    }

    /// Every file with what is in it.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![self.dir.path().to_owned()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    waiting.push(path);
                } else {
                    found.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        found
    }
}

pub(crate) fn tarball_name(arch: &str) -> String {
    format!("etcd-v{VERSION}-linux-{arch}.tar.gz")
}

/// A tarball as upstream makes it, but for what the programs do.
pub(crate) fn tarball(arch: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for program in ["etcd", "etcdctl"] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(program.len() as u64);
        let name = format!("etcd-v{VERSION}-linux-{arch}/{program}");
        tar.append_data(&mut header, name, program.as_bytes())
            .unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// `SHA256SUMS` of the tarballs of these architectures.
pub(crate) fn sums(arches: &[&str]) -> Vec<u8> {
    let line = |arch: &&str| {
        let digest = firstboot::release::Digest::of(&tarball(arch));
        format!("{digest}  {}\n", tarball_name(arch))
    };
    arches
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .concat()
        .into_bytes()
}
