//! `cluster.yaml` as written: its words, their places, and what is wrong with them.
//!
//! [`Manifest::parse`] reads the text, [`resolve`] turns it and the PEM files into a
//! [`Cluster`](crate::cluster::Cluster). To add a key: a field here, its row in
//! `schema::keys`, its reading in `read`, its meaning in `resolve`, its messages in `finding`,
//! and a case in `tests/reject`.

mod authorities;
mod bake;
mod certificates;
mod cloud_config;
mod data_disk;
mod fields;
mod finding;
mod fit;
mod fleet;
mod genesis;
mod issue;
mod launch;
mod network;
mod other;
mod pem;
mod pinned;
mod read;
mod release;
mod resolve;
mod schema;
mod settings;
mod tls;
mod yaml;

use crate::cluster::{
    ClusterName, CommonName, DataDisk, FileName, HostName, Hostname, Network, Replace,
};
use crate::platform::{Image, LaunchValues, Platform};
use crate::release::{Arch, Digest, Mirror, Version};
use crate::report::{Finding, Report};
use std::net::IpAddr;
use std::ops::Range;

pub use authorities::{authorities, judge as check_authorities};
pub use certificates::{Audited, Holding, Use, audit, contested, uses};
pub use cloud_config::CloudConfig;
pub(crate) use cloud_config::ENCODINGS;
pub use fit::Remedies;
pub use genesis::{Beginning, beginning};
pub use issue::{Need, Refusal, Renewed, Successor, Terms, WhenToRenew};
pub(crate) use pem::read_limited;
pub use pem::{PemFiles, read_pem_files};
pub use pinned::{check_lock, check_lock_is_own, completed, evidence, new_lock, pinned};
pub use resolve::{Resolved, resolve};
pub use schema::{reference, schema};
pub use settings::{Chosen, ChosenSettings};

/// The only version of the manifest's form so far.
pub const API_VERSION: &str = "firstboot/v1";

/// A value and where it stands in the manifest, as a byte range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub place: Range<usize>,
}

/// A manifest that is right in itself; whether its files fit is for [`resolve`] to say.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// `cluster`: the cluster's name and token.
    pub cluster: At<ClusterName>,
    /// `platform`: where the machines run.
    pub platform: At<Platform>,
    /// `etcd`: which release.
    pub etcd: Etcd,
    /// `controllers`: at least one; names and addresses are distinct.
    pub controllers: Vec<Controller>,
    /// `image`: what the machines are made of.
    pub image: Option<At<Image>>,
    /// `launch`: what the platform's own client is told for all machines.
    pub launch: LaunchValues,
    /// `hostname`: `controller` or `keep`.
    pub hostname: Hostname,
    /// `network`: what machines are told where no cloud does; it fits every controller.
    pub network: Option<At<Network>>,
    /// `cloud_config`: the user's own cloud-config.
    pub cloud_config: Option<At<CloudConfig>>,
    /// `replace`: what a blank machine does whose member had data.
    pub replace: Option<At<Replace>>,
    /// `data_disk`: the disk that holds etcd's data.
    pub data_disk: Option<DataDisk>,
}

/// The key `etcd`.
#[derive(Clone, Debug)]
pub struct Etcd {
    /// `version`: the pinned release.
    pub version: At<Version>,
    /// `sha256`: digests of tarballs, which win over the lock and the built-in table.
    pub sha256: Vec<(Arch, At<Digest>)>,
    /// `mirrors`: where tarballs are, in the order in which a machine tries them.
    pub mirrors: Vec<Mirror>,
    /// Where `mirrors` stands, or where it would.
    pub mirrors_place: Range<usize>,
    /// `settings`: each fits its kind and the version.
    pub settings: ChosenSettings,
}

impl Etcd {
    /// The manifest's digest for an architecture.
    pub fn digest(&self, arch: Arch) -> Option<&At<Digest>> {
        let found = self.sha256.iter().find(|(known, _)| *known == arch);
        found.map(|(_, digest)| digest)
    }

    /// The directories that hold this version's tarballs, without trailing slashes.
    pub fn urls(&self) -> Vec<String> {
        let directory = |mirror: &Mirror| mirror.directory(self.version.value);
        self.mirrors.iter().map(directory).collect()
    }
}

/// One entry of `controllers`.
#[derive(Clone, Debug)]
pub struct Controller {
    /// `name`: the machine's and the member's.
    pub name: At<HostName>,
    /// `ip`: the address of the machine inside the cluster's network.
    pub ip: At<IpAddr>,
    /// `arch`: its own, or that of all. An empty place where it is written nowhere.
    pub arch: At<Arch>,
    /// Where its PEM files are.
    pub tls: TlsPaths,
    /// `launch`: what the client is told for this machine alone.
    pub launch: LaunchValues,
}

/// Where one controller's PEM files are: `tls`, with what the controller overrides of it, and
/// its name in the place of `{name}`.
#[derive(Clone, Debug)]
pub struct TlsPaths {
    /// `tls.server`, or the pair that serves for all.
    pub server: PairPaths,
    /// `tls.server.ca`, or `tls.ca`.
    pub server_ca: At<PemPath>,
    /// `tls.peer`, or the pair that serves for all.
    pub peer: PairPaths,
    /// `tls.peer.ca`, or `tls.ca`.
    pub peer_ca: At<PemPath>,
    /// `tls.peer.allowed_cn`: the common name that every peer must have.
    pub peer_allowed_cn: Option<At<CommonName>>,
    /// `tls.client`, with which the machine asks its own member.
    pub client: Option<PairPaths>,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairPaths {
    /// `cert`
    pub cert: At<PemPath>,
    /// `key`
    pub key: At<PemPath>,
}

impl TlsPaths {
    /// Every path, some of them more than once.
    pub fn all(&self) -> Vec<&At<PemPath>> {
        let mut all = vec![&self.server_ca, &self.peer_ca];
        all.extend(self.pairs().flat_map(|pair| [&pair.cert, &pair.key]));
        all
    }

    /// Its pairs; one that serves twice is there twice.
    fn pairs(&self) -> impl Iterator<Item = &PairPaths> {
        let pairs = [Some(&self.server), Some(&self.peer), self.client.as_ref()];
        pairs.into_iter().flatten()
    }
}

/// A path to a PEM file below the manifest's directory.
///
/// It has no `..`, no root, and its last part is a name that the machine can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemPath {
    path: String,
    name: FileName,
}

impl PemPath {
    /// The path as written, relative to the manifest's directory.
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// The file's name, which it keeps on the machine.
    pub fn name(&self) -> &FileName {
        &self.name
    }

    /// A file of this name in the same directory.
    #[must_use]
    pub fn beside(&self, name: FileName) -> Self {
        let directory = self.path.rsplit_once('/').map(|(directory, _)| directory);
        let path = directory.map_or_else(|| name.to_string(), |at| format!("{at}/{name}"));
        Self { path, name }
    }
}

impl Manifest {
    /// Reads a manifest; `file` is its name for the report.
    ///
    /// `Err` holds everything that is wrong with it, not only the first thing.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Report> {
        let whole = |finding: Finding| Report::new(file, "", vec![finding]);
        if bytes.len() > yaml::MOST_BYTES {
            return Err(whole(finding::too_large()));
        }
        let source = std::str::from_utf8(bytes)
            .ok()
            .filter(|text| !text.contains('\0'))
            .ok_or_else(|| whole(finding::not_text()))?;
        let report = |findings| Report::new(file, source, findings);
        if let Some(finding) = other::other(source) {
            return Err(report(vec![finding]));
        }
        let root = yaml::parse(source).map_err(|finding| report(vec![finding]))?;
        read::manifest(&root).map_err(report)
    }

    /// The architectures of the cluster, in the order of [`Arch::ALL`], each where it is first asked for.
    pub fn architectures(&self) -> Vec<At<Arch>> {
        let first = |arch: Arch| {
            let mut controllers = self.controllers.iter();
            controllers.find(|controller| controller.arch.value == arch)
        };
        let wanted = Arch::ALL.into_iter().filter_map(first);
        wanted.map(|controller| controller.arch.clone()).collect()
    }

    /// How many bytes of a manifest are worth reading: one more than it may have.
    pub const fn read_limit() -> u64 {
        yaml::MOST_BYTES as u64 + 1
    }
}
