//! Real clusters of three in a namespace of their own, one fault after the other, each named.

use crate::desk::{Desk, IDS, Said, findings, messages, now, states};
use crate::field::{Etcd, Field, Member, PLANNED, Told, etcds, post, restore, snapshot};
use crate::hang;
use firstboot::pki::mint::Validity;
use serde_json::Value;
use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

struct Scene {
    etcd: Etcd,
    field: Field,
    desk: Desk,
    members: [Option<Member>; 3],
}

impl Scene {
    fn new(etcd: &Etcd) -> Self {
        let field = Field::open();
        let mut desk = Desk::new(&etcd.version);
        desk.before = field.way_in();
        Self {
            etcd: etcd.clone(),
            field,
            desk,
            members: [None, None, None],
        }
    }

    fn start(&mut self, index: usize, told: &Told) {
        self.members[index] = None;
        let member = Member::start(&self.etcd, &self.field, &self.desk, index, told);
        self.members[index] = Some(member);
    }

    fn stop(&mut self, index: usize) {
        self.members[index] = None;
    }

    /// One look, as the administrator.
    fn look(&self, more: &[&str]) -> (Value, Said) {
        let mut all = vec!["--cert", "pki/admin.pem", "--key", "pki/admin-key.pem"];
        all.extend(["--timeout", "2s"]);
        all.extend(more);
        self.desk.json(&all)
    }

    /// Looks until what is seen is this: what was done needs its time.
    fn until(&self, wanted: [&str; 3]) -> (Value, Said) {
        self.until_by(&[], wanted)
    }

    /// The same, asked with these options, too.
    fn until_by(&self, more: &[&str], wanted: [&str; 3]) -> (Value, Said) {
        self.until_found(more, wanted, None)
    }

    /// The same with these findings, if they are named.
    fn until_found(
        &self,
        more: &[&str],
        wanted: [&str; 3],
        found: Option<&[&str]>,
    ) -> (Value, Said) {
        let seen = RefCell::new(Value::Null);
        let what = || {
            format!(
                "{wanted:?}, not {:#}\n{}",
                seen.borrow(),
                self.desk.read("2.log")
            )
        };
        hang::until(what, || {
            let (document, said) = self.look(more);
            let right = found.is_none_or(|found| findings(&document) == found);
            seen.replace(document.clone());
            (states(&document) == wanted && right).then_some((document, said))
        })
    }
}

const GOOD: &str = "as-planned";

#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn every_fault_is_named_on_every_line() {
    let etcds = etcds();
    std::thread::scope(|scope| {
        for etcd in &etcds {
            scope.spawn(|| act(&mut Scene::new(etcd)));
        }
    });
}

fn act(scene: &mut Scene) {
    before_quorum_and_after(scene);
    healthy(scene);
    certificates(scene);
    alarm(scene);
    down(scene);
    another_token(scene);
    replaced(scene);
    unreachable(scene);
    leaderless(scene);
}

fn put(scene: &Scene, index: usize, key: usize) {
    // The key is `AAAA` and so on: any base64 of four letters is one.
    let body = format!("kv/put {{\"key\":\"{key:04}\",\"value\":\"AAAA\"}}");
    post(&scene.etcd, &scene.field, &scene.desk, index, &body);
}

fn compact(scene: &Scene, revision: u64) {
    let body = format!("kv/compaction {{\"revision\":\"{revision}\"}}");
    post(&scene.etcd, &scene.field, &scene.desk, 0, &body);
}

/// Members that hold other data than the others, and are healthy.
#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn members_with_other_data_are_named() {
    let etcds = etcds();
    std::thread::scope(|scope| {
        for etcd in &etcds {
            scope.spawn(|| restored(&mut Scene::new(etcd)));
        }
    });
}

fn restored(scene: &mut Scene) {
    for index in 0..3 {
        scene.start(index, &PLANNED);
    }
    scene.until([GOOD; 3]);
    for key in 0..5 {
        put(scene, 0, key);
    }
    snapshot(&scene.etcd, &scene.field, &scene.desk, 0, "early.db");
    for key in 5..9 {
        put(scene, 0, key);
    }
    snapshot(&scene.etcd, &scene.field, &scene.desk, 1, "late.db");
    writing(scene);

    let odd = ["controller-2 data-differs"];
    let life = |life| Told { life, ..PLANNED };
    let again = |scene: &mut Scene, number: usize, third: Option<&str>| {
        for index in 0..3 {
            scene.stop(index);
        }
        for (index, file) in [Some("late.db"), Some("late.db"), third].iter().enumerate() {
            if let Some(file) = file {
                restore(&scene.etcd, &scene.desk, index, number, file);
            }
            scene.start(index, &life(number));
        }
    };
    // All of one snapshot: nothing to say of them.
    again(scene, 1, Some("late.db"));
    let (document, _) = scene.until_found(&[], [GOOD; 3], Some(&[]));
    assert_eq!(document["data"], "same");
    // One of an earlier one, and one blank: healthy, both.
    for (number, third) in [(2, Some("early.db")), (3, None)] {
        again(scene, number, third);
        let (document, said) = scene.until_found(&[], [GOOD, GOOD, "differs"], Some(&odd));
        assert_eq!((said.status, &document["data"]), (2, &"differs".into()));
        let three = document["controllers"].as_array().unwrap();
        assert!(three.iter().all(|one| one["healthy"] == true));
        let revision = |index: usize| three[index]["revision"].as_u64().unwrap();
        assert_eq!(revision(0), revision(1));
        assert!(revision(2) < revision(0), "{document:#}");
        let why = &messages(&document, "data-differs")[0];
        let start = "it holds other data than the others: controller-0 and controller-1 (revision ";
        assert!(why.starts_with(start), "{why}");
        // Nor do later writes hide it, and what was compacted.
        for key in 0..4 {
            put(scene, 1, key);
        }
        compact(scene, revision(0) + 2);
        let (document, _) = scene.until_found(&[], [GOOD, GOOD, "differs"], Some(&odd));
        assert_eq!(document["data"], "differs");
    }
    // A majority is not of one mind either: nobody is blamed.
    for index in 0..3 {
        scene.stop(index);
    }
    restore(&scene.etcd, &scene.desk, 0, 4, "late.db");
    restore(&scene.etcd, &scene.desk, 1, 4, "early.db");
    for index in 0..3 {
        scene.start(index, &life(4));
    }
    let found = ["cluster data-differs"];
    let (document, said) = scene.until_found(&[], [GOOD; 3], Some(&found));
    assert_eq!((said.status, &document["data"]), (2, &"differs".into()));
}

/// Ends those who write, however a test ends.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// While others write and compact as fast as they can, nobody is taken for one that differs.
fn writing(scene: &Scene) {
    let (end, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for index in 0..2 {
            let (end, written) = (&end, &written);
            scope.spawn(move || {
                while !end.load(Ordering::Relaxed) {
                    put(scene, index, written.fetch_add(1, Ordering::Relaxed) % 50);
                }
            });
        }
        let _end = End(&end);
        let mut same = 0;
        for look in 0..10 {
            let (document, _) = scene.look(&[]);
            assert_ne!(document["data"], "differs", "{document:#}");
            same += usize::from(document["data"] == "same");
            if look == 5 {
                let revision = document["controllers"][0]["revision"].as_u64();
                compact(scene, revision.unwrap());
            }
        }
        assert!(same > 5, "{same} of 10 looks could compare");
        assert!(written.load(Ordering::Relaxed) > 20, "nobody wrote");
    });
    let (document, _) = scene.until_found(&[], [GOOD; 3], Some(&[]));
    assert_eq!(document["data"], "same");
}

/// One member waits for its peers; `--wait` ends when they are there.
fn before_quorum_and_after(scene: &mut Scene) {
    scene.start(0, &PLANNED);
    let refused = "not-started (connection refused)";
    let (_, said) = scene.until(["waiting-for-quorum", refused, refused]);
    assert_eq!(said.status, 2);
    let mut waiting = scene
        .desk
        .command(&["verify", "--wait", "5h", "--timeout", "2s"]);
    let mut waiting = waiting
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It has looked once, and will look again.
    let mut told = BufReader::new(waiting.stderr.take().unwrap());
    let mut first = String::new();
    while !first.contains("controller-2") {
        assert_ne!(told.read_line(&mut first).unwrap(), 0, "{first}");
    }
    scene.start(1, &PLANNED);
    scene.start(2, &PLANNED);
    let (output, rest) = hang::work("its wait", move || {
        let mut rest = String::new();
        told.read_to_string(&mut rest).unwrap();
        (waiting.wait_with_output().unwrap(), rest)
    });
    let mut said = scene.desk.said(&output);
    said.err = first + &rest;
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    for line in [
        "controller-1  not started (connection refused)",
        "controller-1  as planned",
    ] {
        assert!(said.err.contains(line), "{line}: {}", said.err);
    }
    assert!(
        said.out.contains("etcd-cluster-0: as planned: "),
        "{}",
        said.out
    );
}

fn healthy(scene: &Scene) {
    let (document, said) = scene.until([GOOD; 3]);
    assert_eq!(said.status, 0);
    assert_eq!(document["asPlanned"], true);
    assert_eq!(document["data"], "same");
    assert_eq!(findings(&document), Vec::<String>::new());
    let leader = document["leader"].as_str().unwrap();
    for (index, one) in document["controllers"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        assert_eq!(one["memberId"], IDS[index]);
        assert_eq!(one["etcdVersion"], scene.etcd.version.as_str());
        assert_eq!(one["healthy"], true);
        assert!(one["dbSizeBytes"].as_u64().unwrap() > 0);
        assert!(one["raftTerm"].as_u64().unwrap() > 0);
        assert_eq!(one["members"].as_array().unwrap().len(), 3);
        assert_eq!(one["certificate"]["subject"], "CN=etcd");
        let role = if one["name"] == leader {
            "leader"
        } else {
            "follower"
        };
        assert_eq!(one["role"], role);
    }
}

fn certificates(scene: &mut Scene) {
    let theirs = "certificate-refused (by us)";
    scene.desk.foreign("stranger");
    let ca = ["--cacert", "pki/foreign-ca.pem"];
    let (document, said) = scene.until_by(&ca, [theirs; 3]);
    assert_eq!(
        (states(&document), said.status),
        (vec![theirs.to_owned(); 3], 2)
    );
    let why = &messages(&document, "certificate-refused")[0];
    assert!(why.contains("signed by `CN=etcd-cluster-0"), "{why}");
    assert_eq!(
        document["controllers"][0]["certificate"]["subject"],
        "CN=etcd"
    );

    // Our own pair, of another CA.
    let foreign = ["--cert", "pki/foreign.pem", "--key", "pki/foreign-key.pem"];
    let (document, said) = scene.desk.json(&foreign);
    let ours = "certificate-refused (by them)".to_owned();
    assert_eq!((states(&document), said.status), (vec![ours; 3], 2));
    let why = &messages(&document, "certificate-refused")[0];
    assert!(
        why.contains("`pki/foreign.pem` is signed by `CN=stranger`"),
        "{why}"
    );

    // One member that shows a certificate that has ended.
    let ended = Validity {
        not_before: now() - 2000,
        not_after: now() - 1000,
    };
    scene.desk.issue("ended", ended, &crate::desk::ADDRESSES);
    scene.start(
        2,
        &Told {
            pair: "ended",
            ..PLANNED
        },
    );
    let (document, _) = scene.until([GOOD, GOOD, theirs]);
    let why = &messages(&document, "certificate-refused")[0];
    assert!(why.contains("`CN=ended` ended at 20"), "{why}");
    assert_eq!(
        document["controllers"][2]["certificate"]["subject"],
        "CN=ended"
    );
    scene.start(2, &PLANNED);
    scene.until([GOOD; 3]);
}

fn alarm(scene: &Scene) {
    let id = u64::from_str_radix(IDS[1], 16).unwrap();
    let say = |action: &str| {
        let body =
            format!("{{\"action\":\"{action}\",\"memberID\":\"{id}\",\"alarm\":\"NOSPACE\"}}");
        let what = format!("maintenance/alarm {body}");
        post(&scene.etcd, &scene.field, &scene.desk, 0, &what);
    };
    say("ACTIVATE");
    let (document, said) = scene.until([GOOD, "alarm", GOOD]);
    assert_eq!(said.status, 2);
    assert_eq!(findings(&document), ["controller-1 alarm"]);
    assert_eq!(document["controllers"][1]["alarms"][0], "NOSPACE");
    say("DEACTIVATE");
    scene.until([GOOD; 3]);
}

fn down(scene: &mut Scene) {
    scene.stop(2);
    let (document, said) = scene.until([GOOD, GOOD, "not-started (connection refused)"]);
    assert_eq!(said.status, 2);
    assert_eq!(findings(&document), ["controller-2 not-started"]);
}

/// A member that was told another token hears nothing of the others, and its port for clients
/// stays mute; the one for peers tells.
fn another_token(scene: &mut Scene) {
    let told = Told {
        token: "another",
        life: 1,
        ..PLANNED
    };
    scene.start(2, &told);
    let (document, _) = scene.until([GOOD, GOOD, "another-cluster"]);
    assert_eq!(findings(&document), ["controller-2 another-cluster"]);
    // Whom its peers' port does not take is told what can be concluded.
    let at = ["--at", "controller-2=10.240.0.12:2379"];
    let (document, _) = scene.until_by(&at, [GOOD, GOOD, "waiting-for-quorum"]);
    let help = document["findings"][0]["help"].as_str().unwrap();
    assert!(
        help.contains("the others have a quorum without it"),
        "{help}"
    );
    // A cluster of its own answers for itself.
    let alone = Told {
        of: &[2],
        life: 2,
        ..PLANNED
    };
    scene.start(
        2,
        &Told {
            token: "another",
            ..alone
        },
    );
    let (document, _) = scene.until([GOOD, GOOD, "another-cluster"]);
    assert_ne!(
        document["controllers"][2]["clusterId"],
        document["clusterId"]
    );
    scene.stop(2);
}

/// The third member is removed and comes back as another one: first without a vote.
fn replaced(scene: &mut Scene) {
    let say = |scene: &Scene, what: &str| post(&scene.etcd, &scene.field, &scene.desk, 0, what);
    let id = u64::from_str_radix(IDS[2], 16).unwrap();
    say(scene, &format!("cluster/member/remove {{\"ID\":\"{id}\"}}"));
    let (document, _) = scene.until([GOOD, GOOD, "not-started (connection refused)"]);
    assert_eq!(
        findings(&document),
        ["controller-2 not-started", "controller-2 member-missing"]
    );
    let learner = if scene.etcd.is_3_3() {
        ""
    } else {
        ",\"isLearner\":true"
    };
    let add = "cluster/member/add {\"peerURLs\":[\"https://10.240.0.12:2380\"]";
    let added: Value = serde_json::from_str(&say(scene, &format!("{add}{learner}}}"))).unwrap();
    let told = Told {
        state: "existing",
        life: 3,
        ..PLANNED
    };
    scene.start(2, &told);
    if !learner.is_empty() {
        // Its name is published once it has heard of the others.
        let found = ["controller-2 replaced", "controller-2 learner"];
        let (document, said) = scene.until_found(&[], [GOOD, GOOD, "learner"], Some(&found));
        assert_eq!(said.status, 2);
        assert_eq!(document["controllers"][2]["role"], "learner");
        let id = added["member"]["ID"].as_str().unwrap();
        let promote = format!("cluster/member/promote {{\"ID\":\"{id}\"}}");
        let promoted = || (!say(scene, &promote).contains("error")).then_some(());
        hang::until(|| promote.clone(), promoted);
    }
    let found = ["controller-2 replaced"];
    let (document, said) = scene.until_found(&[], [GOOD, GOOD, "replaced"], Some(&found));
    assert_eq!(
        (said.status, &document["asPlanned"]),
        (0, &Value::Bool(true))
    );
    assert_ne!(document["controllers"][2]["memberId"], IDS[2]);
}

/// An address where nobody is, and one that swallows everything.
fn unreachable(scene: &mut Scene) {
    scene.stop(2);
    scene.field.unplug(2);
    scene.until([GOOD, GOOD, "not-started (no route)"]);
    scene.field.ip("addr add 10.240.0.12/32 dev lo");
    scene.field.swallow(2);
    let (document, _) = scene.until([GOOD, GOOD, "not-started (timed out)"]);
    let finding = findings(&document);
    assert_eq!(
        finding,
        ["controller-2 not-started", "controller-2 replaced"]
    );
}

/// A member that has lost the others answers, and says that it follows nobody.
fn leaderless(scene: &mut Scene) {
    scene.stop(0);
    let gone = "not-started (connection refused)";
    let lost = [gone, "waiting-for-quorum", "not-started (timed out)"];
    let (document, said) = scene.until(lost);
    assert_eq!(said.status, 2);
    let message = &messages(&document, "waiting-for-quorum")[0];
    assert_eq!(message, "waiting for quorum: it runs, and has no leader");
    assert_eq!(document["controllers"][1]["memberId"], IDS[1]);
}
