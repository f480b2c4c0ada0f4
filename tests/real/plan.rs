//! What a rehearsal is told where nothing special is asked of it.

use firstboot::cluster::Cluster;
use firstboot::rehearse::{Machine, Plan, StandIn};
use firstboot::release::tarball_name;
use firstboot::secret::Secret;
use firstboot::{machine, platform};
use std::time::Duration;

/// All machines of a cluster, with what `user_data` makes of each, and nothing to check or do.
pub(crate) fn plan(
    cluster: &Cluster,
    release: &StandIn,
    user_data: impl Fn(&machine::Machine) -> Secret,
) -> Plan {
    let machines = machine::machines(cluster, machine::Layout::default());
    let machines = machines.iter().zip(&cluster.members);
    let host = |url: &String| url.split('/').nth(2).unwrap().to_owned();
    Plan {
        cluster: cluster.name.to_string(),
        suite: release.suite,
        tarball: release.tarball.clone(),
        tarball_name: tarball_name(&release.version, release.arch),
        hosts: cluster.release.urls.iter().map(host).collect(),
        media: Vec::new(),
        data_disk: None,
        machines: machines
            .map(|(machine, member)| Machine {
                name: member.name.to_string(),
                address: member.address,
                member_id: member.id.map(|id| id.to_string()),
                cluster_id: cluster.id.to_string(),
                user_data: user_data(machine),
                meta_data: platform::meta_data(machine),
                checks: Vec::new(),
            })
            .collect(),
        timeout: Duration::from_mins(3),
        acts: Vec::new(),
        background: Vec::new(),
        journal: false,
        faults: Vec::new(),
        client: None,
    }
}
