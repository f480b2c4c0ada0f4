//! The resolved cluster: what `cluster.yaml` means, checked. A [`Cluster`] that exists is right.
//!
//! Knows neither YAML nor the paths of the user's disk. To add a property of the cluster,
//! give it a type with one constructor here and resolve it in `manifest::resolve`.

mod data_disk;
mod genesis;
mod ids;
mod name;
mod network;
pub mod settings;

use crate::release::{Arch, Digest, LockId, Version};
use crate::secret::Secret;
use std::fmt;
use std::net::IpAddr;

pub use data_disk::{DataDisk, Device, Filesystem, Label, NotADisk};
pub use genesis::{Genesis, Since};
pub use ids::{ClusterId, MemberId};
pub use name::{ClusterName, CommonName, FileName, HostName, NotAName};
pub(crate) use network::network_of;
pub use network::{Interface, Network, NotAnInterface};

/// The port on which members talk to each other, registered for etcd.
pub const PEER_PORT: u16 = 2380;
/// The port on which clients talk to a member, registered for etcd.
pub const CLIENT_PORT: u16 = 2379;

/// One etcd cluster, complete: everything that its controllers need is in here.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The cluster's name, which is also the initial-cluster token.
    pub name: ClusterName,
    /// The pinned etcd release.
    pub release: Release,
    /// What happens on an image with another release.
    pub mismatch: Mismatch,
    /// The controllers in the manifest's order; names, addresses and IDs are distinct.
    pub members: Vec<Member>,
    /// The machines' network, where nothing there tells them; their addresses are in it.
    pub network: Option<Network>,
    /// What is set on every member besides what follows from its place in the cluster.
    pub settings: settings::Settings,
    /// Whether blank machines ask their peers; `None`: they begin the cluster, as etcd does.
    pub replace: Option<Replace>,
    /// Whether a blank machine whose peers are silent may begin the cluster.
    pub genesis: Genesis,
    /// The disk that holds each machine's data; `None`: the root disk.
    pub data_disk: Option<DataDisk>,
    /// The ID that every member of this cluster will report.
    pub id: ClusterId,
    /// Which of the clusters that were ever rendered under this name it is; `None` without a lock.
    pub lineage: Option<LockId>,
}

/// What a machine does whose image brings another etcd than the pinned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mismatch {
    /// It says so, and installs the pinned one.
    #[default]
    Install,
    /// It says so, and stops: the image must bring etcd.
    Refuse,
}

/// What a blank machine does whose member had data: who removes the dead one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// The machine itself, once a majority is healthy without it.
    Auto,
    /// A person, whom the machine tells how.
    Never,
}

impl fmt::Display for Replace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Never => "never",
        })
    }
}

/// The etcd release that every machine installs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The version of etcd.
    pub version: Version,
    /// The tarball's digest for each architecture that the machines may have.
    pub tarballs: Vec<(Arch, Digest)>,
    /// Directories that hold the tarball, in the order in which a machine tries them,
    /// without a trailing slash.
    pub urls: Vec<String>,
}

/// One controller, which is one member of the cluster.
#[derive(Clone, Debug)]
pub struct Member {
    /// The controller's name, which is also the member's.
    pub name: HostName,
    /// The address on which peers and clients reach it, and from which it dials its peers.
    pub address: IpAddr,
    /// The member ID, known before the machine exists; `None` for one that joins a cluster which
    /// began without it: it gets its ID when it is added.
    pub id: Option<MemberId>,
    /// Whether the machine takes the controller's name as its host name.
    pub hostname: Hostname,
    /// The machine's architecture: one user-data serves all that the cluster has.
    pub arch: Arch,
    /// The certificates that it holds.
    pub tls: Tls,
}

/// What happens to the machine's host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Hostname {
    /// It becomes the controller's name, as the lab assumes.
    #[default]
    Controller,
    /// The image or the cloud decides.
    Keep,
}

/// The PEM files of one controller, read and audited. One file may stand in several places.
#[derive(Clone, Debug)]
pub struct Tls {
    /// What the member shows to its clients, and whom it takes as one.
    pub server: Identity,
    /// What it shows to its peers, on both ends, and whom it takes as one.
    pub peer: Identity,
    /// With which the machine asks its own member; its server's pair, unless there is one for this.
    pub client: Pair,
    /// The common name that every peer must have (`peer-cert-allowed-cn`).
    pub peer_allowed_cn: Option<CommonName>,
    /// The moment before which the certificates are not valid, in seconds since 1970 (UTC).
    pub not_before: i64,
}

/// One side of a member's TLS.
#[derive(Clone, Debug)]
pub struct Identity {
    /// What it shows.
    pub pair: Pair,
    /// Whom it trusts: one CA certificate or several.
    pub ca: PemFile,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The certificate, perhaps with intermediates behind it.
    pub certificate: PemFile,
    /// The key of that certificate.
    pub key: PemFile,
}

impl Tls {
    /// Every file once, with whether it is a key; certificates before keys.
    pub fn files(&self) -> Vec<(&PemFile, bool)> {
        let (server, peer) = (&self.server, &self.peer);
        let public = [
            &server.ca,
            &peer.ca,
            &server.pair.certificate,
            &peer.pair.certificate,
            &self.client.certificate,
        ];
        let keys = [&server.pair.key, &peer.pair.key, &self.client.key];
        let public = public.into_iter().map(|file| (file, false));
        let mut files: Vec<(&PemFile, bool)> = Vec::new();
        for (file, is_key) in public.chain(keys.into_iter().map(|key| (key, true))) {
            if !files.iter().any(|(found, _)| found.name == file.name) {
                files.push((file, is_key));
            }
        }
        files
    }
}

/// A PEM file under the name that it has in the manifest.
#[derive(Clone, Debug)]
pub struct PemFile {
    /// The last part of its path.
    pub name: FileName,
    /// Its bytes, unchanged.
    pub bytes: Secret,
}

impl Member {
    /// The URL on which its peers reach it: `https://10.240.0.10:2380`, `https://[fd00::10]:2380`.
    pub fn peer_url(&self) -> String {
        url(self.address, PEER_PORT)
    }

    /// The URL on which clients reach it.
    pub fn client_url(&self) -> String {
        url(self.address, CLIENT_PORT)
    }
}

impl Cluster {
    /// `controller-0=https://10.240.0.10:2380,controller-1=…`, in the manifest's order.
    pub fn initial_cluster(&self) -> String {
        let pairs: Vec<_> = self
            .members
            .iter()
            .map(|member| format!("{}={}", member.name, member.peer_url()))
            .collect();
        pairs.join(",")
    }
}

/// The `https` URL of a port at an address; IPv6 addresses stand in brackets (RFC 3986).
pub fn url(address: IpAddr, port: u16) -> String {
    format!("https://{}", std::net::SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_stand_around_ipv6() {
        let url = |text: &str| url(text.parse().unwrap(), PEER_PORT);
        assert_eq!(url("10.240.0.10"), "https://10.240.0.10:2380");
        assert_eq!(url("fd00:0::10"), "https://[fd00::10]:2380");
    }
}
