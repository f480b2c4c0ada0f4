//! What is wrong with a manifest only beside others.

use super::{Manifest, finding};
use crate::report::Finding;

impl Manifest {
    /// That its cluster has the name, and so the directory, of the cluster `taken` of the manifest
    /// `by`; case makes no difference.
    pub fn cluster_taken(&self, by: &str, taken: &str) -> Finding {
        finding::cluster_taken(&self.cluster, by, taken)
    }
}
