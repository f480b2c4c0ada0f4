//! Member and cluster IDs, computed as etcd does from peer URLs and token.
//!
//! Source: etcd-io/etcd `server/etcdserver/api/membership/{member,cluster}.go`, the same from
//! 3.3.9 to 3.7.1. Names and order do not matter; the spelling of a URL does.

use sha1::{Digest, Sha1};
use std::fmt;

/// The ID under which a member is known to its cluster.
///
/// ```
/// use firstboot::cluster::MemberId;
/// let id = MemberId::of("https://10.240.0.10:2380", "etcd-cluster-0");
/// assert_eq!(id.to_string(), "f98dc20bce6225a0");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(u64);

/// The ID that every member of one cluster reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClusterId(u64);

impl MemberId {
    /// The ID of the member with this one peer URL in the cluster with this token.
    pub fn of(peer_url: &str, token: &str) -> Self {
        Self(leading_u64(&[peer_url.as_bytes(), token.as_bytes()]))
    }

    /// The ID as a running member reports it: one that was added later has any.
    pub fn reported(id: u64) -> Self {
        Self(id)
    }
}

impl ClusterId {
    /// The ID as a running member reports it.
    pub fn reported(id: u64) -> Self {
        Self(id)
    }

    /// The ID of the cluster that consists of these members when it starts.
    pub fn of(members: impl IntoIterator<Item = MemberId>) -> Self {
        let mut members: Vec<_> = members.into_iter().collect();
        members.sort_unstable();
        let bytes: Vec<_> = members
            .iter()
            .map(|member| member.0.to_be_bytes())
            .collect();
        let parts: Vec<_> = bytes.iter().map(<[u8; 8]>::as_slice).collect();
        Self(leading_u64(&parts))
    }
}

fn leading_u64(parts: &[&[u8]]) -> u64 {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part);
    }
    let digest = hash.finalize();
    digest[..8]
        .iter()
        .fold(0, |id, byte| id << 8 | u64::from(*byte))
}

/// As etcd's logs and `etcdctl` print it: hexadecimal, no leading zeros.
impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// As etcd's logs print it: hexadecimal, no leading zeros.
impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "etcd-cluster-0";

    fn member(address: &str) -> MemberId {
        MemberId::of(&format!("https://{address}:2380"), TOKEN)
    }

    /// The IDs that Kubernetes The Hard Way prints for its three controllers.
    #[test]
    fn agrees_with_the_lab() {
        assert_eq!(member("10.240.0.10").to_string(), "f98dc20bce6225a0");
        assert_eq!(member("10.240.0.11").to_string(), "ffed16798470cab5");
        assert_eq!(member("10.240.0.12").to_string(), "3a57933972cb5131");
    }

    #[test]
    fn cluster_id_does_not_depend_on_order() {
        let [a, b, c] = ["10.240.0.10", "10.240.0.11", "10.240.0.12"].map(member);
        assert_eq!(ClusterId::of([a, b, c]).to_string(), "3e7cc799faffb625");
        assert_eq!(ClusterId::of([c, a, b]), ClusterId::of([a, b, c]));
    }
}
