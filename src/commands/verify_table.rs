//! What `verify` saw: a table and findings for people, one document for programs.

use crate::calendar::{moment, span};
use crate::pki::audit::Facts;
use crate::verify::{Checked, Comparison, Finding, Held, Listed, State, Verification};
use serde_json::{Value, json};
use std::fmt::Write as _;

const HEADINGS: [&str; 8] = [
    "controller",
    "member ID",
    "version",
    "role",
    "term",
    "database",
    "ends in",
    "state",
];

/// Everything: the table, the findings, and one line that says how it is.
pub(super) fn text(end: &Verification, now: i64) -> String {
    let mut text = table(end, now);
    for finding in &end.findings {
        let word = finding.severity.word();
        let who = finding.controller.iter().map(|name| format!("{name}: "));
        let who: String = who.collect();
        let _ = write!(
            text,
            "\n{word}[{}]: {who}{}\n  = help: {}\n",
            finding.code, finding.message, finding.help
        );
    }
    let _ = writeln!(text, "\n{}", summary(end));
    text
}

fn summary(end: &Verification) -> String {
    let plan = &end.plan;
    let (name, id) = (&plan.cluster, plan.id);
    if end.passed() {
        let leader = end.leader.and_then(|leader| end.name_of(leader));
        let but = match end.data {
            Some(Comparison::Undecided(..)) => ", but the data were not compared",
            _ => "",
        };
        return format!(
            "{name}: as planned{but}: etcd {}, cluster ID {id}, led by {}",
            plan.version,
            leader.unwrap_or("nobody")
        );
    }
    let good = |one: &&Checked| matches!(one.state, State::AsPlanned | State::Replaced);
    let good = end.controllers.iter().filter(good).count();
    let all = end.controllers.len();
    format!("{name}: not as planned: {good} of {all} controllers are right")
}

/// The table alone.
pub(super) fn table(end: &Verification, now: i64) -> String {
    let rows: Vec<[String; 8]> = end.controllers.iter().map(|one| row(one, now)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.fold(HEADINGS[column].len(), usize::max)
    };
    let heading = HEADINGS.map(str::to_owned);
    let mut text = String::new();
    for row in std::iter::once(&heading).chain(&rows) {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(line, "{cell:<width$}  ", width = width(column));
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn row(one: &Checked, now: i64) -> [String; 8] {
    let dash = || "-".to_owned();
    let seen = &one.seen;
    let status = seen.status.as_ref();
    let left = |facts: &Facts| {
        let left = facts.not_after.saturating_sub(now);
        if left < 0 {
            "ended".to_owned()
        } else {
            span(left)
        }
    };
    [
        one.planned.name.to_string(),
        status.map_or_else(dash, |status| status.member.to_string()),
        seen.version.clone().unwrap_or_else(dash),
        role(one).map_or_else(dash, str::to_owned),
        status.map_or_else(dash, |status| status.term.to_string()),
        status.map_or_else(dash, |status| size(status.database)),
        seen.certificate.as_ref().map_or_else(dash, left),
        state(one),
    ]
}

/// `not started (timed out)`
pub(super) fn state(one: &Checked) -> String {
    let words = match one.state {
        State::Differs => "not as planned".to_owned(),
        state => state.code().replace('-', " "),
    };
    match one.detail {
        "" => words,
        detail => format!("{words} ({detail})"),
    }
}

fn role(one: &Checked) -> Option<&'static str> {
    let status = one.seen.status.as_ref()?;
    Some(match status.leader {
        _ if status.learner => "learner",
        Some(leader) if leader == status.member => "leader",
        Some(_) => "follower",
        None => "candidate",
    })
}

/// `20 kB`, as etcdctl writes it.
fn size(bytes: u64) -> String {
    match bytes {
        ..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!(
            "{}.{} GB",
            bytes / 1_000_000_000,
            bytes % 1_000_000_000 / 100_000_000
        ),
    }
}

/// The one document; `docs/verify.md` describes it.
pub(super) fn json(end: &Verification) -> Value {
    let plan = &end.plan;
    let controllers: Vec<_> = end.controllers.iter().map(controller).collect();
    let findings: Vec<_> = end.findings.iter().map(finding).collect();
    json!({
        "cluster": plan.cluster.as_str(),
        "clusterId": plan.id.to_string(),
        "etcdVersion": plan.version.to_string(),
        "asPlanned": end.passed(),
        "leader": end.leader.and_then(|leader| end.name_of(leader)),
        "raftTerm": end.term,
        "data": end.data.as_ref().map(|data| match data {
            Comparison::Same => "same",
            Comparison::Differ(_) => "differs",
            Comparison::Undecided(..) => "not-compared",
        }),
        "controllers": controllers,
        "findings": findings,
    })
}

fn controller(one: &Checked) -> Value {
    let (planned, seen) = (&one.planned, &one.seen);
    let status = seen.status.as_ref();
    let alarms = status.zip(seen.alarms.as_ref()).map(|(status, alarms)| {
        let own = alarms
            .iter()
            .filter(|raised| raised.member == status.member);
        own.map(|raised| raised.alarm.name()).collect::<Vec<_>>()
    });
    let held = match &seen.held {
        Some(Held::Said(sample)) => Some(sample),
        _ => None,
    };
    let hash = held.and_then(|sample| sample.hash.as_ref().ok());
    json!({
        "name": planned.name.as_str(),
        "address": planned.address.to_string(),
        "endpoint": seen.endpoint.to_string(),
        "state": one.state.code(),
        "detail": Some(one.detail).filter(|detail| !detail.is_empty()),
        "plannedMemberId": planned.id.map(|id| id.to_string()),
        "memberId": status.map(|status| status.member.to_string()),
        "clusterId": status.map(|status| status.cluster.to_string()),
        "etcdVersion": seen.version,
        "clusterVersion": seen.cluster_version,
        "role": role(one),
        "leaderId": status.and_then(|status| status.leader).map(|leader| leader.to_string()),
        "raftTerm": status.map(|status| status.term),
        "dbSizeBytes": status.map(|status| status.database),
        "dbSizeInUseBytes": status.and_then(|status| status.in_use),
        "revision": held.map(|sample| sample.later),
        "hashRevision": hash.map(|hash| hash.revision),
        "hash": hash.map(|hash| hash.value),
        "healthy": seen.health.as_ref().map(|health| health.healthy),
        "alarms": alarms,
        "certificate": seen.certificate.as_ref().map(certificate),
        "members": seen.members.as_ref().map(|list| list.iter().map(member).collect::<Vec<_>>()),
        "milliseconds": u64::try_from(seen.took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn certificate(facts: &Facts) -> Value {
    json!({
        "subject": facts.subject,
        "issuer": facts.issuer,
        "serial": facts.serial,
        "names": facts.names,
        "addresses": facts.addresses,
        "notBefore": moment(facts.not_before),
        "notAfter": moment(facts.not_after),
        "sha256": facts.digest.to_string(),
    })
}

fn member(listed: &Listed) -> Value {
    json!({
        "id": listed.id.to_string(),
        "name": listed.name,
        "peerUrls": listed.peer_urls,
        "clientUrls": listed.client_urls,
        "learner": listed.learner,
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.word(),
        "code": finding.code,
        "controller": finding.controller,
        "message": finding.message,
        "help": finding.help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (20_480, "20 kB"),
            (2_147_483_648, "2.1 GB"),
            (999_999, "999 kB"),
            (25_000_000, "25 MB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
