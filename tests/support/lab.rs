//! The lab's cluster with one to seven controllers and certificates of either kind.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own part, and a test may panic"
)]

use firstboot::cluster::Cluster;
use firstboot::manifest::{self, Manifest};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the keys of the CA and of the controllers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// ECDSA P-256, as `pki mint` makes them by itself.
    Ec,
    /// RSA of 2048 bits, made by openssl beforehand.
    Rsa2048,
}

/// Both kinds.
pub(crate) const ALL_KEYS: [Keys; 2] = [Keys::Ec, Keys::Rsa2048];

/// A directory with a manifest of each size from one to `MOST`, and one PKI for all of them.
pub(crate) struct Lab {
    dir: tempfile::TempDir,
    pub(crate) keys: Keys,
}

/// The most controllers that a cluster here has.
pub(crate) const MOST: usize = 7;

impl Lab {
    /// Mints one pair for all, as in the lab; `more` is appended to every manifest.
    pub(crate) fn minted(keys: Keys, more: &str) -> Self {
        Self::minted_for(keys, more, MOST)
    }

    /// The same, with certificates for no more controllers than `most`.
    pub(crate) fn minted_for(keys: Keys, more: &str, most: usize) -> Self {
        let lab = Self {
            dir: tempfile::tempdir().unwrap(),
            keys,
        };
        for members in 1..=most {
            fs::write(lab.manifest(members), text(members, more)).unwrap();
        }
        let manifest = lab.manifest(most);
        let mut mint = vec!["pki", "mint", manifest.to_str().unwrap()];
        if keys == Keys::Rsa2048 {
            lab.make_rsa_keys();
            mint.push("--keep-keys");
        }
        let output = lab.firstboot(&mint);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        lab
    }

    /// With nothing more in its manifests.
    pub(crate) fn plain(keys: Keys) -> Self {
        Self::minted(keys, "replace: never\n")
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The manifest with that many controllers.
    pub(crate) fn manifest(&self, members: usize) -> std::path::PathBuf {
        self.path().join(format!("{members}.yaml"))
    }

    /// The program, run in this directory.
    pub(crate) fn firstboot(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_firstboot"))
            .args(arguments)
            .current_dir(self.path())
            .output()
            .unwrap()
    }

    /// The resolved cluster with that many controllers.
    pub(crate) fn cluster(&self, members: usize) -> Cluster {
        let path = self.manifest(members);
        let parsed = Manifest::parse("lab", &fs::read(path).unwrap());
        let manifest = parsed.unwrap_or_else(|_| panic!("the lab's manifest is refused"));
        let (files, findings) = manifest::read_pem_files(&manifest, self.path());
        assert_eq!(findings.len(), 0, "the lab's PEM files are refused");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = i64::try_from(now.as_secs()).unwrap();
        let cluster = manifest::resolve(&manifest, &files, None, now).cluster;
        cluster.expect("the lab resolves")
    }

    fn make_rsa_keys(&self) {
        let script = "mkdir -m 0700 pki && umask 077 &&
            for name in ca kubernetes; do
              openssl genrsa -out pki/$name-key.pem 2048 2>/dev/null
            done";
        let made = Command::new("sh")
            .args(["-euc", script])
            .current_dir(self.path())
            .status();
        assert!(made.unwrap().success(), "openssl makes no keys");
    }
}

fn text(members: usize, more: &str) -> String {
    let mut text = "apiVersion: firstboot/v1\ncluster: etcd-cluster-0\nplatform: gce\n\
                    etcd: { version: 3.3.9 }\n\
                    tls: { ca: pki/ca.pem, cert: pki/kubernetes.pem, key: pki/kubernetes-key.pem }\n\
                    controllers:\n"
        .to_owned();
    for index in 0..members {
        writeln!(
            text,
            "  - {{ name: controller-{index}, ip: 10.240.0.1{index} }}"
        )
        .unwrap();
    }
    text + more
}
