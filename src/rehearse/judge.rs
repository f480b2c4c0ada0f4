//! Listens to the machines, and decides what became of each.

use super::acts;
use super::console::{self, Said};
use super::event::{
    ActResult, BackgroundResult, Event, MachineOutcome, Outcome, Request, Stage, Verdict,
};
use super::plan::{self, Plan};
use super::power::{Machine, Status};
use super::server::Served;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// How long the others may go on once a machine has failed: long enough to tell why they wait.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// What reaches the judge, stamped when it arrived.
pub(super) enum News {
    Line { machine: usize, line: String },
    Off { machine: usize },
    Served(Served),
}

pub(super) type Stamped = (Instant, News);

/// What is known of one machine so far.
#[derive(Default)]
struct Record {
    stages: Vec<Stage>,
    waiting: Option<String>,
    console: Vec<String>,
    verdict: Option<Verdict>,
}

pub(super) struct Judge<'a> {
    plan: &'a Plan,
    machines: &'a [Machine],
    power_on: Instant,
    deadline: Instant,
    records: Vec<Record>,
    requests: Vec<Request>,
    quorum: Option<f64>,
    acts: Vec<ActResult>,
    background: Vec<BackgroundResult>,
    say: &'a mut dyn FnMut(Event),
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        machines: &'a [Machine],
        power_on: Instant,
        say: &'a mut dyn FnMut(Event),
    ) -> Self {
        Self {
            plan,
            machines,
            power_on,
            deadline: power_on + plan.timeout,
            records: machines.iter().map(|_| Record::default()).collect(),
            requests: Vec::new(),
            quorum: None,
            acts: Vec::new(),
            background: Vec::new(),
            say,
        }
    }

    /// Until every machine has its verdict, or patience ends.
    pub(super) fn listen(&mut self, news: &Receiver<Stamped>) {
        while self.records.iter().any(|record| record.verdict.is_none()) {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let Ok((when, news)) = news.recv_timeout(left) else {
                return;
            };
            self.take(when, news);
        }
    }

    /// The plan's acts, if all machines are healthy; then what the machines said meanwhile.
    pub(super) fn go_on(&mut self, news: &Receiver<Stamped>) {
        let healthy = |record: &Record| matches!(record.verdict, Some(Verdict::Healthy { .. }));
        if self.records.iter().all(healthy) {
            (self.acts, self.background) =
                acts::perform(self.plan, self.machines, self.power_on, self.say);
        }
        while let Ok((when, news)) = news.try_recv() {
            self.take(when, news);
        }
    }

    fn take(&mut self, when: Instant, news: News) {
        let at = when.duration_since(self.power_on).as_secs_f64();
        match news {
            News::Line { machine, line } => self.hear(machine, at, line),
            News::Off { machine } => self.see_off(machine, at),
            News::Served(served) => self.note(served, at),
        }
    }

    fn hear(&mut self, machine: usize, at: f64, line: String) {
        let said = console::parse(&line);
        let name = &self.plan.machines[machine].name;
        (self.say)(Event::Console {
            machine: name.clone(),
            at,
            line: line.clone(),
        });
        self.records[machine].console.push(line);
        match said {
            Some(Said::Stage { number, step, text }) => {
                let stage = Stage {
                    number,
                    step,
                    text,
                    at,
                };
                (self.say)(Event::Stage {
                    machine: name.clone(),
                    stage: stage.clone(),
                });
                self.records[machine].waiting = None;
                self.records[machine].stages.push(stage);
            }
            Some(Said::Waiting {
                number,
                step,
                reason,
            }) => {
                self.records[machine].waiting = Some(reason.clone());
                let stage = Stage {
                    number,
                    step,
                    text: reason,
                    at,
                };
                (self.say)(Event::Waiting {
                    machine: name.clone(),
                    stage,
                });
            }
            Some(Said::Healthy {
                name,
                member_id,
                cluster_id,
            }) => {
                let status = self.machines[machine].settled_status("healthy");
                let planned = &self.plan.machines[machine];
                let verdict = match contradiction(planned, &name, &member_id, &cluster_id, &status)
                {
                    None => Verdict::Healthy {
                        at,
                        member_id,
                        cluster_id,
                    },
                    Some(reason) => Verdict::Failed { at, reason },
                };
                self.decide(machine, verdict);
            }
            Some(Said::Failed { reason }) => self.decide(machine, Verdict::Failed { at, reason }),
            None => {}
        }
    }

    fn see_off(&mut self, machine: usize, at: f64) {
        let last = self.records[machine]
            .console
            .last()
            .cloned()
            .unwrap_or_default();
        let reason = format!("the machine went off before its verdict; its last line: {last}");
        self.decide(machine, Verdict::Failed { at, reason });
    }

    fn note(&mut self, served: Served, at: f64) {
        let Served { from, what, status } = served;
        let request = Request {
            at,
            from: from.to_string(),
            what,
            status,
        };
        (self.say)(Event::Request(request.clone()));
        self.requests.push(request);
    }

    /// The first verdict of a machine is its verdict.
    fn decide(&mut self, machine: usize, verdict: Verdict) {
        if self.records[machine].verdict.is_some() {
            return;
        }
        let name = self.plan.machines[machine].name.clone();
        (self.say)(Event::Verdict {
            machine: name,
            verdict: verdict.clone(),
        });
        match &verdict {
            Verdict::Healthy { at, .. } => self.count(*at),
            _ => self.deadline = self.deadline.min(Instant::now() + AFTER_FAILURE),
        }
        self.records[machine].verdict = Some(verdict);
    }

    /// Counts a machine that has just become healthy.
    fn count(&mut self, at: f64) {
        let healthy = |record: &&Record| matches!(record.verdict, Some(Verdict::Healthy { .. }));
        let healthy = self.records.iter().filter(healthy).count() + 1;
        if healthy == self.records.len() / 2 + 1 {
            self.quorum = Some(at);
            (self.say)(Event::Quorum { at });
        }
    }

    /// Ends the silence of those that said nothing, runs the checks, and gathers all.
    pub(super) fn close(mut self) -> Outcome {
        let at = self.power_on.elapsed().as_secs_f64();
        for machine in 0..self.records.len() {
            let waiting = self.records[machine].waiting.clone();
            self.decide(machine, Verdict::Silent { at, waiting });
        }
        let records = std::mem::take(&mut self.records);
        let outcomes = records.into_iter().enumerate();
        Outcome {
            machines: outcomes
                .map(|(index, record)| self.examine(index, record))
                .collect(),
            quorum: self.quorum,
            requests: self.requests,
            acts: self.acts,
            background: self.background,
        }
    }

    fn examine(&self, index: usize, record: Record) -> MachineOutcome {
        let machine = &self.machines[index];
        let verdict = record.verdict.unwrap_or(Verdict::Silent {
            at: 0.0,
            waiting: None,
        });
        let checks = match verdict {
            Verdict::Healthy { .. } => self.plan.machines[index]
                .checks
                .iter()
                .map(|check| machine.run(check))
                .collect(),
            _ => Vec::new(),
        };
        MachineOutcome {
            name: self.plan.machines[index].name.clone(),
            stages: record.stages,
            verdict,
            checks,
            console: record.console,
            journal: if self.plan.journal {
                machine.journal()
            } else {
                None
            },
        }
    }
}

/// What of a machine's claim to be healthy contradicts the plan or its own status, if anything.
fn contradiction(
    planned: &plan::Machine,
    name: &str,
    member_id: &str,
    cluster_id: &str,
    status: &Status,
) -> Option<String> {
    let expected = [
        ("its name is", planned.name.as_str(), name),
        ("its member ID is", &planned.member_id, member_id),
        ("its cluster ID is", &planned.cluster_id, cluster_id),
        ("status.json has the state", "healthy", &status.state),
        (
            "status.json has the member ID",
            &planned.member_id,
            &status.member_id,
        ),
        (
            "status.json has the cluster ID",
            &planned.cluster_id,
            &status.cluster_id,
        ),
    ];
    let (what, wanted, found) = expected
        .into_iter()
        .find(|(_, wanted, found)| wanted != found)?;
    Some(format!(
        "it says that it is healthy, but {what} `{found}`, not `{wanted}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearse::plan::tests::plan_with;

    #[test]
    fn a_claim_to_be_healthy_must_agree_with_the_plan_and_with_itself() {
        let plan = plan_with(&["10.240.0.10"]);
        let (member, cluster) = ("f98dc20bce6225a0", "3e7cc799faffb625");
        let status = |state: &str, member: &str| Status {
            state: state.into(),
            member_id: member.into(),
            cluster_id: cluster.into(),
        };
        let judge =
            |name, id, status: Status| contradiction(&plan.machines[0], name, id, cluster, &status);
        assert_eq!(
            judge("controller-0", member, status("healthy", member)),
            None
        );
        assert_eq!(
            judge("controller-0", "1", status("healthy", "1")).unwrap(),
            "it says that it is healthy, but its member ID is `1`, not `f98dc20bce6225a0`"
        );
        assert!(judge("controller-1", member, status("healthy", member)).is_some());
        assert!(judge("controller-0", member, status("waiting", member)).is_some());
        assert!(judge("controller-0", member, Status::default()).is_some());
    }
}
