//! The key `network`: for machines that no cloud tells their addresses.

use super::fields::{Fields, Findings};
use super::read::unusable;
use super::yaml::{Node, Value};
use super::{At, Controller, finding, schema};
use crate::cluster::{Interface, Network, network_of};
use ipnet::IpNet;
use std::net::IpAddr;

/// More than these no resolver asks (`resolv.conf(5)`, `MAXNS`).
const MOST_NAMESERVERS: usize = 3;

/// Reads the mapping and holds it against the controllers; all that is wrong has been reported.
pub(super) fn read(
    node: &Node,
    controllers: &[Controller],
    findings: &Findings,
) -> Option<At<Network>> {
    let before = findings.len();
    let fields = Fields::of(node, "network", findings)?;
    let prefix = fields
        .required("prefix", "24")
        .and_then(|node| prefix(node, controllers, findings));
    let gateway = fields
        .optional("gateway")
        .and_then(|node| gateway(node, findings));
    let nameservers = fields
        .optional("nameservers")
        .and_then(|node| nameservers(node, findings))
        .unwrap_or_default();
    let interface = match fields.optional("interface") {
        Some(node) => interface(node, findings),
        None => Some(Interface::default()),
    };
    fields.finish(&schema::NETWORK);
    let (prefix, interface) = (prefix?, interface?);
    one_network(&prefix, controllers, findings);
    for address in gateway.iter().chain(&nameservers) {
        one_family(address, controllers, findings);
    }
    if let Some(gateway) = &gateway {
        gateway_is_near(gateway, &prefix, controllers, findings);
    }
    (findings.len() == before).then(|| At {
        value: Network {
            prefix: prefix.value,
            gateway: gateway.map(|gateway| gateway.value),
            nameservers: nameservers.into_iter().map(|found| found.value).collect(),
            interface,
        },
        place: node.place.clone(),
    })
}

/// Networks with room for two machines at least.
fn prefix(node: &Node, controllers: &[Controller], findings: &Findings) -> Option<At<u8>> {
    let longest = match controllers.first().map(|controller| controller.ip.value) {
        Some(IpAddr::V4(_)) => 30,
        _ => 126,
    };
    let prefix = match &node.value {
        // Written as it is shown: `024` is 20 to some readers.
        Value::Number(text) | Value::Text(text) => text
            .parse()
            .ok()
            .filter(|prefix: &u8| prefix.to_string() == *text),
        _ => None,
    };
    let place = node.place.clone();
    if let Some(value) = prefix.filter(|prefix| (1..=longest).contains(prefix)) {
        return Some(At { value, place });
    }
    findings.push(finding::network_prefix(place, longest));
    None
}

/// An IPv6 gateway may have an address of its link alone, as routers announce it.
fn gateway(node: &Node, findings: &Findings) -> Option<At<IpAddr>> {
    let gateway = address(node, "gateway", findings)?;
    let on_link = matches!(gateway.value, IpAddr::V6(v6) if v6.is_unicast_link_local());
    match unusable(gateway.value).filter(|_| !on_link) {
        None => Some(gateway),
        Some((why, _)) => {
            findings.push(finding::network_address("gateway", &gateway, why));
            None
        }
    }
}

fn nameservers(node: &Node, findings: &Findings) -> Option<Vec<At<IpAddr>>> {
    let Value::Sequence(items) = &node.value else {
        findings.push(finding::nameservers_no_list(node));
        return None;
    };
    let mut read: Vec<At<IpAddr>> = Vec::new();
    for item in items {
        let Some(server) = address(item, "nameservers", findings) else {
            continue;
        };
        if let Some((why, _)) = unusable(server.value) {
            findings.push(finding::network_address("name server", &server, why));
        }
        if let Some(first) = read.iter().find(|first| first.value == server.value) {
            findings.push(finding::duplicate_nameserver(&server, first.place.clone()));
        }
        read.push(server);
    }
    if let Some(extra) = read.get(MOST_NAMESERVERS) {
        findings.push(finding::too_many_nameservers(extra, MOST_NAMESERVERS));
    }
    Some(read)
}

fn address(node: &Node, key: &str, findings: &Findings) -> Option<At<IpAddr>> {
    let written = match &node.value {
        Value::Number(text) => At {
            value: text.clone(),
            place: node.place.clone(),
        },
        _ => findings.text(node, key)?,
    };
    let address = written.value.parse();
    Some(At {
        value: findings.keep(address.map_err(|_| finding::address(&written)))?,
        place: written.place,
    })
}

fn interface(node: &Node, findings: &Findings) -> Option<Interface> {
    let written = findings.text(node, "interface")?;
    let interface = Interface::new(&written.value);
    findings.keep(interface.map_err(|why| finding::interface(&written, why)))
}

/// Every controller is a machine of the first one's network, and not the network itself.
fn one_network(prefix: &At<u8>, controllers: &[Controller], findings: &Findings) {
    let Some(first) = controllers.first() else {
        return;
    };
    let Some(network) = network_of(first.ip.value, prefix.value) else {
        return;
    };
    for controller in controllers {
        let ip = &controller.ip;
        if !network.contains(&ip.value) {
            findings.push(finding::not_in_network(ip, network, &first.ip));
        } else if let Some(why) = no_machine(ip.value, network) {
            findings.push(finding::no_machine("a controller", ip, network, why));
        }
    }
}

/// Addresses that IPv4 keeps for a network's own use.
fn no_machine(address: IpAddr, network: IpNet) -> Option<&'static str> {
    match network {
        IpNet::V4(_) if address == network.network() => Some("the network's own address"),
        IpNet::V4(_) if address == network.broadcast() => Some("the broadcast address"),
        _ => None,
    }
}

fn one_family(address: &At<IpAddr>, controllers: &[Controller], findings: &Findings) {
    let other = controllers
        .iter()
        .find(|controller| controller.ip.value.is_ipv4() != address.value.is_ipv4());
    if let Some(controller) = other {
        findings.push(finding::other_family(address, &controller.ip));
    }
}

fn gateway_is_near(
    gateway: &At<IpAddr>,
    prefix: &At<u8>,
    controllers: &[Controller],
    findings: &Findings,
) {
    if let Some(twin) = controllers
        .iter()
        .find(|controller| controller.ip.value == gateway.value)
    {
        findings.push(finding::gateway_is_controller(gateway, &twin.ip));
        return;
    }
    let Some(first) = controllers.first() else {
        return;
    };
    let network = network_of(first.ip.value, prefix.value);
    let on_link = matches!(gateway.value, IpAddr::V6(v6) if v6.is_unicast_link_local());
    let same_family = first.ip.value.is_ipv4() == gateway.value.is_ipv4();
    if let Some(network) = network.filter(|_| same_family && !on_link) {
        if !network.contains(&gateway.value) {
            findings.push(finding::gateway_is_far(gateway, network, &first.ip));
        } else if let Some(why) = no_machine(gateway.value, network) {
            findings.push(finding::no_machine("the gateway", gateway, network, why));
        }
    }
}
