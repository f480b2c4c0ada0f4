//! The files on a controller: which, with which modes, and the same where they must be.

#![allow(clippy::unwrap_used)]

#[path = "support/machine.rs"]
mod support;

use firstboot::cluster::{
    Cluster, ClusterId, DataDisk, Device, Filesystem, Genesis, Label, Replace, Since,
};
use firstboot::machine::{File, Layer, Layout, Machine, machines};
use firstboot::release::{Arch, Digest};
use std::fmt::Write;
use std::process::Command;
use support::{cluster, cluster_named, output};

fn file<'a>(machine: &'a Machine, path: &str) -> &'a File<'a> {
    let found = machine.files.iter().find(|file| file.path == path);
    found.unwrap_or_else(|| panic!("no {path}"))
}

fn text<'a>(machine: &'a Machine, path: &str) -> &'a str {
    std::str::from_utf8(file(machine, path).bytes()).unwrap()
}

#[test]
fn a_controller_holds_these_files() {
    let cluster = cluster();
    let list = |machine: &Machine| -> Vec<String> {
        let line = |file: &File| format!("{} {:?} {}", file.mode, file.layer, file.path);
        machine.files.iter().map(line).collect()
    };
    for machine in machines(&cluster, Layout::default()) {
        assert_eq!(
            list(&machine),
            [
                "0644 Image /usr/local/lib/firstboot/bootstrap",
                "0644 Image /usr/local/lib/firstboot/install-etcd",
                "0644 Image /etc/systemd/system/etcd.service",
                "0644 Image /etc/systemd/system/firstboot.service",
                "0644 Boot /usr/local/lib/firstboot/release.env",
                "0644 Boot /etc/etcd/ca.pem",
                "0644 Boot /etc/etcd/kubernetes.pem",
                "0600 Boot /etc/etcd/kubernetes-key.pem",
                "0644 Boot /etc/etcd/etcd.env",
                "0644 Boot /etc/firstboot/sent",
            ]
        );
    }
}

/// The lab's flags, all of them, with the lab's values, then the defaults that this version gets;
/// whether the cluster is new is not here.
#[test]
fn settings_are_the_labs() {
    let cluster = cluster();
    let machine = &machines(&cluster, Layout::default())[0];
    assert_eq!(
        text(machine, "/etc/etcd/etcd.env"),
        "\
ETCD_NAME=controller-0
ETCD_CERT_FILE=/etc/etcd/kubernetes.pem
ETCD_KEY_FILE=/etc/etcd/kubernetes-key.pem
ETCD_PEER_CERT_FILE=/etc/etcd/kubernetes.pem
ETCD_PEER_KEY_FILE=/etc/etcd/kubernetes-key.pem
ETCD_TRUSTED_CA_FILE=/etc/etcd/ca.pem
ETCD_PEER_TRUSTED_CA_FILE=/etc/etcd/ca.pem
ETCD_PEER_CLIENT_CERT_AUTH=true
ETCD_CLIENT_CERT_AUTH=true
ETCD_INITIAL_ADVERTISE_PEER_URLS=https://10.240.0.10:2380
ETCD_LISTEN_PEER_URLS=https://10.240.0.10:2380
ETCD_LISTEN_CLIENT_URLS=https://10.240.0.10:2379,https://127.0.0.1:2379
ETCD_ADVERTISE_CLIENT_URLS=https://10.240.0.10:2379
ETCD_INITIAL_CLUSTER_TOKEN=etcd-cluster-0
ETCD_INITIAL_CLUSTER=controller-0=https://10.240.0.10:2380,controller-1=https://10.240.0.11:2380
ETCD_DATA_DIR=/var/lib/etcd
ETCD_AUTO_COMPACTION_RETENTION=8h
ETCD_LISTEN_METRICS_URLS=http://127.0.0.1:2381
MEMBER_ID=f98dc20bce6225a0
CLUSTER_ID=fcc8a15e33d8599e
ADDRESS=10.240.0.10
NOT_BEFORE=1700000000
"
    );
}

#[test]
fn an_ipv6_member_listens_on_its_address_and_the_labs_loopback() {
    let cluster = cluster_named("six", &["fd00::10", "fd00::11"]);
    let machine = &machines(&cluster, Layout::default())[0];
    let env = text(machine, "/etc/etcd/etcd.env");
    let listens = "\nETCD_LISTEN_CLIENT_URLS='https://[fd00::10]:2379,https://127.0.0.1:2379'\n";
    assert!(env.contains(listens), "{env}");
    assert!(env.contains("\nADDRESS=fd00::10\n"));
}

/// Where `/usr` cannot be written to, nothing on the machine knows of it.
#[test]
fn the_machine_follows_its_layout() {
    let cluster = cluster();
    let usual = &machines(&cluster, Layout::UsrLocal)[0];
    let opt = &machines(&cluster, Layout::Opt)[0];
    let scripts = [
        "/opt/lib/firstboot/bootstrap",
        "/opt/lib/firstboot/install-etcd",
    ];
    for path in scripts {
        let there = path.replace("/opt/", "/usr/local/");
        assert_eq!(text(opt, path), text(usual, &there));
    }
    let unit = |machine, name| text(machine, &format!("/etc/systemd/system/{name}")).to_owned();
    for (name, line) in [
        ("etcd.service", "\nExecStart=/opt/bin/etcd\n"),
        (
            "firstboot.service",
            "\nExecStart=/bin/sh /opt/lib/firstboot/bootstrap\n",
        ),
    ] {
        assert!(unit(opt, name).contains(line), "{name}");
        let usual = unit(usual, name);
        assert_eq!(
            unit(opt, name).replace("/opt/", "/usr/local/"),
            usual,
            "{name}"
        );
    }
}

/// What an image may hold says nothing of any cluster.
#[test]
fn image_files_are_the_same_for_every_cluster() {
    let (ours, theirs) = (cluster(), cluster_named("other", &["192.0.2.7"]));
    let image = |cluster: &Cluster| -> Vec<(String, Vec<u8>)> {
        let machine = &machines(cluster, Layout::default())[0];
        let image = machine.files.iter().filter(|f| f.layer == Layer::Image);
        image
            .map(|f| (f.path.clone(), f.bytes().to_vec()))
            .collect()
    };
    assert_eq!(image(&ours), image(&theirs));
    for (path, bytes) in image(&ours) {
        let text = String::from_utf8(bytes).unwrap();
        for word in ["controller-", "10.240.0", "etcd-cluster-0", "kubernetes"] {
            assert!(!text.contains(word), "{path} knows {word}");
        }
    }
}

/// A baked image is told all that was meant for it, and sent only what it lacks.
#[test]
fn without_the_image_what_is_listed_stays_the_same() {
    let cluster = cluster();
    let whole = machines(&cluster, Layout::default()).remove(0);
    let boot = whole.clone().without_image();
    assert_eq!(boot.files.len() + 4, whole.files.len());
    assert!(boot.files.iter().all(|file| file.layer == Layer::Boot));
    assert_eq!(
        file(&boot, "/etc/firstboot/sent"),
        file(&whole, "/etc/firstboot/sent")
    );
    assert_eq!(boot.early, whole.early);
    // What the image has enabled is started, and systemd is not reloaded for it.
    assert_eq!(
        whole.start,
        [["systemctl", "enable", "--now", "firstboot.service"]]
    );
    assert_eq!(boot.start, [["systemctl", "start", "firstboot.service"]]);
}

#[test]
fn members_differ_in_their_own_files_only() {
    let cluster = cluster();
    let [a, b] = &machines(&cluster, Layout::default())[..] else {
        panic!("two members")
    };
    let pairs = a.files.iter().zip(&b.files);
    let differing: Vec<_> = pairs
        .filter(|(a, b)| a != b)
        .map(|(a, _)| a.path.as_str())
        .collect();
    assert_eq!(differing, ["/etc/etcd/etcd.env", "/etc/firstboot/sent"]);
    assert_ne!(a.delivery, b.delivery);
}

/// The program itself is the judge of our checksums.
#[test]
fn what_was_sent_is_listed_as_cksum_prints_it() {
    let cluster = cluster();
    let machine = &machines(&cluster, Layout::default())[0];
    let root = tempfile::tempdir().unwrap();
    let mut expected = String::new();
    for file in machine.files.iter().rev().skip(1).rev() {
        let copy = root.path().join("copy");
        std::fs::write(&copy, file.bytes()).unwrap();
        let said = output(Command::new("cksum").arg(&copy), "").text;
        let sum = said.strip_suffix(&format!("{}\n", copy.display()));
        writeln!(expected, "{}{}", sum.unwrap(), file.path).unwrap();
    }
    writeln!(expected, "delivery {}", machine.delivery).unwrap();
    assert_eq!(text(machine, "/etc/firstboot/sent"), expected);
    assert!(machine.early.contains(&machine.delivery));
}

#[test]
fn any_other_byte_is_another_delivery() {
    let (one, mut other) = (cluster(), cluster());
    other.members[0].tls.not_before += 1;
    let delivery = |cluster: &Cluster| machines(cluster, Layout::default())[0].delivery.clone();
    assert_eq!(delivery(&one).len(), 16);
    assert_eq!(delivery(&one), delivery(&cluster()));
    assert_ne!(delivery(&one), delivery(&other));
}

#[test]
fn the_release_is_pinned_for_each_architecture() {
    let mut cluster = cluster();
    let digest = Digest::of(b"");
    cluster.release.tarballs = vec![(Arch::Amd64, digest), (Arch::Arm64, digest)];
    let machine = &machines(&cluster, Layout::default())[0];
    assert_eq!(
        text(machine, "/usr/local/lib/firstboot/release.env"),
        format!(
            "VERSION=3.3.9\nURLS='https://one.test/v3.3.9 https://two.test/v3.3.9'\n\
             SHA256_amd64={digest}\nSHA256_arm64={digest}\nUNSUPPORTED_arm64=arm64\n"
        )
    );
    cluster.release.version = "3.5.0".parse().unwrap();
    let machine = &machines(&cluster, Layout::default())[0];
    assert!(!text(machine, "/usr/local/lib/firstboot/release.env").contains("UNSUPPORTED"));
}

/// As `rehearse` needs it: one that has grown is again one that begins.
#[test]
fn a_cluster_that_grew_can_be_made_to_begin_anew() {
    let mut grown = cluster();
    grown.members[1].id = None;
    grown.id = ClusterId::begun_at(&[grown.members[0].address], grown.name.as_str());
    grown.genesis = Genesis::Over(Since {
        began: None,
        began_with: 1,
        joined: vec![grown.members[1].name.clone()],
        left: Vec::new(),
    });
    grown.replace = Some(Replace::Auto);
    let env = |cluster: &Cluster| {
        let machine = &machines(cluster, Layout::default())[1];
        text(machine, "/etc/etcd/etcd.env").to_owned()
    };
    assert!(env(&grown).contains("\nMEMBER_ID=\n"));
    assert!(env(&grown).contains("\nGENESIS_UNTIL=0\n"));
    assert_ne!(grown.id, cluster().id);
    grown.begin_anew(1_700_000_000);
    assert_eq!(grown.id, cluster().id);
    assert_eq!(grown.members[1].id, cluster().members[1].id);
    assert!(env(&grown).contains("\nGENESIS_UNTIL=1700000000\n"));
}

/// They are sent to whom asks for them, and to a baked image, too, which brings neither.
#[test]
fn scripts_for_losses_come_where_they_are_asked_for() {
    let mut cluster = cluster();
    cluster.genesis = Genesis::Until(1_700_000_000);
    let env = |cluster: &Cluster| {
        let machine = machines(cluster, Layout::default())
            .remove(0)
            .without_image();
        let lib = machine.files.iter().map(|file| file.path.clone());
        let lib =
            lib.filter_map(|path| Some(path.strip_prefix("/usr/local/lib/firstboot/")?.to_owned()));
        (
            lib.collect::<Vec<_>>(),
            text(&machine, "/etc/etcd/etcd.env").to_owned(),
        )
    };
    let (lib, plain) = env(&cluster);
    assert_eq!(lib, ["release.env"]);
    assert!(
        !plain.contains("GENESIS_UNTIL") && !plain.contains("MORE"),
        "{plain}"
    );

    cluster.replace = Some(Replace::Never);
    let (lib, replaced) = env(&cluster);
    assert_eq!(lib, ["release.env", "peers"]);
    let lines = "MORE=peers\nREPLACE=never\nGENESIS_UNTIL=1700000000\n";
    assert_eq!(replaced, plain.clone() + lines);

    cluster.replace = None;
    cluster.data_disk = Some(DataDisk {
        device: Device::new("/dev/disk/by-id/google-etcd").unwrap(),
        filesystem: Filesystem::Ext4,
        label: Label::default(),
    });
    let (lib, on_disk) = env(&cluster);
    assert_eq!(lib, ["release.env", "disk"]);
    let lines =
        "MORE=disk\nDISK=/dev/disk/by-id/google-etcd\nDISK_FILESYSTEM=ext4\nDISK_LABEL=etcd\n";
    let moved = plain.replace("=/var/lib/etcd\n", "=/var/lib/etcd/data\n");
    assert_eq!(on_disk, moved + lines);

    cluster.replace = Some(Replace::Auto);
    let (lib, both) = env(&cluster);
    assert_eq!(lib, ["release.env", "disk", "peers"]);
    assert!(both.contains("MORE=disk\nREPLACE=auto\n"), "{both}");
}

#[test]
fn nothing_follows_the_command_whose_exit_is_the_verdict() {
    let cluster = cluster();
    let machine = &machines(&cluster, Layout::default())[0];
    let last = machine.start.last().unwrap().join(" ");
    assert_eq!(last, "systemctl enable --now firstboot.service");
    assert_eq!(machine.hostname.as_ref(), Some(&machine.name));
}

#[test]
fn a_key_is_secret_and_not_shown() {
    let cluster = cluster();
    let machine = &machines(&cluster, Layout::default())[0];
    let secrets: Vec<_> = machine.files.iter().filter(|f| f.secret).collect();
    assert_eq!(secrets.len(), 1);
    assert_eq!(
        format!("{:?}", secrets[0]),
        "File(0600 /etc/etcd/kubernetes-key.pem 16 bytes)"
    );
    assert!(!format!("{machine:?}").contains("of the key"));
}

/// All that a cloud counts, certificates aside.
#[test]
fn scripts_and_units_stay_small() {
    let cluster = cluster();
    let machine = &machines(&cluster, Layout::default())[0];
    let image = machine.files.iter().filter(|f| f.layer == Layer::Image);
    let size: usize = image.map(|file| file.bytes().len()).sum();
    assert!(size <= 7_500, "{size} bytes");
}

#[test]
fn lines_are_short_ascii_and_end() {
    let cluster = cluster();
    for file in &machines(&cluster, Layout::default())[0].files {
        let text = std::str::from_utf8(file.bytes()).unwrap();
        let plain = |c: char| c == '\n' || (' '..='~').contains(&c);
        assert!(text.chars().all(plain), "{}", file.path);
        assert!(
            text.ends_with('\n') && !text.ends_with("\n\n"),
            "{}",
            file.path
        );
        if !text.contains("SHA256_") && file.layer == Layer::Image {
            assert!(text.lines().all(|l| l.len() <= 100), "{}", file.path);
        }
    }
}

#[test]
fn consumer_shellcheck_finds_nothing() {
    let cluster = cluster();
    let machine = &machines(&cluster, Layout::default())[0];
    let bootstrap = text(machine, "/usr/local/lib/firstboot/bootstrap");
    let install = text(machine, "/usr/local/lib/firstboot/install-etcd");
    for script in [bootstrap, install, &machine.early] {
        let found = output(
            Command::new("shellcheck").args(["-s", "sh", "-e", "SC1090,SC1091", "-"]),
            script,
        );
        assert_eq!(found.text, "");
        let parsed = output(Command::new("dash").arg("-n"), script);
        assert!(parsed.success, "{}", parsed.text);
    }
}

#[test]
fn consumer_systemd_accepts_the_units() {
    let cluster = cluster();
    let machine = &machines(&cluster, Layout::default())[0];
    let dir = tempfile::tempdir().unwrap();
    let mut verify = Command::new("systemd-analyze");
    verify.env("SYSTEMD_COLORS", "0").arg("verify");
    for unit in ["etcd.service", "firstboot.service"] {
        let path = dir.path().join(unit);
        let unit = text(machine, &format!("/etc/systemd/system/{unit}"));
        std::fs::write(&path, unit).unwrap();
        verify.arg(path);
    }
    // etcd itself is not here: any other complaint counts.
    let found = output(&mut verify, "");
    let ours: Vec<_> = found
        .text
        .lines()
        .filter(|line| !line.contains("/usr/local/bin/etcd is not executable"))
        .collect();
    assert!(ours.is_empty(), "{ours:#?}");
}

/// Comments and indentation are for who changes a script; what a machine runs is the same without
/// them. A shell prints what it understood.
#[test]
fn a_script_is_sent_without_its_comments_and_is_the_same() {
    let mut cluster = cluster();
    cluster.replace = Some(Replace::Auto);
    let machine = &machines(&cluster, Layout::default())[0];
    for (name, written) in [
        ("peers", include_str!("../templates/peers")),
        ("bootstrap", include_str!("../templates/bootstrap")),
        ("install-etcd", include_str!("../templates/install-etcd")),
    ] {
        let sent = text(machine, &format!("/usr/local/lib/firstboot/{name}"));
        assert!(!sent.contains(" # ") && !sent.contains("\n# "), "{sent}");
        assert!(sent.len() < written.len());
        let understood = |script: &str| {
            let function = format!("all() {{\n{script}\n:\n}}\ndeclare -f all\n");
            let said = output(&mut Command::new("bash"), &function);
            assert!(said.success && said.text.len() > 1_000, "{}", said.text);
            said.text
        };
        assert_eq!(understood(sent), understood(written), "{name}");
    }
}
