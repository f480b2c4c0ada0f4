//! From the YAML tree to the manifest: every value typed, every finding kept.

use super::fields::{Fields, Findings};
use super::tls::TlsKeys;
use super::yaml::{Node, Value};
use super::{
    API_VERSION, At, Controller, Etcd, Manifest, cloud_config, data_disk, finding, launch, network,
};
use super::{release, settings};
use crate::cluster::{ClusterName, HostName, Hostname};
use crate::platform::{LaunchValues, Platform};
use crate::release::{Arch, Version};
use crate::report::Finding;
use std::net::IpAddr;

/// More members than this were never run in earnest; etcd's own advice ends at seven.
const MOST_CONTROLLERS: usize = 15;

pub(super) fn manifest(root: &Node) -> Result<Manifest, Vec<Finding>> {
    if matches!(root.value, Value::Null) {
        return Err(vec![finding::empty()]);
    }
    let findings = Findings::default();
    let manifest = read(root, &findings);
    let findings = findings.into_vec();
    match manifest {
        Some(manifest) if findings.is_empty() => Ok(manifest),
        _ => Err(findings),
    }
}

fn read(root: &Node, findings: &Findings) -> Option<Manifest> {
    let top = Fields::of(root, finding::TOP, findings)?;
    api_version(&top, findings);
    let cluster = top
        .required("cluster", "etcd-cluster-0")
        .and_then(|node| cluster_name(node, findings));
    let platform = top
        .required("platform", "gce")
        .and_then(|node| platform(node, findings));
    let on = platform.as_ref().map(|platform| platform.value);
    let etcd = top
        .required("etcd", "{ version: 3.6.14 }")
        .and_then(|node| etcd(node, findings));
    let controllers = top
        .required("controllers", "[{ name: controller-0, ip: 10.240.0.10 }]")
        .and_then(|node| controllers(node, on, findings));
    let tls = top
        .required(
            "tls",
            "{ ca: pki/ca.pem, cert: pki/kubernetes.pem, key: pki/kubernetes-key.pem }",
        )
        .and_then(|node| TlsKeys::read(node, "tls", findings));
    let arch = release::arch(&top, findings).flatten().unwrap_or(At {
        value: Arch::Amd64,
        place: 0..0,
    });
    // Before anything is given up: what is wrong with the paths belongs into the same report.
    let controllers = match (controllers, tls) {
        (Some(controllers), Some(tls)) => complete(controllers, &tls, &arch, findings),
        _ => None,
    };
    let hostname = match top.optional("hostname") {
        Some(node) => hostname(node, findings),
        None => Some(Hostname::default()),
    };
    let image = match top.optional("image") {
        Some(node) => launch::image(node, on, findings).map(Some),
        None => Some(None),
    };
    let first = controllers.iter().flatten().next();
    let launch = top.optional("launch").map(|node| {
        let of = launch::Of {
            called: "launch",
            platform: on,
            ip: first.map(|controller| controller.ip.value),
            is_own: false,
        };
        launch::values(node, &of, findings)
    });
    let network = match top.optional("network") {
        Some(node) => {
            let controllers = controllers.as_deref().unwrap_or_default();
            network::read(node, controllers, findings).map(Some)
        }
        None => Some(None),
    };
    let cloud_config = match top.optional("cloud_config") {
        Some(node) => cloud_config::read(node, hostname, findings).map(Some),
        None => Some(None),
    };
    let replace = top
        .optional("replace")
        .map(|node| data_disk::replace(node, findings));
    let data_disk = top
        .optional("data_disk")
        .map(|node| data_disk::read(node, findings));
    top.finish(&[
        "apiVersion",
        "cluster",
        "platform",
        "etcd",
        "controllers",
        "tls",
        "hostname",
        "arch",
        "image",
        "launch",
        "network",
        "cloud_config",
        "replace",
        "data_disk",
    ]);
    Some(Manifest {
        cluster: cluster?,
        platform: platform?,
        etcd: etcd?,
        controllers: controllers?,
        image: image?,
        launch: launch.unwrap_or_default(),
        hostname: hostname?,
        network: network?,
        cloud_config: cloud_config?,
        replace: replace.flatten(),
        data_disk: data_disk.flatten(),
    })
}

fn api_version(top: &Fields, findings: &Findings) {
    let written = top
        .required("apiVersion", API_VERSION)
        .and_then(|node| findings.text(node, "apiVersion"));
    if let Some(written) = written.filter(|written| written.value != API_VERSION) {
        findings.push(finding::api_version(&written));
    }
}

fn cluster_name(node: &Node, findings: &Findings) -> Option<At<ClusterName>> {
    let written = findings.text(node, "cluster")?;
    let name = ClusterName::new(&written.value);
    let name = findings.keep(name.map_err(|why| finding::cluster_name(&written, why)))?;
    Some(At {
        value: name,
        place: written.place,
    })
}

fn platform(node: &Node, findings: &Findings) -> Option<At<Platform>> {
    let written = findings.text(node, "platform")?;
    let platform = Platform::named(&written.value);
    let platform = findings.keep(platform.ok_or_else(|| finding::platform(&written)))?;
    Some(At {
        value: platform,
        place: written.place,
    })
}

fn hostname(node: &Node, findings: &Findings) -> Option<Hostname> {
    let written = findings.text(node, "hostname")?;
    match written.value.as_str() {
        "controller" => Some(Hostname::Controller),
        "keep" => Some(Hostname::Keep),
        _ => {
            findings.push(finding::hostname(&written));
            None
        }
    }
}

fn etcd(node: &Node, findings: &Findings) -> Option<Etcd> {
    let fields = Fields::of(node, "etcd", findings)?;
    let version = fields
        .required("version", "3.6.14")
        .and_then(|node| version(node, findings));
    let sha256 = match fields.optional("sha256") {
        Some(node) => release::digests(node, findings),
        None => Some(Vec::new()),
    };
    let settings = match fields.optional("settings") {
        Some(node) => settings::read(node, version.as_ref(), findings),
        None => Some(settings::ChosenSettings::default()),
    };
    let mirrors = release::mirrors(&fields, findings);
    let mirrors_place = fields.optional("mirrors").unwrap_or(node).place.clone();
    fields.finish(&["version", "sha256", "mirrors", "allow_http", "settings"]);
    Some(Etcd {
        version: version?,
        sha256: sha256?,
        mirrors: mirrors?,
        mirrors_place,
        settings: settings?,
    })
}

fn version(node: &Node, findings: &Findings) -> Option<At<Version>> {
    let place = node.place.clone();
    let written = match &node.value {
        Value::Text(text) | Value::Number(text) => text,
        other => {
            findings.push(finding::not_text_value("version", place, other));
            return None;
        }
    };
    let version = written.parse();
    let version = version.map_err(|_| finding::version_not_exact(written, place.clone()));
    let version = At {
        value: findings.keep(version)?,
        place,
    };
    if !matches!(
        version.value,
        Version {
            major: 3,
            minor: 3..=7,
            ..
        }
    ) {
        findings.push(finding::version_unsupported(&version));
        return None;
    }
    Some(version)
}

fn controllers(
    node: &Node,
    on: Option<Platform>,
    findings: &Findings,
) -> Option<Vec<PartOfController>> {
    let Value::Sequence(items) = &node.value else {
        findings.push(finding::not_a_list("controllers", node));
        return None;
    };
    if items.is_empty() {
        findings.push(finding::no_controllers(node.place.clone()));
        return None;
    }
    if items.len() > MOST_CONTROLLERS {
        findings.push(finding::too_many_controllers(
            node.place.clone(),
            items.len(),
        ));
        return None;
    }
    let read: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(index, item)| controller(item, index, on, findings))
        .collect();
    report_twins(&read, findings);
    Some(read)
}

/// Gives every controller its PEM files. `None` where any part of any controller is missing,
/// which has been reported by then.
fn complete(
    controllers: Vec<PartOfController>,
    shared: &TlsKeys,
    arch: &At<Arch>,
    findings: &Findings,
) -> Option<Vec<Controller>> {
    let complete = |part: PartOfController| {
        let name = part.name.as_ref().map(|name| &name.value);
        let tls = part.tls?.over(shared).paths_of(name, findings);
        Some(Controller {
            name: part.name?,
            ip: part.ip?,
            arch: part.arch.unwrap_or_else(|| arch.clone()),
            tls: tls?,
            launch: part.launch,
        })
    };
    // Not one `collect`: it would stop at the first controller with a finding.
    let all: Vec<_> = controllers.into_iter().map(complete).collect();
    all.into_iter().collect()
}

/// What could be read of one controller: a twin is worth reporting even where the rest is wrong.
#[derive(Default)]
struct PartOfController {
    name: Option<At<HostName>>,
    ip: Option<At<IpAddr>>,
    arch: Option<At<Arch>>,
    tls: Option<TlsKeys>,
    launch: LaunchValues,
}

fn controller(
    node: &Node,
    index: usize,
    on: Option<Platform>,
    findings: &Findings,
) -> PartOfController {
    let called = format!("controllers[{index}]");
    let Some(fields) = Fields::of(node, &called, findings) else {
        return PartOfController::default();
    };
    let name = fields
        .required("name", &format!("controller-{index}"))
        .and_then(|node| controller_name(node, findings));
    let ip = fields
        .required("ip", &format!("10.240.0.1{index}"))
        .and_then(|node| address(node, findings));
    let tls = match fields.optional("tls") {
        Some(node) => TlsKeys::read(node, &format!("{called}.tls"), findings),
        None => Some(TlsKeys::default()),
    };
    let arch = release::arch(&fields, findings).flatten();
    let launch = fields.optional("launch");
    let launch = launch.map(|node| {
        let of = launch::Of {
            called: &format!("{called}.launch"),
            platform: on,
            ip: ip.as_ref().map(|ip| ip.value),
            is_own: true,
        };
        launch::values(node, &of, findings)
    });
    fields.finish(&["name", "ip", "arch", "tls", "launch"]);
    PartOfController {
        name,
        ip,
        arch,
        tls,
        launch: launch.unwrap_or_default(),
    }
}

fn controller_name(node: &Node, findings: &Findings) -> Option<At<HostName>> {
    let written = findings.text(node, "name")?;
    let name = HostName::new(&written.value);
    let name = findings.keep(name.map_err(|why| finding::controller_name(&written, why)))?;
    Some(At {
        value: name,
        place: written.place,
    })
}

fn address(node: &Node, findings: &Findings) -> Option<At<IpAddr>> {
    let written = match &node.value {
        Value::Number(text) => At {
            value: text.clone(),
            place: node.place.clone(),
        },
        _ => findings.text(node, "ip")?,
    };
    let address = written.value.parse();
    let address = findings.keep(address.map_err(|_| finding::address(&written)))?;
    let address = At {
        value: address,
        place: written.place,
    };
    match unusable(address.value) {
        None => Some(address),
        Some((why, help)) => {
            findings.push(finding::address_unusable(&address, why, help));
            None
        }
    }
}

/// Why no peer could ever reach a controller at this address, and the cure.
pub(super) fn unusable(address: IpAddr) -> Option<(&'static str, &'static str)> {
    const OWN: &str = "write the address that the machine has in its network";
    const LINK: &str = "write an address that is valid beyond one link";
    const PLAIN: &str = "write it as the IPv4 address that it stands for";
    if address.is_unspecified() {
        return Some(("the unspecified address", OWN));
    }
    if address.is_loopback() {
        return Some(("a loopback address, which no other machine can reach", OWN));
    }
    if address.is_multicast() {
        return Some(("a multicast address", OWN));
    }
    match address {
        IpAddr::V4(v4) if v4.is_broadcast() => Some(("the broadcast address", OWN)),
        IpAddr::V4(v4) if v4.is_link_local() => Some(("a link-local address", LINK)),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some(("a link-local address", LINK)),
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            Some(("an IPv4 address in IPv6 clothes", PLAIN))
        }
        _ => None,
    }
}

fn report_twins(controllers: &[PartOfController], findings: &Findings) {
    for (index, controller) in controllers.iter().enumerate() {
        let earlier = &controllers[..index];
        if let Some(name) = &controller.name {
            let mut names = earlier.iter().filter_map(|other| other.name.as_ref());
            if let Some(first) = names.find(|first| first.value == name.value) {
                findings.push(finding::duplicate_name(name, first.place.clone()));
            }
        }
        if let Some(ip) = &controller.ip {
            let mut addresses = earlier.iter().filter_map(|other| other.ip.as_ref());
            if let Some(first) = addresses.find(|first| first.value == ip.value) {
                findings.push(finding::duplicate_address(ip, first.place.clone()));
            }
        }
    }
}
