//! With whom a cluster began: its ID follows from that for ever, whoever is in it now.

use super::{Cluster, ClusterId, HostName, MemberId, PEER_PORT, url};
use crate::calendar::moment;
use std::fmt;
use std::net::IpAddr;

/// Whether blank machines whose peers are silent may begin the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Genesis {
    /// At any time: nothing says until when.
    Always,
    /// Until this moment, in seconds since 1970 (UTC).
    Until(i64),
    /// Never: it was seen to run, or it began with others than its controllers of now.
    Over(Since),
}

/// How a cluster has changed since it began; as text, a sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// When it was first seen to run, in seconds since 1970 (UTC), if somebody looked.
    pub began: Option<i64>,
    /// With how many members it began.
    pub began_with: usize,
    /// The controllers that were not among them.
    pub joined: Vec<HostName>,
    /// The addresses of those that are no controllers any more.
    pub left: Vec<IpAddr>,
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            began: seen,
            began_with,
            joined,
            left,
        } = self;
        if let (Some(seen), true, true) = (seen, joined.is_empty(), left.is_empty()) {
            return write!(f, "the cluster runs since {} at least", moment(*seen));
        }
        let members = if *began_with == 1 {
            "member"
        } else {
            "members"
        };
        let began = format!("the cluster that began with {began_with} {members}");
        match joined[..] {
            [] => {}
            [ref one] => write!(f, "{one} joins {began}")?,
            _ => write!(f, "{} join {began}", all(joined))?,
        }
        if joined.is_empty() {
            write!(f, "{} left {began}", all(left))
        } else if left.is_empty() {
            Ok(())
        } else {
            write!(f, ", and which {} left", all(left))
        }
    }
}

/// `one`, `one and two`, `one, two and three`
fn all(items: &[impl fmt::Display]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    match items.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => String::new(),
    }
}

impl MemberId {
    /// The ID of a member with which the cluster of this token begins.
    pub fn at(address: IpAddr, token: &str) -> Self {
        Self::of(&url(address, PEER_PORT), token)
    }
}

impl ClusterId {
    /// The ID of the cluster of this token that begins with these addresses.
    pub fn begun_at(addresses: &[IpAddr], token: &str) -> Self {
        Self::of(addresses.iter().map(|one| MemberId::at(*one, token)))
    }
}

impl Cluster {
    /// When its machines stop to begin it and only join it, in seconds since 1970 (UTC): none where
    /// they do not ask, where nothing says it, and where the cluster is known to run.
    pub fn begins_until(&self) -> Option<i64> {
        match (self.replace, &self.genesis) {
            (Some(_), Genesis::Until(until)) => Some(*until),
            _ => None,
        }
    }

    /// Makes it one that begins with its controllers of now, until this moment.
    pub fn begin_anew(&mut self, until: i64) {
        let token = self.name.as_str();
        let addresses: Vec<_> = self.members.iter().map(|member| member.address).collect();
        self.id = ClusterId::begun_at(&addresses, token);
        for member in &mut self.members {
            member.id = Some(MemberId::at(member.address, token));
        }
        self.genesis = Genesis::Until(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_a_sentence() {
        let since = |began_with, joined: &[&str], left: &[&str]| {
            let joined = joined.iter().map(|name| HostName::new(name).unwrap());
            let left = left.iter().map(|address| address.parse().unwrap());
            let (joined, left) = (joined.collect(), left.collect());
            Since {
                began: None,
                began_with,
                joined,
                left,
            }
            .to_string()
        };
        assert_eq!(
            since(1, &["b", "c"], &[]),
            "b and c join the cluster that began with 1 member"
        );
        assert_eq!(
            since(3, &["d"], &["10.0.0.1", "10.0.0.2"]),
            "d joins the cluster that began with 3 members, and which 10.0.0.1 and 10.0.0.2 left"
        );
        assert_eq!(
            since(3, &[], &["10.0.0.1"]),
            "10.0.0.1 left the cluster that began with 3 members"
        );
        let since = Since {
            began: Some(0),
            began_with: 3,
            joined: Vec::new(),
            left: Vec::new(),
        };
        assert_eq!(
            since.to_string(),
            "the cluster runs since 1970-01-01T00:00:00Z at least"
        );
    }
}
