//! An operator's directory: a manifest of three controllers, its PKI, and the real binary.

use crate::hang;
use firstboot::pki::mint::{Authority, Leaf, Minted, Validity};
use firstboot::secret::Secret;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const ADDRESSES: [&str; 3] = ["10.240.0.10", "10.240.0.11", "10.240.0.12"];
pub(crate) const CLUSTER_ID: &str = "3e7cc799faffb625";
pub(crate) const IDS: [&str; 3] = ["f98dc20bce6225a0", "ffed16798470cab5", "3a57933972cb5131"];

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

pub(crate) struct Desk {
    dir: tempfile::TempDir,
    /// What stands before the binary, for instance the way into a namespace.
    pub(crate) before: Vec<String>,
}

/// What one run said.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    pub(crate) fn new(version: &str) -> Self {
        let desk = Self {
            dir: tempfile::tempdir().unwrap(),
            before: Vec::new(),
        };
        let controllers = ADDRESSES.iter().enumerate();
        let controllers: Vec<_> = controllers
            .map(|(index, ip)| format!("  - {{ name: controller-{index}, ip: {ip} }}\n"))
            .collect();
        let controllers = controllers.concat();
        desk.write(
            "cluster.yaml",
            &format!(
                "apiVersion: firstboot/v1\ncluster: etcd-cluster-0\nplatform: gce\n\
                 etcd: {{ version: {version} }}\n\
                 tls: {{ ca: pki/ca.pem, cert: pki/kubernetes.pem, key: pki/kubernetes-key.pem }}\n\
                 controllers:\n{controllers}"
            ),
        );
        assert_eq!(desk.run(&["pki", "mint"]).status, 0);
        assert_eq!(desk.run(&["pki", "mint", "--client", "admin"]).status, 0);
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The command, in this directory and behind what stands before it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_firstboot").to_owned();
        let words: Vec<_> = self.before.iter().chain([&program]).collect();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .args(arguments)
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let output = hang::output(&mut self.command(arguments));
        self.said(&output)
    }

    /// Reads an output, in which no line of any key may stand.
    pub(crate) fn said(&self, output: &Output) -> Said {
        let said = Said {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        };
        for entry in fs::read_dir(self.path("pki")).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            let secret = text.lines().filter(|line| !line.starts_with("-----"));
            if text.contains("PRIVATE KEY") {
                for line in secret {
                    assert!(!said.out.contains(line) && !said.err.contains(line));
                }
            }
        }
        said
    }

    pub(crate) fn verify(&self, arguments: &[&str]) -> Said {
        let mut all = vec!["verify"];
        all.extend(arguments);
        self.run(&all)
    }

    /// The document, and the status.
    pub(crate) fn json(&self, arguments: &[&str]) -> (Value, Said) {
        let mut all = vec!["--format", "json"];
        all.extend(arguments);
        let said = self.verify(&all);
        let read = serde_json::from_str(&said.out);
        let document = read.unwrap_or_else(|_| panic!("{}{}", said.out, said.err));
        (document, said)
    }

    /// A pair for all controllers, of our CA, good between these two moments.
    pub(crate) fn issue(&self, name: &str, validity: Validity, addresses: &[&str]) {
        let key = Secret::new(self.read("pki/ca-key.pem").into_bytes());
        let authority = Authority::read(self.read("pki/ca.pem").as_bytes(), &key).unwrap();
        self.issue_by(&authority, name, validity, addresses);
    }

    /// The same of this CA.
    pub(crate) fn issue_by(
        &self,
        authority: &Authority,
        name: &str,
        validity: Validity,
        addresses: &[&str],
    ) {
        let addresses: Vec<_> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        let leaf = Leaf {
            common_name: name,
            addresses: &addresses,
            names: &[],
            validity,
            server: true,
            client: true,
        };
        let Minted { certificate, key } = authority.issue(&leaf).unwrap();
        self.write(&format!("pki/{name}.pem"), &certificate);
        let key = String::from_utf8(key.expose().to_vec()).unwrap();
        self.write(&format!("pki/{name}-key.pem"), &key);
    }

    /// Another CA, as `pki/foreign-ca.pem`, with a pair `pki/foreign.pem`.
    pub(crate) fn foreign(&self, common_name: &str) {
        let validity = Validity::days(now(), 30);
        let (authority, ca) = Authority::mint(common_name, validity).unwrap();
        self.write("pki/foreign-ca.pem", &ca.certificate);
        self.issue_by(&authority, "foreign", validity, &ADDRESSES);
    }
}

/// What the controllers are said to be.
pub(crate) fn states(document: &Value) -> Vec<String> {
    let controllers = document["controllers"].as_array().unwrap().iter();
    controllers
        .map(|one| match one["detail"].as_str() {
            Some(detail) => format!("{} ({detail})", one["state"].as_str().unwrap()),
            None => one["state"].as_str().unwrap().to_owned(),
        })
        .collect()
}

/// `controller-0 not-started`, for each finding.
pub(crate) fn findings(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap().iter();
    findings
        .map(|one| {
            let who = one["controller"].as_str().unwrap_or("cluster");
            format!("{who} {}", one["code"].as_str().unwrap())
        })
        .collect()
}

/// The messages of all findings with this code.
pub(crate) fn messages(document: &Value, code: &str) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap().iter();
    findings
        .filter(|one| one["code"] == code)
        .map(|one| one["message"].as_str().unwrap().to_owned())
        .collect()
}
