//! Three controllers, as `render` makes them, and two generations of certificates.

use super::acts;
use firstboot::cluster::Release;
use firstboot::manifest::{self, Manifest};
use firstboot::pki::mint::{Authority, Leaf, Minted, Validity};
use firstboot::rehearse::{Act, Machine, Plan, StandIn};
use firstboot::release::{tarball_name, upstream_urls};
use firstboot::{machine, platform, wire};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const ADDRESSES: [&str; MACHINES] = ["10.240.0.10", "10.240.0.11", "10.240.0.12"];
pub(crate) const MACHINES: usize = 3;

/// Who holds a pair.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Pairs {
    Shared,
    Each,
}

/// What all machines hold.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) ca: String,
    /// In the machines' order; the same one for all if it is shared.
    pub(crate) pairs: Vec<Minted>,
}

pub(crate) struct Pki {
    pairs: Pairs,
    pub(crate) old: State,
    pub(crate) new: State,
}

impl Pki {
    pub(crate) fn mint(pairs: Pairs) -> Self {
        Self {
            pairs,
            old: generation("old CA", pairs),
            new: generation("new CA", pairs),
        }
    }

    /// The cluster with the old pairs, which goes through these acts while all write.
    pub(crate) fn plan(&self, version: &str, release: &StandIn, acts: Vec<Act>) -> Plan {
        let dir = tempfile::tempdir().unwrap();
        let manifest = self.manifest(version);
        self.write(dir.path());
        let manifest = Manifest::parse("cluster.yaml", manifest.as_bytes()).unwrap();
        let (files, unread) = manifest::read_pem_files(&manifest, dir.path());
        assert!(unread.is_empty(), "{unread:?}");
        let resolved = manifest::resolve(&manifest, &files, now());
        let findings = resolved.findings;
        let mut cluster = resolved.cluster.unwrap_or_else(|| panic!("{findings:?}"));
        cluster.release = Release {
            version: release.version,
            tarballs: vec![(release.arch, release.digest)],
            urls: upstream_urls(&release.version),
        };
        let host = |url: &String| url.split('/').nth(2).unwrap().to_owned();
        let machines = machine::machines(&cluster);
        let machines = machines.iter().zip(&cluster.members);
        Plan {
            cluster: cluster.name.to_string(),
            suite: release.suite,
            tarball: release.tarball.clone(),
            tarball_name: tarball_name(&release.version, release.arch),
            hosts: cluster.release.urls.iter().map(host).collect(),
            machines: machines
                .map(|(machine, member)| Machine {
                    name: member.name.to_string(),
                    address: member.address,
                    member_id: member.id.to_string(),
                    cluster_id: cluster.id.to_string(),
                    user_data: wire::cloud_config::render(machine).unwrap(),
                    meta_data: platform::meta_data(machine),
                    checks: acts::checks(),
                })
                .collect(),
            timeout: Duration::from_mins(3),
            acts,
            background: acts::clients(),
            journal: false,
        }
    }

    fn manifest(&self, version: &str) -> String {
        let name = match self.pairs {
            Pairs::Shared => "kubernetes",
            Pairs::Each => "{name}",
        };
        let controllers = ADDRESSES.iter().enumerate();
        let controllers: Vec<_> = controllers
            .map(|(index, address)| format!("  - {{ name: controller-{index}, ip: {address} }}\n"))
            .collect();
        format!(
            "apiVersion: firstboot/v1\ncluster: etcd-cluster-0\nplatform: gce\netcd:\n  \
             version: {version}\ntls:\n  ca: pki/ca.pem\n  cert: \"pki/{name}.pem\"\n  \
             key: \"pki/{name}-key.pem\"\ncontrollers:\n{}",
            controllers.concat()
        )
    }

    fn write(&self, dir: &Path) {
        let pki = dir.join("pki");
        fs::create_dir(&pki).unwrap();
        fs::write(pki.join("ca.pem"), &self.old.ca).unwrap();
        for (index, pair) in self.old.pairs.iter().enumerate() {
            let name = match self.pairs {
                Pairs::Shared => "kubernetes".to_owned(),
                Pairs::Each => format!("controller-{index}"),
            };
            fs::write(pki.join(format!("{name}.pem")), &pair.certificate).unwrap();
            let key = pki.join(format!("{name}-key.pem"));
            firstboot::output::write_private(&key, pair.key.expose(), true).unwrap();
        }
    }
}

/// A CA, and what it issues.
fn generation(name: &str, pairs: Pairs) -> State {
    let validity = Validity::days(now(), 30);
    let (authority, ca) = Authority::mint(name, validity).unwrap();
    let issue = |holders: &[usize]| {
        let own = holders
            .iter()
            .map(|holder| ADDRESSES[*holder].parse().unwrap());
        let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let addresses: Vec<IpAddr> = own.chain(loopback).collect();
        let names = holders.iter().map(|holder| format!("controller-{holder}"));
        let names: Vec<_> = names.chain(["localhost".to_owned()]).collect();
        let leaf = Leaf {
            common_name: &names[0],
            addresses: &addresses,
            names: &names,
            validity,
            server: true,
            client: true,
        };
        authority.issue(&leaf).unwrap()
    };
    State {
        ca: ca.certificate,
        pairs: match pairs {
            Pairs::Shared => vec![issue(&[0, 1, 2]); MACHINES],
            Pairs::Each => (0..MACHINES).map(|holder| issue(&[holder])).collect(),
        },
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
