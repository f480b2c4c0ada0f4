//! The answers of etcd's HTTP side as values: `/version`, `/health`, and its JSON gateway.
//!
//! The gateway stands below `/v3beta` in etcd 3.3 and below `/v3` from 3.4 on (etcd-io/etcd
//! `embed/serve.go` at each tag). Integers of 64 bits are decimal texts, and what is zero, false
//! or empty is left out (the JSON mapping of protocol buffers).

use super::observation::{Alarm, Health, Listed, Raised, Status};
use crate::cluster::{ClusterId, MemberId};
use crate::report::visible;
use serde::{Deserialize, Deserializer};

/// Where the gateway of a server with this version is.
pub(super) fn prefix(version: &str) -> &'static str {
    if version.starts_with("3.3.") {
        "/v3beta"
    } else {
        "/v3"
    }
}

/// `/version`: of the server, and of the cluster.
pub(super) fn version(body: &[u8]) -> Option<(String, String)> {
    #[derive(Deserialize)]
    struct Answer {
        etcdserver: String,
        etcdcluster: String,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    Some((visible(&answer.etcdserver), visible(&answer.etcdcluster)))
}

/// `/health`, whatever its status: 503 says the same as `"health":"false"`.
pub(super) fn health(body: &[u8]) -> Option<Health> {
    #[derive(Deserialize)]
    struct Answer {
        health: String,
        #[serde(default)]
        reason: String,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    Some(Health {
        healthy: answer.health == "true",
        reason: Some(visible(&answer.reason)).filter(|reason| !reason.is_empty()),
    })
}

/// `maintenance/status`
pub(super) fn status(body: &[u8]) -> Option<Status> {
    #[derive(Deserialize)]
    struct Answer {
        header: Header,
        #[serde(default, deserialize_with = "number")]
        leader: u64,
        #[serde(default, rename = "raftTerm", deserialize_with = "number")]
        term: u64,
        #[serde(default, rename = "dbSize", deserialize_with = "number")]
        database: u64,
        #[serde(default, rename = "dbSizeInUse", deserialize_with = "number")]
        in_use: u64,
        #[serde(default, rename = "isLearner")]
        learner: bool,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    Some(Status {
        cluster: ClusterId::reported(answer.header.cluster),
        member: MemberId::reported(answer.header.member),
        leader: (answer.leader != 0).then_some(MemberId::reported(answer.leader)),
        term: answer.term,
        database: answer.database,
        in_use: (answer.in_use != 0).then_some(answer.in_use),
        learner: answer.learner,
    })
}

/// `cluster/member/list`, by ID.
pub(super) fn members(body: &[u8]) -> Option<Vec<Listed>> {
    #[derive(Deserialize)]
    struct Answer {
        members: Vec<Member>,
    }
    #[derive(Deserialize)]
    struct Member {
        #[serde(rename = "ID", deserialize_with = "number")]
        id: u64,
        #[serde(default)]
        name: String,
        #[serde(default, rename = "peerURLs")]
        peer_urls: Vec<String>,
        #[serde(default, rename = "clientURLs")]
        client_urls: Vec<String>,
        #[serde(default, rename = "isLearner")]
        learner: bool,
    }
    let sorted = |urls: &[String]| {
        let mut urls: Vec<_> = urls.iter().map(|url| visible(url)).collect();
        urls.sort();
        urls
    };
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let mut members: Vec<_> = answer
        .members
        .iter()
        .map(|member| Listed {
            id: MemberId::reported(member.id),
            name: visible(&member.name),
            peer_urls: sorted(&member.peer_urls),
            client_urls: sorted(&member.client_urls),
            learner: member.learner,
        })
        .collect();
    members.sort();
    Some(members)
}

/// `maintenance/alarm`
pub(super) fn alarms(body: &[u8]) -> Option<Vec<Raised>> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        alarms: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        #[serde(default, rename = "memberID", deserialize_with = "number")]
        member: u64,
        #[serde(default)]
        alarm: String,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let raised = answer.alarms.iter().map(|one| Raised {
        member: MemberId::reported(one.member),
        alarm: match one.alarm.as_str() {
            "NOSPACE" => Alarm::NoSpace,
            "CORRUPT" => Alarm::Corrupt,
            other => Alarm::Other(visible(other)),
        },
    });
    Some(raised.collect())
}

/// Why the gateway does not answer, in its own words, if it says so.
pub(super) fn error(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        error: String,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    Some(visible(&answer.error))
}

#[derive(Deserialize)]
struct Header {
    #[serde(default, rename = "cluster_id", deserialize_with = "number")]
    cluster: u64,
    #[serde(default, rename = "member_id", deserialize_with = "number")]
    member: u64,
}

/// A number, or its text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_texts_and_what_is_zero_is_left_out() {
        let read = status(
            br#"{"header":{"cluster_id":"4503327577326925349","member_id":"17977546653466602912",
                 "raft_term":"2"},"version":"3.4.23","dbSize":"20480","leader":"17977546653466602912",
                 "raftIndex":"8","raftTerm":"2"}"#,
        )
        .unwrap();
        assert_eq!(read.member.to_string(), "f97d136ea4e3ada0");
        assert_eq!(read.leader, Some(read.member));
        assert_eq!((read.term, read.database, read.in_use), (2, 20480, None));
        assert!(!read.learner);
        let leaderless = status(br#"{"header":{"cluster_id":"1","member_id":"2"}}"#).unwrap();
        assert_eq!(leaderless.leader, None);
        assert!(status(b"{}").is_none());
        assert!(status(br#"{"header":{"cluster_id":"x"}}"#).is_none());
    }

    /// Whatever it says, and wherever.
    #[test]
    fn a_stranger_moves_no_cursor_and_turns_no_text() {
        let strange = r"x\u001b[2J\u009b1m\u0007\r\n\u0000\u202e\u2066\u200f\u061c\ufeff";
        let json = |text: &str| text.replace("STRANGE", strange).into_bytes();
        let mut said = Vec::new();
        let (server, cluster) =
            version(&json(r#"{"etcdserver":"STRANGE","etcdcluster":"STRANGE"}"#)).unwrap();
        said.extend([server, cluster]);
        let health = health(&json(r#"{"health":"STRANGE","reason":"STRANGE"}"#)).unwrap();
        said.extend(health.reason);
        said.extend(error(&json(r#"{"error":"STRANGE"}"#)));
        let raised = alarms(&json(r#"{"alarms":[{"alarm":"STRANGE"}]}"#)).unwrap();
        said.push(raised[0].alarm.name().to_owned());
        let list = r#"{"members":[{"ID":"1","name":"STRANGE","peerURLs":["STRANGE"],
            "clientURLs":["STRANGE"]}]}"#;
        let mut members = members(&json(list)).unwrap();
        let member = members.remove(0);
        said.push(member.name);
        said.extend(member.peer_urls.into_iter().chain(member.client_urls));
        assert_eq!(said.len(), 8);
        for text in said {
            assert!(text.starts_with("x\\u{1b}[2J\\u{9b}1m"), "{text:?}");
            assert!(
                text.bytes().all(|byte| matches!(byte, b' '..=b'~')),
                "{text:?}"
            );
        }
    }

    #[test]
    fn health_is_a_word_and_alarms_have_owners() {
        let sick = health(br#"{"health":"false","reason":"RAFT NO LEADER"}"#).unwrap();
        assert_eq!(sick.reason.as_deref(), Some("RAFT NO LEADER"));
        assert!(!sick.healthy && health(br#"{"health":"true"}"#).unwrap().healthy);
        assert_eq!(alarms(br#"{"header":{}}"#), Some(vec![]));
        let raised = alarms(br#"{"alarms":[{"memberID":"10","alarm":"NOSPACE"}]}"#).unwrap();
        assert_eq!(raised[0].member.to_string(), "a");
        assert_eq!(raised[0].alarm.name(), "NOSPACE");
    }

    #[test]
    fn each_line_has_its_prefix() {
        assert_eq!(prefix("3.3.25"), "/v3beta");
        for version in ["3.4.0", "3.5.16", "3.6.14", "3.7.1"] {
            assert_eq!(prefix(version), "/v3");
        }
    }
}
