//! What a page is about.

use crate::cluster::Cluster;
use crate::machine::{Layout, Machine};
use crate::platform::{Delivery, Packed, Platform, Settings};
use crate::report::Report;

/// A cluster as it was rendered.
pub struct Subject<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The platform for which it was rendered.
    pub platform: Platform,
    /// What `launch` is told.
    pub settings: &'a Settings,
    /// The machines, in the cluster's order.
    pub machines: &'a [Machine<'a>],
    /// Where on them etcd is.
    pub layout: Layout,
    /// What each of them is handed, in the same order.
    pub deliveries: &'a [Delivery],
    /// How large the largest document would be on every platform, this one included.
    pub rooms: &'a [Room],
    /// Whose it is.
    pub largest: &'a str,
    /// The warnings.
    pub report: &'a Report,
}

/// How much of a platform's room a document takes.
pub struct Room {
    /// The platform.
    pub platform: Platform,
    /// How the document would be packed there, and whether it then fits; `None` where machines of
    /// this image cannot be.
    pub packed: Option<Result<Packed, Packed>>,
}
