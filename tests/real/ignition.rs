//! Ignition's own programs, as Debian packages them, read the configs and carry them out.

use crate::support;
use firstboot::cluster::{Cluster, FileName, PemFile};
use firstboot::machine::{File, Layout, Machine, machines};
use firstboot::secret::Secret;
use firstboot::wire::ignition;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

const IGNITION: &str = "/usr/lib/dracut/modules.d/30ignition/ignition";
const UNITS: &str = "/etc/systemd/system/";

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn ignition_validate_accepts_every_config() {
    let mut count = 0;
    for cluster in clusters() {
        for machine in Layout::ALL
            .iter()
            .flat_map(|layout| machines(&cluster, *layout))
        {
            let config = ignition::render(&machine).unwrap();
            let said = validate(config.expose());
            assert_eq!(said, Ok(String::new()), "{}", machine.name);
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
    println!("{count} configs");
    // It would say so.
    assert!(validate(br#"{"ignition":{"version":"3.3.0"},"storage":{"files":[{}]}}"#).is_err());
}

/// Ignition's stage `files`, with a directory in place of the machine's root.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn ignition_writes_the_very_files() {
    for cluster in clusters() {
        for machine in Layout::ALL
            .iter()
            .flat_map(|layout| machines(&cluster, *layout))
        {
            let root = carried_out(&ignition::render(&machine).unwrap());
            for file in &machine.files {
                check(file, root.path());
            }
            let text = |path: &str| fs::read_to_string(root.path().join(path)).unwrap();
            assert_eq!(text("etc/hostname"), format!("{}\n", machine.name));
            let enabled = text("etc/systemd/system-preset/20-ignition.preset");
            assert_eq!(enabled, "enable firstboot.service\n");
            check_count(&machine, root.path());
        }
    }
}

fn check(file: &File, root: &Path) {
    let path = root.join(file.path.trim_start_matches('/'));
    assert_eq!(fs::read(&path).unwrap(), file.bytes(), "{}", file.path);
    let mode = fs::metadata(&path).unwrap().mode() & 0o7777;
    assert_eq!(mode, u32::from(file.mode.bits()), "{}", file.path);
}

/// Nothing but the machine's files, its name, the preset, and Ignition's own record.
fn check_count(machine: &Machine, root: &Path) {
    let mut waiting = vec![root.to_owned()];
    let mut count = 0;
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                count += 1;
            }
        }
    }
    let selinux = 1;
    assert_eq!(count, machine.files.len() + 3 + selinux);
    let units = machine
        .files
        .iter()
        .filter(|file| file.path.starts_with(UNITS));
    assert_eq!(units.count(), 2);
}

fn validate(config: &[u8]) -> Result<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.ign");
    fs::write(&path, config).unwrap();
    let output = support::output(Command::new("ignition-validate").arg(&path), "");
    if output.success {
        Ok(output.text)
    } else {
        Err(output.text)
    }
}

fn carried_out(config: &Secret) -> tempfile::TempDir {
    let (work, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(work.path().join("config.ign"), config.expose()).unwrap();
    // It labels what it wrote with the distribution's own program, which is not asked here.
    fs::create_dir_all(root.path().join("etc/selinux")).unwrap();
    fs::write(root.path().join("etc/selinux/config"), "SELINUXTYPE=none\n").unwrap();
    let setfiles = work.path().join("setfiles");
    fs::write(&setfiles, "#!/bin/sh\ncat >/dev/null\n").unwrap();
    fs::set_permissions(&setfiles, fs::Permissions::from_mode(0o755)).unwrap();
    let programs = format!(
        "{}:{}",
        work.path().display(),
        std::env::var("PATH").unwrap()
    );
    for stage in ["fetch", "files"] {
        let at =
            |option: &str, name: &str| format!("--{option}={}", work.path().join(name).display());
        let mut command = Command::new(IGNITION);
        command
            .args(["--platform=file", "--log-to-stdout", "--stage", stage])
            .arg(format!("--root={}", root.path().display()))
            .args([
                at("config-cache", "cache"),
                at("state-file", "state"),
                at("neednet", "net"),
            ])
            .env("PATH", &programs)
            .env("IGNITION_CONFIG_FILE", work.path().join("config.ign"));
        let output = support::output(&mut command, "");
        assert!(output.success, "{stage}: {}", output.text);
    }
    root
}

/// 1 to 7 members, each with EC and with RSA keys, and one with every byte there is.
fn clusters() -> Vec<Cluster> {
    let addresses: Vec<_> = (10..17).map(|last| format!("10.240.0.{last}")).collect();
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    let certificates = [certificate("ec:/dev/stdin"), certificate("rsa:2048")];
    let mut clusters = vec![hostile(&addresses[..4])];
    for (certificate, key) in &certificates {
        for members in 1..=addresses.len() {
            let mut cluster = support::cluster_named("main", &addresses[..members]);
            for member in &mut cluster.members {
                for side in [&mut member.tls.server, &mut member.tls.peer] {
                    side.ca.bytes = Secret::new(certificate.clone());
                    side.pair.certificate.bytes = Secret::new(certificate.clone());
                    side.pair.key.bytes = Secret::new(key.clone());
                }
                member.tls.client = member.tls.server.pair.clone();
            }
            clusters.push(cluster);
        }
    }
    clusters
}

/// A self-signed certificate and its key, as openssl makes them.
fn certificate(algorithm: &str) -> (Vec<u8>, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let parameters = support::output(
        Command::new("openssl").args(["ecparam", "-name", "prime256v1"]),
        "",
    );
    let made = support::output(
        Command::new("openssl")
            .args([
                "req", "-x509", "-nodes", "-subj", "/CN=etcd", "-newkey", algorithm,
            ])
            .args(["-keyout", "key.pem", "-out", "certificate.pem"])
            .current_dir(dir.path()),
        &parameters.text,
    );
    assert!(made.success, "{}", made.text);
    let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
    (read("certificate.pem"), read("key.pem"))
}

/// Files of which each has eight of the 256 bytes, and so many letters that no other form than
/// the one with percent signs is as small.
fn hostile(addresses: &[&str]) -> Cluster {
    let mut cluster = support::cluster_named("main", addresses);
    let bytes: Vec<u8> = (0..=255).collect();
    let mut chunks = bytes.chunks(8);
    for member in &mut cluster.members {
        let tls = &mut member.tls;
        tls.client = tls.server.pair.clone();
        let pems: [&mut PemFile; 8] = [
            &mut tls.server.ca,
            &mut tls.server.pair.certificate,
            &mut tls.server.pair.key,
            &mut tls.peer.ca,
            &mut tls.peer.pair.certificate,
            &mut tls.peer.pair.key,
            &mut tls.client.certificate,
            &mut tls.client.key,
        ];
        for (index, pem) in pems.into_iter().enumerate() {
            let special = chunks.next().unwrap();
            pem.name = FileName::new(&format!("{index}.pem")).unwrap();
            pem.bytes = Secret::new([b"firstbootETCDwithletters", special].concat());
        }
    }
    assert!(chunks.next().is_none());
    cluster
}
