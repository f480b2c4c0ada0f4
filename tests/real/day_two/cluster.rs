//! A cluster made by the commands, its machines, and what is done in them.

use crate::rotate::acts;
use firstboot::cluster::{Cluster, Release};
use firstboot::manifest::{self, Manifest};
use firstboot::rehearse::{Act, Background, Outcome, Plan, StandIn, Suite};
use firstboot::release::{Lock, upstream_urls};
use firstboot::secret::Secret;
use firstboot::wire;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A directory with a manifest and its certificates.
pub(super) struct Desk(tempfile::TempDir);

impl Desk {
    /// With so many controllers, and more lines in the manifest.
    pub(super) fn new(version: &str, controllers: usize, more: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write_manifest(version, controllers, more);
        desk.firstboot(&["pki", "mint"]);
        desk
    }

    pub(super) fn write_manifest(&self, version: &str, controllers: usize, more: &str) {
        let all: Vec<_> = (0..controllers).collect();
        self.write_controllers(version, &all, more);
    }

    /// With the controllers of these numbers.
    pub(super) fn write_controllers(&self, version: &str, controllers: &[usize], more: &str) {
        let line = |index| format!("  - {{ name: controller-{index}, ip: 10.240.0.1{index} }}\n");
        let controllers: String = controllers.iter().map(line).collect();
        let manifest = format!(
            "apiVersion: firstboot/v1\ncluster: etcd\nplatform: gce\netcd:\n  version: {version}\n\
             tls:\n  ca: pki/ca.pem\n  cert: pki/kubernetes.pem\n  key: pki/kubernetes-key.pem\n\
             {more}controllers:\n{controllers}"
        );
        fs::write(self.path().join("cluster.yaml"), manifest).unwrap();
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// What the program said on standard error; it must end well.
    pub(super) fn firstboot(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_firstboot"));
        let output = command.args(arguments).current_dir(self.path()).output();
        let output = output.unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    /// What `render` makes of it, with a release that can be had here.
    pub(super) fn cluster(&self, release: &StandIn, urls: Vec<String>) -> Cluster {
        let text = fs::read(self.path().join("cluster.yaml")).unwrap();
        let manifest = Manifest::parse("cluster.yaml", &text).unwrap();
        let (files, unread) = manifest::read_pem_files(&manifest, self.path());
        assert!(unread.is_empty(), "{unread:?}");
        let lock = fs::read(self.path().join("cluster.lock")).ok();
        let lock = lock.map(|bytes| Lock::parse(&bytes).unwrap());
        let resolved = manifest::resolve(&manifest, &files, lock.as_ref(), now());
        let findings = resolved.findings;
        let mut cluster = resolved.cluster.unwrap_or_else(|| panic!("{findings:?}"));
        cluster.release = Release {
            version: release.version,
            tarballs: vec![(release.arch, release.digest)],
            urls,
        };
        cluster
    }
}

/// The machines of a cluster, which go through these acts; `background` writes all the while.
pub(super) fn rehearse(
    cluster: &Cluster,
    release: &StandIn,
    suite: Suite,
    acts: Vec<Act>,
    background: Vec<Background>,
) -> Outcome {
    let planned = acts.len();
    let mut plan = Plan {
        suite,
        acts,
        background,
        ..crate::plan::plan(cluster, release, |machine| {
            wire::cloud_config::render(machine, None).unwrap()
        })
    };
    for machine in &mut plan.machines {
        machine.checks = acts::checks();
    }
    let outcome = crate::image::host().rehearse(plan, &mut |_| {}).unwrap();
    went_well(&outcome, planned);
    outcome
}

/// Every one of so many acts did; they are printed.
pub(super) fn went_well(outcome: &Outcome, planned: usize) {
    for act in &outcome.acts {
        let title = act
            .result
            .command
            .lines()
            .find(|line| line.starts_with("# "));
        println!(
            "{:7.2} s  {:5.2} s  {}  {title:?}",
            act.at, act.took, act.machine
        );
        println!("{}", act.result.output);
    }
    let failures = crate::rotate::failures(outcome);
    assert!(outcome.passed(), "{failures:#?}");
    assert_eq!(outcome.acts.len(), planned);
}

/// The release of this line that can be had here, and where upstream has it.
pub(super) fn release(version: &str) -> (StandIn, Vec<String>) {
    let release = crate::image::release(version);
    let urls = upstream_urls(&release.version);
    (release, urls)
}

/// A shell text in a machine, under this title, and what its output must contain.
pub(super) fn act(machine: usize, title: &str, text: &str, expect: &str) -> Act {
    with_input(machine, title, text, Vec::new(), expect)
}

pub(super) fn with_input(
    machine: usize,
    title: &str,
    text: &str,
    stdin: Vec<u8>,
    expect: &str,
) -> Act {
    Act {
        machine,
        command: format!("# {title}\nset -eu\n{text}"),
        stdin: Secret::new(stdin),
        expect: vec![expect.to_owned()],
        timeout: Duration::from_mins(1),
    }
}

/// The files of a directory, unpacked into this one on the machine.
pub(super) fn copied(machine: usize, from: &Path, names: &[&str], to: &str) -> Act {
    let output = Command::new("tar")
        .arg("-cC")
        .arg(from)
        .args(names)
        .output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = format!("umask 077; mkdir -p {to}; tar -xC {to}");
    with_input(machine, "scp", &text, output.stdout, "")
}

/// A block of the page, by its name there.
pub(super) fn block(name: &str) -> String {
    let page = include_str!("../../../docs/day-two.md");
    let fence = format!("```sh run-by={name}\n");
    let (_, rest) = page
        .split_once(&fence)
        .unwrap_or_else(|| panic!("docs/day-two.md has no block {name}"));
    rest.split_once("```").unwrap().0.to_owned()
}

pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
