//! From the manifest and the PEM files to the cluster, or to the reasons why there is none.

use super::{At, Controller, Manifest, PemFiles, PemPath, finding};
use crate::cluster::{Cluster, ClusterId, Member, MemberId, PEER_PORT, PemFile, Release, Tls, url};
use crate::pki::Go;
use crate::pki::audit::{self, Demand, Demands, File, Pair, Part, Problem, THIRTY_DAYS, audit};
use crate::release::{Arch, table, upstream_urls};
use crate::report::{Finding, Severity};
use crate::secret::Secret;
use std::net::{IpAddr, Ipv4Addr};

/// What became of a manifest.
#[derive(Debug)]
pub struct Resolved {
    /// The cluster, if nothing is wrong.
    pub cluster: Option<Cluster>,
    /// Everything that is wrong or unwise.
    pub findings: Vec<Finding>,
}

/// Resolves a manifest. `now` is in seconds since 1970 (UTC); only findings depend on it.
///
/// A PEM file that is absent from `files` yields no cluster and no finding: whoever read the
/// files has reported it.
pub fn resolve(manifest: &Manifest, files: &PemFiles, now: i64) -> Resolved {
    let mut findings = Vec::new();
    even_members(manifest, &mut findings);
    let release = release(manifest, &mut findings);
    let tls = tls(manifest, files, now, &mut findings);
    let wrong = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    let cluster = match (release, tls) {
        (Some(release), Some(tls)) if !wrong => Some(cluster(manifest, release, &tls)),
        _ => None,
    };
    Resolved { cluster, findings }
}

fn cluster(manifest: &Manifest, release: Release, tls: &Tls) -> Cluster {
    let token = manifest.cluster.value.as_str();
    let members: Vec<_> = manifest
        .controllers
        .iter()
        .map(|controller| Member {
            name: controller.name.value.clone(),
            address: controller.ip.value,
            id: MemberId::of(&url(controller.ip.value, PEER_PORT), token),
            hostname: manifest.hostname,
            tls: tls.clone(),
        })
        .collect();
    Cluster {
        name: manifest.cluster.value.clone(),
        release,
        id: ClusterId::of(members.iter().map(|member| member.id)),
        members,
    }
}

fn even_members(manifest: &Manifest, findings: &mut Vec<Finding>) {
    let controllers = &manifest.controllers;
    if let (Some(first), Some(last)) = (controllers.first(), controllers.last())
        && controllers.len().is_multiple_of(2)
    {
        let place = first.name.place.start..last.ip.place.end;
        findings.push(finding::even_members(place, controllers.len()));
    }
}

/// The digest that the manifest gives, or the one that the built-in table knows.
fn release(manifest: &Manifest, findings: &mut Vec<Finding>) -> Option<Release> {
    let version = &manifest.etcd.version;
    let known = table::find(version.value, Arch::Amd64);
    let digest = match (&manifest.etcd.sha256, known) {
        (Some(given), known) => {
            if known.is_some_and(|known| known.digest != given.value) {
                let place = given.place.clone();
                findings.push(finding::digest_contradicts(place, version));
            }
            given.value
        }
        (None, Some(known)) => {
            if known.sources < 2 {
                findings.push(finding::digest_unconfirmed(version));
            }
            known.digest
        }
        (None, None) => {
            findings.push(finding::version_unknown(version));
            return None;
        }
    };
    Some(Release {
        version: version.value,
        tarballs: vec![(Arch::Amd64, digest)],
        urls: upstream_urls(&version.value),
    })
}

/// Audits the one pair that all controllers share against all of them.
fn tls(
    manifest: &Manifest,
    files: &PemFiles,
    now: i64,
    findings: &mut Vec<Finding>,
) -> Option<Tls> {
    let paths = &manifest.tls;
    let bytes = |path: &At<PemPath>| files.get(&path.value);
    let (ca, certificate, key) = (bytes(&paths.ca)?, bytes(&paths.cert)?, bytes(&paths.key)?);
    let pair = Pair {
        certificate: shown(&paths.cert, certificate),
        key_name: paths.key.value.as_str(),
        key,
    };
    let audit = audit(shown(&paths.ca, ca), &pair, &demands(manifest, now));
    for problem in audit.problems {
        let path = match problem.part {
            Part::Ca => &paths.ca,
            Part::Certificate => &paths.cert,
            Part::Key => &paths.key,
        };
        findings.push(pem_finding(path, problem));
    }
    let authorities = audit.authorities.iter();
    let not_before = authorities
        .chain(&audit.certificate)
        .map(|facts| facts.not_before)
        .max();
    let file = |path: &At<PemPath>, bytes: &Secret| PemFile {
        name: path.value.name().clone(),
        bytes: bytes.clone(),
    };
    Some(Tls {
        ca: file(&paths.ca, ca),
        certificate: file(&paths.cert, certificate),
        key: file(&paths.key, key),
        not_before: not_before?,
    })
}

fn shown<'a>(path: &'a At<PemPath>, bytes: &'a Secret) -> File<'a> {
    File {
        name: path.value.as_str(),
        bytes: bytes.expose(),
    }
}

fn pem_finding(path: &At<PemPath>, problem: Problem) -> Finding {
    let place = path.place.clone();
    match problem.severity {
        audit::Severity::Error => {
            Finding::error(problem.code, place, problem.message, problem.help)
        }
        audit::Severity::Warning => {
            Finding::warning(problem.code, place, problem.message, problem.help)
        }
    }
}

/// What the shared pair must cover: every controller's address, and the loopback address that
/// the machine's own checks and the lab's verification line dial.
fn demands(manifest: &Manifest, now: i64) -> Demands {
    let address = |controller: &Controller| Demand {
        value: controller.ip.value,
        why: format!("peers and clients dial `{}` there", controller.name.value),
    };
    let mut addresses: Vec<_> = manifest.controllers.iter().map(address).collect();
    addresses.push(Demand {
        value: IpAddr::V4(Ipv4Addr::LOCALHOST),
        why: "each machine asks its own member there".to_owned(),
    });
    Demands {
        addresses,
        names: Vec::new(),
        common_name: None,
        server: true,
        client: true,
        go: Go::of(manifest.etcd.version.value),
        // The machine asks etcd through etcdctl, which judges as etcd does.
        curl: false,
        now,
        warn_within: THIRTY_DAYS,
    }
}
