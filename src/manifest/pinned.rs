//! Which tarballs the machines install: what the manifest says, else the lock, else the built-in
//! table.

use super::{At, Manifest, PemFiles, authorities, finding};
use crate::cluster::Release;
use crate::release::{
    Arch, Digest, Evidence, Lock, LockId, LockedEtcd, LockedTarball, Origin, agree, table,
};
use crate::report::Finding;
use std::path::Path;

/// The release, or `None` and the reasons why there is none.
pub(super) fn release(
    manifest: &Manifest,
    lock: Option<&Lock>,
    findings: &mut Vec<Finding>,
) -> Option<Release> {
    let version = manifest.etcd.version.value;
    if let Some(lock) = lock
        && let Some(finding) = contradiction(manifest, lock)
    {
        findings.push(finding);
        return None;
    }
    let wanted = manifest.architectures();
    let tarballs: Vec<_> = wanted
        .iter()
        .map(|arch| Some((arch.value, digest(manifest, arch, lock, findings)?)))
        .collect();
    Some(Release {
        version,
        tarballs: tarballs.into_iter().collect::<Option<_>>()?,
        urls: manifest.etcd.urls(),
    })
}

/// The pinned release alone, for whoever needs no certificates; the reasons where there is none.
pub fn pinned(manifest: &Manifest, lock: Option<&Lock>) -> (Option<Release>, Vec<Finding>) {
    let mut findings = Vec::new();
    (release(manifest, lock, &mut findings), findings)
}

/// What the manifest and the built-in table know of each tarball, without asking anybody.
pub fn evidence(manifest: &Manifest) -> Vec<(Arch, Evidence)> {
    let etcd = &manifest.etcd;
    let mut found = Vec::new();
    for arch in manifest.architectures() {
        let arch = arch.value;
        let evidence = |origin, digest| Evidence {
            origin,
            digest,
            size: None,
        };
        let given = etcd.digest(arch);
        found.extend(given.map(|given| (arch, evidence(Origin::Manifest, given.value))));
        let known = table::find(etcd.version.value, arch);
        found.extend(known.map(|known| (arch, evidence(Origin::Table, known.digest))));
    }
    found
}

/// The lock of a cluster that is new, by what manifest and table know; or what they do not.
pub fn new_lock(
    manifest: &Manifest,
    files: &PemFiles,
    id: LockId,
    until: i64,
) -> Result<Lock, Vec<Finding>> {
    let (release, findings) = pinned(manifest, None);
    if release.is_none() {
        return Err(findings);
    }
    let evidence = evidence(manifest);
    let tarball = |arch: At<Arch>| {
        let own = evidence.iter().filter(|(of, _)| *of == arch.value);
        let own: Vec<_> = own.map(|(_, evidence)| evidence.clone()).collect();
        // Manifest and table cannot disagree: the manifest's word outweighs all.
        Some(LockedTarball::from((arch.value, agree(&own).ok()?)))
    };
    let etcd = LockedEtcd {
        version: manifest.etcd.version.value,
        tarballs: manifest
            .architectures()
            .into_iter()
            .filter_map(tarball)
            .collect(),
        urls: manifest.etcd.urls(),
    };
    let name = manifest.cluster.value.as_str();
    let lock = Lock::new(name, etcd, until, manifest.addresses()).with_id(id);
    Ok(match authorities::authorities(manifest, files) {
        Some(authorities) => lock.with_authorities(authorities),
        None => lock,
    })
}

/// The lock with what an older firstboot, or one that saw no certificates, did not write into it;
/// `None` where nothing is missing, or where it is the lock of another cluster.
pub fn completed(manifest: &Manifest, files: &PemFiles, lock: &Lock, id: LockId) -> Option<Lock> {
    if lock.cluster != manifest.cluster.value.as_str() {
        return None;
    }
    let mut whole = lock.clone();
    whole.id = lock.id.or(Some(id));
    if lock.genesis.members.is_empty() {
        whole.genesis.members = manifest.addresses();
    }
    let known = lock.authorities.clone();
    whole.authorities = known.or_else(|| authorities::authorities(manifest, files));
    (whole != *lock).then_some(whole)
}

/// What is wrong or unwise about a lock for this manifest; no error means that it is up to date.
pub fn check_lock(manifest: &Manifest, lock: &Lock) -> Vec<Finding> {
    let mut findings = Vec::new();
    release(manifest, Some(lock), &mut findings);
    findings
}

/// That the lock is of another cluster: it remembers how that one began.
pub fn check_lock_is_own(manifest: &Manifest, lock: &Lock) -> Option<Finding> {
    let is_own = lock.cluster == manifest.cluster.value.as_str();
    (!is_own).then(|| finding::lock_cluster(&manifest.cluster, &lock.cluster))
}

/// What the lock pins and the manifest no longer asks for.
fn contradiction(manifest: &Manifest, lock: &Lock) -> Option<Finding> {
    let etcd = &manifest.etcd;
    if let Some(finding) = check_lock_is_own(manifest, lock) {
        return Some(finding);
    }
    if lock.etcd.version != etcd.version.value {
        return Some(finding::lock_version(&etcd.version, lock.etcd.version));
    }
    if lock.etcd.urls != etcd.urls() {
        return Some(finding::lock_mirrors(etcd.mirrors_place.clone()));
    }
    None
}

fn digest(
    manifest: &Manifest,
    arch: &At<Arch>,
    lock: Option<&Lock>,
    findings: &mut Vec<Finding>,
) -> Option<Digest> {
    let version = &manifest.etcd.version;
    let known = table::find(version.value, arch.value);
    let given = manifest.etcd.digest(arch.value);
    let mut refuse = |finding| {
        findings.push(finding);
        None
    };
    match (given, lock) {
        (given, Some(lock)) => {
            let Some(locked) = lock.find(arch.value) else {
                return refuse(finding::lock_arch(version, arch));
            };
            if given.is_some_and(|given| given.value != locked.sha256) {
                let given = given.map_or(0..0, |given| given.place.clone());
                return refuse(finding::lock_digest(given, arch.value));
            }
            if given.is_none() && !stands_alone(locked, known) {
                return refuse(finding::lock_stale_digest(version, arch.value));
            }
            if let (None, Some(known)) = (given, known)
                && known.sources < 2
                && !locked
                    .from
                    .iter()
                    .any(|from| matches!(from, Origin::Sums(_)))
            {
                findings.push(finding::digest_unconfirmed(version, arch.value));
            }
        }
        (None, None) => match known {
            None => return refuse(finding::version_unknown(version, arch)),
            Some(known) if known.sources < 2 => {
                findings.push(finding::digest_unconfirmed(version, arch.value));
            }
            Some(_) => {}
        },
        (Some(_), None) => {}
    }
    if let (Some(given), Some(known)) = (given, known)
        && given.value != known.digest
    {
        let place = given.place.clone();
        findings.push(finding::digest_contradicts(place, version, arch.value));
    }
    let locked = lock.and_then(|lock| lock.find(arch.value));
    given
        .map(|given| given.value)
        .or(locked.map(|locked| locked.sha256))
        .or(known.map(|known| known.digest))
}

/// Whether a locked digest is good without the manifest's word for it.
fn stands_alone(locked: &LockedTarball, known: Option<table::Row>) -> bool {
    let not_the_manifest = locked.from.iter().any(|from| *from != Origin::Manifest);
    not_the_manifest && known.is_none_or(|known| known.digest == locked.sha256)
}

impl Manifest {
    /// That there is no lock where one is needed.
    pub fn lock_missing(&self, lock: &Path) -> Finding {
        finding::lock_missing(lock)
    }

    /// That what was rendered last is not of this lock's cluster.
    pub fn lock_is_another(&self, lock: &Path, rendered: &Path) -> Finding {
        finding::lock_is_another(lock, rendered)
    }

    /// That the cluster has begun, as the lock remembers, where it was said to be new.
    pub fn lock_began(&self, lock: &Path, began: i64) -> Finding {
        finding::lock_began(lock, began, &self.cluster.value)
    }
}
