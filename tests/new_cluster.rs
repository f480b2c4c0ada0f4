//! Whether a cluster is new: who may say so, who remembers it, and what follows from that.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/hang.rs"]
mod hang;
#[path = "support/pin_desk.rs"]
mod pin_desk;

use firstboot::release::Lock;
use pin_desk::PinDesk;
use serde_json::Value;
use std::fs;
use std::process::Command;

const ETCD: &str = "version: 3.6.14";

fn desk() -> PinDesk {
    let desk = PinDesk::new(ETCD, &["amd64"; 3]);
    desk.good("pki mint");
    desk
}

fn lock(desk: &PinDesk) -> Lock {
    Lock::parse(desk.lock().as_bytes()).unwrap()
}

/// Writes the lock with this done to it.
fn change(desk: &PinDesk, change: impl FnOnce(&mut Lock)) {
    let mut lock = lock(desk);
    change(&mut lock);
    fs::write(desk.path("cluster.lock"), lock.to_text()).unwrap();
}

fn append(desk: &PinDesk, line: &str) {
    let path = desk.path("cluster.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text + line).unwrap();
}

/// The variables of `etcd.env` that hang on the lock.
fn env(desk: &PinDesk) -> Vec<String> {
    let user_data = fs::read_to_string(desk.path("out/main/controller-1/user-data")).unwrap();
    let lines = user_data.lines().map(str::trim_start);
    let keys = ["MORE=", "REPLACE=", "GENESIS_UNTIL="];
    let is_ours = |line: &&str| keys.iter().any(|key| line.starts_with(key));
    lines.filter(is_ours).map(str::to_owned).collect()
}

const QUESTION: &str = "Is main a new cluster, none of whose machines runs yet? [y/N]";

#[test]
fn without_a_lock_nothing_is_rendered_unless_nobody_replaces() {
    let desk = desk();
    let way = [
        "error[lock-missing]: `cluster.lock` is missing",
        "run `firstboot render --new`",
        "from version control",
        "`replace: never`",
    ];
    for command in [
        "render",
        "render --strict",
        "render --check",
        "render --check --strict",
        "render --platform nocloud -o seeds",
        "pin --check",
        "diff cluster.yaml cluster.yaml",
    ] {
        desk.bad(command, 1, &way);
    }
    append(&desk, "replace: auto\n");
    let said = desk.bad("render", 1, &way);
    assert!(!said.err.contains("warning"), "{}", said.err);
    let json = desk.bad("render --format json", 1, &[]).out;
    let document: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(document["findings"][0]["code"], "lock-missing");
    // All that is wrong at once.
    fs::rename(desk.path("pki"), desk.path("kip")).unwrap();
    desk.bad("render", 1, &["lock-missing", "pem-missing"]);
    fs::rename(desk.path("kip"), desk.path("pki")).unwrap();

    let text = fs::read_to_string(desk.path("cluster.yaml")).unwrap();
    let never = text.replace("replace: auto", "replace: never");
    fs::write(desk.path("cluster.yaml"), never).unwrap();
    let said = desk.good("render --strict").err;
    assert!(
        said.contains("begins an empty cluster where no peer answers"),
        "{said}"
    );
    assert!(env(&desk).is_empty());
    desk.good("diff cluster.yaml");
    assert!(!desk.path("cluster.lock").exists());
}

/// Whoever copies a manifest without its lock, or checks it out somewhere, is told.
#[test]
fn a_copy_without_its_lock_is_not_taken_for_a_new_cluster() {
    let desk = desk();
    desk.good("render --new");
    fs::create_dir(desk.path("copy")).unwrap();
    fs::copy(desk.path("cluster.yaml"), desk.path("copy/cluster.yaml")).unwrap();
    desk.bad(
        "render copy/cluster.yaml --files-dir . -o copied",
        1,
        &["`copy/cluster.lock` is missing"],
    );
    // One report for a fleet, and the others are rendered.
    fs::create_dir(desk.path("copy/pki")).unwrap();
    for name in ["ca.pem", "kubernetes.pem", "kubernetes-key.pem"] {
        let from = desk.path("pki").join(name);
        fs::copy(from, desk.path("copy/pki").join(name)).unwrap();
    }
    let text = fs::read_to_string(desk.path("copy/cluster.yaml")).unwrap();
    let other = text.replace("cluster: main", "cluster: other");
    fs::write(desk.path("copy/cluster.yaml"), other).unwrap();
    let said = desk.run("render . -o fleet");
    assert_eq!(said.status, 1, "{}", said.err);
    assert!(said.err.contains("1 manifest refused"), "{}", said.err);
    desk.good("render --new . -o fleet");
    assert!(desk.path("copy/cluster.lock").exists());
    desk.good("render . -o fleet");
}

#[test]
fn a_new_cluster_is_said_once_and_no_harm_is_done_later() {
    let desk = desk();
    let checked = desk.good("render --new --check").err;
    assert!(
        checked.contains("`cluster.lock` would be made"),
        "{checked}"
    );
    assert!(!desk.path("cluster.lock").exists());
    let said = desk.good("render --new").err;
    assert!(
        said.contains("`cluster.lock` was made: it says that this cluster is new"),
        "{said}"
    );
    let first = lock(&desk);
    assert_eq!(env(&desk)[..2], ["MORE=peers", "REPLACE=auto"]);
    assert!(first.authorities.is_some() && first.genesis.began.is_none());
    assert_eq!(first.genesis.members.len(), 3);

    // A legal value of a label or a tag on every cloud.
    let id = first.id.unwrap().to_string();
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    assert!(
        id.starts_with('c') && id.len() <= 63 && id.bytes().all(is_plain),
        "{id}"
    );

    for again in [
        "render --new",
        "render",
        "pin --offline",
        "render --new --strict",
    ] {
        let before = desk.files();
        desk.good(again);
        assert_eq!(desk.files(), before, "{again}");
    }
    let other = desk_of_its_own();
    assert_ne!(lock(&other).id, first.id);
}

fn desk_of_its_own() -> PinDesk {
    let desk = desk();
    desk.good("pin --offline");
    desk
}

/// What an older firstboot wrote is read, completed by who writes, and by nobody who only looks.
#[test]
fn a_lock_of_before_is_completed_and_that_is_said() {
    let old = |desk: &PinDesk| {
        change(desk, |lock| {
            lock.id = None;
            lock.authorities = None;
        });
    };
    let desk = desk_of_its_own();
    for (command, says) in [
        ("pin --offline", "the lock is of an older firstboot"),
        ("render", "`cluster.lock` was completed"),
    ] {
        old(&desk);
        let before = desk.lock();
        assert!(
            !before.contains("\nid:") && !before.contains("digest:"),
            "{before}"
        );
        desk.good("render --check");
        desk.good("pin --check");
        desk.good("pki audit");
        assert_eq!(desk.lock(), before);
        let said = desk.good(command).err;
        assert!(said.contains(says), "{command}: {said}");
        let lock = lock(&desk);
        assert!(lock.id.is_some() && lock.authorities.is_some(), "{command}");
        let said = desk.good("render").err;
        assert!(!said.contains("completed"), "{said}");
    }
    // Pinned before there were certificates: the first render adds whom the cluster trusts.
    let desk = PinDesk::new(ETCD, &["amd64"]);
    desk.good("pin --offline");
    assert!(lock(&desk).authorities.is_none());
    desk.good("pki mint");
    desk.good("render");
    assert!(lock(&desk).authorities.is_some());
}

#[test]
fn a_cluster_that_has_begun_is_only_joined() {
    let desk = desk_of_its_own();
    desk.good("render");
    let (before, launch) = (lock(&desk), desk.path("out/main/launch"));
    assert!(fs::read_to_string(&launch).unwrap().contains("date +%s"));
    change(&desk, |lock| lock.genesis.began = Some(1_764_583_200));
    let begun = desk.lock();
    let said = desk.good("render").err;
    assert_eq!(env(&desk)[2], "GENESIS_UNTIL=0");
    assert!(!fs::read_to_string(&launch).unwrap().contains("date +%s"));
    // That is no reason to touch a machine.
    assert!(said.contains("no machine that runs needs it"), "{said}");
    assert!(!said.contains("one machine at a time"), "{said}");

    let runs = "the cluster runs since 2025-12-01T10:00:00Z at least, as `cluster.lock` remembers";
    for command in ["render --new", "pin --offline --genesis-window 7d"] {
        desk.bad(command, 1, &[runs, "--begin-again main`"]);
    }
    desk.bad(
        "pin --offline --begin-again mian",
        1,
        &["`--begin-again mian`: the manifest's cluster is `main`"],
    );
    let said = desk.good("pin --offline").out;
    assert!(said.contains("no machine begins it any more"), "{said}");
    assert_eq!(desk.lock(), begun);

    // Grown meanwhile: said, with the way that works.
    desk.manifest(ETCD, &["amd64"; 4]);
    desk.good("pki renew");
    let said = desk.good("render").err;
    assert!(
        said.contains("controller-3 joins the cluster that began with 3 members"),
        "{said}"
    );
    assert!(
        said.contains("`firstboot pin --begin-again main`"),
        "{said}"
    );
    desk.manifest(ETCD, &["amd64"; 3]);

    let said = desk.good("pin --offline --begin-again main");
    assert!(
        said.err
            .contains("delete all of them, and their data disks"),
        "{}",
        said.err
    );
    let anew = lock(&desk);
    assert_eq!(
        (anew.genesis.began, anew.genesis.formerly),
        (None, before.id)
    );
    assert!(anew.id != before.id && anew.genesis.until >= before.genesis.until);
    desk.good("render");
    assert_ne!(env(&desk)[2], "GENESIS_UNTIL=0");
}

/// The lock was lost, and another was made; or it is of another branch.
#[test]
fn a_lock_that_is_not_the_last_render_s_is_refused() {
    let desk = desk_of_its_own();
    desk.good("render");
    let own = desk.lock();
    fs::remove_file(desk.path("cluster.lock")).unwrap();
    let said = desk.good("pin --offline").err;
    assert!(said.contains("this lock is new"), "{said}");
    desk.bad(
        "render",
        1,
        &[
            "error[lock-is-another]: `out/main` was rendered by another lock",
            "take their lock from version control",
            "move `out/main` away",
        ],
    );
    fs::rename(desk.path("out/main"), desk.path("gone")).unwrap();
    desk.good("render");
    fs::write(desk.path("cluster.lock"), own).unwrap();
    desk.bad("render", 1, &["lock-is-another"]);
}

/// Another CA, the same cluster ID: once rendered without a word.
#[test]
fn authorities_that_share_none_with_the_lock_s_are_refused() {
    let desk = desk_of_its_own();
    desk.good("render");
    let known = lock(&desk).authorities;
    fs::rename(desk.path("pki"), desk.path("old")).unwrap();
    // The help once led to another CA.
    let said = desk.bad(
        "render",
        1,
        &["pem-missing", "from a backup: the lock knows their CA"],
    );
    assert!(!said.err.contains("pki mint"), "{}", said.err);
    change(&desk, |lock| lock.genesis.began = Some(1_764_583_200));
    desk.bad("pki mint", 1, &["the cluster runs since", "from a backup"]);
    desk.bad("pki mint --force", 1, &["the cluster runs since"]);
    change(&desk, |lock| lock.genesis.began = None);
    desk.good("pki mint");
    let way = [
        "error[authorities-unknown]: the lock knows another CA",
        "cluster.yaml:9:12",
        "put the CA's files back",
        "`firstboot pin --new-authorities`",
    ];
    for command in ["render", "render --check", "pin --offline", "pin --check"] {
        desk.bad(command, 1, &way);
    }
    change(&desk, |lock| lock.genesis.began = Some(1_764_583_200));
    let said = desk.bad("render", 1, &way[..3]).err;
    assert!(!said.contains("--new-authorities"), "{said}");
    change(&desk, |lock| lock.genesis.began = None);
    let said = desk.good("pin --offline --new-authorities").err;
    assert!(said.contains("the lock now knows other CAs"), "{said}");
    assert_ne!(lock(&desk).authorities, known);
    desk.good("render");

    // By hand, as it should be: both at first, then the next one alone.
    let read = |path: &str| fs::read(desk.path(path)).unwrap();
    let (next, before) = (read("old/ca.pem"), read("pki/ca.pem"));
    fs::write(desk.path("pki/ca.pem"), [before, next.clone()].concat()).unwrap();
    let said = desk.good("render").err;
    assert!(said.contains("warning[authorities-differ]"), "{said}");
    desk.bad(
        "render --strict",
        1,
        &["authorities-differ", "run `firstboot pin`"],
    );
    desk.good("pin --offline");
    let said = desk.good("render --strict").err;
    assert!(!said.contains("authorities"), "{said}");
    for name in ["ca.pem", "kubernetes.pem", "kubernetes-key.pem"] {
        fs::copy(desk.path("old").join(name), desk.path("pki").join(name)).unwrap();
    }
    desk.good("render");
    desk.good("pin --offline");
    assert_eq!(lock(&desk).authorities, known);
}

/// The fingerprint is the public key's: what kubeadm calls `--discovery-token-ca-cert-hash`.
#[test]
fn an_authority_that_is_issued_again_under_its_key_is_the_same() {
    let desk = desk_of_its_own();
    let shell = |script: &str| {
        let output = Command::new("sh")
            .args(["-euc", script])
            .current_dir(desk.path(""))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let hash = "openssl x509 -pubkey -noout -in pki/ca.pem | openssl pkey -pubin -outform der \
                | openssl dgst -sha256 -r | cut -d' ' -f1";
    let known = lock(&desk).authorities.unwrap();
    assert_eq!(known.peer[0].to_string(), shell(hash).trim());
    assert_eq!(known.peer, known.server);
    shell(
        "openssl x509 -in pki/ca.pem -signkey pki/ca-key.pem -days 99 -out t 2>&1 && mv t pki/ca.pem",
    );
    desk.good("pin --offline");
    assert_eq!(lock(&desk).authorities.unwrap(), known);
}

/// The steps of a rotation tell the lock, so that no step of it is refused afterwards.
#[test]
fn a_rotation_takes_the_lock_along() {
    let desk = desk_of_its_own();
    let (first, mut seen) = (lock(&desk).authorities.unwrap(), Vec::new());
    for step in 1..=3 {
        let step = format!("pki rotate-ca --step {step}");
        let said = desk.run(&step);
        let said = if said.status == 0 {
            said
        } else {
            // Where a step asks the members, none of which is here.
            desk.good(&format!("{step} --unverified"))
        };
        assert_eq!(said.status, 0);
        seen.push(lock(&desk).authorities.unwrap());
        let rendered = desk.good("render --strict").err;
        assert!(!rendered.contains("authorities"), "{rendered}");
    }
    let counts: Vec<_> = seen.iter().map(|known| known.peer.len()).collect();
    assert_eq!(counts, [2, 2, 1]);
    assert!(seen[0].overlap(&first) && !seen[2].overlap(&first));
}

/// The plan was lost with the tree that it was made of: `render`, then `diff`, and all was "same".
#[test]
fn render_says_what_diff_would_have_said_before_it_replaces_the_tree() {
    let desk = PinDesk::new("version: 3.4.27", &["amd64"; 3]);
    desk.good("pki mint");
    desk.good("pin --offline");
    let said = desk.good("render").err;
    assert!(!said.contains("differs from the last render"), "{said}");
    for (version, caution) in [
        (
            "3.6.14",
            "from etcd 3.4.27 to 3.6.14 is more than one minor version",
        ),
        ("3.4.27", "etcd does not go back from 3.6.14 to 3.4.27"),
    ] {
        desk.manifest(&format!("version: {version}"), &["amd64"; 3]);
        let pinned = desk.good("pin --offline").err;
        assert!(pinned.contains(&format!("note: {caution}")), "{pinned}");
        let told = desk.run("diff cluster.yaml");
        assert_eq!(told.status, 2);
        assert!(told.out.contains(caution), "{}", told.out);
        let json = desk.good("render --format json -o other").out;
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["difference"].is_null(), version == "3.6.14");
        let said = desk.good("render").err;
        let words = said.find("main: what differs from the last render\n");
        assert!(words.is_some() && said.contains(&told.out), "{said}");
        let said = desk.good("render").err;
        assert!(!said.contains("differs from the last render"), "{said}");
    }
    desk.manifest("version: 3.4.27", &["amd64"; 2]);
    let json = desk.good("render --format json").out;
    let json: Value = serde_json::from_str(&json).unwrap();
    let steps = json["difference"]["steps"].as_array().unwrap();
    assert!(
        steps.iter().any(|step| step["action"] == "remove"),
        "{json:#}"
    );
    // A fleet of one is told the same.
    desk.manifest("version: 3.4.27", &["amd64"; 3]);
    let said = desk.good("render .").err;
    assert!(
        said.contains("main: what differs from the last render\n"),
        "{said}"
    );
    assert!(said.contains("controller-2  is new"), "{said}");
}

/// At a terminal somebody is asked; only yes makes a lock.
#[test]
fn at_a_terminal_somebody_is_asked() {
    let desk = desk();
    let program = env!("CARGO_BIN_EXE_firstboot");
    let answers = |answer: &str, arguments: &str| {
        let script = format!("printf '{answer}' | script -qefc '{program} {arguments}' /dev/null");
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(desk.path(""))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said)
    };
    for (answer, arguments) in [("n\\n", "render"), ("\\n", "render"), ("yep\\n", "render")] {
        let (status, said) = answers(answer, arguments);
        assert!(said.contains(QUESTION), "{said}");
        assert!(said.contains("lock-missing"), "{said}");
        assert_eq!(status, Some(1), "{said}");
        assert!(!desk.path("cluster.lock").exists() && !desk.path("out").exists());
    }
    for arguments in ["render --check", "render --format json", "render ."] {
        let (status, said) = answers("y\\n", arguments);
        assert!(!said.contains("[y/N]"), "{said}");
        assert_eq!(status, Some(1), "{said}");
    }
    let (status, said) = answers("y\\n", "render");
    assert!(said.contains(QUESTION), "{said}");
    assert_eq!(status, Some(0), "{said}");
    assert!(lock(&desk).id.is_some());
    let (_, said) = answers("", "render");
    assert!(!said.contains("[y/N]"), "{said}");
}
