//! The files that hold values, each an askama template under `templates/`.

use super::Layout;
use crate::cluster::settings::Settings;
use crate::cluster::{
    CLIENT_PORT, Cluster, ClusterId, CommonName, DataDisk, Genesis, Member, MemberId, Mismatch,
    Pair, PemFile, Release, Replace, url,
};
use crate::release::{Arch, Digest, Version};
use askama::Template;
use std::net::{IpAddr, Ipv4Addr};

/// Where etcd's data lies on the root disk, and where the data disk is mounted.
const DATA: &str = "/var/lib/etcd";
/// Where it lies on a disk of its own: not at its root, where `lost+found` is.
const DATA_ON_DISK: &str = "/var/lib/etcd/data";

/// The moment that every clock has behind it, which `peers` knows as a cluster that has begun with
/// others.
const NEVER: i64 = 0;

/// The path of a PEM file on the machine.
pub(super) fn pem_path(pem: &PemFile) -> String {
    format!("/etc/etcd/{}", pem.name)
}

#[derive(Template)]
#[template(path = "etcd.env")]
struct EtcdEnv<'a> {
    name: &'a str,
    server: Paths,
    peer: Paths,
    /// For etcd's own calls to itself; etcd knows the setting from 3.5 on.
    client: Option<Paths>,
    peer_allowed_cn: Option<&'a str>,
    peer_url: String,
    client_url: String,
    listen_client_urls: String,
    token: &'a str,
    initial_cluster: String,
    data_dir: &'static str,
    settings: &'a Settings,
    member_id: Option<MemberId>,
    cluster_id: ClusterId,
    address: IpAddr,
    not_before: i64,
    /// With which bootstrap asks the member, where that is not the server's pair.
    health: Option<Paths>,
    /// The script that bootstrap takes in first.
    more: Option<&'static str>,
    replace: Option<Replace>,
    /// Seconds since 1970 (UTC), for the script that asks the peers.
    genesis_until: Option<i64>,
    disk: Option<&'a DataDisk>,
}

/// One member's settings, the lab's flags and the cluster's own, and what bootstrap holds the
/// machine against. Whether the cluster is new is not among them: bootstrap decides that on the
/// machine.
pub(super) fn etcd_env(cluster: &Cluster, member: &Member) -> String {
    let tls = &member.tls;
    let has_own_client = tls.client.certificate.name != tls.server.pair.certificate.name;
    let client = || Paths::of(&tls.client, &tls.server.ca);
    // Not `[::1]`: a machine may have no IPv6, and etcd would not start.
    let loopback = url(IpAddr::V4(Ipv4Addr::LOCALHOST), CLIENT_PORT);
    text(&EtcdEnv {
        name: member.name.as_str(),
        server: Paths::of(&tls.server.pair, &tls.server.ca),
        peer: Paths::of(&tls.peer.pair, &tls.peer.ca),
        client: (has_own_client && cluster.release.version.minor >= 5).then(client),
        peer_allowed_cn: tls.peer_allowed_cn.as_ref().map(CommonName::as_str),
        peer_url: member.peer_url(),
        client_url: member.client_url(),
        listen_client_urls: format!("{},{loopback}", member.client_url()),
        token: cluster.name.as_str(),
        initial_cluster: cluster.initial_cluster(),
        data_dir: match &cluster.data_disk {
            Some(_) => DATA_ON_DISK,
            None => DATA,
        },
        settings: &cluster.settings,
        member_id: member.id,
        cluster_id: cluster.id,
        address: member.address,
        not_before: tls.not_before,
        health: has_own_client.then(client),
        more: super::more_scripts(cluster).first().map(|(name, _)| *name),
        replace: cluster.replace,
        genesis_until: cluster.replace.and(match cluster.genesis {
            Genesis::Always => None,
            Genesis::Until(moment) => Some(moment),
            Genesis::Over(_) => Some(NEVER),
        }),
        disk: cluster.data_disk.as_ref(),
    })
}

/// Where the files of one side lie on the machine.
struct Paths {
    ca: String,
    certificate: String,
    key: String,
}

impl Paths {
    fn of(pair: &Pair, ca: &PemFile) -> Self {
        Self {
            ca: pem_path(ca),
            certificate: pem_path(&pair.certificate),
            key: pem_path(&pair.key),
        }
    }
}

#[derive(Template)]
#[template(path = "release.env")]
struct ReleaseEnv<'a> {
    version: Version,
    urls: String,
    tarballs: &'a [(Arch, Digest)],
    /// Architectures on which this etcd starts only when its environment names them.
    unsupported: Vec<Arch>,
}

/// The pinned release, for `install-etcd`. Without a mirror it installs nothing.
pub(super) fn release_env(release: &Release, mismatch: Mismatch) -> String {
    let architectures = release.tarballs.iter().map(|(arch, _)| *arch);
    text(&ReleaseEnv {
        version: release.version,
        urls: match mismatch {
            Mismatch::Install => release.urls.join(" "),
            Mismatch::Refuse => String::new(),
        },
        tarballs: &release.tarballs,
        unsupported: architectures
            .filter(|arch| arch.is_unsupported_by(release.version))
            .collect(),
    })
}

#[derive(Template)]
#[template(path = "etcd.service")]
struct EtcdService {
    bin: &'static str,
    lib: &'static str,
}

/// The unit of etcd itself, which nothing but bootstrap starts.
pub(super) fn etcd_service(layout: Layout) -> String {
    text(&EtcdService {
        bin: layout.bin(),
        lib: layout.lib(),
    })
}

#[derive(Template)]
#[template(path = "firstboot.service")]
struct FirstbootService {
    lib: &'static str,
}

/// The unit that runs bootstrap on every boot.
pub(super) fn firstboot_service(layout: Layout) -> String {
    text(&FirstbootService { lib: layout.lib() })
}

#[derive(Template)]
#[template(path = "early.sh")]
struct Early<'a> {
    delivery: &'a str,
}

/// The shell text that makes cloud-init repeat a delivery of which bootstrap has not seen the end.
/// First it syncs: cloud-init 22.4 never boots again once a power cut took the content of a file
/// that it has just written (canonical/cloud-init#1967).
pub(super) fn early(delivery: &str) -> String {
    text(&Early { delivery })
}

/// Renders, and puts back the newline that askama takes off a template's end.
fn text(template: &impl Template) -> String {
    let rendered = template.render();
    let mut text = rendered.expect("names, addresses and URLs hold no control characters");
    text.push('\n');
    text
}
