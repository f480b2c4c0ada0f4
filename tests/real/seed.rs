//! The seed disk, held against those who read such disks, and theirs against our reader.
//!
//! Mounted for real it is in `tests/vm.rs`, by the kernel of a virtual machine.

use crate::image;
use firstboot::cluster::{Interface, Network};
use firstboot::rehearse::Suite;
use firstboot::secret::Secret;
use firstboot::wire::network_config;
use firstboot::wire::seed::{self, Seed};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

const FILES: [&str; 3] = ["meta-data", "network-config", "user-data"];

/// More than a sector of user-data, and a network.
fn seed(network: &Network, address: &str) -> Seed {
    let secret = |text: String| Secret::new(text.into_bytes());
    let comment =
        "# a comment that fills the line to its very end, so that there is some to read\n";
    Seed {
        user_data: secret(format!("#cloud-config\n{}", comment.repeat(100))),
        meta_data: secret("instance-id: controller-0-0123\nlocal-hostname: controller-0\n".into()),
        network_config: Some(secret(network_config::render(
            network,
            address.parse().unwrap(),
        ))),
    }
}

fn network(gateway: &str, nameserver: &str, prefix: u8, interface: &str) -> Network {
    Network {
        prefix,
        gateway: Some(gateway.parse().unwrap()),
        nameservers: vec![nameserver.parse().unwrap()],
        interface: Interface::new(interface).unwrap(),
    }
}

fn lab() -> Seed {
    let network = network("10.240.0.1", "10.240.0.2", 24, "eth0");
    seed(&network, "10.240.0.10")
}

/// The disk as `seed.iso` in a directory.
fn lay(seed: &Seed) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let disk = seed::render(seed).unwrap();
    fs::write(dir.path().join("seed.iso"), disk.expose()).unwrap();
    dir
}

/// What a program prints on the disk of a directory.
fn ask(dir: &Path, program: &str, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(program);
    let output = command
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap_or_else(|error| panic!("running {program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    output.stdout
}

fn words(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let mut words: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
    words.sort();
    words
}

fn content<'a>(seed: &'a Seed, name: &str) -> &'a [u8] {
    match name {
        "user-data" => seed.user_data.expose(),
        "meta-data" => seed.meta_data.expose(),
        _ => seed.network_config.as_ref().unwrap().expose(),
    }
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn every_reader_finds_the_files_under_their_names() {
    let seed = lab();
    let dir = lay(&seed);
    let ask = |program: &str, arguments: &[&str]| ask(dir.path(), program, arguments);
    let label = ask("blkid", &["-p", "-o", "value", "-s", "LABEL", "seed.iso"]);
    assert_eq!(label, b"cidata\n");
    let kind = ask("blkid", &["-p", "-o", "value", "-s", "TYPE", "seed.iso"]);
    assert_eq!(kind, b"iso9660\n");
    let names = FILES.map(|name| format!("/{name}"));
    // Rock Ridge, then Joliet.
    for tree in ["-R", "-J"] {
        assert_eq!(
            words(&ask("isoinfo", &[tree, "-f", "-i", "seed.iso"])),
            names
        );
        for name in FILES {
            let path = format!("/{name}");
            let read = ask("isoinfo", &[tree, "-x", &path, "-i", "seed.iso"]);
            assert_eq!(read, content(&seed, name), "{tree} {name}");
        }
    }
    // The same by libarchive, which is told which tree to leave.
    for option in ["iso9660:!rockridge", "iso9660:!joliet"] {
        for name in FILES {
            let read = ask("bsdtar", &["--options", option, "-xOf", "seed.iso", name]);
            assert_eq!(read, content(&seed, name), "{option} {name}");
        }
    }
    ask(
        "xorriso",
        &[
            "-osirrox", "on", "-indev", "seed.iso", "-extract", "/", "all",
        ],
    );
    for name in FILES {
        let read = fs::read(dir.path().join("all").join(name)).unwrap();
        assert_eq!(read, content(&seed, name), "{name}");
    }
}

/// `inspect` will meet disks that others made: with Joliet, with Rock Ridge, with neither.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn we_read_the_disks_of_others() {
    let seed = lab();
    let dir = tempfile::tempdir().unwrap();
    for name in FILES {
        fs::write(dir.path().join(name), content(&seed, name)).unwrap();
    }
    let makers: [(&str, &[&str]); 4] = [
        ("genisoimage", &["-joliet", "-rock"]),
        ("genisoimage", &["-iso-level", "3", "-R"]),
        ("genisoimage", &["-joliet"]),
        ("xorriso", &["-as", "mkisofs", "-r", "-J"]),
    ];
    for (maker, options) in makers {
        let output = ["-quiet", "-V", "cidata", "-o", "theirs.iso"];
        let arguments = [options, &output, &FILES].concat();
        ask(dir.path(), maker, &arguments);
        let disk = fs::read(dir.path().join("theirs.iso")).unwrap();
        assert_eq!(seed::decode(&disk), Ok(seed.clone()), "{maker} {options:?}");
    }
}

/// Reads a seed with the cloud-init of a suite.
fn read_by_cloud_init(suite: Suite, seed: &Seed) -> Value {
    let dir = lay(seed);
    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/read_seed.py");
    fs::copy(reader, dir.path().join("read.py")).unwrap();
    fs::create_dir(dir.path().join("unpacked")).unwrap();
    ask(dir.path(), "bsdtar", &["-xf", "seed.iso", "-C", "unpacked"]);
    let script = "python3 /tmp/input/read.py /tmp/input/seed.iso /tmp/input/unpacked";
    serde_json::from_str(&image::stdout(&image::of(suite), dir.path(), script)).unwrap()
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn cloud_init_takes_the_seed_and_its_network() {
    let cases = [
        (
            network("10.240.0.1", "10.240.0.2", 24, "eth0"),
            "10.240.0.10",
            "0.0.0.0/0",
        ),
        (
            network("fd00::1", "fd00::2", 64, "eth0"),
            "fd00::10",
            "::/0",
        ),
    ];
    for suite in Suite::ALL {
        for (network, address, everywhere) in &cases {
            let seed = seed(network, address);
            let read = read_by_cloud_init(suite, &seed);
            let told = format!("{suite} {address}: {read:#}");
            assert_eq!(read["instance_id"], "controller-0-0123", "{told}");
            assert_eq!(read["hostname"], "controller-0", "{told}");
            let user_data = read["user_data"].as_str().unwrap();
            assert_eq!(user_data.as_bytes(), seed.user_data.expose(), "{suite}");
            let gateway = network.gateway.unwrap().to_string();
            let nameserver = network.nameservers[0].to_string();
            let netplan = text(&read["netplan"]);
            let address = format!("{address}/{}", network.prefix);
            for part in [&address, *everywhere, &gateway, &nameserver, "eth0"] {
                assert!(netplan.contains(part), "no {part} in {told}");
            }
            let ifupdown = text(&read["ifupdown"]);
            for part in [
                &format!("address {address}"),
                "iface eth0 inet",
                &gateway,
                &nameserver,
            ] {
                assert!(ifupdown.contains(part), "no {part} in {told}");
            }
        }
    }
}

/// The pattern reaches netplan as it is.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn cloud_init_hands_a_pattern_to_netplan() {
    let seed = seed(
        &network("10.240.0.1", "10.240.0.2", 24, "en*"),
        "10.240.0.10",
    );
    for suite in Suite::ALL {
        let read = read_by_cloud_init(suite, &seed);
        let netplan = text(&read["netplan"]);
        let pattern = netplan
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with("name:"));
        assert!(
            pattern.is_some_and(|line| line.contains("en*")),
            "{suite}: {netplan}"
        );
    }
}

/// All files that a renderer wrote.
fn text(files: &Value) -> String {
    let files = files.as_object().unwrap().values();
    files.map(|text| text.as_str().unwrap()).collect()
}
