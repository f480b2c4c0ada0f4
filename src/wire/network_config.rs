//! cloud-init's network configuration, version 2: one interface with one static address.
//!
//! Version 2 is what every cloud-init from 18 on reads, and a pattern of names is only there.
//! cloud-init hands it to netplan as it is; where it writes the system's own files instead
//! (ifupdown, sysconfig, `NetworkManager`), the key of the mapping is taken for the interface's
//! name and `match` by name is ignored (cloud-init, `net/network_state.py`,
//! `NetworkStateInterpreter.handle_ethernets`): so a plain name is the key.

use crate::cluster::Network;
use askama::Template;
use std::net::IpAddr;

/// The key where a pattern says which interface is meant.
const BY_PATTERN: &str = "cluster";

#[derive(Template)]
#[template(path = "network-config.yaml")]
struct Document<'a> {
    key: &'a str,
    pattern: Option<&'a str>,
    address: String,
    /// Not `default`, which netplan knows, but at which 22.4 and 25.1 raise an error where they
    /// read it themselves; nor `gateway4`, which is deprecated.
    everywhere: &'a str,
    gateway: Option<String>,
    nameservers: Vec<String>,
}

/// The file `network-config` of the machine at this address.
pub fn render(network: &Network, address: IpAddr) -> String {
    let interface = &network.interface;
    let is_pattern = interface.is_pattern();
    let document = Document {
        key: if is_pattern {
            BY_PATTERN
        } else {
            interface.as_str()
        },
        pattern: is_pattern.then(|| interface.as_str()),
        address: format!("{address}/{}", network.prefix),
        everywhere: if address.is_ipv4() {
            "0.0.0.0/0"
        } else {
            "::/0"
        },
        gateway: network.gateway.map(|gateway| gateway.to_string()),
        nameservers: network
            .nameservers
            .iter()
            .map(ToString::to_string)
            .collect(),
    };
    let rendered = document.render();
    let mut text = rendered.expect("addresses and names of interfaces render");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Interface;
    use proptest::prelude::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Read {
        version: u8,
        ethernets: BTreeMap<String, Card>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Card {
        #[serde(rename = "match")]
        by: Option<BTreeMap<String, String>>,
        dhcp4: bool,
        dhcp6: bool,
        addresses: Vec<String>,
        #[serde(default)]
        routes: Vec<BTreeMap<String, String>>,
        nameservers: Option<BTreeMap<String, Vec<String>>>,
    }

    proptest! {
        /// Whatever passes the constructors, YAML gives back.
        #[test]
        fn reads_back_as_what_was_meant(
            address: IpAddr,
            prefix in 1u8..=30,
            gateway: Option<IpAddr>,
            nameservers in prop::collection::vec(any::<IpAddr>(), 0..3),
            interface in "[a-zA-Z][a-zA-Z0-9._*?-]{0,14}",
        ) {
            let Ok(interface) = Interface::new(&interface) else { return Ok(()) };
            let network = Network { prefix, gateway, nameservers, interface };
            let text = render(&network, address);
            let read: Read = serde_yaml::from_str(&text).unwrap();
            prop_assert_eq!(read.version, 2);
            let [(key, card)] = <[_; 1]>::try_from(read.ethernets.into_iter().collect::<Vec<_>>()).unwrap();
            let name = network.interface.as_str();
            let by = card.by.map_or(key, |by| by["name"].clone());
            prop_assert_eq!(by, name);
            prop_assert!(!card.dhcp4 && !card.dhcp6);
            prop_assert_eq!(card.addresses, [format!("{address}/{prefix}")]);
            let via: Vec<IpAddr> = card.routes.iter().map(|route| route["via"].parse().unwrap()).collect();
            prop_assert_eq!(via, network.gateway.into_iter().collect::<Vec<_>>());
            let servers = card.nameservers.map(|found| found["addresses"].clone());
            let asked: Vec<_> = network.nameservers.iter().map(ToString::to_string).collect();
            prop_assert_eq!(servers.unwrap_or_default(), asked);
        }
    }
}
