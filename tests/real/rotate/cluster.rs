//! Three controllers, as `render` makes them, and their certificates, as `pki` makes them.

use super::acts;
use firstboot::cluster::Release;
use firstboot::manifest::{self, Manifest};
use firstboot::pki::mint::Minted;
use firstboot::rehearse::{Act, Plan, StandIn};
use firstboot::release::upstream_urls;
use firstboot::secret::Secret;
use firstboot::{machine, wire};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const ADDRESSES: [&str; MACHINES] = ["10.240.0.10", "10.240.0.11", "10.240.0.12"];
pub(crate) const MACHINES: usize = 3;

/// Who holds a pair.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Pairs {
    Shared,
    Each,
}

/// What all machines hold.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) ca: String,
    /// In the machines' order; the same one for all if it is shared.
    pub(crate) pairs: Vec<Minted>,
}

/// What the commands made of a manifest, in the order in which machines take it over.
pub(crate) struct Pki {
    manifest: String,
    /// As minted, then after each of the three steps of `pki rotate-ca`.
    pub(crate) states: Vec<State>,
    /// The directory as minted.
    dir: tempfile::TempDir,
}

impl Pki {
    /// Mints, and goes through all steps beforehand: machines take them over later.
    pub(crate) fn make(version: &str, pairs: Pairs) -> Self {
        let mut made = Self::make_with(version, pairs, "");
        let rotated = tempfile::tempdir().unwrap();
        let (from, to) = (made.dir.path(), rotated.path());
        fs::copy(from.join("cluster.yaml"), to.join("cluster.yaml")).unwrap();
        copy(&from.join("pki"), &to.join("pki"));
        for step in ["1", "2", "3"] {
            pki(to, &["rotate-ca", "--unverified", "--step", step]);
            pki(to, &["audit"]);
            made.states.push(State::read(to, pairs));
        }
        made
    }

    /// Mints alone, with more lines in the manifest.
    pub(crate) fn make_with(version: &str, pairs: Pairs, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let manifest = manifest(version, pairs) + more;
        fs::write(dir.path().join("cluster.yaml"), &manifest).unwrap();
        pki(dir.path(), &["mint"]);
        Self {
            manifest,
            states: vec![State::read(dir.path(), pairs)],
            dir,
        }
    }

    /// The manifest, and the files as minted.
    pub(crate) fn directory(&self) -> &Path {
        self.dir.path()
    }

    /// What everybody holds before the rotation.
    pub(crate) fn before(&self) -> &State {
        &self.states[0]
    }

    /// What everybody holds after it.
    pub(crate) fn after(&self) -> &State {
        &self.states[3]
    }

    /// The cluster with the old pairs, which goes through these acts while all write.
    pub(crate) fn plan(&self, release: &StandIn, acts: Vec<Act>) -> Plan {
        self.plan_with(release, acts, |machine| {
            wire::cloud_config::render(machine, None).unwrap()
        })
    }

    /// The same, with what cloud-init is given made by `user_data`.
    pub(crate) fn plan_with(
        &self,
        release: &StandIn,
        acts: Vec<Act>,
        user_data: impl Fn(&machine::Machine) -> Secret,
    ) -> Plan {
        let manifest = Manifest::parse("cluster.yaml", self.manifest.as_bytes()).unwrap();
        let (files, unread) = manifest::read_pem_files(&manifest, self.dir.path());
        assert!(unread.is_empty(), "{unread:?}");
        let resolved = manifest::resolve(&manifest, &files, None, now());
        let findings = resolved.findings;
        let mut cluster = resolved.cluster.unwrap_or_else(|| panic!("{findings:?}"));
        // As with a lock, without which machines do not ask.
        cluster.replace = manifest.replace.as_ref().map(|replace| replace.value);
        cluster.release = Release {
            version: release.version,
            tarballs: vec![(release.arch, release.digest)],
            urls: upstream_urls(&release.version),
        };
        let mut plan = Plan {
            acts,
            background: acts::clients(),
            ..crate::plan::plan(&cluster, release, user_data)
        };
        for machine in &mut plan.machines {
            machine.checks = acts::checks();
        }
        plan
    }
}

impl State {
    fn read(dir: &Path, pairs: Pairs) -> Self {
        let text = |name: &str| fs::read_to_string(dir.join("pki").join(name)).unwrap();
        let pair = |index: usize| {
            let name = match pairs {
                Pairs::Shared => "kubernetes".to_owned(),
                Pairs::Each => format!("controller-{index}"),
            };
            Minted {
                certificate: text(&format!("{name}.pem")),
                key: Secret::new(text(&format!("{name}-key.pem")).into_bytes()),
            }
        };
        Self {
            ca: text("ca.pem"),
            pairs: (0..MACHINES).map(pair).collect(),
        }
    }
}

fn pki(dir: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firstboot"));
    let command = command.arg("pki").args(arguments).current_dir(dir);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn manifest(version: &str, pairs: Pairs) -> String {
    let name = match pairs {
        Pairs::Shared => "kubernetes",
        Pairs::Each => "{name}",
    };
    let controllers = ADDRESSES.iter().enumerate();
    let controllers: Vec<_> = controllers
        .map(|(index, address)| format!("  - {{ name: controller-{index}, ip: {address} }}\n"))
        .collect();
    format!(
        "apiVersion: firstboot/v1\ncluster: etcd-cluster-0\nplatform: gce\netcd:\n  \
         version: {version}\ntls:\n  ca: pki/ca.pem\n  cert: \"pki/{name}.pem\"\n  \
         key: \"pki/{name}-key.pem\"\ncontrollers:\n{}",
        controllers.concat()
    )
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
