//! The machines' network: one bridge that leads nowhere else.
//!
//! Every machine holds its address alone, as on GCE, and takes everybody else to be on its link.
//! So addresses of any mixture of subnets reach each other with their own source addresses.

use super::error::{Doing as _, Error};
use super::plan::Plan;
use super::tools::{self, last_lines};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where the release server listens: addresses that no machine of the plan holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServerAddresses {
    pub(super) v4: Ipv4Addr,
    pub(super) v6: Ipv6Addr,
}

impl ServerAddresses {
    /// Chooses them from the blocks that are set aside for documentation.
    pub(super) fn beside(plan: &Plan) -> Self {
        let free = |address: &IpAddr| plan.machines.iter().all(|m| m.address != *address);
        let v4 = (1..255).map(|last| Ipv4Addr::new(192, 0, 2, last));
        let v6 = (1..=u16::MAX).map(|last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last));
        Self {
            v4: v4
                .map(IpAddr::V4)
                .find(free)
                .and_then(as_v4)
                .unwrap_or(Ipv4Addr::LOCALHOST),
            v6: v6
                .map(IpAddr::V6)
                .find(free)
                .and_then(as_v6)
                .unwrap_or(Ipv6Addr::LOCALHOST),
        }
    }

    /// The one that a machine with this address can reach.
    pub(super) fn for_peer(self, peer: IpAddr) -> IpAddr {
        if peer.is_ipv4() {
            self.v4.into()
        } else {
            self.v6.into()
        }
    }
}

fn as_v4(address: IpAddr) -> Option<Ipv4Addr> {
    if let IpAddr::V4(v4) = address {
        Some(v4)
    } else {
        None
    }
}

fn as_v6(address: IpAddr) -> Option<Ipv6Addr> {
    if let IpAddr::V6(v6) = address {
        Some(v6)
    } else {
        None
    }
}

/// The network namespace of the machine with this index in the plan.
pub(super) fn namespace(index: usize) -> PathBuf {
    format!("/run/netns/m{index}").into()
}

/// Lays the bridge and one cable per machine.
pub(super) fn lay(plan: &Plan, server: ServerAddresses) -> Result<(), Error> {
    let mut bridge = format!(
        "link set lo up
         link add br0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0
         link set br0 up
         addr add {v4}/32 dev br0
         addr add {v6}/128 dev br0 nodad
         route add 0.0.0.0/0 dev br0
         route add ::/0 dev br0\n",
        v4 = server.v4,
        v6 = server.v6,
    );
    for index in 0..plan.machines.len() {
        // Writing into a `String` cannot fail.
        let _ = write!(
            bridge,
            "netns add m{index}
             link add m{index} type veth peer name eth0 netns m{index}
             link set m{index} master br0 up\n",
        );
    }
    ip(&[], &bridge)?;
    for (index, machine) in plan.machines.iter().enumerate() {
        let address = match machine.address {
            IpAddr::V4(v4) => format!("{v4}/32"),
            IpAddr::V6(v6) => format!("{v6}/128 nodad"),
        };
        let everywhere = if machine.address.is_ipv4() {
            "route add 0.0.0.0/0 dev eth0\n".to_owned()
        } else {
            v6_routes(plan, server)
        };
        let inner = format!(
            "link set lo up
             link set eth0 up
             addr add {address} dev eth0
             {everywhere}"
        );
        ip(&["-n", &format!("m{index}")], &inner)?;
    }
    Ok(())
}

/// Drops every packet from this machine to the others, or no longer; so none of theirs is answered.
pub(super) fn cut_from_peers(plan: &Plan, machine: usize, cut: bool) -> Result<(), Error> {
    let others = plan.machines.iter().enumerate();
    let others = others.filter(|(index, _)| *index != machine);
    let verb = if cut { "add" } else { "del" };
    // Not routes: cloud-init looks at those.
    let rule = |(_, other): (usize, &super::plan::Machine)| match other.address {
        IpAddr::V4(v4) => format!("-4 rule {verb} to {v4}/32 priority 9 blackhole\n"),
        IpAddr::V6(v6) => format!("-6 rule {verb} to {v6}/128 priority 9 blackhole\n"),
    };
    let rules: Vec<String> = others.map(rule).collect();
    for rule in rules {
        let words: Vec<&str> = rule.split_whitespace().collect();
        ip_in(machine, &words)?;
    }
    Ok(())
}

/// Gives this machine another address than its own, which nobody holds, or its own again.
pub(super) fn readdress(plan: &Plan, machine: usize, wrong: bool) -> Result<(), Error> {
    let own = plan.machines.get(machine).map(|machine| machine.address);
    let (own, other) = match own {
        Some(IpAddr::V4(own)) => (format!("{own}/32"), "198.51.100.1/32"),
        Some(IpAddr::V6(own)) => (format!("{own}/128"), "2001:db8:ffff::1/128"),
        None => return Ok(()),
    };
    let (add, remove) = if wrong {
        (other, own.as_str())
    } else {
        (own.as_str(), other)
    };
    ip_in(machine, &["addr", "add", add, "dev", "eth0"])?;
    ip_in(machine, &["addr", "del", remove, "dev", "eth0"])?;
    // The default routes of IPv4 go with the last address that could be their source.
    if own.contains('.') {
        ip_in(machine, &["route", "replace", "0.0.0.0/0", "dev", "eth0"])?;
    }
    Ok(())
}

fn ip_in(machine: usize, words: &[&str]) -> Result<(), Error> {
    tools::run(
        Command::new("ip")
            .args(["-n", &format!("m{machine}")])
            .args(words),
    )
}

/// Everybody is on the link, by routes of their own: cloud-init 22.4 stumbles over an IPv6
/// default route without a gateway. The gateway of the default route is never asked.
fn v6_routes(plan: &Plan, server: ServerAddresses) -> String {
    let machines = plan
        .machines
        .iter()
        .filter_map(|machine| as_v6(machine.address));
    let on_link = machines.chain([server.v6]);
    let mut routes: Vec<String> = on_link
        .map(|address| format!("route add {address}/128 dev eth0 metric 2048\n"))
        .collect();
    routes.push("route add default via fe80::1 dev eth0\n".to_owned());
    routes.concat()
}

/// Hands a batch of commands to `ip`.
fn ip(options: &[&str], batch: &str) -> Result<(), Error> {
    let doing = || "running `ip`".to_owned();
    let mut child = Command::new("ip")
        .args(options)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .doing(doing)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(batch.as_bytes()).doing(doing)?;
    }
    let output = child.wait_with_output().doing(doing)?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Tool {
        tool: "ip".to_owned(),
        said: last_lines(&output.stderr),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearse::plan::tests::plan_with;

    #[test]
    fn the_server_gives_way_to_machines() {
        let nobody = ServerAddresses::beside(&plan_with(&["10.240.0.10"]));
        assert_eq!(nobody.v4, Ipv4Addr::new(192, 0, 2, 1));
        let taken = ["192.0.2.1", "192.0.2.2", "2001:db8::1"];
        let beside = ServerAddresses::beside(&plan_with(&taken));
        assert_eq!(beside.v4, Ipv4Addr::new(192, 0, 2, 3));
        assert_eq!(beside.v6.to_string(), "2001:db8::2");
        let v6_machine = "fd00::1".parse().unwrap();
        assert_eq!(beside.for_peer(v6_machine), IpAddr::V6(beside.v6));
        let v4_machine = "10.0.0.1".parse().unwrap();
        assert_eq!(beside.for_peer(v4_machine), IpAddr::V4(beside.v4));
    }
}
