//! What a rehearsal tells while it runs, and what it leaves at its end.
//!
//! Every time is in seconds since power-on, which is the same moment for all machines.

use super::fault::Fault;
use super::plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Something that just happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A part of what is being built begins.
    BuildingStep {
        /// Which, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// What is done in it.
        what: String,
    },
    /// Something that the cache does not hold is being built: half a minute or so.
    Building {
        /// For instance `image bookworm`.
        what: String,
    },
    /// Every machine was switched on.
    PowerOn {
        /// Their names, in the plan's order.
        machines: Vec<String>,
    },
    /// A machine wrote a line to its console; those of the contract come as their own events too.
    Console {
        /// The machine's name.
        machine: String,
        /// Seconds since power-on.
        at: f64,
        /// The line, without colours and control characters.
        line: String,
    },
    /// A stage of first boot ended well.
    Stage {
        /// The machine's name.
        machine: String,
        /// Which stage, and when.
        stage: Stage,
    },
    /// A stage of first boot waits for something.
    Waiting {
        /// The machine's name.
        machine: String,
        /// The stage, with what it waits for as its text.
        stage: Stage,
    },
    /// A machine reached its verdict; whether it is the planned one, the outcome tells.
    Verdict {
        /// The machine's name.
        machine: String,
        /// The verdict.
        verdict: Verdict,
    },
    /// A majority of the machines is healthy.
    Quorum {
        /// Seconds since power-on.
        at: f64,
    },
    /// A machine asked the release server for something.
    Request(Request),
    /// An act ended, well or not.
    Act(ActResult),
    /// A fault began, or its cause has gone.
    Fault(FaultResult),
}

/// What became of a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultResult {
    /// As it was asked for: `power-cut:etcd`.
    pub fault: String,
    /// What was done, in words.
    pub done: String,
    /// The machine's name; the release's hosts have none.
    pub machine: Option<String>,
    /// When it began, in seconds since power-on; never, if what it waits for did not come.
    pub begun: Option<f64>,
    /// When its cause had gone.
    pub gone: Option<f64>,
    /// When every machine that it concerns was healthy after that.
    pub healthy: Option<f64>,
    /// What the machines said that they wait for while it lasted, each once.
    pub said: Vec<Complaint>,
}

/// What a machine said that it waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Complaint {
    /// The machine's name.
    pub machine: String,
    /// In which stage, and what; or that it failed, and why.
    #[serde(flatten)]
    pub stage: Stage,
}

impl FaultResult {
    pub(super) fn of(fault: &Fault, plan: &Plan) -> Self {
        let machine = fault.machine.and_then(|index| plan.machines.get(index));
        Self {
            fault: fault.name.clone(),
            done: fault.told(),
            machine: machine.map(|machine| machine.name.clone()),
            begun: None,
            gone: None,
            healthy: None,
            said: Vec::new(),
        }
    }
}

/// A program that a machine ran and that is not its image's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Executed {
    /// The machine's name.
    pub machine: String,
    /// Its path there.
    pub path: String,
    /// Of the very bytes that were opened for execution, in lower-case hexadecimal.
    pub sha256: String,
}

/// What a client did while things went wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientResult {
    /// The numbers of the writes that were acknowledged.
    pub acknowledged: Vec<u64>,
    /// How many writes were not; of these some may be there all the same.
    pub refused: u64,
    /// How many reads were answered, beside those at the end.
    pub read: u64,
    /// Acknowledged writes that a later read, or a member at the end, did not have.
    pub lost: BTreeSet<u64>,
    /// Every cluster ID in an answer, in lower-case hexadecimal.
    pub cluster_ids: BTreeSet<String>,
    /// The longest time without an acknowledged write, in seconds.
    pub longest_gap: f64,
    /// Why it could not do its work.
    pub trouble: Option<String>,
}

impl ClientResult {
    /// Whether all that was acknowledged was found, in one and the same cluster.
    pub fn passed(&self) -> bool {
        self.lost.is_empty() && self.cluster_ids.len() == 1 && self.trouble.is_none()
    }
}

/// One stage of first boot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// 1 to 6.
    pub number: u8,
    /// Its short name: `files`, `address`, `clock`, `etcd`, `start`, `member`.
    pub step: String,
    /// What the machine says about it.
    pub text: String,
    /// When the line arrived, in seconds since power-on.
    pub at: f64,
}

/// What became of a machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "verdict")]
pub enum Verdict {
    /// A started member of the planned cluster, with the planned ID.
    #[serde(rename_all = "camelCase")]
    Healthy {
        /// When it said so, in seconds since power-on.
        at: f64,
        /// As the machine's own etcd tells it, lower-case hexadecimal.
        member_id: String,
        /// Likewise.
        cluster_id: String,
    },
    /// It said that a person is needed, or what it said contradicts the plan.
    Failed {
        /// When, in seconds since power-on.
        at: f64,
        /// Cause and cure, in the machine's own words where it has any.
        reason: String,
    },
    /// No verdict came in time.
    Silent {
        /// When patience ended, in seconds since power-on.
        at: f64,
        /// The last thing it waited for, if it said so.
        waiting: Option<String>,
    },
}

/// A request that reached the release server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Seconds since power-on.
    pub at: f64,
    /// The address that asked.
    pub from: String,
    /// For instance `GET github.com/etcd-io/etcd/…`.
    pub what: String,
    /// The HTTP status of the answer.
    pub status: u16,
}

/// One command that was run inside a machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The command line.
    pub command: String,
    /// What it printed, both streams together.
    pub output: String,
    /// Its exit status; none if a signal ended it.
    pub status: Option<i32>,
    /// Texts that its output should have contained.
    pub missing: Vec<String>,
}

impl CheckResult {
    /// Whether it ended with 0 and printed all that it should.
    pub fn passed(&self) -> bool {
        self.status == Some(0) && self.missing.is_empty()
    }
}

/// What became of an act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActResult {
    /// The machine's name.
    pub machine: String,
    /// When it began, in seconds since power-on.
    pub at: f64,
    /// How long it took, in seconds.
    pub took: f64,
    /// The command line, and what came of it.
    #[serde(flatten)]
    pub result: CheckResult,
}

/// What became of a command that ran while the acts were done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackgroundResult {
    /// The machine's name.
    pub machine: String,
    /// The command line.
    pub command: String,
    /// What it printed, both streams together.
    pub output: String,
    /// Whether it still ran after the last act, as it should.
    pub lasted: bool,
}

/// What became of one machine, and how it got there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineOutcome {
    /// The machine's name.
    pub name: String,
    /// The stages that ended, in order.
    pub stages: Vec<Stage>,
    /// What became of it.
    pub verdict: Verdict,
    /// Why it is not healthy, with the cure, where its disk tells and the machine itself cannot.
    pub cause: Option<String>,
    /// The machine's checks, in the plan's order; none on a machine that is not healthy.
    pub checks: Vec<CheckResult>,
    /// Everything that its console showed, oldest first.
    pub console: Vec<String>,
    /// Its whole journal, if the plan asked for it.
    pub journal: Option<String>,
}

/// What became of all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// In the plan's order.
    pub machines: Vec<MachineOutcome>,
    /// When a majority was healthy, in seconds since power-on.
    pub quorum: Option<f64>,
    /// What the release server was asked for.
    pub requests: Vec<Request>,
    /// The acts that were done, in order; the first that fails is the last. None are done unless
    /// all machines are healthy.
    pub acts: Vec<ActResult>,
    /// What ran meanwhile, in the plan's order.
    pub background: Vec<BackgroundResult>,
    /// What went wrong by plan, in the plan's order.
    pub faults: Vec<FaultResult>,
    /// What the plan's client did, once there was a quorum.
    pub client: Option<ClientResult>,
    /// Every program that a machine ran and that is not its image's, each once.
    pub executed: Vec<Executed>,
}

impl Outcome {
    /// Whether every machine is healthy, every act and check passed, what was to run meanwhile
    /// did so to the end, every fault really came, and the client lost nothing.
    pub fn passed(&self) -> bool {
        let machines = self.machines.iter().all(|machine| {
            matches!(machine.verdict, Verdict::Healthy { .. })
                && machine.checks.iter().all(CheckResult::passed)
        });
        // An act that was left out stands behind one that failed, or beside an unhealthy machine.
        machines
            && self.acts.iter().all(|act| act.result.passed())
            && self.background.iter().all(|ran| ran.lasted)
            && self.faults.iter().all(|fault| fault.gone.is_some())
            && self.client.as_ref().is_none_or(ClientResult::passed)
    }
}
