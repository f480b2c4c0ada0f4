//! What is expected of a cluster: what can be computed of its manifest and its lock.

use crate::cluster::{ClusterId, ClusterName, HostName, MemberId, PEER_PORT, url};
use crate::manifest::{self, Manifest};
use crate::release::{Lock, Version};
use std::net::IpAddr;

/// A planned cluster. It needs no PEM file: certificates that have ended, or that lie on another
/// computer, must not keep anybody from looking at what runs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cluster's name and token.
    pub cluster: ClusterName,
    /// The ID that every member reports.
    pub id: ClusterId,
    /// The release that every member runs.
    pub version: Version,
    /// The controllers in the manifest's order.
    pub controllers: Vec<Planned>,
}

/// One controller of it.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its name, and the member's.
    pub name: HostName,
    /// Its address.
    pub address: IpAddr,
    /// The ID of the member with which the cluster began; `None` where it began without it.
    pub id: Option<MemberId>,
}

impl Planned {
    /// The URL on which its peers reach it.
    pub fn peer_url(&self) -> String {
        url(self.address, PEER_PORT)
    }
}

impl Plan {
    /// What this manifest plans for the cluster whose beginning the lock remembers.
    pub fn of(manifest: &Manifest, lock: Option<&Lock>) -> Self {
        let beginning = manifest::beginning(manifest, lock);
        let controllers: Vec<_> = manifest
            .controllers
            .iter()
            .zip(beginning.members)
            .map(|(controller, id)| Planned {
                name: controller.name.value.clone(),
                address: controller.ip.value,
                id,
            })
            .collect();
        Self {
            cluster: manifest.cluster.value.clone(),
            id: beginning.id,
            version: manifest.etcd.version.value,
            controllers,
        }
    }

    /// The controllers with which a cluster with this ID began, if it began with some of ours and
    /// has grown since, though the lock does not say so.
    pub fn began_with(&self, id: ClusterId) -> Option<Vec<&Planned>> {
        // No cluster is so large; the number of subsets must stay small.
        let count = u32::try_from(self.controllers.len()).ok();
        let all = 1_u32.checked_shl(count.filter(|count| *count <= 12)?)?;
        (1..all).find_map(|subset| {
            let chosen = self.controllers.iter().enumerate();
            let chosen = chosen.filter(|(index, _)| subset >> index & 1 == 1);
            let chosen: Vec<_> = chosen.map(|(_, controller)| controller).collect();
            let addresses: Vec<_> = chosen.iter().map(|one| one.address).collect();
            (ClusterId::begun_at(&addresses, self.cluster.as_str()) == id).then_some(chosen)
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::release::LockedEtcd;

    /// Three controllers of the lab.
    pub(in crate::verify) fn lab() -> Plan {
        lab_with(None)
    }

    fn lab_with(lock: Option<&Lock>) -> Plan {
        let text = "apiVersion: firstboot/v1\ncluster: etcd-cluster-0\nplatform: gce\n\
                    etcd: { version: 3.4.23 }\n\
                    tls: { ca: ca.pem, cert: a.pem, key: a-key.pem }\ncontrollers:\n  \
                    - { name: controller-0, ip: 10.240.0.10 }\n  \
                    - { name: controller-1, ip: 10.240.0.11 }\n  \
                    - { name: controller-2, ip: 10.240.0.12 }\n";
        Plan::of(&Manifest::parse("lab", text.as_bytes()).unwrap(), lock)
    }

    #[test]
    fn ids_are_the_lab_s() {
        let plan = lab();
        assert_eq!(plan.id.to_string(), "3e7cc799faffb625");
        assert_eq!(
            plan.controllers[2].id.unwrap().to_string(),
            "3a57933972cb5131"
        );
    }

    #[test]
    fn the_lock_says_with_whom_it_began() {
        let version = "3.4.23".parse().unwrap();
        let etcd = LockedEtcd {
            version,
            tarballs: Vec::new(),
            urls: Vec::new(),
        };
        let began = lab().controllers[1].address;
        let lock = Lock::new("etcd-cluster-0", etcd, 0, vec![began]);
        let plan = lab_with(Some(&lock));
        assert_eq!(plan.id, ClusterId::of(lab().controllers[1].id));
        let known = plan.controllers.iter().map(|one| one.id.is_some());
        assert_eq!(known.collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn a_cluster_that_grew_is_known_by_its_beginning() {
        let plan = lab();
        let one = ClusterId::of(plan.controllers[1].id);
        let began = plan.began_with(one).unwrap();
        assert_eq!(began.len(), 1);
        assert_eq!(began[0].name.as_str(), "controller-1");
        assert_eq!(plan.began_with(plan.id).unwrap().len(), 3);
        let other = MemberId::of("https://10.240.0.10:2380", "other");
        assert!(plan.began_with(ClusterId::of([other])).is_none());
    }
}
