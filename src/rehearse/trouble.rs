//! Does what the plan's faults say, when they say it.

use super::audit::Audit;
use super::error::Error;
use super::event::FaultResult;
use super::fault::{Begin, Fault, Kind};
use super::network;
use super::plan::Plan;
use super::power::Machine;
use super::server::Mood;
use std::time::{Duration, Instant};

/// A power cut needs a machine that is on: how long to wait until it is looked at again.
const LATER: Duration = Duration::from_millis(300);

/// Everything that goes wrong in one rehearsal, and where it stands.
pub(super) struct Troubles<'a> {
    plan: &'a Plan,
    machines: &'a [Machine],
    mood: Mood,
    audit: &'a Audit,
    power_on: Instant,
    all: Vec<Trouble<'a>>,
}

struct Trouble<'a> {
    fault: &'a Fault,
    state: State,
    result: FaultResult,
}

#[derive(Clone, Copy)]
enum State {
    /// For a machine to end a stage, or for all machines to be healthy.
    Awaited,
    Due(Instant),
    On(Instant),
    Gone,
}

/// What has just been done.
pub(super) struct Done {
    pub(super) result: FaultResult,
    /// The machine that was stopped, and must have its verdict again.
    pub(super) stopped: Option<(usize, Kind)>,
}

impl<'a> Troubles<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        machines: &'a [Machine],
        mood: Mood,
        audit: &'a Audit,
        power_on: Instant,
    ) -> Self {
        let trouble = |fault: &'a Fault| Trouble {
            fault,
            state: match fault.begins {
                Begin::At(after) => State::Due(power_on + after),
                Begin::AfterStage(..) | Begin::WhenHealthy(_) => State::Awaited,
            },
            result: FaultResult::of(fault, plan),
        };
        Self {
            plan,
            machines,
            mood,
            audit,
            power_on,
            all: plan.faults.iter().map(trouble).collect(),
        }
    }

    /// A machine ended a stage well. What is wished for behind a replacement comes after it.
    pub(super) fn heard(&mut self, machine: usize, stage: u8, when: Instant) {
        let awaits = |trouble: &Trouble<'_>| {
            matches!(trouble.state, State::Awaited)
                && matches!(trouble.fault.begins, Begin::AfterStage(awaited, _) if awaited == stage)
        };
        let is_its = |trouble: &&Trouble<'_>| {
            trouble.fault.machine == Some(machine) && awaits(trouble) && self.is_its_turn(trouble)
        };
        // What comes to several machines comes at once, with the first that is so far.
        let wishes: Vec<_> = self
            .all
            .iter()
            .filter(is_its)
            .map(|its| its.fault.wish)
            .collect();
        for wish in wishes {
            self.fall_due(wish, when);
        }
    }

    /// All machines are healthy: what waits for that comes, one wish after the other.
    pub(super) fn all_are_healthy(&mut self, when: Instant) {
        if self.next().is_some() {
            return;
        }
        let waits = |trouble: &&Trouble<'_>| {
            matches!(trouble.fault.begins, Begin::WhenHealthy(_))
                && matches!(trouble.state, State::Awaited)
        };
        if let Some(wish) = self.all.iter().find(waits).map(|its| its.fault.wish) {
            self.fall_due(wish, when);
        }
    }

    fn is_its_turn(&self, trouble: &Trouble<'_>) -> bool {
        self.all.iter().all(|other| {
            other.fault.wish >= trouble.fault.wish
                || other.fault.kind != Kind::Replace
                || other.result.begun.is_some()
        })
    }

    fn fall_due(&mut self, wish: usize, when: Instant) {
        for trouble in &mut self.all {
            if let (State::Awaited, Begin::AfterStage(_, after) | Begin::WhenHealthy(after)) =
                (trouble.state, trouble.fault.begins)
                && trouble.fault.wish == wish
            {
                trouble.state = State::Due(when + after);
            }
        }
    }

    /// When something is to be done next.
    pub(super) fn next(&self) -> Option<Instant> {
        let when = |trouble: &Trouble<'_>| match trouble.state {
            State::Due(when) | State::On(when) => Some(when),
            State::Awaited | State::Gone => None,
        };
        self.all.iter().filter_map(when).min()
    }

    /// Does what is due first, if anything is by now.
    pub(super) fn act(&mut self) -> Result<Option<Done>, Error> {
        let now = Instant::now();
        let begins = |state| matches!(state, State::Due(when) if when <= now);
        let ends = |state| matches!(state, State::On(when) if when <= now);
        // All that begins first: machines that are stopped at one moment are all off then.
        let states = || self.all.iter().map(|trouble| trouble.state);
        let Some(index) = states()
            .position(begins)
            .or_else(|| states().position(ends))
        else {
            return Ok(None);
        };
        let (fault, state) = (self.all[index].fault, self.all[index].state);
        if let State::Due(_) = state
            && fault.kind.stops_machine()
            && self.machine(fault).is_some_and(|machine| !machine.is_on())
        {
            self.all[index].state = State::Due(now + LATER);
            return Ok(None);
        }
        let begins = matches!(state, State::Due(_));
        self.set(fault, begins)?;
        let at = self.power_on.elapsed().as_secs_f64();
        let trouble = &mut self.all[index];
        if begins {
            trouble.state = State::On(Instant::now() + fault.lasts);
            trouble.result.begun = Some(at);
        } else {
            trouble.state = State::Gone;
            trouble.result.gone = Some(at);
        }
        Ok(Some(Done {
            result: trouble.result.clone(),
            stopped: fault
                .machine
                .filter(|_| begins && fault.kind.stops_machine())
                .map(|machine| (machine, fault.kind)),
        }))
    }

    fn machine(&self, fault: &Fault) -> Option<&'a Machine> {
        self.machines.get(fault.machine?)
    }

    fn set(&self, fault: &Fault, on: bool) -> Result<(), Error> {
        if let (None, kind) = (fault.machine, fault.kind) {
            let mut mood = self
                .mood
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            *mood = on.then_some(kind);
            return Ok(());
        }
        let (Some(index), Some(machine)) = (fault.machine, self.machine(fault)) else {
            return Ok(());
        };
        let root = machine.root();
        match (fault.kind, on) {
            (Kind::Late | Kind::PowerCut | Kind::Replace, false) => machine.switch_on(),
            (Kind::PowerCut | Kind::Replace, true) => {
                machine.cut(fault.kind == Kind::Replace)?;
                self.audit
                    .watch(&self.plan.machines[index].name, &root.path())
            }
            (Kind::DiskLate, false) => machine.attach_disk(),
            (Kind::NoDns, on) => root.know_hosts(!on),
            (Kind::Clock(by), on) => root.set_clock(if on { by } else { 0 }),
            (Kind::DiskFull, on) => root.fill(on),
            (Kind::PeerCut, on) => network::cut_from_peers(self.plan, index, on),
            (Kind::WrongIp, on) => network::readdress(self.plan, index, on),
            // The mirrors' are set already; what is late is not there from the start.
            (
                Kind::Late
                | Kind::DiskLate
                | Kind::Mirror503
                | Kind::MirrorCorrupt
                | Kind::MirrorStall
                | Kind::MirrorTruncate,
                _,
            ) => Ok(()),
        }
    }

    /// What became of each, in the plan's order.
    pub(super) fn results(&self) -> Vec<FaultResult> {
        self.all
            .iter()
            .map(|trouble| trouble.result.clone())
            .collect()
    }
}
