//! From the manifest and the PEM files to the cluster, or to the reasons why there is none.

use super::certificates::{self, Audited};
use super::genesis::{Beginning, beginning};
use super::{Controller, Manifest, PemFiles, authorities, finding, pinned, settings};
use crate::cluster::{Cluster, Member, MemberId, Release, Replace};
use crate::release::Lock;
use crate::report::{Finding, Severity};

/// What became of a manifest.
#[derive(Debug)]
pub struct Resolved {
    /// The cluster, if nothing is wrong.
    pub cluster: Option<Cluster>,
    /// Everything that is wrong or unwise.
    pub findings: Vec<Finding>,
}

/// Resolves a manifest with its lock, if there is one. `now` is in seconds since 1970 (UTC); only
/// findings depend on it.
///
/// A PEM file that is absent from `files` yields no cluster and no finding: whoever read the
/// files has reported it.
pub fn resolve(manifest: &Manifest, files: &PemFiles, lock: Option<&Lock>, now: i64) -> Resolved {
    let mut findings = Vec::new();
    unwise_count(manifest, &mut findings);
    findings.extend(finding::advice(&manifest.etcd.version));
    findings.extend(settings::unwise(manifest));
    unsupported_arch(manifest, &mut findings);
    let own = manifest.cloud_config.iter();
    findings.extend(own.flat_map(|own| own.value.warnings.iter().cloned()));
    findings.extend(lock.and_then(|lock| authorities::judge(manifest, files, lock)));
    let release = pinned::release(manifest, lock, &mut findings);
    let audited = certificates::audit(manifest, files, now);
    findings.extend(audited.findings.iter().cloned());
    findings.extend(settings::ciphers_of_other_keys(manifest, &audited));
    let wrong = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    let cluster = release
        .filter(|_| !wrong)
        .and_then(|release| cluster(manifest, release, lock, &audited, files));
    Resolved { cluster, findings }
}

/// `None` if a file is absent.
fn cluster(
    manifest: &Manifest,
    release: Release,
    lock: Option<&Lock>,
    audited: &Audited,
    files: &PemFiles,
) -> Option<Cluster> {
    let Beginning {
        id,
        members,
        genesis,
    } = beginning(manifest, lock);
    let member = |(controller, id): (&Controller, Option<MemberId>)| {
        Some(Member {
            name: controller.name.value.clone(),
            address: controller.ip.value,
            id,
            hostname: manifest.hostname,
            arch: controller.arch.value,
            tls: audited.tls(&controller.tls, files)?,
        })
    };
    let members: Vec<_> = manifest
        .controllers
        .iter()
        .zip(members)
        .map(member)
        .collect::<Option<_>>()?;
    Some(Cluster {
        name: manifest.cluster.value.clone(),
        settings: manifest.etcd.settings.resolved(release.version),
        release,
        mismatch: manifest.mismatch(),
        replace: replace(manifest, lock),
        genesis,
        data_disk: manifest.data_disk.clone(),
        id,
        lineage: lock.and_then(|lock| lock.id),
        members,
        network: manifest
            .network
            .as_ref()
            .map(|network| network.value.clone()),
    })
}

/// As the manifest says, and `auto` where it says nothing. Without a lock the machines do not even
/// ask: they could not tell a first boot from a loss.
fn replace(manifest: &Manifest, lock: Option<&Lock>) -> Option<Replace> {
    lock.map(|_| manifest.replaces())
}

impl Manifest {
    /// What a blank machine does whose member had data.
    pub fn replaces(&self) -> Replace {
        let written = self.replace.as_ref().map(|replace| replace.value);
        written.unwrap_or(Replace::Auto)
    }

    /// Whether nothing can be rendered without a lock: machines that take the place of lost ones
    /// by themselves must know whether the cluster is new.
    pub fn needs_lock(&self) -> bool {
        self.replaces() == Replace::Auto
    }
}

fn unwise_count(manifest: &Manifest, findings: &mut Vec<Finding>) {
    let controllers = &manifest.controllers;
    let Some(last) = controllers.last() else {
        return;
    };
    let place = last.name.place.clone();
    match controllers.len() {
        1 => findings.push(finding::single_member(place)),
        count if count.is_multiple_of(2) => findings.push(finding::even_members(place, count)),
        _ => {}
    }
}

fn unsupported_arch(manifest: &Manifest, findings: &mut Vec<Finding>) {
    let version = &manifest.etcd.version;
    for arch in manifest.architectures() {
        if arch.value.is_unsupported_by(version.value) {
            findings.push(finding::arch_unsupported(version, &arch));
        }
    }
}
