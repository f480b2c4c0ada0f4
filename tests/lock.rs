//! The lock: what `pin` writes without any network, and what contradicts it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/hang.rs"]
mod hang;
#[path = "support/pin_desk.rs"]
mod pin_desk;

use firstboot::release::{Digest, Lock};
use pin_desk::{PinDesk, VERSION, tarball, tarball_name};
use serde_json::Value;
use std::fs;

const TABLE: &str = "version: 3.4.27";

/// The table knows both digests.
fn pinned() -> PinDesk {
    let desk = PinDesk::new(TABLE, &["amd64", "arm64", "amd64"]);
    desk.good("pki mint");
    desk.good("pin --offline");
    desk
}

#[test]
fn check_says_whether_the_lock_is_there_and_fits() {
    let desk = PinDesk::new(TABLE, &["amd64"]);
    desk.bad(
        "pin --check",
        1,
        &[
            "error[lock-missing]: `cluster.lock` is missing",
            "firstboot pin",
        ],
    );
    desk.good("pin --offline");
    let said = desk.good("pin --check");
    assert_eq!(said.out, "cluster.lock: up to date\n");
    desk.manifest("version: 3.4.26", &["amd64"]);
    desk.bad(
        "pin --check",
        1,
        &[
            "the lock pins etcd 3.4.27, not 3.4.26",
            "run `firstboot pin`",
        ],
    );
}

/// Each change of the manifest, and the place and the words with which it is refused.
#[test]
fn a_manifest_that_went_on_is_refused_with_place_and_cure() {
    let desk = pinned();
    desk.good("render --check");
    let amd64 = &["amd64"][..];
    let other = format!("{TABLE}, sha256: {}", "ab".repeat(32));
    let for_arm = format!("{TABLE}, sha256: {{ arm64: {} }}", "ab".repeat(32));
    let mirrors = format!("{TABLE}, mirrors: [\"https://mirror.example\", upstream]");
    let cases: [(&str, &[&str], &str, &str); 5] = [
        (
            "version: 3.4.24",
            amd64,
            "cluster.yaml:4:18",
            "the lock pins etcd 3.4.27, not 3.4.24",
        ),
        (
            &other,
            amd64,
            "cluster.yaml:4:34",
            "the lock pins another digest for amd64",
        ),
        (
            &for_arm,
            &["arm64"],
            "cluster.yaml:4:43",
            "the lock pins another digest for arm64",
        ),
        (
            &mirrors,
            amd64,
            "cluster.yaml:4:35",
            "the lock has other mirrors than the manifest",
        ),
        (
            TABLE,
            &["amd64", "ppc64le"],
            "cluster.yaml:7:50",
            "the lock pins no tarball for ppc64le",
        ),
    ];
    for (etcd, arches, place, message) in cases {
        desk.manifest(etcd, arches);
        for command in ["render", "render --check", "pin --check"] {
            let parts = [
                "error[lock-contradicts]: ",
                message,
                place,
                "help: run `firstboot pin`",
            ];
            desk.bad(command, 1, &parts);
        }
        desk.good("pin --offline");
        desk.good("render --check");
        desk.manifest(TABLE, &["amd64", "arm64", "amd64"]);
        desk.good("pin --offline");
    }
    let text = fs::read_to_string(desk.path("cluster.yaml")).unwrap();
    fs::write(
        desk.path("cluster.yaml"),
        text.replace("cluster: main", "cluster: next"),
    )
    .unwrap();
    desk.bad(
        "render",
        1,
        &["the lock is of the cluster `main`", "cluster.yaml:2:10"],
    );
    // It remembers how `main` began: nothing is written over it.
    let kept = desk.lock();
    desk.bad("pin --offline", 1, &["the lock is of the cluster `main`"]);
    assert_eq!(desk.lock(), kept);
}

#[test]
fn a_lock_that_is_none_is_refused_with_its_own_place() {
    let desk = pinned();
    let lock = desk.lock();
    let digest = "a32d21e006252dbc3405b0645ba8468021ed41376974b573285927bf39b39eb9";
    let cases = [
        (String::new(), "cluster.lock"),
        (lock.replace("lock/v1", "lock/v9"), "cluster.lock:2:1"),
        (
            lock.replace("until: 20", "until: 30"),
            "it is not as it was written",
        ),
        (
            lock.replace("  - 10.240.0.10\n", ""),
            "it is not as it was written",
        ),
        (lock.replace(digest, "short"), "cluster.lock:"),
        (lock.replace("etcd:", "etdc:"), "cluster.lock:"),
        (
            lock.replace("until: 2", "until: soon 2"),
            "a moment is written as",
        ),
        (
            lock.replace("arch: arm64", "arch: amd64"),
            "it is not as it was written",
        ),
        (format!("<<<<<<< HEAD\n{lock}"), "cluster.lock:"),
        ("a".repeat(70_000), "larger than 64 KiB"),
    ];
    for (text, part) in cases {
        assert_ne!(text, lock);
        fs::write(desk.path("cluster.lock"), &text).unwrap();
        for command in ["render", "pin --check", "pin --offline"] {
            desk.bad(
                command,
                1,
                &["error[not-a-lock]", part, "restore it from version control"],
            );
        }
    }
    // A digest that nobody gave: neither the table nor the manifest.
    fs::write(desk.path("cluster.lock"), &lock).unwrap();
    change(&desk, |lock| {
        lock.etcd.tarballs[0].sha256 = "ab".repeat(32).parse().unwrap();
    });
    desk.bad(
        "render",
        1,
        &[
            "is neither the manifest's nor the known one",
            "cluster.yaml:4:18",
        ],
    );
}

#[test]
fn the_window_stays_unless_it_is_asked_for() {
    let desk = pinned();
    let until = || Lock::parse(desk.lock().as_bytes()).unwrap().genesis.until;
    let first = until();
    change(&desk, |lock| lock.genesis.until = 1_000_000_000);
    let past = desk.lock();
    desk.good("pin --offline");
    assert_eq!(desk.lock(), past);
    desk.good("pin --offline --genesis-window 7d");
    assert!(
        (5 * 86_400..7 * 86_400).contains(&(until() - first)),
        "{}",
        until() - first
    );
    desk.good("render --check");
}

/// Writes the lock with this done to it: by hand that is refused.
fn change(desk: &PinDesk, change: impl FnOnce(&mut Lock)) {
    let mut lock = Lock::parse(desk.lock().as_bytes()).unwrap();
    change(&mut lock);
    fs::write(desk.path("cluster.lock"), lock.to_text()).unwrap();
}

/// What `render` notes of the cluster, and the IDs that it gives: the cluster's and the members'.
fn rendered(desk: &PinDesk) -> (String, Value, Vec<Value>) {
    let note = desk.good("render").err;
    let document = desk.good("render --format json").out;
    let document: Value = serde_json::from_str(&document).unwrap();
    let controllers = document["controllers"].as_array().unwrap().iter();
    let ids = controllers.map(|one| one["memberId"].clone()).collect();
    (note, document["clusterId"].clone(), ids)
}

/// What of that is in `etcd.env`; `peers` has variables of these names, too.
fn env_of(desk: &PinDesk, controller: &str) -> Vec<String> {
    let user_data = fs::read_to_string(desk.path(&format!("out/main/{controller}/user-data")));
    let user_data = user_data.unwrap();
    let lines = user_data.lines().map(str::trim_start);
    let ours = |line: &&str| line.starts_with("MEMBER_ID=") || line.starts_with("GENESIS_UNTIL=");
    let is_set = |line: &&str| !line.contains('$');
    lines
        .filter(ours)
        .filter(is_set)
        .map(str::to_owned)
        .collect()
}

/// The ID stays, who is new has none yet, and nobody may begin: until a new window is asked for.
#[test]
fn the_lock_remembers_with_whom_the_cluster_began() {
    const ALL: [&str; 3] = ["amd64"; 3];
    let desk = PinDesk::new(TABLE, &ALL[..1]);
    desk.good("pki mint");
    desk.good("pin --offline");
    let (_, cluster, first) = rendered(&desk);
    desk.manifest(TABLE, &ALL);
    desk.good("pki renew");
    let pinned = desk.lock();
    let said = desk.good("pin --offline").out;
    let joins = "controller-1 and controller-2 join the cluster that began with 1 member";
    assert!(said.contains(joins), "{said}");
    assert_eq!(desk.lock(), pinned);
    let (note, grown, ids) = rendered(&desk);
    assert!(note.contains(joins), "{note}");
    assert_eq!(grown, cluster);
    assert_eq!(ids, [first[0].clone(), Value::Null, Value::Null]);
    assert_eq!(
        env_of(&desk, "controller-2"),
        ["MEMBER_ID=", "GENESIS_UNTIL=0"]
    );
    assert_eq!(env_of(&desk, "controller-0")[1], "GENESIS_UNTIL=0");

    desk.good("pin --offline --genesis-window 7d");
    let (note, anew, ids) = rendered(&desk);
    assert!(note.contains("the cluster can begin until"), "{note}");
    assert!(anew != cluster && ids.iter().all(Value::is_string));

    desk.manifest(TABLE, &ALL[..2]);
    let (note, shrunk, left) = rendered(&desk);
    let leaves = "10.240.0.12 left the cluster that began with 3 members";
    assert!(note.contains(leaves), "{note}");
    assert_eq!((shrunk, &left[..]), (anew, &ids[..2]));
}

/// An older firstboot wrote none, and `pin` adds them.
#[test]
fn a_lock_without_members_goes_by_the_manifest() {
    let desk = pinned();
    let (_, cluster, _) = rendered(&desk);
    let whole = desk.lock();
    change(&desk, |lock| lock.genesis.members.clear());
    desk.good("render --check");
    desk.good("pin --offline");
    assert_eq!(desk.lock(), whole);
    assert_eq!(rendered(&desk).1, cluster);
    let good = desk.lock();
    change(&desk, |lock| {
        let first = lock.etcd.tarballs[0].clone();
        lock.etcd.tarballs.push(first);
    });
    desk.bad(
        "render",
        1,
        &["stands twice or out of order", "arch: amd64"],
    );
    fs::write(desk.path("cluster.lock"), good).unwrap();
    change(&desk, |lock| {
        lock.genesis.members.push("10.240.0.10".parse().unwrap());
    });
    desk.bad(
        "render",
        1,
        &["an address stands twice among its members", "- 10.240.0.10"],
    );
}

#[test]
fn output_depends_on_the_lock_and_on_nothing_else() {
    let desk = pinned();
    desk.good("render");
    let first = desk.files();
    desk.good("pin --offline");
    desk.good("render");
    assert_eq!(desk.files(), first);
}

#[test]
fn a_tarball_at_hand_is_pinned_and_nobody_is_asked() {
    let desk = PinDesk::new(&format!("version: {VERSION}"), &["amd64", "arm64"]);
    for arch in ["amd64", "arm64"] {
        fs::write(desk.path(&tarball_name(arch)), tarball(arch)).unwrap();
    }
    let both = format!(
        "pin --tarball {} --tarball {}",
        tarball_name("amd64"),
        tarball_name("arm64")
    );
    desk.good(&both);
    for arch in ["amd64", "arm64"] {
        let bytes = tarball(arch);
        let lock = Lock::parse(desk.lock().as_bytes()).unwrap();
        let locked = lock.find(arch.parse().unwrap()).unwrap();
        assert_eq!(locked.sha256, Digest::of(&bytes));
        assert_eq!(locked.size, Some(bytes.len() as u64));
        assert_eq!(
            locked.from[0].to_string(),
            format!("file {}", tarball_name(arch))
        );
    }
    desk.good("pin --check");
    desk.good(&format!("{both} --vendor media"));
    let vendored = desk.path("media/v3.5.99").join(tarball_name("arm64"));
    assert_eq!(fs::read(vendored).unwrap(), tarball("arm64"));
}

#[test]
fn a_tarball_that_is_not_what_it_is_called_is_refused() {
    let desk = PinDesk::new("version: 3.4.27", &["amd64"]);
    let write = |name: &str, bytes: &[u8]| fs::write(desk.path(name), bytes).unwrap();
    let top = tarball("amd64");
    write("etcd-v3.4.27-linux-amd64.tar.gz", b"<html>not found</html>");
    write("etcd-v3.4.99-linux-amd64.tar.gz", b"");
    write("etcd.tar.gz", &top);
    write(&tarball_name("amd64"), &top);
    write("etcd-v3.4.27-linux-s390x.tar.gz", b"");
    for (file, sentence) in [
        (
            "etcd-v3.4.27-linux-amd64.tar.gz",
            "holds no `etcd-v3.4.27-linux-amd64/etcd`",
        ),
        (
            "etcd.tar.gz",
            "is not named as upstream names its tarballs: `etcd-v3.4.27-",
        ),
        (
            &tarball_name("amd64"),
            "is not etcd 3.4.27, which the manifest asks for",
        ),
        (
            "nowhere/etcd-v3.4.27-linux-amd64.tar.gz",
            "no such file or directory",
        ),
        ("nowhere.tgz", "no such file or directory"),
    ] {
        let said = desk.bad(&format!("pin --tarball {file}"), 1, &[sentence]);
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    }
    // One that is whole, and yet not the one that everybody knows.
    let shop = desk.path("etcd-v3.4.27-linux-amd64");
    fs::create_dir(&shop).unwrap();
    fs::write(shop.join("etcd"), "evil").unwrap();
    let mut tar = std::process::Command::new("tar");
    tar.args([
        "-czf",
        "etcd-v3.4.27-linux-amd64.tar.gz",
        "etcd-v3.4.27-linux-amd64",
    ]);
    assert!(tar.current_dir(desk.dir.path()).status().unwrap().success());
    let contradiction = [
        "two digests for",
        "a32d21e006252dbc… of the built-in table",
        "of the file",
    ];
    desk.bad(
        "pin --tarball etcd-v3.4.27-linux-amd64.tar.gz",
        1,
        &contradiction,
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_rehearsal_refuses_mirrors_that_it_cannot_play() {
    for mirror in [
        "https://mirror.example:8443/etcd",
        "https://10.0.0.1/etcd",
        "https://[fd00::1]/etcd",
        "http://mirror.example/etcd",
    ] {
        let etcd = format!("{TABLE}, allow_http: true, mirrors: [\"{mirror}\"]");
        let desk = PinDesk::new(&etcd, &["amd64"]);
        desk.good("pki mint");
        let sentence = format!(
            "a rehearsal plays mirrors under names, over https, on port 443, and not `{mirror}`"
        );
        desk.bad("rehearse", 2, &[&sentence]);
    }
}

/// A lock with everything in it that one can have.
fn full() -> impl proptest::strategy::Strategy<Value = Lock> {
    use firstboot::release::{Arch, Authorities, LockId, LockedEtcd, LockedTarball, Origin};
    use proptest::prelude::*;
    let digest = any::<[u8; 8]>().prop_map(|bytes| Digest::of(&bytes));
    let moment = 0..4_102_444_800_i64;
    (
        any::<[u8; 16]>(),
        prop::collection::vec(digest.clone(), 1..4),
        prop::collection::vec(digest, 1..4),
        prop::collection::btree_set(any::<std::net::IpAddr>(), 0..4),
        (
            moment.clone(),
            prop::option::of(moment),
            prop::option::of(any::<u64>()),
        ),
        "[a-z][a-z0-9-]{0,20}",
    )
        .prop_map(
            |(random, peer, server, members, (until, began, size), name)| {
                let etcd = LockedEtcd {
                    version: "3.6.14".parse().unwrap(),
                    tarballs: vec![LockedTarball {
                        arch: Arch::Amd64,
                        sha256: peer[0],
                        size,
                        from: vec![Origin::Table, Origin::Sums("https://a.example/v1".into())],
                    }],
                    urls: vec!["https://a.example/v1".to_owned()],
                };
                let lock = Lock::new(&name, etcd, until, members.into_iter().collect());
                let mut lock = lock
                    .with_id(LockId::of(random))
                    .with_authorities(Authorities::new(peer, server));
                lock.genesis.began = began;
                lock
            },
        )
}

proptest::proptest! {
    #[test]
    fn a_lock_comes_back_as_it_was_written(lock in full()) {
        let text = lock.to_text();
        let back = Lock::parse(text.as_bytes());
        proptest::prop_assert_eq!(back.as_ref(), Ok(&lock));
        proptest::prop_assert_eq!(back.unwrap().to_text(), text.clone());
        // A checkout that changes the ends of lines changes nothing.
        proptest::prop_assert_eq!(Lock::parse(text.replace('\n', "\r\n").as_bytes()), Ok(lock));
    }

    /// Cut, with a byte changed, added or left out, with a line left out, doubled or exchanged.
    #[test]
    fn a_lock_that_was_mutilated_is_refused_with_a_place(
        lock in full(),
        kind in 0..7_u8,
        at in proptest::prelude::any::<proptest::sample::Index>(),
        byte in proptest::prelude::any::<u8>(),
    ) {
        let whole = lock.to_text().into_bytes();
        let mut bytes = whole.clone();
        let index = at.index(bytes.len());
        let mut lines: Vec<_> = lock.to_text().split_inclusive('\n').map(str::to_owned).collect();
        let line = at.index(lines.len() - 1);
        match kind {
            0 => bytes.truncate(index),
            1 => bytes[index] = byte,
            2 => bytes.insert(index, byte),
            3 => drop(bytes.remove(index)),
            _ => {
                match kind {
                    4 => drop(lines.remove(line)),
                    5 => lines.insert(line, lines[line].clone()),
                    _ => lines.swap(line, line + 1),
                }
                bytes = lines.concat().into_bytes();
            }
        }
        // Not a change that says something else: white space at the end, ends of lines.
        let plain = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).replace('\r', "");
            text.trim_end().to_owned()
        };
        if plain(&bytes) != plain(&whole) {
            let refused = Lock::parse(&bytes);
            proptest::prop_assert!(
                refused.as_ref().is_err_and(|why| why.place.is_some()),
                "{refused:?}\n{}", String::from_utf8_lossy(&bytes)
            );
        }
    }
}
