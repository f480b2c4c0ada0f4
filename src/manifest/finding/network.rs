//! Messages about the key `network`.

use crate::cluster::{Interface, NotAnInterface};
use crate::manifest::At;
use crate::manifest::yaml::Node;
use crate::platform::{Family, Platform};
use crate::report::{Finding, quoted};
use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::Range;

type Place = Range<usize>;

pub(in crate::manifest) fn network_prefix(place: Place, longest: u8) -> Finding {
    Finding::error(
        "network-prefix",
        place,
        format!("`prefix` must be a number from 1 to {longest}"),
        "write the length of the network's prefix: 24 stands for 255.255.255.0",
    )
}

pub(in crate::manifest) fn interface(value: &At<String>, why: NotAnInterface) -> Finding {
    Finding::error(
        "network-interface",
        value.place.clone(),
        format!(
            "{} is no name or pattern of an interface: {}",
            quoted(&value.value),
            why.0
        ),
        "write a name such as `eth0`, or a pattern such as `en*`",
    )
}

pub(in crate::manifest) fn network_address(what: &str, value: &At<IpAddr>, why: &str) -> Finding {
    Finding::error(
        "network-address",
        value.place.clone(),
        format!("`{}` cannot be a {what}: it is {why}", value.value),
        format!("write the address under which the machines reach the {what}"),
    )
}

pub(in crate::manifest) fn nameservers_no_list(node: &Node) -> Finding {
    Finding::error(
        "not-a-list",
        node.place.clone(),
        format!(
            "`nameservers` must be a list, but it is {}",
            node.value.kind()
        ),
        "write the addresses in brackets: `nameservers: [10.240.0.2]`",
    )
}

pub(in crate::manifest) fn duplicate_nameserver(value: &At<IpAddr>, first: Place) -> Finding {
    Finding::error(
        "duplicate-nameserver",
        value.place.clone(),
        format!("the name server `{}` stands here twice", value.value),
        "keep one of the two",
    )
    .with_related(first, "first here")
}

pub(in crate::manifest) fn too_many_nameservers(extra: &At<IpAddr>, most: usize) -> Finding {
    Finding::error(
        "too-many-nameservers",
        extra.place.clone(),
        format!("a machine asks {most} name servers at most, and never this one"),
        format!("keep the best {most}"),
    )
}

pub(in crate::manifest) fn not_in_network(
    value: &At<IpAddr>,
    network: IpNet,
    first: &At<IpAddr>,
) -> Finding {
    Finding::error(
        "network-split",
        value.place.clone(),
        format!(
            "`{}` is not in {network}, as the first controller is",
            value.value
        ),
        "`network` is one network for all: make `prefix` shorter, or let DHCP tell the machines",
    )
    .with_related(first.place.clone(), "the first one")
}

pub(in crate::manifest) fn no_machine(
    whose: &str,
    value: &At<IpAddr>,
    network: IpNet,
    why: &str,
) -> Finding {
    Finding::error(
        "network-address",
        value.place.clone(),
        format!(
            "`{}` cannot be {whose}'s address: in {network} it is {why}",
            value.value
        ),
        "write an address of a machine; is `network.prefix` right?",
    )
}

pub(in crate::manifest) fn other_family(value: &At<IpAddr>, other: &At<IpAddr>) -> Finding {
    let (is, others) = match value.value {
        IpAddr::V4(_) => ("IPv4", "IPv6"),
        IpAddr::V6(_) => ("IPv6", "IPv4"),
    };
    Finding::error(
        "network-family",
        value.place.clone(),
        format!(
            "`{}` is an address of {is}, but the machine at `{}` will have {others} alone",
            value.value, other.value
        ),
        format!("write an {others} address: `network` is for machines with one address"),
    )
    .with_related(other.place.clone(), "this machine")
}

pub(in crate::manifest) fn gateway_is_controller(
    gateway: &At<IpAddr>,
    controller: &At<IpAddr>,
) -> Finding {
    Finding::error(
        "gateway-is-controller",
        gateway.place.clone(),
        format!("`{}` is a controller's address", gateway.value),
        "write the router's address, or leave `gateway` out where there is none",
    )
    .with_related(controller.place.clone(), "this controller")
}

pub(in crate::manifest) fn gateway_is_far(
    gateway: &At<IpAddr>,
    network: IpNet,
    first: &At<IpAddr>,
) -> Finding {
    Finding::error(
        "gateway-is-far",
        gateway.place.clone(),
        format!(
            "`{}` is not in {network}, the controllers' network",
            gateway.value
        ),
        "write the router's address in that network; is `network.prefix` right?",
    )
    .with_related(first.place.clone(), "a controller")
}

pub(in crate::manifest) fn network_pattern(
    place: Place,
    interface: &Interface,
    family: Family,
    may_know: bool,
) -> Finding {
    let message = format!(
        "`{interface}` is a pattern of interfaces, which `{family}` images {} know",
        if may_know { "may not" } else { "do not" }
    );
    let help = "write the interface's own name: `interface: eth0`";
    if may_know {
        Finding::warning("network-pattern", place, message, help).with_note(
            "cloud-init knows patterns where it configures netplan, as in Debian 12's cloud images"
                .to_owned(),
        )
    } else {
        Finding::error("network-pattern", place, message, help)
    }
}

pub(in crate::manifest) fn network_unused(place: Place, platform: Platform) -> Finding {
    Finding::warning(
        "network-unused",
        place,
        format!("on {platform} the cloud tells machines their network: this has no effect there"),
        "remove `network`, or keep it for `--platform nocloud`",
    )
}
