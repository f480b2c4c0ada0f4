//! What a rehearsal tells while it runs, and what it leaves at its end.
//!
//! Every time is in seconds since power-on, which is the same moment for all machines.

use serde::{Deserialize, Serialize};

/// Something that just happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
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
}

impl Outcome {
    /// Whether every machine is healthy, every act and check passed, and what was to run
    /// meanwhile did so to the end.
    pub fn passed(&self) -> bool {
        let machines = self.machines.iter().all(|machine| {
            matches!(machine.verdict, Verdict::Healthy { .. })
                && machine.checks.iter().all(CheckResult::passed)
        });
        // An act that was left out stands behind one that failed, or beside an unhealthy machine.
        machines
            && self.acts.iter().all(|act| act.result.passed())
            && self.background.iter().all(|ran| ran.lasted)
    }
}
