//! The key `image.mismatch`: what happens on a baked image that holds another etcd.

use super::fields::Findings;
use super::finding;
use super::yaml::Node;
use crate::cluster::Mismatch;

/// What could not be read has been reported; then it is the default.
pub(super) fn mismatch(node: &Node, findings: &Findings) -> Mismatch {
    let Some(written) = findings.text(node, "mismatch") else {
        return Mismatch::default();
    };
    match written.value.as_str() {
        "install" => Mismatch::Install,
        "refuse" => Mismatch::Refuse,
        _ => {
            findings.push(finding::mismatch(&written));
            Mismatch::default()
        }
    }
}
