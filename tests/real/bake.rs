//! Baked images: as machines boot from them, and as Packer takes their template.

use crate::image::host;
use crate::rotate::cluster::{Pairs, Pki};
use firstboot::bake::{ImageLayer, file_url};
use firstboot::cluster::Release;
use firstboot::machine::{self, Layout};
use firstboot::rehearse::{Act, Outcome, Plan, StandIn, Suite, Verdict};
use firstboot::secret::Secret;
use firstboot::wire;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

fn layer(release: &StandIn) -> ImageLayer {
    let release = Release {
        version: release.version,
        tarballs: vec![(release.arch, release.digest)],
        urls: vec![file_url(release.tarball.parent().unwrap())],
    };
    ImageLayer::of(&release, Layout::default())
}

fn shown(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// A cluster of three with its own names, addresses and certificates.
fn rehearse_baked(name: &str, network: &str) -> (tempfile::TempDir, Value) {
    let dir = tempfile::tempdir().unwrap();
    let controllers =
        [10, 11, 12].map(|n| format!("- {{ name: {name}-{n}, ip: {network}.{n} }}\n"));
    let controllers = controllers.concat();
    let manifest = format!(
        "apiVersion: firstboot/v1\ncluster: {name}-token\nplatform: gce\n\
         etcd: {{ version: 3.4.27 }}\ncontrollers:\n{controllers}\
         tls: {{ ca: pki/{name}-ca.pem, cert: pki/{name}.pem, key: pki/{name}-key.pem }}\n"
    );
    fs::write(dir.path().join("cluster.yaml"), manifest).unwrap();
    let firstboot = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_firstboot"));
        let output = command.args(arguments).current_dir(dir.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{name}: {}", shown(&output));
        output.stdout
    };
    firstboot(&["pki", "mint"]);
    let outcome = firstboot(&["--format", "json", "rehearse", "--baked"]);
    let outcome = serde_json::from_slice(&outcome).unwrap();
    (dir, outcome)
}

/// The second cluster finds the image as the first one found it.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn one_image_boots_two_clusters_without_a_release_server() {
    let host = host();
    let release = host
        .stand_in("3.4.27".parse().unwrap(), &mut |_| {})
        .unwrap();
    let image = host
        .baked_image(Suite::Bookworm, &layer(&release), &mut |_| {})
        .unwrap();
    let before = listing(&image);
    let mut sums = (0.0, 0.0);
    for (name, network) in [("red", "10.71.3"), ("blue", "192.168.44")] {
        let (dir, outcome) = rehearse_baked(name, network);
        assert_eq!(outcome["passed"], true, "{outcome:#}");
        assert_eq!(outcome["requests"], serde_json::json!([]));
        let seconds = |key: &str| outcome[key].as_f64().unwrap();
        let (baked, plain) = (seconds("quorumSeconds"), seconds("unbakedQuorumSeconds"));
        println!("{name}: {baked:.2} s baked, {plain:.2} s unbaked");
        sums = (sums.0 + baked, sums.1 + plain);

        assert!(listing(&image) == before, "{name} changed the image");
        let mut traces = vec![
            format!("{name}-token"),
            format!("{name}-1"),
            format!("{network}.1"),
        ];
        for pem in ["-ca.pem", ".pem", "-key.pem"] {
            let pem = fs::read_to_string(dir.path().join(format!("pki/{name}{pem}"))).unwrap();
            traces.push(pem.lines().nth(1).unwrap().to_owned());
        }
        let mut grep = Command::new("grep");
        grep.args(["-rlF", "-D", "skip"]);
        for trace in &traces {
            grep.args(["-e", trace]);
        }
        let found = grep.arg(&image).output().unwrap();
        assert_eq!(shown(&found), "", "{traces:?}");
    }
    // One alone may meet a busy computer.
    assert!(sums.0 < sums.1, "{sums:?} s, baked and unbaked");
}

/// Every path with what tells a change.
fn listing(image: &Path) -> String {
    let mut find = Command::new("find");
    let find = find
        .arg(image)
        .args(["-xdev", "-printf", "%p %s %m %u %T@ %l\n"]);
    let listing = shown(&find.output().unwrap());
    assert!(listing.lines().count() > 1000);
    listing
}

fn stages(outcome: &Outcome, step: &str) -> Vec<String> {
    let stages = outcome.machines.iter().flat_map(|machine| &machine.stages);
    let of_step = stages.filter(|stage| stage.step == step);
    of_step.map(|stage| stage.text.clone()).collect()
}

/// What is sent to an unbaked image does nothing twice on a baked one; and another etcd than the
/// pinned one is told of, and replaced.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn whole_user_data_on_baked_images_and_an_image_with_another_etcd() {
    let host = host();
    let mut told = |_: &_| {};
    let pki = Pki::make("3.4.27", Pairs::Shared);
    let pinned = host.stand_in("3.4.27".parse().unwrap(), &mut told).unwrap();
    let other = host.stand_in("3.3.25".parse().unwrap(), &mut told).unwrap();
    let plan = || {
        let mut plan = pki.plan(&pinned, Vec::new());
        plan.background = Vec::new();
        plan.machines
            .iter_mut()
            .for_each(|one| one.checks = Vec::new());
        plan
    };
    let mut boot = |release: &StandIn| {
        let image = host.baked_image(Suite::Bookworm, &layer(release), &mut told);
        let outcome = host
            .rehearse_from(image.unwrap(), plan(), &mut told)
            .unwrap();
        assert!(outcome.passed(), "{outcome:#?}");
        outcome
    };
    let outcome = boot(&pinned);
    assert_eq!(stages(&outcome, "etcd"), ["3.4.23 is here"; 3]);
    assert!(outcome.requests.is_empty());

    let outcome = boot(&other);
    let said = format!(
        "3.4.23 from github.com; the image has etcd-v3.3.25-linux-{} {}",
        other.arch, other.digest
    );
    assert_eq!(stages(&outcome, "etcd"), [said.as_str(); 3]);
    assert_eq!(outcome.requests.len(), 3);
}

/// The first boot does not wait for the last of cloud-init's stages, in which `runcmd` is; and a
/// machine of the same image that is sent nothing is no controller that failed.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_baked_machine_begins_by_itself_and_only_if_something_was_sent() {
    let host = host();
    let mut told = |_: &_| {};
    let pki = Pki::make("3.4.27", Pairs::Shared);
    let release = host.stand_in("3.4.27".parse().unwrap(), &mut told).unwrap();
    let image = host
        .baked_image(Suite::Bookworm, &layer(&release), &mut told)
        .unwrap();
    let mut boot = |user_data: fn(&machine::Machine) -> Secret, timeout| {
        let plan = Plan {
            background: Vec::new(),
            journal: true,
            timeout,
            ..pki.plan_with(&release, Vec::new(), user_data)
        };
        host.rehearse_from(image.clone(), plan, &mut told).unwrap()
    };
    let sent = |machine: &machine::Machine| {
        wire::cloud_config::render(&machine.clone().without_image(), None).unwrap()
    };
    let outcome = boot(sent, Duration::from_mins(2));
    assert!(outcome.passed(), "{outcome:#?}");
    for machine in &outcome.machines {
        let journal = machine.journal.as_deref().unwrap();
        // It may be healthy before that stage begins, and then the journal ends.
        let (before, _) = journal.split_once("Starting firstboot.service").unwrap();
        assert!(
            !before.contains("Starting cloud-final.service"),
            "{journal}"
        );
    }

    let nothing = |_: &machine::Machine| Secret::new(b"#cloud-config\n".to_vec());
    let outcome = boot(nothing, Duration::from_secs(20));
    for machine in &outcome.machines {
        let journal = machine.journal.as_deref().unwrap();
        assert!(
            matches!(machine.verdict, Verdict::Silent { .. }),
            "{journal}"
        );
        assert!(
            journal.contains("unmet condition check (ConditionPathExists=/etc/firstboot/sent)"),
            "{journal}"
        );
    }
}

/// The script, on a machine that was a controller: nobody bakes an image of it.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_controller_is_never_captured() {
    let host = host();
    let pki = Pki::make("3.4.27", Pairs::Shared);
    let release = host
        .stand_in("3.4.27".parse().unwrap(), &mut |_| {})
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in layer(&release).files() {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let mut tar = Command::new("tar");
    let tar = tar.arg("-C").arg(dir.path()).args(["-cf", "-", "."]);
    let files = tar.output().unwrap().stdout;
    let act = |part: &str, expect: &[&str]| Act {
        machine: 0,
        command: format!(
            "mkdir -p /run/image && tar -xf - -C /run/image && sh /run/image/provision / {part} \
             && exit 1; [ $? = 65 ]"
        ),
        stdin: Secret::new(files.clone()),
        expect: expect.iter().map(|&text| text.to_owned()).collect(),
        timeout: Duration::from_mins(1),
    };
    let controller = [
        "unfit: /etc/etcd has a cluster's files",
        "unfit: /etc/firstboot says what was sent",
        "unfit: /var/lib/firstboot has a controller's state",
        "unfit: /var/lib/etcd has a member's data",
    ];
    let instance = [
        "unfit: /var/lib/cloud has an instance's state and user-data",
        "unfit: /etc/machine-id has a machine's ID",
        "unfit: /etc/ssh has a host's keys",
    ];
    let as_it_is = [controller.as_slice(), &instance].concat();
    let acts = vec![act("check", &as_it_is), act("all", &controller)];
    let mut plan = pki.plan(&release, acts);
    plan.background = Vec::new();
    plan.machines
        .iter_mut()
        .for_each(|one| one.checks = Vec::new());
    let outcome = host.rehearse(plan, &mut |_| {}).unwrap();
    assert!(outcome.passed(), "{:#?}", outcome.acts);
    let said = &outcome.acts[1].result.output;
    for cleaned in instance {
        assert!(!said.contains(cleaned), "{said}");
    }
}

/// A root directory of a suite, and what bakes it, in a directory of its own.
fn root_of(suite: Suite, version: &str) -> (tempfile::TempDir, PathBuf) {
    let host = host();
    let base = host.image(suite, &mut |_| {}).unwrap();
    let release = host
        .stand_in(version.parse().unwrap(), &mut |_| {})
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut copy = Command::new("cp");
    let copied = copy.arg("-a").arg(base).arg(dir.path().join("root"));
    assert!(copied.status().unwrap().success());
    let manifest = format!(
        "apiVersion: firstboot/v1\ncluster: main\nplatform: gce\n\
         etcd: {{ version: {}, sha256: {} }}\ncontrollers: [{{ name: a, ip: 10.0.0.1 }}]\n\
         tls: {{ ca: ca.pem, cert: a.pem, key: a-key.pem }}\n",
        release.version, release.digest
    );
    fs::write(dir.path().join("cluster.yaml"), manifest).unwrap();
    (dir, release.tarball)
}

/// All of this computer is read-only but the root directory and a place for temporary files.
const ALL_ELSE_READ_ONLY: &str = "
    mount --bind \"$1\" \"$1\"
    mount -o remount,bind,ro /
    for other in /tmp /var /home /root /usr; do
      ! mountpoint -q $other || mount -o remount,bind,ro $other
    done
    ! touch /etc/here /var/here /usr/here 2>/dev/null
    mkdir \"$1/temporary\"
    export TMPDIR=\"$1/temporary\"
    cd \"$1\"
    \"$2\" bake --root root --tarball \"$3\"
";

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn baking_touches_nothing_outside_of_the_root() {
    for (suite, version) in [
        (Suite::Bullseye, "3.3.25"),
        (Suite::Bookworm, "3.4.23"),
        (Suite::Trixie, "3.5.16"),
    ] {
        let (dir, tarball) = root_of(suite, version);
        let output = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "/bin/sh", "-euc"])
            .args([ALL_ELSE_READ_ONLY, "sh"])
            .args([
                dir.path(),
                Path::new(env!("CARGO_BIN_EXE_firstboot")),
                &tarball,
            ])
            .output()
            .unwrap();
        let said = shown(&output);
        assert!(output.status.success(), "{suite}: {said}");
        assert!(said.contains("provision: user etcd"), "{suite}: {said}");
        let passwd = fs::read_to_string(dir.path().join("root/etc/passwd")).unwrap();
        let etcd = passwd
            .lines()
            .find(|line| line.starts_with("etcd:"))
            .unwrap();
        assert!(etcd.ends_with("/sbin/nologin"), "{suite}: {etcd}");
    }
}

fn packer(dir: &Path, arguments: &[&str]) -> Output {
    Command::new("packer")
        .args(arguments)
        .current_dir(dir)
        .env("CHECKPOINT_DISABLE", "1")
        .env("HOME", dir)
        .output()
        .expect("`packer` runs (Debian's package `packer`)")
}

/// The template that is bundled with every builder in Debian's Packer 1.6.6.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn packer_validates_every_source_and_builds_a_root() {
    let (dir, tarball) = root_of(Suite::Bookworm, "3.4.23");
    let bake = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_firstboot"));
        let command = command.arg("bake").args(arguments).current_dir(dir.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", shown(&output));
    };
    bake(&[]);
    let template = dir.path().join("out/main/image/etcd.pkr.hcl");
    let path = template.to_str().unwrap();
    let sources = [
        "googlecompute.etcd",
        "amazon-ebs.etcd",
        "azure-arm.etcd",
        "qemu.etcd",
        "null.root",
    ];
    let validate = |source: &str| {
        let output = packer(dir.path(), &["validate", &format!("-only={source}"), path]);
        (output.status.success(), shown(&output))
    };
    for source in sources {
        let (good, said) = validate(source);
        assert!(good, "{source}: {said}");
    }
    let output = packer(dir.path(), &["validate", path]);
    assert!(output.status.success(), "{}", shown(&output));

    // It would have said so.
    let text = fs::read_to_string(&template).unwrap();
    for (source, word) in
        sources
            .iter()
            .zip(["zone ", "region ", "os_type", "disk_image", "communicator"])
    {
        let typo = text.replacen(&format!("  {word}"), &format!("  x{word}"), 1);
        let typo = if typo == text {
            text.replace(word, "xxx")
        } else {
            typo
        };
        fs::write(&template, typo).unwrap();
        assert!(!validate(source).0, "{source} with a typo in {word}");
    }
    fs::write(&template, text).unwrap();

    // Etcd is in the root already, so that no release is downloaded.
    bake(&["--root", "root", "--tarball", tarball.to_str().unwrap()]);
    let root = format!("root={}", dir.path().join("root").display());
    let output = packer(
        dir.path(),
        &["build", "-only=null.root", "-var", &root, path],
    );
    let said = shown(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("fit to be used: etcd-v3.4.23"), "{said}");
    fs::write(
        dir.path().join("root/etc/etcd-key.pem"),
        "-----BEGIN PRIVATE KEY-----\n",
    )
    .unwrap();
    let output = packer(
        dir.path(),
        &["build", "-only=null.root", "-var", &root, path],
    );
    assert!(!output.status.success(), "a key was baked");
}
