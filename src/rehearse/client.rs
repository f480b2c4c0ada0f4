//! A client that writes and reads while things go wrong, and remembers what was acknowledged.
//!
//! It talks etcd's JSON gateway, under `/v3beta`: the one prefix that etcd 3.3 to 3.7 all serve
//! (`server/embed/serve.go`).

use super::event::ClientResult;
use super::plan::Client;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PREFIX: &str = "firstboot-rehearsal/";
/// The first key behind all of the prefix: `0` comes after `/`.
const PREFIX_END: &str = "firstboot-rehearsal0";

/// Longer than an election; a write that takes longer may have been done, and is not counted.
const ANSWER: Duration = Duration::from_secs(3);
/// How many writes it gets done before it ends, if it can: there may have been no time for more
/// than one.
const LEAST: usize = 25;
const PAUSE: Duration = Duration::from_millis(40);

/// How long every member may take, at the end, to have all that was acknowledged.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client at work.
pub(super) struct Writer {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<ClientResult>,
}

impl Writer {
    /// Starts to write.
    pub(super) fn start(client: &Client) -> Result<Self, String> {
        let http = connect(client).map_err(|error| format!("starting the client: {error}"))?;
        let ends = Arc::new(AtomicBool::new(false));
        let work = Work {
            http,
            endpoints: client.endpoints.clone(),
            ends: Arc::clone(&ends),
            done: ClientResult::default(),
        };
        let thread = std::thread::spawn(move || work.run());
        Ok(Self { ends, thread })
    }

    /// Ends the writing, and looks for all that was acknowledged on every member.
    pub(super) fn end(self) -> ClientResult {
        self.ends.store(true, Ordering::SeqCst);
        let failed = |_| ClientResult {
            trouble: Some("the client ended early".to_owned()),
            ..ClientResult::default()
        };
        self.thread.join().unwrap_or_else(failed)
    }
}

fn connect(client: &Client) -> reqwest::Result<reqwest::blocking::Client> {
    // It is there already when this process made another client before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let identity = [client.certificate.expose(), b"\n", client.key.expose()].concat();
    let identity = reqwest::Identity::from_pem(&zeroize::Zeroizing::new(identity))?;
    let authorities = reqwest::Certificate::from_pem_bundle(client.ca.expose())?;
    reqwest::blocking::Client::builder()
        .no_proxy()
        .timeout(ANSWER)
        .connect_timeout(Duration::from_secs(1))
        .identity(identity)
        .tls_certs_only(authorities)
        .build()
}

struct Work {
    http: reqwest::blocking::Client,
    endpoints: Vec<String>,
    ends: Arc<AtomicBool>,
    done: ClientResult,
}

impl Work {
    fn run(mut self) -> ClientResult {
        let mut last = Instant::now();
        let mut number = 0;
        let mut told = None;
        loop {
            if self.ends.load(Ordering::SeqCst) {
                let told: &mut Instant = told.get_or_insert_with(Instant::now);
                if self.done.acknowledged.len() >= LEAST || told.elapsed() > PATIENCE {
                    break;
                }
            }
            number += 1;
            if self.write(number) {
                let gap = last.elapsed().as_secs_f64();
                self.done.longest_gap = self.done.longest_gap.max(gap);
                last = Instant::now();
                self.done.acknowledged.push(number);
            } else {
                self.done.refused += 1;
            }
            std::thread::sleep(PAUSE);
        }
        self.look_for_all();
        self.count_members();
        self.done
    }

    /// Writes by one member, and reads by the next what was acknowledged before.
    fn write(&mut self, number: u64) -> bool {
        let turn = usize::try_from(number).unwrap_or(0);
        let (key, value) = (
            STANDARD.encode(key_of(number)),
            STANDARD.encode(number.to_string()),
        );
        let put = self.ask(turn, "kv/put", &json!({"key": key, "value": value}));
        if let Some(&before) = self.done.acknowledged.last() {
            let asked = json!({"key": STANDARD.encode(key_of(before))});
            if let Ok(answer) = self.ask(turn + 1, "kv/range", &asked) {
                self.done.read += 1;
                if !values(&answer).contains(&before) {
                    self.done.lost.insert(before);
                }
            }
        }
        put.is_ok()
    }

    fn ask(&mut self, turn: usize, what: &str, body: &Value) -> Result<Value, String> {
        let endpoint = &self.endpoints[turn % self.endpoints.len()];
        let answer = self
            .http
            .post(format!("{endpoint}/v3beta/{what}"))
            .body(body.to_string())
            .send()
            .and_then(reqwest::blocking::Response::error_for_status)
            .and_then(reqwest::blocking::Response::text)
            .map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        let cluster = answer["header"]["cluster_id"].as_str();
        let cluster = cluster.and_then(|id| id.parse::<u64>().ok());
        let cluster = cluster.ok_or("the answer names no cluster")?;
        self.done.cluster_ids.insert(format!("{cluster:x}"));
        Ok(answer)
    }

    /// By every member: a member that answers for another cluster, or with less, is told.
    fn look_for_all(&mut self) {
        let all = json!({"key": STANDARD.encode(PREFIX), "range_end": STANDARD.encode(PREFIX_END)});
        for turn in 0..self.endpoints.len() {
            let end = Instant::now() + PATIENCE;
            let answer = loop {
                match self.ask(turn, "kv/range", &all) {
                    Err(_) if Instant::now() < end => std::thread::sleep(PAUSE),
                    answer => break answer,
                }
            };
            match answer {
                Ok(answer) => {
                    let found = values(&answer);
                    let lost = self.done.acknowledged.iter().filter(|n| !found.contains(n));
                    let lost: Vec<_> = lost.copied().collect();
                    self.done.lost.extend(lost);
                }
                Err(why) => self.done.trouble = Some(why),
            }
        }
        if self.done.acknowledged.is_empty() && self.done.trouble.is_none() {
            self.done.trouble = Some("no write was ever acknowledged".to_owned());
        }
    }

    /// By every member: neither a learner nor a dead member is left over.
    fn count_members(&mut self) {
        for turn in 0..self.endpoints.len() {
            let end = Instant::now() + PATIENCE;
            // A member that has just become a voter is the last to hear of it.
            let trouble = loop {
                let trouble = match self.ask(turn, "cluster/member/list", &json!({})) {
                    Ok(answer) if are_voters(&answer, self.endpoints.len()) => break None,
                    Ok(answer) => format!("not each planned member votes: {}", answer["members"]),
                    Err(why) => why,
                };
                if Instant::now() > end {
                    break Some(trouble);
                }
                std::thread::sleep(PAUSE);
            };
            self.done.trouble = trouble.or(self.done.trouble.take());
        }
    }
}

/// Whether all of the answer's members are voters that have started.
fn are_voters(answer: &Value, wanted: usize) -> bool {
    let members = answer["members"].as_array().map_or(&[][..], Vec::as_slice);
    // The gateway leaves out what is false or empty.
    let is_voter = |member: &Value| {
        member["clientURLs"].is_array() && member["isLearner"] != Value::Bool(true)
    };
    members.len() == wanted && members.iter().all(is_voter)
}

fn key_of(number: u64) -> String {
    format!("{PREFIX}{number}")
}

fn values(answer: &Value) -> BTreeSet<u64> {
    let pairs = answer["kvs"].as_array().map_or(&[][..], Vec::as_slice);
    let number = |pair: &Value| {
        let value = STANDARD.decode(pair["value"].as_str()?).ok()?;
        String::from_utf8(value).ok()?.parse().ok()
    };
    pairs.iter().filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_learner_or_a_member_that_never_started_does_not_vote() {
        let voter = json!({"ID": "1", "clientURLs": ["https://10.0.0.1:2379"]});
        let list = |other: Value| json!({"members": [voter, other]});
        assert!(are_voters(&list(voter.clone()), 2));
        assert!(!are_voters(&list(voter.clone()), 3));
        assert!(!are_voters(&list(json!({"ID": "2"})), 2));
        let learner = json!({"ID": "2", "clientURLs": ["x"], "isLearner": true});
        assert!(!are_voters(&list(learner), 2));
    }

    #[test]
    fn what_an_answer_holds_is_read_and_nothing_is_made_of_none() {
        let answer = json!({"header": {}, "kvs": [{"key": "eA==", "value": "MTI="}]});
        assert_eq!(values(&answer), BTreeSet::from([12]));
        assert!(values(&json!({"header": {}})).is_empty());
    }
}
