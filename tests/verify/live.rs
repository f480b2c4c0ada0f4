//! Real clusters of three in a namespace of their own, one fault after the other, each named.

use crate::desk::{Desk, IDS, Said, findings, messages, now, states};
use crate::field::{Etcd, Field, Member, PLANNED, Told, etcds, post};
use firstboot::pki::mint::Validity;
use serde_json::Value;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What one look may take, and what the test's computer may take on top of it.
const LIMIT: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_secs(2);

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

    /// One look, as the administrator; it never takes longer than it may.
    fn look(&self, more: &[&str]) -> (Value, Said) {
        let mut all = vec!["--cert", "pki/admin.pem", "--key", "pki/admin-key.pem"];
        all.extend(["--timeout", "2s"]);
        all.extend(more);
        let (document, said) = self.desk.json(&all);
        assert!(said.took < LIMIT + SLACK, "{:?}: {document:#}", said.took);
        for one in document["controllers"].as_array().unwrap() {
            let took = Duration::from_millis(one["milliseconds"].as_u64().unwrap());
            assert!(took < LIMIT + SLACK / 4, "{one:#}");
        }
        (document, said)
    }

    /// Looks until what is seen is this: what was done needs its time.
    fn until(&self, wanted: [&str; 3]) -> (Value, Said) {
        self.until_found(wanted, None)
    }

    /// The same with these findings, if they are named.
    fn until_found(&self, wanted: [&str; 3], found: Option<&[&str]>) -> (Value, Said) {
        let begin = Instant::now();
        loop {
            let (document, said) = self.look(&[]);
            let right = found.is_none_or(|found| findings(&document) == found);
            if states(&document) == wanted && right {
                return (document, said);
            }
            let long = begin.elapsed() > Duration::from_secs(40);
            assert!(
                !long,
                "{wanted:?}, not {document:#}\n{}",
                self.desk.read("2.log")
            );
        }
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

/// One member waits for its peers; `--wait` ends when they are there.
fn before_quorum_and_after(scene: &mut Scene) {
    scene.start(0, &PLANNED);
    let refused = "not-started (connection refused)";
    let (_, said) = scene.until(["waiting-for-quorum", refused, refused]);
    assert_eq!(said.status, 2);
    let mut waiting = scene
        .desk
        .command(&["verify", "--wait", "1m", "--timeout", "2s"]);
    let begin = Instant::now();
    let waiting = waiting
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(2));
    scene.start(1, &PLANNED);
    scene.start(2, &PLANNED);
    let output = waiting.wait_with_output().unwrap();
    let said = scene.desk.said(&output, begin.elapsed());
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    assert!(said.took < Duration::from_secs(40));
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
    let (document, said) = scene.look(&["--cacert", "pki/foreign-ca.pem"]);
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
    let (document, _) = scene.look(&["--at", "controller-2=10.240.0.12:2379"]);
    assert_eq!(states(&document)[2], "waiting-for-quorum");
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
        let (document, said) = scene.until_found([GOOD, GOOD, "learner"], Some(&found));
        assert_eq!(said.status, 2);
        assert_eq!(document["controllers"][2]["role"], "learner");
        let id = added["member"]["ID"].as_str().unwrap();
        let promote = format!("cluster/member/promote {{\"ID\":\"{id}\"}}");
        let begin = Instant::now();
        while say(scene, &promote).contains("error") {
            assert!(begin.elapsed() < Duration::from_secs(20));
        }
    }
    let found = ["controller-2 replaced"];
    let (document, said) = scene.until_found([GOOD, GOOD, "replaced"], Some(&found));
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
    let (document, _) = scene.look(&[]);
    assert_eq!(states(&document), [GOOD, GOOD, "not-started (no route)"]);
    scene.field.ip("addr add 10.240.0.12/32 dev lo");
    scene.field.swallow(2);
    let (document, said) = scene.look(&[]);
    assert_eq!(states(&document), [GOOD, GOOD, "not-started (timed out)"]);
    assert!(said.took >= LIMIT);
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
