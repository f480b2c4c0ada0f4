//! What is rehearsed, out of the manifest and the command line.

use super::linux::world;
use super::tarball::Tarball;
use super::{Arguments, Failure};
use crate::cluster::{Cluster, Member, Tls};
use crate::machine::{self, Layout, Machine};
use crate::platform;
use crate::rehearse::{self, Check, Client, Fault, Kind, Plan, Wish};
use crate::release::{Mirror, Scheme, tarball_name};
use crate::wire::{UserConfig, cloud_config};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

/// The machines, and what becomes of them with these faults; the rest is as it is by default.
pub(super) fn plan(
    cluster: &Cluster,
    user: Option<&UserConfig>,
    tarball: &Tarball,
    baked: bool,
    faults: &[Fault],
) -> Result<Plan, Failure> {
    let machines = machine::machines(cluster, Layout::default()).into_iter();
    let machines: Result<_, _> = machines
        .zip(&cluster.members)
        .map(|(machine, member)| {
            let machine = if baked {
                machine.without_image()
            } else {
                machine
            };
            rehearsed(cluster, &machine, member, user, faults)
        })
        .collect();
    Ok(Plan {
        cluster: cluster.name.to_string(),
        suite: tarball.suite,
        tarball: tarball.path.clone(),
        tarball_name: tarball_name(&tarball.version, tarball.arch),
        hosts: Vec::new(),
        media: Vec::new(),
        data_disk: cluster
            .data_disk
            .as_ref()
            .map(|disk| disk.device.to_string().into()),
        machines: machines?,
        timeout: Duration::ZERO,
        acts: Vec::new(),
        background: Vec::new(),
        journal: false,
        faults: Vec::new(),
        client: None,
    })
}

/// What is to go wrong; all that cannot be read is told at once.
pub(super) fn faults(arguments: &Arguments, cluster: &Cluster) -> Result<Vec<Fault>, Failure> {
    let names: Vec<_> = cluster
        .members
        .iter()
        .map(|member| member.name.as_str())
        .collect();
    let read = arguments.faults.iter().map(|text| Wish::read(text, &names));
    let (wishes, wrong): (Vec<_>, Vec<_>) = read.partition(Result::is_ok);
    let wrong: Vec<_> = wrong.into_iter().filter_map(Result::err).collect();
    let wishes: Vec<_> = wishes.into_iter().flatten().collect();
    let faults = rehearse::schedule(&wishes, names.len(), arguments.seed);
    let mut told: Vec<_> = wrong.iter().map(ToString::to_string).collect();
    if cluster.data_disk.is_none() && faults.iter().any(|fault| fault.kind == Kind::DiskLate) {
        told.push("`--fault disk-late`: the manifest has no `data_disk` that could be late".into());
    }
    if told.is_empty() {
        Ok(faults)
    } else {
        Err(Failure::World(told.join("\n")))
    }
}

/// A client with the pair that the first member's own health check uses.
pub(super) fn client(cluster: &Cluster) -> Option<Client> {
    let Tls { server, client, .. } = &cluster.members.first()?.tls;
    Some(Client {
        endpoints: cluster.members.iter().map(Member::client_url).collect(),
        ca: server.ca.bytes.clone(),
        certificate: client.certificate.bytes.clone(),
        key: client.key.bytes.clone(),
    })
}

/// The hosts that the release server plays: none if all mirrors are in the image.
pub(super) fn hosts(mirrors: &[Mirror]) -> Result<Vec<String>, Failure> {
    let remote = mirrors
        .iter()
        .filter(|mirror| mirror.scheme() != Scheme::File);
    let host = |mirror: &Mirror| {
        let host = mirror.host();
        let is_name = host.parse::<Ipv4Addr>().is_err() && !host.starts_with('[');
        let root = format!("https://{host}");
        let rest = mirror.as_str().strip_prefix(&root).filter(|_| is_name);
        if rest.is_some_and(|rest| !rest.starts_with(':')) {
            return Ok(host.to_owned());
        }
        Err(Failure::World(format!(
            "a rehearsal plays mirrors under names, over https, on port 443, and not \
             `{mirror}`: rehearse with another list of mirrors, for example `file:///media`"
        )))
    };
    remote.map(host).collect()
}

/// Where the machines' image holds the tarball.
pub(super) fn media(mirrors: &[Mirror], tarball: &Tarball) -> Vec<PathBuf> {
    let path = |mirror: &Mirror| {
        let url = mirror.tarball(tarball.version, tarball.arch);
        url.strip_prefix("file://").map(PathBuf::from)
    };
    mirrors.iter().filter_map(path).collect()
}

/// The machine as its cloud would get it, by way of a `NoCloud` seed.
fn rehearsed(
    cluster: &Cluster,
    machine: &Machine,
    member: &Member,
    user: Option<&UserConfig>,
    faults: &[Fault],
) -> Result<rehearse::Machine, Failure> {
    let document = cloud_config::render(machine, user).map_err(world)?;
    Ok(rehearse::Machine {
        name: member.name.to_string(),
        address: member.address,
        member_id: member.id.map(|id| id.to_string()),
        cluster_id: cluster.id.to_string(),
        user_data: document,
        meta_data: platform::meta_data(machine),
        checks: checks(cluster, member, faults),
    })
}

/// The lab's own verification line, with sudo and without. A machine that is made again is a
/// voter like the others, and has an ID of its own.
fn checks(cluster: &Cluster, member: &Member, faults: &[Fault]) -> Vec<Check> {
    let Tls { server, client, .. } = &member.tls;
    let line = format!(
        "ETCDCTL_API=3 etcdctl member list --endpoints=https://127.0.0.1:2379 \
         --cacert=/etc/etcd/{} --cert=/etc/etcd/{} --key=/etc/etcd/{}",
        server.ca.name, client.certificate.name, client.key.name
    );
    let may_have_other_ids = faults.iter().any(|fault| fault.kind == Kind::Replace);
    // The last word is whether it is a learner.
    let last = if cluster.release.version.minor >= 4 {
        ", false"
    } else {
        ""
    };
    let listed = |member: &Member| {
        let (peer, client) = (member.peer_url(), member.client_url());
        let known = format!(", started, {}, {peer}, {client}{last}", member.name);
        match member.id {
            Some(id) if !may_have_other_ids => format!("{id}{known}"),
            _ => known,
        }
    };
    let expect: Vec<_> = cluster.members.iter().map(listed).collect();
    [format!("sudo {line}"), line]
        .map(|command| Check {
            command,
            expect: expect.clone(),
        })
        .into()
}
