//! What `pin` does with the cluster that a lock is of: it stays the same one, or begins again.

use super::{Arguments, Pin};
use crate::commands::Failure;
use crate::commands::load::{self, Loaded};
use crate::commands::locking::{self, GENESIS_WINDOW};
use crate::diff;
use crate::manifest;
use crate::release::{Authorities, Lock, LockedEtcd, LockedTarball};
use crate::report::{Severity, visible};

/// A cluster that runs begins again only if its name is said.
pub(super) fn refuse_beginning(
    arguments: &Arguments,
    loaded: &Loaded,
    old: Option<&Lock>,
) -> Result<(), Failure> {
    let cluster = loaded.manifest.cluster.value.as_str();
    match &arguments.begin_again {
        Some(name) if name != cluster => Err(Failure::Wrong(format!(
            "`--begin-again {}`: the manifest's cluster is `{cluster}`",
            visible(name)
        ))),
        None if arguments.genesis_window.is_some() => {
            let Some(began) = old.and_then(|old| old.genesis.began) else {
                return Ok(());
            };
            let finding = loaded.manifest.lock_began(&loaded.lock_path, began);
            Err(Failure::Input(loaded.report(vec![finding])))
        }
        _ => Ok(()),
    }
}

/// Whom the lock is to know: the manifest's authorities, if machines that trust the lock's ones
/// understand machines that trust these. `None` where the files are not there yet.
pub(super) fn authorities(
    arguments: &Arguments,
    loaded: &Loaded,
    old: Option<&Lock>,
) -> Result<Option<Authorities>, Failure> {
    let manifest = &loaded.manifest;
    let (files, _) = manifest::read_pem_files(manifest, &loaded.root);
    let is_free = arguments.new_authorities || arguments.begin_again.is_some();
    if let Some(old) = old.filter(|_| !is_free) {
        let unknown = manifest::check_authorities(manifest, &files, old);
        if let Some(finding) = unknown.filter(|finding| finding.severity == Severity::Error) {
            return Err(Failure::Input(loaded.report(vec![finding])));
        }
    }
    Ok(manifest::authorities(manifest, &files))
}

impl Pin<'_> {
    /// The lock that is written: what the old one says of the cluster stays, unless it is to begin
    /// again.
    pub(super) fn lock(
        &self,
        tarballs: Vec<LockedTarball>,
        authorities: Option<Authorities>,
    ) -> Result<Lock, Failure> {
        let etcd = &self.manifest().etcd;
        let etcd = LockedEtcd {
            version: etcd.version.value,
            tarballs,
            urls: etcd.urls(),
        };
        let again = self.arguments.begin_again.is_some();
        let window = self.arguments.genesis_window.map(|span| span.0);
        let window = window.or(again.then_some(GENESIS_WINDOW));
        let mut lock = if let Some(old) = &self.old {
            let mut lock = old.clone();
            lock.etcd = etcd;
            lock
        } else {
            let name = self.manifest().cluster.value.as_str();
            let until = load::now().saturating_add(GENESIS_WINDOW);
            Lock::new(name, etcd, until, Vec::new())
        };
        if again {
            lock.genesis.formerly = lock.id.take();
            lock.genesis.began = None;
        }
        if let Some(window) = window {
            // For a cluster that begins, with whom the manifest has.
            lock.genesis.until = load::now().saturating_add(window);
            lock.genesis.members.clear();
        }
        if lock.genesis.members.is_empty() {
            lock.genesis.members = self.manifest().addresses();
        }
        if lock.id.is_none() {
            lock.id = Some(locking::new_id()?);
        }
        lock.authorities = authorities.or(lock.authorities);
        Ok(lock)
    }

    /// What is to be known of what becomes of a cluster by this lock.
    pub(super) fn caution(&mut self, lock: &Lock) {
        let Some(old) = &self.old else {
            self.notes.push(format!(
                "this lock is new, and says that {} is: if it runs already, take its lock from \
                 version control or a backup instead",
                lock.cluster
            ));
            return;
        };
        if self.arguments.begin_again.is_some() {
            self.notes.push(format!(
                "{} begins again, empty. Machines of before have the same cluster ID and would mix \
                 with new ones: delete all of them, and their data disks, before you launch",
                lock.cluster
            ));
        } else if old.id.is_none() {
            self.notes.push(
                "the lock is of an older firstboot: it now has an ID and the cluster's authorities"
                    .to_owned(),
            );
        }
        let known = (&old.authorities, &lock.authorities);
        if let (Some(old), Some(new)) = known
            && self.arguments.new_authorities
            && !old.overlap(new)
        {
            self.notes.push(
                "the lock now knows other CAs than before: machines that trust the old ones and \
                 machines that trust the new ones refuse each other"
                    .to_owned(),
            );
        }
        let leap = diff::upgrade(old.etcd.version, lock.etcd.version);
        self.notes.extend(leap);
    }
}
