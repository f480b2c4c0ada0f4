//! The network of machines that must be told their addresses, since nothing there tells them.

use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// What is the same for all machines: they are in one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// How many bits of an address are the network's.
    pub prefix: u8,
    /// Through whom the rest of the world is reached; without one it is not.
    pub gateway: Option<IpAddr>,
    /// Who knows names, at most three, in the order in which they are asked.
    pub nameservers: Vec<IpAddr>,
    /// Which interface it is.
    pub interface: Interface,
}

/// An interface's name, or a pattern of names with `*` and `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface(String);

/// Why a text is no [`Interface`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnInterface(pub &'static str);

/// `10.240.0.10/24` as the network that it is in; `None` if no prefix is so long.
pub(crate) fn network_of(address: IpAddr, prefix: u8) -> Option<IpNet> {
    IpNet::new(address, prefix).ok().map(|net| net.trunc())
}

impl Interface {
    /// The longest name that Linux takes (`IFNAMSIZ` is 16, with a zero byte).
    const LONGEST: usize = 15;

    /// Takes letters, digits, `.`, `_`, `-`, `*` and `?`, the first one a letter; nothing that
    /// the loopback interface answers to.
    ///
    /// ```
    /// use firstboot::cluster::Interface;
    /// assert!(Interface::new("en*").unwrap().is_pattern());
    /// assert!(!Interface::new("eth0").unwrap().is_pattern());
    /// assert!(Interface::new("l*").is_err());
    /// ```
    pub fn new(text: &str) -> Result<Self, NotAnInterface> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-*?".contains(c);
        if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
            Err(NotAnInterface("it must start with a letter"))
        } else if text.len() > Self::LONGEST {
            Err(NotAnInterface("it has more than 15 characters"))
        } else if !text.chars().all(allowed) {
            Err(NotAnInterface(
                "only letters, digits, `.`, `_`, `-`, `*` and `?` may stand in it",
            ))
        } else if matches(text.as_bytes(), b"lo") {
            Err(NotAnInterface("the loopback interface answers to it"))
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The name or the pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a pattern.
    pub fn is_pattern(&self) -> bool {
        self.0.contains(['*', '?'])
    }
}

/// Both ways of naming a wired card that systemd has, and the kernel's own: `enp1s0`, `eth0`.
impl Default for Interface {
    fn default() -> Self {
        Self("e*".to_owned())
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a name is of a pattern, as a shell would say.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            matches(rest, name) || (!name.is_empty() && matches(pattern, &name[1..]))
        }
        ([b'?', pattern @ ..], [_, name @ ..]) => matches(pattern, name),
        ([one, pattern @ ..], [other, name @ ..]) => one == other && matches(pattern, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_at_their_edges() {
        for good in [
            "e",
            "eth0",
            "enp1s0.12",
            "e*",
            "en?",
            "lan0",
            "l?n0",
            "en*0?",
        ] {
            assert!(Interface::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "*",
            "?o",
            "lo",
            "l*",
            "lo*",
            "l?",
            "l*o",
            "0",
            "e 0",
            "e/0",
            "e[0]",
            "é",
            "e\n",
            "eth0123456789012",
            "e$x",
            "e\"",
        ] {
            assert!(Interface::new(bad).is_err(), "{bad}");
        }
        assert_eq!(Interface::new("e*"), Ok(Interface::default()));
    }
}
