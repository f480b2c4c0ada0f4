//! Messages about manifests that are rendered together.

use crate::cluster::ClusterName;
use crate::manifest::At;
use crate::report::{Finding, quoted};

pub(in crate::manifest) fn cluster_taken(name: &At<ClusterName>, by: &str, taken: &str) -> Finding {
    Finding::error(
        "cluster-twice",
        name.place.clone(),
        format!(
            "the cluster of {} has the name {}",
            quoted(by),
            quoted(taken)
        ),
        "give each cluster a name of its own, of which case is no part: it names the directory \
         that is written, and it is the token that keeps their members apart",
    )
}
