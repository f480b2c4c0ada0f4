//! What answers: each point in which it may differ from the plan.

use crate::desk::{CLUSTER_ID, Desk, IDS, findings, messages, states};
use crate::stage::{
    DESK, VERSION, listed, look, look_at, read_by_people, status, third, third_is, way,
};
use crate::stand_in::{Manner, StandIn, healthy};
use serde_json::{Value, json};

/// 3.6 and 3.7 are played by the facts; those before are played, too, so that both agree.
#[test]
fn every_line_is_asked_at_its_own_prefix() {
    for version in ["3.3.25", "3.4.23", "3.5.16", "3.6.14", "3.7.1"] {
        let desk = Desk::new(version);
        let servers = [0, 1, 2].map(|index| {
            let manner = Manner::Answers(healthy(index, version));
            StandIn::start(&desk, "kubernetes", manner)
        });
        let way = way(servers.each_ref().map(|server| server.port));
        let way: Vec<_> = way.iter().map(String::as_str).collect();
        let (document, said) = desk.json(&way);
        assert_eq!(said.status, 0, "{version}: {document:#}");
        assert_eq!(document["leader"], "controller-1");
        assert_eq!(document["controllers"][1]["role"], "leader");
        let prefix = if version.starts_with("3.3.") {
            "/v3beta"
        } else {
            "/v3"
        };
        let asked = servers[0].asked.lock().unwrap().clone();
        assert_eq!(
            asked,
            [
                "/version".to_owned(),
                format!("{prefix}/maintenance/status"),
                format!("{prefix}/cluster/member/list"),
                format!("{prefix}/maintenance/alarm"),
                "/health".to_owned(),
            ]
        );
        let in_use = &document["controllers"][0]["dbSizeInUseBytes"];
        assert_eq!(in_use.is_null(), version.starts_with("3.3."));
    }
}

#[test]
fn what_answers_and_is_not_as_planned_is_named() {
    let other = |it: &mut Value| it["header"]["cluster_id"] = json!("4660");
    let document = third_is(
        status(other),
        "another-cluster",
        &["controller-2 another-cluster"],
    );
    assert_eq!(document["controllers"][2]["clusterId"], "1234");
    let why = &messages(&document, "another-cluster")[0];
    assert!(why.contains("1234") && why.contains(CLUSTER_ID), "{why}");

    let leaderless = |it: &mut Value| drop(it.as_object_mut().unwrap().remove("leader"));
    third_is(
        status(leaderless),
        "waiting-for-quorum",
        &["controller-2 waiting-for-quorum"],
    );

    let astray = |it: &mut Value| it["leader"] = it["header"]["member_id"].clone();
    third_is(status(astray), "as-planned", &["cluster leader-disputed"]);

    let newer = json!({ "etcdserver": "3.6.99", "etcdcluster": "3.6.0" });
    third_is(
        third("/version", newer),
        "differs",
        &["controller-2 version-differs"],
    );

    let sick = json!({ "health": "false", "reason": "RAFT NO LEADER" });
    let document = third_is(
        third("/health", sick),
        "differs",
        &["controller-2 unhealthy"],
    );
    assert!(messages(&document, "unhealthy")[0].ends_with(": RAFT NO LEADER"));
}

#[test]
fn alarms_are_their_member_s() {
    let id = u64::from_str_radix(IDS[2], 16).unwrap().to_string();
    let raised = |id: &str, alarm: &str| json!({ "alarms": [{ "memberID": id, "alarm": alarm }] });
    let path = "/v3/maintenance/alarm";
    let document = third_is(
        third(path, raised(&id, "CORRUPT")),
        "alarm",
        &["controller-2 alarm"],
    );
    assert_eq!(document["controllers"][2]["alarms"], json!(["CORRUPT"]));
    let document = third_is(
        third(path, raised("4660", "NOSPACE")),
        "as-planned",
        &["cluster alarm"],
    );
    assert!(messages(&document, "alarm")[0].starts_with("member 1234: alarm NOSPACE"));
}

/// The lists of all three are compared with each other, and with the plan.
#[test]
fn lists_of_members_are_compared() {
    let path = "/v3/cluster/member/list";
    let fewer = listed(|list| drop(list.as_array_mut().unwrap().pop()));
    let document = third_is(
        third(path, json!({ "members": fewer })),
        "as-planned",
        &["cluster members-differ"],
    );
    let why = &messages(&document, "members-differ")[0];
    assert!(
        why.contains("controller-0 and controller-1 lists ffed16798470cab5"),
        "{why}"
    );
    assert!(why.contains("controller-2 lists nothing else"), "{why}");

    let all_list = |list: Value| {
        let servers = [0, 1, 2].map(|index| {
            let mut answers = healthy(index, VERSION);
            answers.insert(path.to_owned(), (200, json!({ "members": list })));
            StandIn::start(&DESK, "kubernetes", Manner::Answers(answers))
        });
        let (document, said) = look(servers.each_ref().map(|server| server.port), &[]);
        assert_eq!(said.status, 2);
        let states = states(&document);
        assert_eq!(states[..2], ["as-planned", "as-planned"]);
        (findings(&document), states[2].clone())
    };
    let is = |found: &str, state: &str| (vec![found.to_owned()], state.to_owned());
    let stranger = json!({ "ID": "4660", "name": "x", "peerURLs": ["https://10.9.9.9:2380"] });
    let more = listed(|list| list.as_array_mut().unwrap().push(stranger));
    assert_eq!(all_list(more), is("cluster member-unknown", "as-planned"));
    // Its own answers are right; what the cluster says of it is not.
    let unnamed = listed(|list| drop(list[0].as_object_mut().unwrap().remove("name")));
    assert_eq!(
        all_list(unnamed),
        is("controller-2 name-differs", "differs")
    );
    let gone = listed(|list| drop(list.as_array_mut().unwrap().remove(0)));
    assert_eq!(all_list(gone), is("controller-2 member-missing", "differs"));
}

/// A member that came in the place of another is no failure; one that has no vote yet is.
#[test]
fn a_replaced_member_is_a_warning() {
    let servers = |learner: bool| {
        let list = listed(|list| {
            list[0]["ID"] = json!("4660");
            list[0]["isLearner"] = json!(learner);
        });
        let servers = [0, 1, 2].map(|index| {
            let mut answers = healthy(index, VERSION);
            answers.insert(
                "/v3/cluster/member/list".to_owned(),
                (200, json!({ "members": list })),
            );
            if index == 2 {
                let status = &mut answers.get_mut("/v3/maintenance/status").unwrap().1;
                status["header"]["member_id"] = json!("4660");
                status["isLearner"] = json!(learner);
            }
            StandIn::start(&DESK, "kubernetes", Manner::Answers(answers))
        });
        look(servers.each_ref().map(|server| server.port), &[])
    };
    let (document, said) = servers(false);
    assert_eq!(states(&document)[2], "replaced");
    assert_eq!(findings(&document), ["controller-2 replaced"]);
    assert_eq!(said.status, 0);
    let (document, said) = servers(true);
    assert_eq!(states(&document)[2], "learner");
    assert_eq!(
        findings(&document),
        ["controller-2 replaced", "controller-2 learner"]
    );
    assert_eq!(said.status, 2);
    // Under a name or peer URL that is not the planned one it is none.
    let other = |it: &mut Value| it["header"]["member_id"] = json!("4660");
    third_is(
        status(other),
        "differs",
        &["controller-2 member-id-differs"],
    );
}

/// A gateway that does not reach its own member, and one that is off.
#[test]
fn a_gateway_that_does_not_answer_says_why() {
    for (status, body, words) in [
        (
            503,
            json!({ "error": "connection closed", "code": 14 }),
            "good for clients, too (connection closed)",
        ),
        (404, json!("404 page not found"), "the JSON gateway is off"),
        (
            400,
            json!({ "error": "etcdserver: user name is empty" }),
            "etcd says `etcdserver: user name is empty`",
        ),
    ] {
        let mut answers = healthy(2, VERSION);
        answers.insert("/v3/maintenance/status".to_owned(), (status, body));
        let document = third_is(
            Manner::Answers(answers),
            "no-answer",
            &["controller-2 no-answer"],
        );
        let why = &messages(&document, "no-answer")[0];
        assert!(why.ends_with(words), "{why}");
    }
}

/// Who holds other data is named, and who holds the same: by the revision, by the hash, or not at
/// all where it is not known.
#[test]
fn members_with_other_data_are_named() {
    const STATUS: &str = "/v3/maintenance/status";
    let answers = |index: usize, revision: u64, applied: u64, hash: u64| {
        let mut answers = healthy(index, VERSION);
        let status = &mut answers.get_mut(STATUS).unwrap().1;
        status["header"]["revision"] = json!(revision.to_string());
        status["raftAppliedIndex"] = json!(applied.to_string());
        answers.get_mut("HashKV").unwrap().1["hash"] = json!(hash);
        Manner::Answers(answers)
    };
    let all = |said: [(u64, u64, u64); 3]| {
        let servers = [0, 1, 2].map(|index| {
            let (revision, applied, hash) = said[index];
            StandIn::start(&DESK, "kubernetes", answers(index, revision, applied, hash))
        });
        look(servers.each_ref().map(|server| server.port), &[])
    };
    let (document, said) = all([(40, 30, 7); 3]);
    assert_eq!((said.status, &document["data"]), (0, &json!("same")));
    assert_eq!(document["controllers"][2]["revision"], 40);
    assert_eq!(document["controllers"][2]["hash"], 7);
    assert_eq!(document["controllers"][2]["hashRevision"], 40);

    for (said, wanted, found, message) in [
        // Healthy, and empty.
        (
            [(40, 30, 7), (40, 30, 7), (2, 30, 9)],
            ["as-planned", "as-planned", "differs"],
            "controller-2 data-differs",
            "it holds other data than the others: controller-0 and controller-1 \
             (revision 40, hash 7 at 40), controller-2 (revision 2, hash 9 at 2)",
        ),
        // As far as the others, with other keys.
        (
            [(40, 30, 7), (40, 30, 8), (40, 30, 7)],
            ["as-planned", "differs", "as-planned"],
            "controller-1 data-differs",
            "it holds other data than the others: controller-0 and controller-2 \
             (revision 40, hash 7 at 40), controller-1 (revision 40, hash 8 at 40)",
        ),
        // Nobody is in a majority.
        (
            [(40, 30, 7), (20, 30, 7), (30, 30, 7)],
            ["as-planned"; 3],
            "cluster data-differs",
            "members hold different data: controller-0 (revision 40, hash 7 at 40), controller-2 \
             (revision 30, hash 7 at 30), controller-1 (revision 20, hash 7 at 20)",
        ),
    ] {
        let (document, told) = all(said);
        assert_eq!((told.status, &document["data"]), (2, &json!("differs")));
        assert_eq!(states(&document), wanted);
        assert_eq!(findings(&document), [found]);
        let why = &messages(&document, "data-differs")[0];
        assert_eq!(why, message);
    }
}

/// What cannot be compared is said, and is no difference.
#[test]
fn what_is_not_compared_is_said() {
    let undecided = |manner: Manner, words: &str| {
        // It looks again as long as it may.
        let (document, said) = look_at(manner, "kubernetes", &["--timeout", "8s"]);
        assert_eq!(said.status, 0, "{document:#}");
        assert_eq!(states(&document), ["as-planned"; 3], "{document:#}");
        assert_eq!(findings(&document), ["cluster data-not-compared"]);
        assert_eq!(document["data"], "not-compared");
        assert_eq!(document["asPlanned"], true);
        let why = &messages(&document, "data-not-compared")[0];
        assert!(why.ends_with(words), "{why}");
    };
    // One that lags, and does not catch up while it is asked.
    undecided(
        status(|it| {
            it["header"]["revision"] = json!("30");
            it["raftAppliedIndex"] = json!("20");
        }),
        "controller-2: it lags behind: revision 30 of 40",
    );
    let mut answers = healthy(2, VERSION);
    let refused = json!({ "error": "etcdserver: mvcc: required revision has been compacted" });
    answers.insert("HashKV".to_owned(), (400, refused));
    undecided(
        Manner::Answers(answers),
        "controller-2: etcd says `etcdserver: mvcc: required revision has been compacted`",
    );
    undecided(
        third("HashKV", json!({ "hash": 9, "compact_revision": 30 })),
        "controller-2: it has compacted its data at revision 30, and others at 20",
    );
    // People read it in the last line.
    let said = read_by_people(third(
        "HashKV",
        json!({ "hash": 9, "compact_revision": 30 }),
    ));
    let last = said.out.trim_end().lines().last().unwrap().to_owned();
    let start = "etcd-cluster-0: as planned, but the data were not compared: etcd 3.6.14";
    assert!(last.starts_with(start), "{last}");
}
