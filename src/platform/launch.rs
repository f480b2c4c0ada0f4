//! The `launch` script of a cluster: the exact commands of that cloud's own client.

use super::{Delivery, Form, Platform};
use crate::cluster::{Cluster, Member};
use askama::Template;
use std::net::IpAddr;

struct Machine<'a> {
    name: &'a str,
    /// The option that gives the machine its address.
    address: String,
    /// The metadata key that says how `user-data` is packed, where the cloud needs one.
    companion: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "launch-gce.sh")]
struct Gce<'a> {
    cluster: &'a str,
    machines: Vec<Machine<'a>>,
}

#[derive(Template)]
#[template(path = "launch-aws.sh")]
struct Aws<'a> {
    cluster: &'a str,
    machines: Vec<Machine<'a>>,
}

#[derive(Template)]
#[template(path = "launch-nocloud.sh")]
struct NoCloud<'a> {
    cluster: &'a str,
    machines: Vec<Machine<'a>>,
}

/// The script, in POSIX sh. It holds no key and no path of the computer that rendered it.
///
/// `deliveries` are those of the cluster's members, in their order.
pub fn launch(platform: Platform, cluster: &Cluster, deliveries: &[Delivery]) -> String {
    let machines = cluster
        .members
        .iter()
        .zip(deliveries)
        .map(|(member, delivery)| machine(platform, member, delivery))
        .collect();
    let cluster = cluster.name.as_str();
    let rendered = match platform {
        Platform::Gce => Gce { cluster, machines }.render(),
        Platform::Aws => Aws { cluster, machines }.render(),
        Platform::NoCloud => NoCloud { cluster, machines }.render(),
    };
    let mut text = rendered.expect("a template of plain words renders");
    text.push('\n');
    text
}

fn machine<'a>(platform: Platform, member: &'a Member, delivery: &Delivery) -> Machine<'a> {
    let address = member.address;
    let option = match (platform, address) {
        (Platform::Gce, IpAddr::V4(_)) => format!("--private-network-ip={address}"),
        (Platform::Gce, IpAddr::V6(_)) => {
            format!("--stack-type=IPV4_IPV6 --internal-ipv6-address={address}")
        }
        (Platform::Aws, IpAddr::V4(_)) => format!("--private-ip-address={address}"),
        (Platform::Aws, IpAddr::V6(_)) => format!("--ipv6-addresses=Ipv6Address={address}"),
        (Platform::NoCloud, _) => String::new(),
    };
    Machine {
        name: member.name.as_str(),
        address: option,
        companion: match delivery.form {
            Form::GzipBase64 => Some("user-data-encoding=base64"),
            Form::Plain | Form::Gzip => None,
        },
    }
}
