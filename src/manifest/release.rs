//! The keys that say which tarballs are installed and from where: `etcd.sha256`, `etcd.mirrors`,
//! `etcd.allow_http`, `arch`.

use super::fields::{Fields, Findings};
use super::yaml::{Node, Value};
use super::{At, finding, schema};
use crate::release::{Arch, Digest, Mirror, Scheme};

/// Stands in `etcd.mirrors` for upstream's own hosts.
pub(super) const UPSTREAM: &str = "upstream";

/// `sha256`: one digest, which is amd64's, or one for each architecture.
pub(super) fn digests(node: &Node, findings: &Findings) -> Option<Vec<(Arch, At<Digest>)>> {
    let Value::Mapping(_) = &node.value else {
        return Some(vec![(Arch::Amd64, digest(node, "sha256", findings)?)]);
    };
    let fields = Fields::of(node, "etcd.sha256", findings)?;
    let read = |arch: Arch| {
        let node = fields.optional(arch.name())?;
        Some((arch, digest(node, arch.name(), findings)?))
    };
    let digests: Vec<_> = Arch::ALL.into_iter().filter_map(read).collect();
    fields.finish(&schema::SHA256);
    Some(digests)
}

fn digest(node: &Node, key: &str, findings: &Findings) -> Option<At<Digest>> {
    let written = findings.text(node, key)?;
    let digest = written.value.parse();
    let digest = findings.keep(digest.map_err(|_| finding::not_a_digest(&written)))?;
    Some(At {
        value: digest,
        place: written.place,
    })
}

/// `mirrors` and `allow_http`: where machines look for tarballs, in this order. Without the key
/// that is upstream.
pub(super) fn mirrors(etcd: &Fields, findings: &Findings) -> Option<Vec<Mirror>> {
    let allow_http = match etcd.optional("allow_http") {
        Some(node) => truth(node, "allow_http", findings),
        None => Some(false),
    };
    let Some(node) = etcd.optional("mirrors") else {
        allow_http?;
        return Some(Mirror::upstream().into());
    };
    let Value::Sequence(items) = &node.value else {
        findings.push(finding::mirrors_no_list(node));
        return None;
    };
    if items.is_empty() {
        findings.push(finding::no_mirrors(node.place.clone()));
        return None;
    }
    // Not one `collect`: it would stop at the first with a finding.
    let read: Vec<_> = items.iter().map(|item| mirror(item, findings)).collect();
    let read: Vec<_> = read.into_iter().collect::<Option<_>>()?;
    let allow_http = allow_http?;
    let mut mirrors: Vec<Mirror> = Vec::new();
    for At { value, place } in read {
        for mirror in value {
            if mirrors.contains(&mirror) {
                findings.push(finding::mirror_twice(place.clone(), &mirror));
            }
            if mirror.scheme() == Scheme::Http && !allow_http {
                findings.push(finding::mirror_http(place.clone(), &mirror));
            }
            mirrors.push(mirror);
        }
    }
    Some(mirrors)
}

fn mirror(node: &Node, findings: &Findings) -> Option<At<Vec<Mirror>>> {
    let At { value, place } = findings.text(node, "mirrors")?;
    if value == UPSTREAM {
        let value = Mirror::upstream().into();
        return Some(At { value, place });
    }
    let mirror = Mirror::new(&value).map_err(|why| finding::mirror(&value, place.clone(), why));
    let value = vec![findings.keep(mirror)?];
    Some(At { value, place })
}

fn truth(node: &Node, key: &str, findings: &Findings) -> Option<bool> {
    match &node.value {
        Value::Boolean(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::Boolean(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => {
            findings.push(finding::not_a_truth(key, node));
            None
        }
    }
}

/// `arch`, at the top or under a controller; `None` inside where it is not written.
#[allow(
    clippy::option_option,
    reason = "one says that it was readable, one that it was written"
)]
pub(super) fn arch(fields: &Fields, findings: &Findings) -> Option<Option<At<Arch>>> {
    let Some(node) = fields.optional("arch") else {
        return Some(None);
    };
    let written = findings.text(node, "arch")?;
    let arch = written.value.parse().map_err(|_| finding::arch(&written));
    let value = findings.keep(arch)?;
    Some(Some(At {
        value,
        place: written.place,
    }))
}
