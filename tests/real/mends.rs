//! A machine whose mirrors lie or have nothing yet: it says so on its console, and heals alone.

use firstboot::manifest::{self, Manifest};
use firstboot::rehearse::{Plan, StandIn, Verdict};
use firstboot::release::tarball_name;
use firstboot::secret::Secret;
use firstboot::{machine, wire};
use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MANIFEST: &str = "apiVersion: firstboot/v1\ncluster: main\nplatform: nocloud\n\
    etcd: { version: 3.4.27, mirrors: [\"file:///media/lies\", \"file:///media/late\"] }\n\
    controllers: [{ name: controller-0, ip: 10.240.0.10 }]\n\
    tls: { ca: pki/ca.pem, cert: pki/kubernetes.pem, key: pki/kubernetes-key.pem }\n";

/// The tarball is in the machine, but where no mirror is; `first` runs before anything else does.
fn plan(release: &StandIn, first: &str) -> Plan {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("cluster.yaml"), MANIFEST).unwrap();
    let minted = Command::new(env!("CARGO_BIN_EXE_firstboot"))
        .args(["pki", "mint"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(minted.status.success());
    let manifest = Manifest::parse("cluster.yaml", MANIFEST.as_bytes()).unwrap();
    let (files, _) = manifest::read_pem_files(&manifest, dir.path());
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let resolved = manifest::resolve(&manifest, &files, None, i64::try_from(now).unwrap());
    let mut cluster = resolved.cluster.unwrap();
    let mirrors = manifest.etcd.mirrors.iter();
    cluster.release.urls = mirrors
        .map(|mirror| mirror.directory(release.version))
        .collect();
    cluster.release.version = release.version;
    cluster.release.tarballs = vec![(release.arch, release.digest)];
    let user_data = |machine: &machine::Machine| {
        let user_data = wire::cloud_config::render(machine, None).unwrap();
        let text = String::from_utf8(user_data.expose().to_vec()).unwrap();
        let (before, after) = text.split_once("\nruncmd:\n").unwrap();
        let text = format!(
            "{before}\nruncmd:\n- [sh, -c, {}]\n{after}",
            serde_json::json!(first)
        );
        Secret::new(text.into_bytes())
    };
    Plan {
        hosts: Vec::new(),
        media: vec!["/srv/tarball".into()],
        timeout: Duration::from_mins(2),
        ..crate::plan::plan(&cluster, release, user_data)
    }
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_machine_says_what_it_lacks_and_goes_on_when_it_is_there() {
    let host = crate::image::host();
    let release = host
        .stand_in("3.4.27".parse().unwrap(), &mut |_| {})
        .unwrap();
    let name = tarball_name(&release.version, release.arch);
    let directory = |mirror: &str| format!("/media/{mirror}/v{}", release.version);
    let (lies, late) = (directory("lies"), directory("late"));
    let first = format!(
        "mkdir -p {lies} {late}; echo lie >{lies}/{name}; \
         systemd-run --on-active=10 cp /srv/tarball {late}/{name}"
    );
    let outcome = host.rehearse(plan(&release, &first), &mut |_| {}).unwrap();
    let machine = &outcome.machines[0];
    let console = machine.console.join("\n");
    assert!(
        matches!(machine.verdict, Verdict::Healthy { .. }),
        "{console}"
    );
    let wrong = format!("file://{lies}: not the pinned tarball");
    let waits = format!(
        "[4/6] etcd: waiting: no {} yet; {wrong}; file://{late}: Couldn't open file",
        name.trim_end_matches(".tar.gz")
    );
    assert!(console.contains(&waits), "{waits}\n{console}");
    let heals = format!(
        "[4/6] etcd: {} from file://{late}; {wrong}",
        release.version
    );
    assert!(console.contains(&heals), "{heals}\n{console}");
    assert!(outcome.requests.is_empty());
}
