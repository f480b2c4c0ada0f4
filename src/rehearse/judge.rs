//! Listens to the machines, and decides what became of each.

use super::acts;
use super::client::Writer;
use super::console::{self, Said};
use super::error::Error;
use super::event::{
    ActResult, BackgroundResult, ClientResult, Complaint, Event, FaultResult, MachineOutcome,
    Outcome, Request, Stage, Verdict,
};
use super::fault::Fault;
use super::plan::{self, Plan};
use super::power::{Machine, Status};
use super::server::Served;
use super::trouble::{Done, Troubles};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
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
    /// All that it said it waited for, and that it failed.
    complaints: Vec<Stage>,
    /// When it said that it is healthy, each time.
    healthy: Vec<f64>,
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
    troubles: Troubles<'a>,
    writer: Option<Result<Writer, String>>,
    client: Option<ClientResult>,
    say: &'a mut dyn FnMut(Event),
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        machines: &'a [Machine],
        troubles: Troubles<'a>,
        power_on: Instant,
        say: &'a mut dyn FnMut(Event),
    ) -> Self {
        // Patience is for what comes after the last cause has gone.
        let gone = plan.faults.iter().map(Fault::gone_by).max();
        Self {
            plan,
            machines,
            power_on,
            deadline: power_on + plan.timeout + gone.unwrap_or_default(),
            records: machines.iter().map(|_| Record::default()).collect(),
            requests: Vec::new(),
            quorum: None,
            acts: Vec::new(),
            background: Vec::new(),
            troubles,
            writer: None,
            client: None,
            say,
        }
    }

    /// Until every machine has its verdict and every cause has gone, or patience ends.
    pub(super) fn listen(&mut self, news: &Receiver<Stamped>) -> Result<(), Error> {
        loop {
            let next = self.troubles.next();
            let is_open = self.records.iter().any(|record| record.verdict.is_none());
            if !is_open && next.is_none() {
                break;
            }
            let until = next.map_or(self.deadline, |next| next.min(self.deadline));
            let left = until.saturating_duration_since(Instant::now());
            match news.recv_timeout(left) {
                Ok((when, news)) => self.take(when, news),
                Err(RecvTimeoutError::Timeout) if Instant::now() < self.deadline => {}
                Err(_) => break,
            }
            if let Some(done) = self.troubles.act()? {
                self.suffer(done, news);
            }
        }
        self.client = match self.writer.take() {
            Some(Ok(writer)) => Some(writer.end()),
            Some(Err(why)) => Some(ClientResult {
                trouble: Some(why),
                ..ClientResult::default()
            }),
            None => None,
        };
        Ok(())
    }

    /// Takes note of what was done. A machine whose power was cut has its verdict before it again.
    fn suffer(&mut self, done: Done, news: &Receiver<Stamped>) {
        if let Some(machine) = done.cut {
            // What it said until then is heard, but is no verdict any more.
            while let Ok((when, news)) = news.try_recv() {
                self.take(when, news);
            }
            self.records[machine].verdict = None;
            self.records[machine].waiting = None;
        }
        (self.say)(Event::Fault(done.result));
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
                self.troubles.heard(machine, number, Instant::now());
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
                self.records[machine].complaints.push(stage.clone());
                (self.say)(Event::Waiting {
                    machine: name.clone(),
                    stage,
                });
            }
            // Said before its power was cut, and heard after.
            Some(Said::Healthy { .. }) if !self.machines[machine].is_on() => {}
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
            Some(Said::Failed { reason }) => {
                self.records[machine].complaints.push(Stage {
                    number: 0,
                    step: "failed".to_owned(),
                    text: reason.clone(),
                    at,
                });
                self.decide(machine, Verdict::Failed { at, reason });
            }
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
            Verdict::Healthy { at, .. } => {
                self.records[machine].healthy.push(*at);
                self.count(*at);
            }
            _ => self.deadline = self.deadline.min(Instant::now() + AFTER_FAILURE),
        }
        self.records[machine].verdict = Some(verdict);
    }

    /// Counts a machine that has just become healthy.
    fn count(&mut self, at: f64) {
        let healthy = |record: &&Record| matches!(record.verdict, Some(Verdict::Healthy { .. }));
        let healthy = self.records.iter().filter(healthy).count() + 1;
        if healthy == self.records.len() / 2 + 1 && self.quorum.is_none() {
            self.quorum = Some(at);
            (self.say)(Event::Quorum { at });
            self.writer = self.plan.client.as_ref().map(Writer::start);
        }
    }

    /// Ends the silence of those that said nothing, runs the checks, and gathers all.
    pub(super) fn close(mut self) -> Outcome {
        let at = self.power_on.elapsed().as_secs_f64();
        for machine in 0..self.records.len() {
            let waiting = self.records[machine].waiting.clone();
            self.decide(machine, Verdict::Silent { at, waiting });
        }
        let faults = self.troubles.results();
        let faults = faults
            .into_iter()
            .map(|fault| self.follow_up(fault))
            .collect();
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
            faults,
            client: self.client,
            executed: Vec::new(),
        }
    }

    /// What the machines said of a fault while it lasted, and when they had got over it.
    fn follow_up(&self, mut fault: FaultResult) -> FaultResult {
        let Some(begun) = fault.begun else {
            return fault;
        };
        let names = self.plan.machines.iter().map(|machine| &machine.name);
        let concerned = names.zip(&self.records).filter(|(name, _)| {
            fault
                .machine
                .as_ref()
                .is_none_or(|machine| machine == *name)
        });
        let gone = fault.gone.unwrap_or(f64::INFINITY);
        let mut latest = fault.gone;
        for (name, record) in concerned {
            let complaints = record.complaints.iter();
            for stage in complaints.filter(|said| (begun..gone).contains(&said.at)) {
                let is_new = |said: &Complaint| said.stage.text != stage.text;
                if fault.said.iter().all(is_new) {
                    fault.said.push(Complaint {
                        machine: name.clone(),
                        stage: stage.clone(),
                    });
                }
            }
            let ended = matches!(record.verdict, Some(Verdict::Healthy { .. }));
            // Of one that was healthy throughout, the cause's end is all there is to tell.
            let again = record.healthy.iter().copied().find(|at| *at > gone);
            latest = latest
                .filter(|_| ended)
                .map(|at| at.max(again.unwrap_or(at)));
        }
        fault.healthy = latest;
        fault
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
