//! What is to be rehearsed: values only, so that a plan can cross into the namespaces.

use super::fault::Fault;
use crate::release::{Arch, Version};
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// A Debian release whose systemd and cloud-init the machines run.
///
/// ```
/// use firstboot::rehearse::Suite;
/// assert_eq!("trixie".parse(), Ok(Suite::Trixie));
/// assert_eq!(Suite::for_release_line(3), Some(Suite::Bullseye));
/// assert_eq!(Suite::for_release_line(6), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Suite {
    /// Debian 11: systemd 247, cloud-init 20.4, etcd 3.3.
    Bullseye,
    /// Debian 12: systemd 252, cloud-init 22.4, etcd 3.4.
    Bookworm,
    /// Debian 13: systemd 257, cloud-init 25.1, etcd 3.5.
    Trixie,
}

/// Why a text is no suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASuite;

impl Suite {
    /// Every suite, oldest first.
    pub const ALL: [Self; 3] = [Self::Bullseye, Self::Bookworm, Self::Trixie];

    /// Debian's code name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bullseye => "bullseye",
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }

    /// The suite whose packages hold etcd 3.`minor`, if one does.
    pub const fn for_release_line(minor: u64) -> Option<Self> {
        match minor {
            3 => Some(Self::Bullseye),
            4 => Some(Self::Bookworm),
            5 => Some(Self::Trixie),
            _ => None,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Suite {
    type Err = NotASuite;

    fn from_str(text: &str) -> Result<Self, NotASuite> {
        let named = |suite: &Self| suite.name() == text;
        Self::ALL.into_iter().find(named).ok_or(NotASuite)
    }
}

/// One rehearsal: the machines as they were rendered, and what surrounds them.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The cluster's name, for the reader.
    pub cluster: String,
    /// What the machines run.
    pub suite: Suite,
    /// The release tarball that the stand-in for the release's hosts serves.
    pub tarball: PathBuf,
    /// The name that a requested path must end in to get it.
    pub tarball_name: String,
    /// The hosts for which the release server answers, over HTTPS, on port 443; without any there
    /// is no server.
    pub hosts: Vec<String>,
    /// Where the tarball lies in every machine before it is powered on, as in an image that has it.
    pub media: Vec<PathBuf>,
    /// Where each machine has a disk of its own for etcd's data, blank at first: a path in `/dev`.
    pub data_disk: Option<PathBuf>,
    /// The machines, all of which are powered on at once.
    pub machines: Vec<Machine>,
    /// How long the machines have from power-on to their verdict.
    pub timeout: Duration,
    /// What is done to the machines once all are healthy, strictly one after the other.
    pub acts: Vec<Act>,
    /// What runs in the machines all the while, from the first act's beginning to the last's end.
    pub background: Vec<Background>,
    /// Whether the outcome carries every machine's journal.
    pub journal: bool,
    /// What goes wrong; see [`super::schedule`].
    pub faults: Vec<Fault>,
    /// Who writes and reads all the while, from the first quorum on, and looks for it at the end.
    pub client: Option<Client>,
}

/// A client of the cluster, beside the machines.
#[derive(Debug, Serialize, Deserialize)]
pub struct Client {
    /// Every member's client URL.
    pub endpoints: Vec<String>,
    /// The authority that signed for the members, as PEM.
    #[serde(with = "secret_as_base64")]
    pub ca: Secret,
    /// What the client proves itself with, as PEM.
    #[serde(with = "secret_as_base64")]
    pub certificate: Secret,
    /// Its key, as PEM.
    #[serde(with = "secret_as_base64")]
    pub key: Secret,
}

/// One machine: what its cloud would give it, and what it is expected to become.
#[derive(Debug, Serialize, Deserialize)]
pub struct Machine {
    /// The controller's name.
    pub name: String,
    /// Its only address, alone in its subnet as on GCE (`/32` or `/128`).
    pub address: IpAddr,
    /// The planned member ID, as etcdctl prints it, with which the verdict must agree; `None` if
    /// it gets one when it joins.
    pub member_id: Option<String>,
    /// The planned cluster ID, likewise.
    pub cluster_id: String,
    /// What cloud-init reads as user-data, byte for byte.
    #[serde(with = "secret_as_base64")]
    pub user_data: Secret,
    /// What cloud-init reads as `NoCloud` meta-data.
    pub meta_data: String,
    /// What is run inside it once it is healthy, and the plan's acts and background have ended.
    pub checks: Vec<Check>,
}

/// A command that is run inside each healthy machine by `/bin/sh -c`, as root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The command line.
    pub command: String,
    /// Texts that its output must contain, for instance the planned member IDs.
    pub expect: Vec<String>,
}

/// Something that is done to one machine of a healthy cluster, by `/bin/sh -c` inside it, as root.
///
/// The first act that fails is the last that is done, and the rehearsal has not passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// In which machine, counted from 0 in the plan's order.
    pub machine: usize,
    /// The command line. It is told in the outcome, and every process list shows it.
    pub command: String,
    /// What it reads from its standard input: the only way for a key.
    #[serde(with = "secret_as_base64")]
    pub stdin: Secret,
    /// Texts that its output must contain.
    pub expect: Vec<String>,
    /// How long it may take, in whole seconds: one that takes longer is ended, and has failed.
    pub timeout: Duration,
}

/// Something that runs inside a machine by `/bin/sh -c`, as root, while the acts are done: for
/// instance a client that reads and writes.
///
/// It is to run until it gets SIGTERM, after the last act; one that ends earlier has failed. It
/// and all processes of its session get that signal, and a few seconds to end well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Background {
    /// In which machine, counted from 0 in the plan's order.
    pub machine: usize,
    /// The command line.
    pub command: String,
}

/// The release tarball that takes the place of upstream's where the network is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandIn {
    /// The version that it really holds: the same release line as the one asked for.
    pub version: Version,
    /// The architecture: always this computer's.
    pub arch: Arch,
    /// Where it lies in the cache, under upstream's name for it.
    pub tarball: PathBuf,
    /// Its digest, which the machines must be rendered with.
    pub digest: crate::release::Digest,
    /// Where its binaries come from, for the reader.
    pub origin: String,
    /// The suite whose libraries those binaries were built for.
    pub suite: Suite,
}

mod secret_as_base64 {
    use crate::secret::Secret;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(STANDARD.encode(secret.expose())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        // The decoder's own message quotes the bytes that it stumbles over.
        let bytes = STANDARD.decode(text.as_bytes());
        bytes
            .map(Secret::new)
            .map_err(|_| D::Error::custom("a secret is not base64"))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::rehearse) fn plan_with(addresses: &[&str]) -> Plan {
        let machine = |address: &&str| Machine {
            name: "controller-0".into(),
            address: address.parse().unwrap(),
            member_id: Some("f98dc20bce6225a0".into()),
            cluster_id: "3e7cc799faffb625".into(),
            user_data: Secret::new(b"#cloud-config\n\xff KEY".to_vec()),
            meta_data: "instance-id: i-0\n".into(),
            checks: Vec::new(),
        };
        Plan {
            cluster: "etcd-cluster-0".into(),
            suite: Suite::Bookworm,
            tarball: "/t".into(),
            tarball_name: "t".into(),
            hosts: Vec::new(),
            media: Vec::new(),
            data_disk: None,
            machines: addresses.iter().map(machine).collect(),
            timeout: Duration::from_secs(1),
            acts: Vec::new(),
            background: Vec::new(),
            journal: false,
            faults: Vec::new(),
            client: None,
        }
    }

    #[test]
    fn what_an_act_reads_crosses_and_is_never_shown() {
        let act = Act {
            machine: 0,
            command: "cat >/etc/etcd/ca.pem".into(),
            stdin: Secret::new(b"KEY\xff".to_vec()),
            expect: Vec::new(),
            timeout: Duration::from_secs(1),
        };
        assert!(!format!("{act:?}").contains("KEY"));
        let text = serde_json::to_string(&act).unwrap();
        assert!(!text.contains("KEY"));
        assert_eq!(serde_json::from_str::<Act>(&text).unwrap(), act);
    }

    #[test]
    fn user_data_crosses_byte_for_byte_and_is_never_shown() {
        let plan = plan_with(&["fd00::1"]);
        assert!(!format!("{plan:?}").contains("KEY"));
        let text = serde_json::to_string(&plan).unwrap();
        let back: Plan = serde_json::from_str(&text).unwrap();
        assert_eq!(back.machines[0].user_data, plan.machines[0].user_data);
        assert_eq!(back.machines[0].address, plan.machines[0].address);

        let broken = text.replace("I2Nsb3Vk", "KEY!");
        let error = serde_json::from_str::<Plan>(&broken)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("not base64") && !error.contains("KEY"),
            "{error}"
        );
    }
}
