//! What answers: each point in which it may differ from the plan.

use crate::desk::{CLUSTER_ID, Desk, IDS, findings, messages, states};
use crate::stage::{DESK, VERSION, listed, look, status, third, third_is, way};
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
