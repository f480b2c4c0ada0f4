//! Messages about manifests that are rendered together.

use crate::cluster::ClusterName;
use crate::manifest::At;
use crate::report::{Finding, quoted};

pub(in crate::manifest) fn cluster_taken(name: &At<ClusterName>, by: &str) -> Finding {
    Finding::error(
        "cluster-twice",
        name.place.clone(),
        format!(
            "the cluster of {} has the name {}, too",
            quoted(by),
            quoted(name.value.as_str())
        ),
        "give each cluster a name of its own, in lower case or not: it names the directory that is \
         written, and it is the token that keeps their members apart",
    )
}
