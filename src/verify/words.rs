//! Every message of `verify`: lower case, no full stop, the cure beside it.

use super::data::{Comparison, Sample};
use super::judge::Checked;
use super::observation::{Alarm, By, End, Held, Listed, NotStarted, Raised, Refusal};
use super::plan::{Plan, Planned};
use crate::calendar::{day, span};
use crate::cluster::{ClusterId, MemberId};
use crate::report::Severity;
use std::net::SocketAddr;

/// Something that is not as planned, or unwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// An error means that the cluster is not the planned one.
    pub severity: Severity,
    /// A stable name in kebab-case.
    pub code: &'static str,
    /// The controller's name; `None` where it is about the cluster.
    pub controller: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The cure, in one line.
    pub help: String,
}

impl Finding {
    /// Whether it means that the cluster is not the planned one.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

fn error(code: &'static str, at: &Planned, message: String, help: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Error,
        code,
        controller: Some(at.name.to_string()),
        message,
        help: help.into(),
    }
}

fn warning(code: &'static str, at: &Planned, message: String, help: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Warning,
        ..error(code, at, message, help)
    }
}

fn of_cluster(code: &'static str, message: String, help: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Error,
        code,
        controller: None,
        message,
        help: help.into(),
    }
}

const CONSOLE: &str = "its serial console says how far its first boot came";

pub(super) fn not_started(at: &Planned, endpoint: SocketAddr, why: &NotStarted) -> Finding {
    let (message, help) = match why {
        NotStarted::Refused => (
            format!(
                "not started: the connection to {endpoint} is refused: the machine is there, and no etcd"
            ),
            CONSOLE,
        ),
        NotStarted::NoRoute => (
            format!("not started: there is no route to {endpoint}"),
            "the machine is off, or its network cannot be reached from here: go there, or name the \
             way with `--at NAME=ADDRESS`",
        ),
        NotStarted::TimedOut => (
            format!(
                "not started: nobody answers at {endpoint}, not even with a refusal (timed out)"
            ),
            "the machine is off, or a firewall drops what is sent there from here",
        ),
        NotStarted::Other(why) => (
            format!("not started: connecting to {endpoint}: {why}"),
            CONSOLE,
        ),
    };
    error("not-started", at, message, help)
}

/// Its port is open and mute; others may have a quorum meanwhile.
pub(super) fn waiting_mute(at: &Planned, others_have_a_quorum: bool) -> Finding {
    let message =
        "waiting for quorum: its port accepts connections, and etcd does not answer yet".to_owned();
    let help = if others_have_a_quorum {
        "the others have a quorum without it: does it have their token, list of members and CA? \
         Its journal says: `journalctl -u etcd`"
    } else {
        "it answers as soon as enough of its peers have started, and reach it on port 2380"
    };
    error("waiting-for-quorum", at, message, help)
}

pub(super) fn waiting_leaderless(at: &Planned) -> Finding {
    error(
        "waiting-for-quorum",
        at,
        "waiting for quorum: it runs, and has no leader".to_owned(),
        "enough of its peers must run, and reach it on port 2380",
    )
}

pub(super) fn certificate_refused(at: &Planned, refusal: &Refusal) -> Finding {
    let who = match refusal.by {
        By::Us => "we refuse its certificate",
        By::Them => "it refuses our certificate",
    };
    error(
        "certificate-refused",
        at,
        format!("{who}: {}", refusal.why),
        refusal.help.as_str(),
    )
}

pub(super) fn another_cluster(at: &Planned, plan: &Plan, id: ClusterId) -> Finding {
    error(
        "another-cluster",
        at,
        format!(
            "it is in another cluster: {id}, and the planned one is {}",
            plan.id
        ),
        "its token (`cluster` in the manifest) or its list of members was another one when it \
         first started: compare `/etc/etcd/etcd.env` there with what `render` writes",
    )
}

pub(super) fn grown(plan: &Plan, began: &[&Planned]) -> Finding {
    let names: Vec<_> = began.iter().map(|one| format!("`{}`", one.name)).collect();
    let addresses: Vec<_> = began.iter().map(|one| one.address.to_string()).collect();
    let message = format!(
        "the cluster began with {} alone and has grown: its ID is not {}, and cannot be",
        names.join(" and "),
        plan.id
    );
    Finding {
        severity: Severity::Warning,
        ..of_cluster(
            "grown",
            message,
            format!(
                "machines that are made anew look for a cluster with the planned ID: `verify` writes \
                 into `cluster.lock` that it began with {}, if there is one (`firstboot pin`) that \
                 does not know yet that the cluster runs; then render again",
                addresses.join(", ")
            ),
        )
    }
}

pub(super) fn not_etcd(at: &Planned, why: &str) -> Finding {
    error(
        "no-answer",
        at,
        why.to_owned(),
        "is this etcd's port for clients, and reached without a proxy in between?",
    )
}

pub(super) fn plain(at: &Planned, endpoint: SocketAddr) -> Finding {
    error(
        "no-tls",
        at,
        format!("it speaks without TLS: {endpoint} answers plain HTTP"),
        "whoever reaches this port can read and write everything: is this the machine that was \
         rendered? Its client URLs begin with `https://`",
    )
}

/// Whether members hold the same data.
pub(super) fn data(data: &Comparison, controllers: &[Checked]) -> Option<Finding> {
    match data {
        Comparison::Same => None,
        Comparison::Undecided(index, why) => {
            let at = &controllers[*index].planned;
            Some(Finding {
                controller: None,
                ..warning(
                    "data-not-compared",
                    at,
                    format!(
                        "whether all members hold the same data is not known: {}: {why}",
                        at.name
                    ),
                    "ask again; a member that was restored or began blank could be healthy, and \
                     hold other data than the others",
                )
            })
        }
        Comparison::Differ(groups) => Some(data_differ(groups, controllers)),
    }
}

fn data_differ(groups: &[Vec<usize>], controllers: &[Checked]) -> Finding {
    const HELP: &str = "they were not restored from one snapshot, or one began blank: take a \
                        snapshot of each (`etcdctl snapshot save`, one endpoint at a time), decide \
                        whose data is right, and replace the machines that hold other data; \
                        docs/day-two.md";
    let said = |index: usize| match &controllers[index].seen.held {
        Some(Held::Said(sample)) => Some(sample),
        _ => None,
    };
    let holds = |group: &[usize]| {
        let names: Vec<_> = group
            .iter()
            .map(|index| controllers[*index].planned.name.as_str())
            .collect();
        let what = group.first().and_then(|index| said(*index));
        format!(
            "{} {}",
            names.join(" and "),
            what.map_or_else(String::new, shown)
        )
    };
    let all: Vec<_> = groups.iter().map(|group| holds(group)).collect();
    let members: usize = groups.iter().map(Vec::len).sum();
    match groups {
        // One that differs from a majority is named.
        [most, one] if one.len() == 1 && most.len() * 2 > members && most.len() > 1 => error(
            "data-differs",
            &controllers[one[0]].planned,
            format!("it holds other data than the others: {}", all.join(", ")),
            HELP,
        ),
        _ => of_cluster(
            "data-differs",
            format!("members hold different data: {}", all.join(", ")),
            HELP,
        ),
    }
}

/// `(revision 42, hash 2258749602 at 40)`
fn shown(sample: &Sample) -> String {
    let revision = sample.later;
    match &sample.hash {
        Ok(hash) => format!(
            "(revision {revision}, hash {} at {})",
            hash.value, hash.revision
        ),
        Err(_) => format!("(revision {revision})"),
    }
}

/// What it said was cut short, or was an error.
pub(super) fn unanswered(at: &Planned, question: &str, why: &str) -> Finding {
    error(
        "no-answer",
        at,
        format!("no answer to {question}: {why}"),
        "ask again with a longer `--timeout`; etcd's journal on the machine may say more",
    )
}

pub(super) fn version(at: &Planned, plan: &Plan, runs: &str) -> Finding {
    error(
        "version-differs",
        at,
        format!("it runs etcd {runs}, and {} is planned", plan.version),
        "replace the machine, or say in the manifest what is meant to run",
    )
}

pub(super) fn replaced(at: &Planned, first: MemberId, id: MemberId) -> Finding {
    warning(
        "replaced",
        at,
        format!("replaced: its member ID is {id}, and {first} was the first one's"),
        "nothing is to be done: a member that came in the place of another has an ID of its own",
    )
}

pub(super) fn member_id(at: &Planned, id: MemberId) -> Finding {
    error(
        "member-id-differs",
        at,
        match at.id {
            Some(planned) => format!(
                "its member ID is {id}, {planned} is planned, and the cluster lists it under \
                 another name or peer URL"
            ),
            None => format!(
                "its member ID is {id}, and the cluster lists that under another name or peer URL"
            ),
        },
        "a member that has just been added may not have told its name yet; if it stays so, \
         compare with `etcdctl member list`",
    )
}

pub(super) fn learner(at: &Planned) -> Finding {
    error(
        "learner",
        at,
        "it is a learner: it gets all data, and has no vote".to_owned(),
        "wait until it has caught up; then it is promoted: `etcdctl member promote`",
    )
}

pub(super) fn alarm(at: Option<&Planned>, raised: &Raised) -> Finding {
    let (what, help) = match &raised.alarm {
        Alarm::NoSpace => (
            "alarm NOSPACE: the database has reached its quota, and the cluster takes no writes",
            "compact and defragment, or raise `quota-backend-bytes`; then `etcdctl alarm disarm`",
        ),
        Alarm::Corrupt => (
            "alarm CORRUPT: its data differ from those of others",
            "replace this member by a new one; do not disarm before",
        ),
        Alarm::Other(_) => (
            "an alarm that this program does not know",
            "see etcd's documentation",
        ),
    };
    let mut message = what.to_owned();
    if let Alarm::Other(name) = &raised.alarm {
        message = format!("alarm {name}: {what}");
    }
    match at {
        Some(at) => error("alarm", at, message, help),
        None => of_cluster(
            "alarm",
            format!("member {}: {message}", raised.member),
            help,
        ),
    }
}

pub(super) fn unhealthy(at: &Planned, reason: Option<&str>) -> Finding {
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    error(
        "unhealthy",
        at,
        format!("it calls itself unhealthy{reason}"),
        "etcd's journal on the machine says more: a slow disk, or an election under way",
    )
}

pub(super) fn ends_soon(at: &Planned, not_after: i64, now: i64) -> Finding {
    warning(
        "certificate-ends-soon",
        at,
        format!(
            "the certificate that it shows ends on {}, in {}",
            day(not_after),
            span(not_after.saturating_sub(now))
        ),
        "take `firstboot pki renew`, and copy the new pair to the machine",
    )
}

pub(super) fn other_certificate(at: &Planned, file: &str) -> Finding {
    warning(
        "certificate-differs",
        at,
        format!("the certificate that it shows is not the one in `{file}`"),
        "copy the pair to the machine, key and certificate together; etcd reads them at each \
         handshake",
    )
}

pub(super) fn lists_differ(groups: &[(Vec<&str>, String)]) -> Finding {
    let lines: Vec<_> = groups
        .iter()
        .map(|(who, what)| format!("{} lists {what}", who.join(" and ")))
        .collect();
    of_cluster(
        "members-differ",
        format!("controllers disagree on the members: {}", lines.join("; ")),
        "wait: a member that has just come back catches up; if it stays so, they are not one \
         cluster",
    )
}

pub(super) fn unplanned(listed: &Listed) -> Finding {
    let name = if listed.name.is_empty() {
        "a member that never started".to_owned()
    } else {
        format!("`{}`", listed.name)
    };
    of_cluster(
        "member-unknown",
        format!(
            "the cluster has a member that is not planned: {name}, {}, {}",
            listed.id,
            listed.peer_urls.join(", ")
        ),
        format!(
            "add it to the manifest, or remove it: `etcdctl member remove {}`",
            listed.id
        ),
    )
}

pub(super) fn missing(at: &Planned) -> Finding {
    error(
        "member-missing",
        at,
        format!(
            "the cluster has no member with the peer URL {}",
            at.peer_url()
        ),
        "it was removed and not added again, or was never one: docs/machine.md says how it joins",
    )
}

pub(super) fn misnamed(at: &Planned, listed: &Listed) -> Finding {
    let message = if listed.name.is_empty() {
        "it is a member, and has never started".to_owned()
    } else {
        format!("the member at its peer URL is called `{}`", listed.name)
    };
    error(
        "name-differs",
        at,
        message,
        "compare `ETCD_NAME` in `/etc/etcd/etcd.env` there",
    )
}

pub(super) fn leaders_differ(said: &[(&str, String)]) -> Finding {
    let said: Vec<_> = said
        .iter()
        .map(|(who, leader)| format!("{who} follows {leader}"))
        .collect();
    of_cluster(
        "leader-disputed",
        format!("controllers disagree on the leader: {}", said.join(", ")),
        "an election is under way: ask again",
    )
}

/// What an end that is no answer means to a person: a few words for one line.
pub(super) fn in_short(end: &End) -> &'static str {
    match end {
        End::NotStarted(NotStarted::Refused) => "connection refused",
        End::NotStarted(NotStarted::NoRoute) => "no route",
        End::NotStarted(NotStarted::TimedOut) => "timed out",
        End::CertificateRefused(Refusal { by: By::Us, .. }) => "by us",
        End::CertificateRefused(Refusal { by: By::Them, .. }) => "by them",
        _ => "",
    }
}
