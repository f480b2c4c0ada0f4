//! Listens to the machines, and decides what became of each.

mod claim;
mod outcome;

use super::acts;
use super::client::Writer;
use super::console::{self, Said};
use super::error::Error;
use super::event::{ActResult, BackgroundResult, ClientResult, Event, Request, Stage, Verdict};
use super::fault::Kind;
use super::plan::Plan;
use super::power::Machine;
use super::server::Served;
use super::trouble::{Done, Troubles};
use claim::contradiction;
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
    /// Whether it lost all, and came back from its user-data.
    is_made_again: bool,
}

pub(super) struct Judge<'a> {
    plan: &'a Plan,
    machines: &'a [Machine],
    power_on: Instant,
    deadline: Instant,
    /// Whether some machine's verdict is not a good one: then nothing is waited for any more.
    has_failed: bool,
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
        Self {
            plan,
            machines,
            power_on,
            deadline: power_on + plan.timeout,
            has_failed: false,
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
            if self.all_are_healthy() {
                self.troubles.all_are_healthy(Instant::now());
            }
            let next = self.troubles.next();
            let is_open = self.records.iter().any(|record| record.verdict.is_none());
            if !is_open && next.is_none() {
                break;
            }
            // Patience is for what comes after the last cause has gone.
            if let Some(next) = next
                && !self.has_failed
            {
                self.deadline = self.deadline.max(next + self.plan.timeout);
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

    fn all_are_healthy(&self) -> bool {
        let healthy = |record: &Record| matches!(record.verdict, Some(Verdict::Healthy { .. }));
        self.records.iter().all(healthy)
    }

    /// Takes note of what was done. A machine that was stopped has its verdict before it again.
    fn suffer(&mut self, done: Done, news: &Receiver<Stamped>) {
        if let Some((machine, kind)) = done.stopped {
            // What it said until then is heard, but is no verdict any more.
            while let Ok((when, news)) = news.try_recv() {
                self.take(when, news);
            }
            self.records[machine].verdict = None;
            self.records[machine].waiting = None;
            self.records[machine].is_made_again |= kind == Kind::Replace;
        }
        (self.say)(Event::Fault(done.result));
    }

    /// The plan's acts, if all machines are healthy; then what the machines said meanwhile.
    pub(super) fn go_on(&mut self, news: &Receiver<Stamped>) {
        if self.all_are_healthy() {
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
                let said = (name.as_str(), member_id.as_str(), cluster_id.as_str());
                let is_made_again = self.records[machine].is_made_again;
                let verdict = match contradiction(planned, said, &status, is_made_again) {
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
        if let Verdict::Healthy { at, .. } = &verdict {
            self.records[machine].healthy.push(*at);
            self.count(*at);
        } else {
            self.has_failed = true;
            self.deadline = self.deadline.min(Instant::now() + AFTER_FAILURE);
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
}
