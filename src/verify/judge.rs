//! Compares what was seen with what was planned. Pure: the clock comes in as a value.

use super::data::Comparison;
use super::observation::{End, Listed, Observation, Status};
use super::plan::{Plan, Planned};
use super::together::{self, statuses};
use super::words::{self, Finding};
use crate::cluster::{ClusterId, MemberId};
use crate::pki::audit::THIRTY_DAYS;
use crate::release::Digest;

/// What a controller is, in one word; the last of these that is true of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The planned member, and no error names it.
    AsPlanned,
    /// A voter under the planned name and peer URL that came in the place of the first one.
    Replaced,
    /// Another point is wrong; findings say which.
    Differs,
    /// An alarm of it is raised.
    Alarm,
    /// It has no vote yet.
    Learner,
    /// It runs, and has no leader.
    WaitingForQuorum,
    /// It is in a cluster that is not the planned one.
    AnotherCluster,
    /// Somebody answers, but not as etcd does, or stops answering.
    NoAnswer,
    /// One side does not take the other's certificate.
    CertificateRefused,
    /// No connection.
    NotStarted,
}

impl State {
    /// As programs read it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::AsPlanned => "as-planned",
            Self::Replaced => "replaced",
            Self::Differs => "differs",
            Self::Alarm => "alarm",
            Self::Learner => "learner",
            Self::WaitingForQuorum => "waiting-for-quorum",
            Self::AnotherCluster => "another-cluster",
            Self::NoAnswer => "no-answer",
            Self::CertificateRefused => "certificate-refused",
            Self::NotStarted => "not-started",
        }
    }
}

/// One controller, judged.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What was planned.
    pub planned: Planned,
    /// What was seen.
    pub seen: Observation,
    /// What it is.
    pub state: State,
    /// A few words that say more than the state; may be empty.
    pub detail: &'static str,
}

/// The whole cluster, judged.
#[derive(Clone, Debug)]
pub struct Verification {
    /// What was planned.
    pub plan: Plan,
    /// The controllers in the plan's order.
    pub controllers: Vec<Checked>,
    /// Everything that is wrong or unwise, controllers first.
    pub findings: Vec<Finding>,
    /// Whom all that answer follow, if they follow one.
    pub leader: Option<MemberId>,
    /// The highest raft term that was seen.
    pub term: Option<u64>,
    /// Whether members hold the same data, by their place in `controllers`; `None` where there
    /// were no two to compare.
    pub data: Option<Comparison>,
}

impl Verification {
    /// Whether the cluster is the planned one; warnings do not count.
    pub fn passed(&self) -> bool {
        !self.findings.iter().any(Finding::is_error)
    }

    /// The ID of the planned cluster as it was seen to run, whoever it began with; `None` where no
    /// quorum was seen: nobody has a leader without one.
    pub fn runs_as(&self) -> Option<ClusterId> {
        let mut seen = self
            .controllers
            .iter()
            .filter_map(|one| one.seen.status.as_ref());
        let running =
            seen.find(|status| status.leader.is_some() && is_ours(&self.plan, status.cluster));
        running.map(|status| status.cluster)
    }

    /// The planned name of the member with this ID, or what it is listed as.
    pub fn name_of(&self, id: MemberId) -> Option<&str> {
        let known = |one: &&Checked| one.seen.status.as_ref().is_some_and(|it| it.member == id);
        if let Some(one) = self.controllers.iter().find(known) {
            return Some(one.planned.name.as_str());
        }
        let lists = self
            .controllers
            .iter()
            .filter_map(|one| one.seen.members.as_ref());
        let listed = lists.flatten().find(|listed| listed.id == id);
        listed
            .map(|listed| listed.name.as_str())
            .filter(|name| !name.is_empty())
    }
}

/// A server certificate that the manifest names: its file, and its digest.
pub type OnDisk = Option<(String, Digest)>;

/// Judges; `seen` and `files` are in the plan's order, `now` is in Unix seconds.
pub fn judge(plan: &Plan, seen: Vec<Observation>, files: &[OnDisk], now: i64) -> Verification {
    let have_quorum = quorum(plan, &seen);
    let inside = |one: &&Observation| {
        one.status
            .as_ref()
            .is_some_and(|it| is_ours(plan, it.cluster))
    };
    let lists = seen
        .iter()
        .filter(inside)
        .filter_map(|one| one.members.clone());
    let listed: Vec<Listed> = lists.flatten().collect();
    let (mut findings, mut controllers) = (Vec::new(), Vec::new());
    let file = |index: usize| files.get(index).and_then(Option::as_ref);
    for (index, (planned, seen)) in plan.controllers.iter().zip(seen).enumerate() {
        let look = Look {
            plan,
            planned,
            seen: &seen,
            listed: &listed,
            have_quorum,
            now,
        };
        let (state, found) = look.judge(file(index));
        findings.extend(found);
        controllers.push(Checked {
            planned: planned.clone(),
            detail: words::in_short(&seen.end),
            seen,
            state,
        });
    }
    let data = together::data(&controllers);
    let mut together = together::findings(plan, &controllers);
    together.extend(
        data.as_ref()
            .and_then(|data| words::data(data, &controllers)),
    );
    for one in &mut controllers {
        let name = Some(one.planned.name.as_str());
        let names = |it: &Finding| it.is_error() && it.controller.as_deref() == name;
        if together.iter().any(names) {
            one.state = one.state.max(State::Differs);
        }
    }
    findings.extend(together);
    let statuses: Vec<_> = statuses(&controllers).collect();
    let first = statuses.first().and_then(|status| status.leader);
    let agreed = statuses.iter().all(|status| status.leader == first);
    Verification {
        plan: plan.clone(),
        leader: first.filter(|_| agreed),
        term: statuses.iter().map(|status| status.term).max(),
        data,
        controllers,
        findings,
    }
}

fn is_ours(plan: &Plan, id: ClusterId) -> bool {
    id == plan.id || plan.began_with(id).is_some()
}

/// Whether they have a quorum: nobody leads without one, so one that follows is enough.
fn quorum(plan: &Plan, seen: &[Observation]) -> bool {
    let follows = |status: &Status| status.leader.is_some() && is_ours(plan, status.cluster);
    let mut statuses = seen.iter().filter_map(|one| one.status.as_ref());
    statuses.any(follows)
}

/// One controller, and what it is held against.
struct Look<'a> {
    plan: &'a Plan,
    planned: &'a Planned,
    seen: &'a Observation,
    /// The members that anybody lists who is in the planned cluster.
    listed: &'a [Listed],
    have_quorum: bool,
    now: i64,
}

impl Look<'_> {
    fn judge(&self, file: Option<&(String, Digest)>) -> (State, Vec<Finding>) {
        let silent = || {
            let (state, finding) = self.silent();
            (state, vec![finding])
        };
        let answered = |status| self.answered(status);
        let status = self.seen.status.as_ref();
        let (state, mut findings) = status.map_or_else(silent, answered);
        if state != State::CertificateRefused {
            findings.extend(self.certificate(file));
        }
        (state, findings)
    }

    fn silent(&self) -> (State, Finding) {
        let at = self.planned;
        match &self.seen.end {
            End::NotStarted(why) => (
                State::NotStarted,
                words::not_started(at, self.seen.endpoint, why),
            ),
            End::Mute(Some(id)) if !is_ours(self.plan, *id) => {
                let finding = words::another_cluster(at, self.plan, *id);
                (State::AnotherCluster, finding)
            }
            End::Mute(_) => {
                let finding = words::waiting_mute(at, self.have_quorum);
                (State::WaitingForQuorum, finding)
            }
            End::CertificateRefused(refusal) => {
                let finding = words::certificate_refused(at, refusal);
                (State::CertificateRefused, finding)
            }
            End::Plain => (State::NoAnswer, words::plain(at, self.seen.endpoint)),
            End::NotEtcd(why) => (State::NoAnswer, words::not_etcd(at, why)),
            End::BrokeOff(question) => {
                let finding = words::unanswered(at, question, "it timed out");
                (State::NoAnswer, finding)
            }
            End::Answered => (
                State::NoAnswer,
                words::not_etcd(at, "it says nothing of itself"),
            ),
        }
    }

    fn answered(&self, status: &Status) -> (State, Vec<Finding>) {
        let (at, plan, seen) = (self.planned, self.plan, self.seen);
        if !is_ours(plan, status.cluster) {
            let finding = words::another_cluster(at, plan, status.cluster);
            return (State::AnotherCluster, vec![finding]);
        }
        let mut found = Vec::new();
        let mut is = State::AsPlanned;
        let mut note = |state: State, finding: Finding| {
            is = is.max(state);
            found.push(finding);
        };
        if status.leader.is_none() {
            note(State::WaitingForQuorum, words::waiting_leaderless(at));
        }
        if at.id != Some(status.member) {
            if !self.is_in_its_place(status) {
                note(State::Differs, words::member_id(at, status.member));
            } else if let Some(first) = at.id {
                note(State::Replaced, words::replaced(at, first, status.member));
            }
        }
        if status.learner {
            note(State::Learner, words::learner(at));
        }
        let runs = seen.version.as_deref().unwrap_or_default();
        if runs != plan.version.to_string() {
            note(State::Differs, words::version(at, plan, runs));
        }
        let alarms = seen.alarms.iter().flatten();
        let own: Vec<_> = alarms
            .filter(|raised| raised.member == status.member)
            .collect();
        for raised in &own {
            note(State::Alarm, words::alarm(Some(at), raised));
        }
        if let Some(health) = seen.health.as_ref().filter(|health| !health.healthy) {
            // An alarm of anybody makes everybody unhealthy, and is told where it belongs.
            if seen.alarms.iter().flatten().next().is_none() {
                let reason = health.reason.as_deref();
                note(State::Differs, words::unhealthy(at, reason));
            }
        }
        if let End::BrokeOff(question) = &seen.end {
            note(
                State::Differs,
                words::unanswered(at, question, "it timed out"),
            );
        } else if let End::NotEtcd(why) = &seen.end {
            note(State::Differs, words::not_etcd(at, why));
        }
        for (question, why) in &seen.unanswered {
            note(State::Differs, words::unanswered(at, question, why));
        }
        (is, found)
    }

    /// Whether its ID is listed under the right name and peer URL. Anybody's list tells, since a
    /// learner does not give its own.
    fn is_in_its_place(&self, status: &Status) -> bool {
        let own = |listed: &&Listed| listed.id == status.member;
        let mut own = self.listed.iter().filter(own);
        own.any(|own| is_place_of(self.planned, own))
    }

    fn certificate(&self, file: Option<&(String, Digest)>) -> Vec<Finding> {
        let Some(shown) = &self.seen.certificate else {
            return Vec::new();
        };
        let mut found = Vec::new();
        if shown.not_after.saturating_sub(self.now) <= THIRTY_DAYS {
            found.push(words::ends_soon(self.planned, shown.not_after, self.now));
        }
        if let Some((path, digest)) = file
            && *digest != shown.digest
        {
            found.push(words::other_certificate(self.planned, path));
        }
        found
    }
}

/// Whether this member has the controller's name and peer URL; a learner has them, too.
fn is_place_of(planned: &Planned, listed: &Listed) -> bool {
    listed.name == planned.name.as_str() && listed.peer_urls == [planned.peer_url()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::plan::tests::lab;
    use crate::verify::{Alarm, Raised};

    fn unheard(one: &Planned) -> Observation {
        Observation::nothing(std::net::SocketAddr::new(one.address, 2379))
    }

    /// The three of the lab as they answer in the cluster with this ID.
    fn all_in(plan: &Plan, cluster: ClusterId) -> Vec<Observation> {
        let listed = plan.controllers.iter().map(|one| Listed {
            id: one.id.unwrap(),
            name: one.name.to_string(),
            peer_urls: vec![one.peer_url()],
            client_urls: vec![format!("https://{}:2379", one.address)],
            learner: false,
        });
        let listed: Vec<_> = listed.collect();
        let answer = |one: &Planned| Observation {
            end: End::Answered,
            version: Some(plan.version.to_string()),
            status: Some(Status {
                cluster,
                member: one.id.unwrap(),
                leader: plan.controllers[0].id,
                term: 2,
                database: 1,
                in_use: None,
                learner: false,
            }),
            members: Some(listed.clone()),
            alarms: Some(Vec::new()),
            ..unheard(one)
        };
        plan.controllers.iter().map(answer).collect()
    }

    fn codes(judged: &Verification) -> Vec<&str> {
        judged.findings.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn a_cluster_that_grew_is_the_planned_one_and_another_is_not() {
        let plan = lab();
        let judged = judge(&plan, all_in(&plan, plan.id), &[], 0);
        assert!(judged.passed() && judged.findings.is_empty());
        assert_eq!(
            judged.leader.and_then(|id| judged.name_of(id)),
            Some("controller-0")
        );
        let began = ClusterId::of(plan.controllers[0].id);
        let judged = judge(&plan, all_in(&plan, began), &[], 0);
        assert_eq!(codes(&judged), ["grown"]);
        assert!(judged.passed());
        let judged = judge(&plan, all_in(&plan, ClusterId::reported(1)), &[], 0);
        assert_eq!(codes(&judged), ["another-cluster"; 3]);
        assert_eq!(
            (judged.passed(), judged.leader, judged.term),
            (false, None, None)
        );
    }

    /// An alarm of a member that is away is told by the others.
    #[test]
    fn an_alarm_outlives_its_member_s_answer() {
        let plan = lab();
        let mut seen = all_in(&plan, plan.id);
        seen[2] = unheard(&plan.controllers[2]);
        let (member, alarm) = (plan.controllers[2].id.unwrap(), Alarm::Corrupt);
        let raised = Raised { member, alarm };
        for one in &mut seen[..2] {
            one.alarms = Some(vec![raised.clone()]);
        }
        let judged = judge(&plan, seen, &[], 0);
        assert_eq!(codes(&judged), ["not-started", "alarm"]);
        let at = judged.findings[1].controller.as_deref();
        assert_eq!(at, Some("controller-2"));
        // Nothing that the others say of it hides that it is away.
        assert_eq!(judged.controllers[2].state, State::NotStarted);
    }
}
