//! What was seen of one controller, as far as it was reached.

use super::data::Sample;
use crate::cluster::{ClusterId, MemberId};
use crate::pki::audit::Facts;
use std::net::SocketAddr;
use std::time::Duration;

/// What one controller said and showed; what is `None` was not heard.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Where it was asked.
    pub endpoint: SocketAddr,
    /// How the conversation ended.
    pub end: End,
    /// How long it took.
    pub took: Duration,
    /// The certificate that the server showed, whether it was accepted or not.
    pub certificate: Option<Facts>,
    /// `/version`: of the server.
    pub version: Option<String>,
    /// `/version`: of the cluster, the lowest of its members' lines.
    pub cluster_version: Option<String>,
    /// `/health`
    pub health: Option<Health>,
    /// `maintenance/status`
    pub status: Option<Status>,
    /// `cluster/member/list`, by ID.
    pub members: Option<Vec<Listed>>,
    /// `maintenance/alarm`: those of all members.
    pub alarms: Option<Vec<Raised>>,
    /// Questions that the member has answered with an error, and what it said.
    pub unanswered: Vec<(&'static str, String)>,
    /// What it holds; `None` where nobody was there to compare it with, or a learner was asked.
    pub held: Option<Held>,
}

/// What a member says of its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// This.
    Said(Sample),
    /// Nothing: why.
    Silent(String),
}

/// How far a conversation came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All questions were answered.
    Answered,
    /// No connection.
    NotStarted(NotStarted),
    /// The port accepts connections, and nobody speaks TLS on it: as an etcd that has had no
    /// quorum yet. The peer port may have told which cluster it waits for.
    Mute(Option<ClusterId>),
    /// One side does not take the other's certificate.
    CertificateRefused(Refusal),
    /// It speaks HTTP, and no TLS.
    Plain,
    /// Somebody answers, but not as etcd does: why.
    NotEtcd(String),
    /// It stopped answering: what it was asked last.
    BrokeOff(&'static str),
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotStarted {
    /// The machine is there, and nobody listens on the port.
    Refused,
    /// The network says that there is no way.
    NoRoute,
    /// Nobody says anything.
    TimedOut,
    /// Anything else, in the operating system's words.
    Other(String),
}

/// Who refuses whose certificate, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who refuses.
    pub by: By,
    /// The rest of the sentence.
    pub why: String,
    /// The cure.
    pub help: String,
}

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// This program refuses the server's certificate.
    Us,
    /// The server refuses our client certificate.
    Them,
}

/// What `/health` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether it can serve.
    pub healthy: bool,
    /// Why not; etcd says so from 3.5 on.
    pub reason: Option<String>,
}

/// What a member says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The cluster that it is in.
    pub cluster: ClusterId,
    /// Its ID there.
    pub member: MemberId,
    /// Whom it follows, itself if it leads; `None` without a leader.
    pub leader: Option<MemberId>,
    /// The raft term.
    pub term: u64,
    /// Bytes of the database's file.
    pub database: u64,
    /// Bytes of it in use; etcd says so from 3.4 on.
    pub in_use: Option<u64>,
    /// Whether it has no vote.
    pub learner: bool,
}

/// A member as another one lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its ID.
    pub id: MemberId,
    /// Its name; empty as long as it has never started.
    pub name: String,
    /// Where peers reach it, sorted.
    pub peer_urls: Vec<String>,
    /// Where clients reach it, sorted.
    pub client_urls: Vec<String>,
    /// Whether it has no vote.
    pub learner: bool,
}

/// An alarm of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// Whose.
    pub member: MemberId,
    /// What it is.
    pub alarm: Alarm,
}

/// What an alarm says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// The database reached its quota: nothing can be written.
    NoSpace,
    /// Members' data differ.
    Corrupt,
    /// One that is newer than this program, by its name.
    Other(String),
}

impl Alarm {
    /// Its name as etcd writes it.
    pub fn name(&self) -> &str {
        match self {
            Self::NoSpace => "NOSPACE",
            Self::Corrupt => "CORRUPT",
            Self::Other(name) => name,
        }
    }
}

impl Observation {
    /// Nothing was heard so far: were time over now, nobody would have accepted a connection.
    pub(super) fn nothing(endpoint: SocketAddr) -> Self {
        Self {
            endpoint,
            end: End::NotStarted(NotStarted::TimedOut),
            took: Duration::ZERO,
            certificate: None,
            version: None,
            cluster_version: None,
            health: None,
            status: None,
            members: None,
            alarms: None,
            unanswered: Vec::new(),
            held: None,
        }
    }
}
