//! `bake` without privilege: what is written, and the script at work on small root directories.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bench;

use bench::{Bench, KEY};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

#[test]
fn an_image_is_the_same_for_every_cluster_and_needs_no_certificates() {
    let bench = Bench::new();
    bench.manifest("two", "192.168.7");
    bench.good(&["bake", "one.yaml"]);
    bench.good(&["bake", "two.yaml"]);
    let files = |cluster: &str| -> BTreeMap<_, _> {
        let tree = bench.tree(&format!("out/{cluster}/image"));
        let name = |path: PathBuf| path.file_name().unwrap().to_owned();
        let tree = tree.into_iter();
        tree.map(|(path, (bytes, ..))| (name(path), bytes))
            .collect()
    };
    let one = files("one");
    assert_eq!(one, files("two"));
    assert_eq!(one.len(), 12);
    for (name, bytes) in one {
        let text = String::from_utf8(bytes).unwrap();
        for word in ["one-a", "10.1.0", "192.168", "BEGIN CERTIFICATE"] {
            assert!(!text.contains(word), "{} knows {word}", name.display());
        }
    }
}

/// The builder and the image to begin with are those of the manifest.
#[test]
fn what_is_said_next_fits_platform_and_family() {
    let bench = Bench::new();
    let manifest = fs::read_to_string(bench.path("one.yaml")).unwrap();
    let platform = manifest
        .lines()
        .find(|line| line.starts_with("platform:"))
        .unwrap();
    for (name, family, line, base) in [
        (
            "aws",
            "amazon-linux",
            "-only=amazon-ebs.etcd -var region=REGION",
            "al2023-ami-2023*-x86_64",
        ),
        (
            "gce",
            "debian",
            "-only=googlecompute.etcd -var project=PROJECT",
            "debian-12",
        ),
        (
            "hetzner",
            "ubuntu",
            "-only=qemu.etcd -var base_disk=BASE_DISK",
            "ubuntu-2404-lts-amd64",
        ),
    ] {
        let text = manifest.replace(platform, &format!("platform: {name}\nimage: {family}"));
        bench.write("one.yaml", &text);
        let said = bench.good(&["bake", "one.yaml"]);
        assert!(said.text.contains(line), "{name}: {}", said.text);
        let template = fs::read_to_string(bench.path("out/one/image/etcd.pkr.hcl")).unwrap();
        assert!(
            template.contains(&format!("default = \"{base}\"")),
            "{template}"
        );
        if family != "ubuntu" {
            assert!(!template.contains("ubuntu-os-cloud"), "{template}");
        }
    }
}

/// Ignition brings all of a machine's files or none, and no image can bring the others.
#[test]
fn what_reads_ignition_is_not_baked() {
    let bench = Bench::new();
    bench.good(&["pki", "mint", "one.yaml"]);
    let manifest = fs::read_to_string(bench.path("one.yaml")).unwrap();
    bench.write("one.yaml", &format!("{manifest}image: flatcar\n"));
    bench.good(&["render", "--check", "one.yaml"]);
    for command in [&["bake"][..], &["render", "--image", "baked"]] {
        let said = bench.firstboot(&[command, &["one.yaml"]].concat());
        assert_eq!(said.status, 1, "{}", said.text);
        assert!(
            said.text.contains("error[image-not-baked]"),
            "{}",
            said.text
        );
        assert!(!bench.path("out").exists());
    }
}

#[test]
fn render_and_bake_leave_each_other_alone() {
    let bench = Bench::new();
    bench.good(&["bake", "one.yaml"]);
    bench.good(&["pki", "mint", "one.yaml"]);
    let image = bench.tree("out/one/image");
    bench.good(&["render", "one.yaml"]);
    assert_eq!(bench.tree("out/one/image"), image);
    let plain = fs::read(bench.path("out/one/one-a/user-data")).unwrap();
    let said = bench.good(&["render", "--image", "baked", "one.yaml"]);
    assert!(
        said.text.contains("and the manifest names none"),
        "{}",
        said.text
    );
    assert_eq!(bench.tree("out/one/image"), image);
    let boot = fs::read(bench.path("out/one/one-a/user-data")).unwrap();
    assert!(boot.len() < plain.len() / 2);

    fs::remove_file(bench.path("out/one/image/layer")).unwrap();
    assert!(bench.good(&["bake", "one.yaml"]).text.contains("written"));
    assert_eq!(
        fs::read(bench.path("out/one/one-a/user-data")).unwrap(),
        boot
    );
    assert!(bench.good(&["bake", "one.yaml"]).text.contains("unchanged"));

    bench.write("out/one/image/mine", "");
    let said = bench.firstboot(&["bake", "one.yaml"]);
    assert_eq!(said.status, 2);
    assert!(
        said.text.contains("was not written by this program"),
        "{}",
        said.text
    );
}

/// The issue's own figure, for the lab as it stands.
#[test]
fn the_boot_layer_of_the_labs_controller_has_six_kilobytes_at_most() {
    let bench = Bench::new();
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/lab/cluster.yaml");
    let lab = fs::read_to_string(lab).unwrap();
    bench.write("lab.yaml", &format!("{lab}replace: never\n"));
    bench.good(&["pki", "mint", "lab.yaml"]);
    bench.good(&[
        "render",
        "--image",
        "baked",
        "--compress",
        "never",
        "lab.yaml",
    ]);
    for name in ["controller-0", "controller-1"] {
        let path = format!("out/etcd-cluster-0/{name}/user-data");
        let user_data = fs::read_to_string(bench.path(&path)).unwrap();
        assert!(user_data.starts_with("#cloud-config\n"));
        assert!(user_data.contains("-----BEGIN PRIVATE KEY-----"));
        assert!(user_data.len() <= 6_000, "{} bytes", user_data.len());
    }
}

#[test]
fn a_root_directory_gets_the_layer_once() {
    let bench = Bench::new();
    let said = bench.bake_root();
    assert_eq!(said.status, 0, "{}", said.text);
    assert!(
        said.text.contains("etcd 3.4.27 from localhost"),
        "{}",
        said.text
    );
    let mode = |path: &str| fs::metadata(bench.path(path)).unwrap().mode() & 0o7777;
    assert_eq!(mode("root/usr/local/bin/etcd"), 0o755);
    assert_eq!(mode("root/etc/systemd/system/etcd.service"), 0o644);
    assert!(
        !bench
            .path("root/usr/local/lib/firstboot/release.env")
            .exists()
    );

    let machine_id = bench.path("root/etc/machine-id");
    let before = bench.tree("root");
    let said = bench.bake_root();
    assert!(said.text.contains("etcd 3.4.27 is here"), "{}", said.text);
    let mut after = bench.tree("root");
    // It is emptied anew, whatever it was.
    after.insert(machine_id.clone(), before[&machine_id].clone());
    assert_eq!(after, before);
}

/// What one instance leaves behind, kind by kind; `clean` takes it away, and `check` would have
/// refused most of it.
#[test]
fn what_an_instance_left_is_gone_after_baking() {
    const LEFT: [(&str, &str, &str); 33] = [
        ("etc/machine-id", "0123456789abcdef\n", "machine's ID"),
        ("var/lib/dbus/machine-id", "0123\n", "machine's ID"),
        ("etc/ssh/ssh_host_ed25519_key", KEY, "host's keys"),
        (
            "etc/ssh/ssh_host_ed25519_key.pub",
            "ssh-ed25519 A\n",
            "host's keys",
        ),
        ("root/.bash_history", "etcdctl\n", "history"),
        ("home/ubuntu/.bash_history", "sudo\n", "history"),
        ("home/ubuntu/.python_history", "1\n", "history"),
        ("root/.ssh/authorized_keys", "ssh-ed25519 A\n", "/root/.ssh"),
        (
            "home/ubuntu/.ssh/authorized_keys",
            "ssh-ed25519 A\n",
            "a .ssh",
        ),
        ("home/ubuntu/.ssh/id_ed25519", KEY, "a key"),
        ("home/ubuntu/.viminfo", "x", ""),
        ("root/.cache/pip/x", "x", ""),
        ("var/lib/cloud/instance", "x", "user-data"),
        (
            "var/lib/cloud/instances/i-1/user-data.txt",
            KEY,
            "user-data",
        ),
        ("var/lib/cloud/seed/nocloud/user-data", "x", "a seed"),
        ("var/lib/cloud/sem/x", "x", ""),
        ("var/log/cloud-init.log", "x", ""),
        ("var/log/journal/0123/system.journal", "x", ""),
        ("var/log/syslog.2.gz", "x", ""),
        ("var/log/apt/history.log.1.xz", "", ""),
        (
            "var/lib/dhcp/dhclient.eth0.leases",
            "fixed-address 10.1.0.10;",
            "",
        ),
        ("var/lib/NetworkManager/eth0.lease", "10.1.0.10", ""),
        ("var/lib/systemd/random-seed", "x", ""),
        ("etc/netplan/50-cloud-init.yaml", "10.1.0.10", ""),
        ("etc/network/interfaces.d/50-cloud-init", "10.1.0.10", ""),
        (
            "etc/systemd/network/10-cloud-init-eth0.network",
            "10.1.0.10",
            "",
        ),
        ("etc/udev/rules.d/70-persistent-net.rules", "x", ""),
        ("var/lib/waagent/TransportPrivate.pem", KEY, "a key"),
        ("var/cache/apt/archives/etcd.deb", "x", ""),
        ("var/cache/apt/pkgcache.bin", "x", ""),
        ("var/lib/apt/lists/x", "x", ""),
        ("var/cache/dnf/x/y", "x", ""),
        ("tmp/script.sh", KEY, "a key"),
    ];
    let bench = Bench::new();
    assert_eq!(bench.bake_root().status, 0);
    for (path, text, why) in LEFT {
        bench.write(&format!("root/{path}"), text);
        if !why.is_empty() {
            let said = bench.check_root();
            assert_eq!(said.status, 65, "{path}: {}", said.text);
            assert!(said.text.contains(why), "{path}: {}", said.text);
        }
    }
    bench.write("root/var/log/dpkg.log", "10.1.0.10");
    let said = bench.bake_root();
    assert_eq!(said.status, 0, "{}", said.text);
    for (path, text, _) in LEFT {
        let path = bench.path(&format!("root/{path}"));
        let left = fs::read(&path).unwrap_or_default();
        assert!(
            left.is_empty() && (!path.exists() || text.is_empty() || path.ends_with("machine-id")),
            "{}",
            path.display()
        );
    }
    // Whoever writes there keeps the file that it expects.
    assert_eq!(fs::read(bench.path("root/var/log/dpkg.log")).unwrap(), b"");
    assert_eq!(bench.check_root().status, 0);
}

/// A machine that was a controller is no base for images: nothing of it is taken away.
#[test]
fn what_a_controller_left_is_refused() {
    let left = [
        (
            "etc/etcd/ca.pem",
            "-----BEGIN CERTIFICATE-----\n",
            "/etc/etcd",
        ),
        ("etc/etcd/kubernetes-key.pem", KEY, "/etc/etcd"),
        ("etc/etcd/etcd.env", "ETCD_NAME=a\n", "/etc/etcd"),
        ("etc/firstboot/sent", "x\n", "/etc/firstboot"),
        ("var/lib/firstboot/delivered", "x\n", "/var/lib/firstboot"),
        ("var/lib/etcd/member/wal/0.wal", "x\n", "member's data"),
        ("opt/keys/a.pem", KEY, "/opt/keys/a.pem"),
        ("srv/env", "A=b\nETCD_INITIAL_CLUSTER_TOKEN=t\n", "/srv/env"),
        (
            "usr/local/etc/tls.key",
            "-----BEGIN PRIVATE KEY-----\n",
            "tls.key",
        ),
        ("etc/shadow", "root:$y$j9T$x:1::::::\n", "password: root"),
    ];
    for (path, text, why) in left {
        let bench = Bench::new();
        bench.write(&format!("root/{path}"), text);
        let said = bench.bake_root();
        assert_eq!(said.status, 1, "{path}: {}", said.text);
        assert!(
            said.text.contains("is not fit to be an image"),
            "{}",
            said.text
        );
        assert!(said.text.contains(why), "{path}: {}", said.text);
        assert!(!said.text.contains("MHc="), "a key is shown");
        assert_eq!(
            fs::read_to_string(bench.path(&format!("root/{path}"))).unwrap(),
            text
        );
    }
}

#[test]
fn what_is_missing_is_refused() {
    let faults: [(&str, Option<&str>, &str); 7] = [
        (
            "usr/local/lib/firstboot/bootstrap",
            Some("cut"),
            "/bootstrap is not the one",
        ),
        (
            "etc/systemd/system/etcd.service",
            None,
            "/etcd.service is not the one",
        ),
        (
            "usr/local/bin/etcd",
            Some(""),
            "etcd is not as it was installed",
        ),
        (
            "usr/local/lib/firstboot/installed",
            None,
            "the pinned etcd is not",
        ),
        (
            "etc/passwd",
            Some("root:x:0:0::/:/bin/sh\n"),
            "no user etcd",
        ),
        ("usr/bin/curl", None, "no curl"),
        (
            "usr/lib/systemd/systemd",
            Some("\u{7f}ELF of another processor"),
            "another processor",
        ),
    ];
    let bench = Bench::new();
    assert_eq!(bench.bake_root().status, 0);
    assert_eq!(bench.check_root().status, 0);
    for (path, text, why) in faults {
        let path = bench.path(&format!("root/{path}"));
        let whole = fs::read(&path).unwrap();
        match text {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let said = bench.check_root();
        assert_eq!(said.status, 65, "{why}: {}", said.text);
        assert!(said.text.contains(why), "{why}: {}", said.text);
        fs::write(&path, whole).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert_eq!(bench.check_root().status, 0);
}

#[test]
fn no_link_leads_out_of_the_root() {
    for place in ["var/log", "usr/local", "etc/systemd", "home", "tmp"] {
        let bench = Bench::new();
        bench.write("outside/lib/firstboot/bootstrap", "theirs");
        bench.write("outside/.bash_history", "theirs");
        let link = bench.path(&format!("root/{place}"));
        let _ = fs::remove_dir_all(&link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(bench.path("outside"), &link).unwrap();
        let before = bench.tree("outside");
        let said = bench.bake_root();
        assert_ne!(said.status, 0, "{place}");
        assert!(
            said.text.contains("make the link relative"),
            "{place}: {}",
            said.text
        );
        assert_eq!(bench.tree("outside"), before, "{place}");
    }
}

#[test]
fn a_link_inside_the_root_is_followed() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("root/var/usrlocal")).unwrap();
    symlink("../var/usrlocal", bench.path("root/usr/local")).unwrap();
    let said = bench.bake_root();
    assert_eq!(said.status, 0, "{}", said.text);
    assert!(bench.path("root/var/usrlocal/bin/etcd").exists());
}

/// `/` itself is tried where nothing could happen to it, in the library's own test.
#[test]
fn what_is_no_root_is_refused() {
    let bench = Bench::new();
    for (root, why) in [("out", "no such file"), (".", "no `etc/passwd`")] {
        let said = bench.firstboot(&["bake", "one.yaml", "--root", root]);
        assert_eq!(said.status, 2, "{root}: {}", said.text);
        assert!(said.text.contains(why), "{root}: {}", said.text);
    }
}

#[test]
fn only_the_pinned_tarball_is_taken() {
    let bench = Bench::new();
    let before = bench.tree("root");
    let mut bytes = fs::read(bench.tarball()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(bench.tarball(), bytes).unwrap();
    let said = bench.bake_root();
    assert_eq!(said.status, 1);
    assert!(
        said.text.contains("is not the pinned tarball"),
        "{}",
        said.text
    );
    let said = bench.firstboot(&[
        "bake",
        "one.yaml",
        "--root",
        "root",
        "--tarball",
        "one.yaml",
    ]);
    assert!(
        said.text.contains("is not the name of a pinned tarball"),
        "{}",
        said.text
    );
    assert_eq!(bench.tree("root"), before);
}

/// Two images with one name are one image.
#[test]
fn the_name_says_what_is_inside() {
    let name = |bench: &Bench| {
        let said = bench.good(&["--format", "json", "bake", "one.yaml"]).text;
        let json: serde_json::Value = serde_json::from_str(&said).unwrap();
        json["image"].as_str().unwrap().to_owned()
    };
    let bench = Bench::new();
    let first = name(&bench);
    assert!(first.starts_with("etcd-3-4-27-"), "{first}");
    assert_eq!(name(&bench), first);
    let template = fs::read_to_string(bench.path("out/one/image/etcd.pkr.hcl")).unwrap();
    let content = &first["etcd-3-4-27-".len()..];
    let lines = format!("etcd_version = \"3-4-27\"\n    content      = \"{content}\"");
    assert!(template.contains(&lines), "{template}");
    assert!(template.contains(&format!("default = \"{first}\"")));

    fs::write(bench.tarball(), "another").unwrap();
    bench.manifest("one", "10.1.0");
    assert_ne!(name(&bench), first);
}
