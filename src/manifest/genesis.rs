//! With whom a manifest's cluster began, as its lock remembers it.

use super::Manifest;
use crate::cluster::{ClusterId, Genesis, MemberId, Since};
use crate::release::Lock;
use std::net::IpAddr;

/// What follows from those with whom a cluster began.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The cluster's ID.
    pub id: ClusterId,
    /// The controllers' member IDs, in the manifest's order; `None` for one that joins later and
    /// gets its ID then.
    pub members: Vec<Option<MemberId>>,
    /// Who may begin it.
    pub genesis: Genesis,
}

/// Where the lock does not say with whom the cluster began, it is with the manifest's controllers.
pub fn beginning(manifest: &Manifest, lock: Option<&Lock>) -> Beginning {
    let token = manifest.cluster.value.as_str();
    let genesis = lock.map(|lock| &lock.genesis);
    let now = manifest.addresses();
    let began = match genesis {
        Some(genesis) if !genesis.members.is_empty() => &genesis.members,
        _ => &now,
    };
    let controllers = manifest.controllers.iter();
    let since = Since {
        began: genesis.and_then(|genesis| genesis.began),
        began_with: began.len(),
        joined: controllers
            .filter(|controller| !began.contains(&controller.ip.value))
            .map(|controller| controller.name.value.clone())
            .collect(),
        left: began
            .iter()
            .filter(|address| !now.contains(address))
            .copied()
            .collect(),
    };
    let is_same = since.joined.is_empty() && since.left.is_empty();
    let id = |address: &IpAddr| {
        let began = began.contains(address);
        began.then(|| MemberId::at(*address, token))
    };
    Beginning {
        id: ClusterId::begun_at(began, token),
        members: now.iter().map(id).collect(),
        genesis: match genesis {
            None => Genesis::Always,
            Some(genesis) if is_same && genesis.began.is_none() => Genesis::Until(genesis.until),
            Some(_) => Genesis::Over(since),
        },
    }
}

impl Manifest {
    /// The controllers' addresses, in order.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let controllers = self.controllers.iter();
        controllers.map(|controller| controller.ip.value).collect()
    }
}
