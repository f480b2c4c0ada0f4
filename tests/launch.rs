//! What the `launch` scripts see to before they run a client, and what they do a second time.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/on_platforms.rs"]
mod on_platforms;

use firstboot::platform::Platform;
use on_platforms::{Bench, CLIENT, text};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// The words of a cloud's default machine fit what the controllers are; where there are none, or
/// two kinds of machines, each is asked for or has variables of its own.
#[test]
fn defaults_follow_the_architecture() {
    let bench = Bench::new();
    for platform in Platform::ALL {
        bench.rendered(&format!("platform: {platform}"), &[]);
        let output = bench.edited(&[("3.3.9", "3.5.21"), ("etcd:", "arch: arm64\netcd:")]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let launch = text(&bench.file("launch"));
        for amd64 in ["amd64", "x86", "E4.Flex", "t3.", "e2-", "cx23", "_B2s"] {
            assert!(!launch.contains(amd64), "{platform}: {amd64}\n{launch}");
        }
        let asked = ["digitalocean", "akamai", "openstack"].contains(&platform.name());
        let asks = launch.contains("${MACHINE_TYPE:-}\" ]");
        assert_eq!(asked, asks, "{platform}: {launch}");
    }
    bench.rendered("platform: gce\nimage: ubuntu\nlaunch: { subnet: s }", &[]);
    let mixed = [("3.3.9", "3.5.21"), ("0.11", "0.11, arch: arm64")];
    let own = [("arch: arm64", "arch: arm64, launch: { image: mine }")];
    let machine = [
        "create \"$IMAGE_ARM64\" controller-1",
        "create mine controller-1",
    ];
    for (edits, machine) in [&mixed[..], &own[..]].into_iter().zip(machine) {
        let output = bench.edited(edits);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let launch = text(&bench.file("launch"));
        let parts = [
            machine,
            "create \"$IMAGE\" controller-0",
            "--machine-type=\"$MACHINE_TYPE\"",
            "--machine-type=\"$MACHINE_TYPE_ARM64\"",
            "\nMACHINE_TYPE_ARM64=${MACHINE_TYPE_ARM64:-c4a-standard-2}\n",
        ];
        for part in parts {
            assert!(launch.contains(part), "{part} is missing:\n{launch}");
        }
        let is_asked = launch.contains("IMAGE_ARM64=${IMAGE_ARM64:-ubuntu-os-cloud/");
        assert_eq!(is_asked, machine.contains("IMAGE_ARM64"), "{launch}");
    }
}

/// Before anything else `launch` says which client is not there, then everything that nobody said.
#[test]
fn what_is_missing_is_said_at_once() {
    let bench = Bench::new();
    bench.rendered("platform: oracle", &[]);
    let bin = bench.path("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink("/usr/bin/dirname", bin.join("dirname")).unwrap();
    let run = || {
        Command::new("/bin/sh")
            .arg("out/lab/launch")
            .env_clear()
            .env("PATH", &bin)
            .env("LOG", bench.path("log"))
            .env("ZONE", "z")
            .current_dir(bench.0.path())
            .output()
            .unwrap()
    };
    let output = run();
    assert_eq!(output.status.code(), Some(127));
    assert_eq!(
        text(&output.stderr),
        "install oci, the client of Oracle Cloud\n"
    );
    fs::write(bin.join("oci"), CLIENT).unwrap();
    fs::set_permissions(bin.join("oci"), fs::Permissions::from_mode(0o755)).unwrap();
    let output = run();
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    for variable in ["COMPARTMENT", "SUBNET", "IMAGE"] {
        assert!(said.contains(&format!("\n  {variable}, or ")), "{said}");
    }
    assert!(
        !said.contains("ZONE") && !bench.path("log").exists(),
        "{said}"
    );
}

/// Paths are meant from where `launch` was called, and entries of an earlier run do no harm.
#[test]
fn relative_paths_and_second_runs() {
    let bench = Bench::new();
    let bin = bench.path("bin");
    fs::create_dir(&bin).unwrap();
    for client in ["virsh", "virt-install"] {
        let refuses = "case \" $* \" in *\" add \"*) exit 1 ;; esac\n";
        fs::write(bin.join(client), format!("{CLIENT}{refuses}")).unwrap();
        fs::set_permissions(bin.join(client), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let run = |variable: &str, value: &str| {
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let output = Command::new("sh")
            .arg("out/lab/launch")
            .env_clear()
            .env("PATH", path)
            .env("LOG", bench.path("log"))
            .env(variable, value)
            .current_dir(bench.0.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let root = fs::canonicalize(bench.0.path()).unwrap();
    bench.rendered("platform: libvirt", &[]);
    run("IMAGE", "disk.img");
    let told = fs::read_to_string(bench.path("log")).unwrap();
    let disk = format!("backing_store={}/disk.img\n", root.display());
    assert_eq!(told.matches(&disk).count(), 2, "{told}");
    assert_eq!(told.matches("\nmodify\n").count(), 2, "{told}");

    fs::remove_file(bench.path("log")).unwrap();
    bench.rendered("platform: libvirt\nnetwork: { prefix: 24 }", &[]);
    run("IMAGE", "/disk.img");
    let told = fs::read_to_string(bench.path("log")).unwrap();
    assert!(!told.contains("net-update"), "{told}");

    bench.rendered("platform: nocloud", &[]);
    let said = run("SEEDS", "seeds");
    let seed = root.join("seeds/controller-1.iso");
    assert!(
        seed.exists() && said.contains(seed.to_str().unwrap()),
        "{said}"
    );
}
