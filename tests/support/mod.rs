//! A directory in which openssl, the real program, makes certificates.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own part, and a test may panic"
)]

#[cfg(target_os = "linux")]
pub(crate) mod cluster;
pub(crate) mod der;
#[cfg(unix)]
pub(crate) mod desk;
pub(crate) mod drafts;
pub(crate) mod issued;
pub(crate) mod keys;
pub(crate) mod sets;
pub(crate) mod wrapped;

use firstboot::pki::Go;
use firstboot::pki::audit::{Audit, Demand, Demands, File, Pair, THIRTY_DAYS, audit};
use firstboot::secret::Secret;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Unix seconds, as openssl sees them too.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

const PRELUDE: &str = include_str!("prelude.sh");

/// A temporary directory with a shell.
pub(crate) struct Workshop(tempfile::TempDir);

impl Workshop {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs a shell script here and returns what it prints; it must succeed.
    pub(crate) fn run(&self, script: &str) -> String {
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(self.path())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{stderr}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The good set that recipes start from, so that each need not make it anew.
    pub(crate) fn base() -> Self {
        let base = Self::new();
        base.run(&format!("{PRELUDE}\nbegin"));
        base
    }

    /// Runs a recipe in the words of `prelude.sh`.
    pub(crate) fn make(base: &Self, recipe: &str) -> Self {
        let shop = Self::new();
        let base = base.path().display();
        shop.run(&format!("BASE={base}\n{PRELUDE}\n{recipe}"));
        shop
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// What the members of the test, on two loopback addresses, ask of their certificate.
pub(crate) fn demands(go: u16, curl: bool) -> Demands {
    let demand = |address: &str| Demand {
        value: address.parse().unwrap(),
        why: "a member is there".to_owned(),
    };
    Demands {
        addresses: ["127.77.0.1", "127.77.0.2", "127.0.0.1"]
            .map(demand)
            .to_vec(),
        names: vec![],
        common_name: None,
        server: true,
        client: true,
        go: Go(go),
        curl,
        now: now(),
        warn_within: THIRTY_DAYS,
    }
}

/// What two members under the name `localhost` ask.
pub(crate) fn demands_by_name(go: u16, curl: bool) -> Demands {
    Demands {
        addresses: vec![],
        names: vec![Demand {
            value: "localhost".to_owned(),
            why: "both members are there".to_owned(),
        }],
        ..demands(go, curl)
    }
}

/// Audits `ca.pem`, `kubernetes.pem` and `kubernetes-key.pem`.
pub(crate) fn audit_set(shop: &Workshop, demands: &Demands) -> Audit {
    let (ca, certificate) = (shop.read("ca.pem"), shop.read("kubernetes.pem"));
    let key = Secret::new(shop.read("kubernetes-key.pem"));
    let pair = Pair {
        certificate: File {
            name: "kubernetes.pem",
            bytes: &certificate,
        },
        key_name: "kubernetes-key.pem",
        key: &key,
    };
    let ca = File {
        name: "ca.pem",
        bytes: &ca,
    };
    audit(ca, &pair, demands)
}

/// Maps a list on as many threads as there are processors.
pub(crate) fn in_parallel<T: Sync, R: Send>(list: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let part = list.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let parts: Vec<_> = list
            .chunks(part)
            .map(|part| scope.spawn(|| part.iter().map(&work).collect::<Vec<_>>()))
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap())
            .collect()
    })
}
