//! What commands read and write of `cluster.lock` beside its release.
//!
//! To make a lock is to say that the cluster is new, and nobody can know that but the user: `init`,
//! `pin` and `render --new` make one, and nothing else does.

use super::load::{self, Loaded};
use super::{Context, Failure};
use crate::calendar::moment;
use crate::manifest::{self, PemFiles};
use crate::output;
use crate::release::{Lock, LockId};
use crate::secret::Secret;
use crate::terminal::Format;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::net::IpAddr;
use std::path::PathBuf;

/// How long blank machines may begin the cluster, in seconds, unless it is said otherwise: a day
/// in which somebody launches what he rendered.
pub(super) const GENESIS_WINDOW: i64 = 86_400;

/// The lock by which a manifest is rendered.
pub(super) struct Found {
    /// `None` where none is there and none was asked for, or could be made.
    pub(super) lock: Option<Lock>,
    /// What of it is not on the disk yet.
    change: Option<Change>,
}

/// What is to be written of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// All of it: it is new.
    Made,
    /// What an older firstboot left out, or one that saw no certificates.
    Completed,
}

impl Found {
    /// The lock of a manifest that is to be rendered. `new` says that its cluster is new; where
    /// there is no lock and nobody says it, somebody at a terminal is asked if `asks` allows it.
    pub(super) fn of(
        loaded: &Loaded,
        new: bool,
        context: Context,
        asks: bool,
    ) -> Result<Self, Failure> {
        let manifest = &loaded.manifest;
        let as_it_is = |lock| Self { lock, change: None };
        match load::lock(loaded)? {
            None if new || (asks && manifest.needs_lock() && says_new(loaded, context)) => {
                Ok(Self {
                    lock: fresh(loaded)?,
                    change: Some(Change::Made),
                })
            }
            None => Ok(as_it_is(None)),
            Some(lock) => {
                if let (true, Some(began)) = (new, lock.genesis.began) {
                    let finding = manifest.lock_began(&loaded.lock_path, began);
                    return Err(Failure::Input(loaded.report(vec![finding])));
                }
                Ok(match completed(loaded, &lock)? {
                    None => as_it_is(Some(lock)),
                    Some(whole) => Self {
                        lock: Some(whole),
                        change: Some(Change::Completed),
                    },
                })
            }
        }
    }

    /// By what the manifest is resolved.
    pub(super) fn locked(&self) -> load::Locked<'_> {
        match (&self.lock, self.change) {
            (Some(lock), _) => load::Locked::By(lock),
            (None, Some(_)) => load::Locked::Unmade,
            (None, None) => load::Locked::Missing,
        }
    }

    /// The lock of a manifest that is only rehearsed: where one is needed and missing, one for the
    /// rehearsal alone, since nothing that runs can be harmed here.
    #[cfg(target_os = "linux")]
    pub(super) fn to_rehearse(loaded: &Loaded) -> Result<Self, Failure> {
        Ok(match load::lock(loaded)? {
            None if loaded.manifest.needs_lock() => Self {
                lock: fresh(loaded)?,
                change: Some(Change::Made),
            },
            lock => Self { lock, change: None },
        })
    }

    /// Whether it is not on the disk.
    #[cfg(target_os = "linux")]
    pub(super) fn is_made_here(&self) -> bool {
        self.change == Some(Change::Made)
    }

    /// Whether an older firstboot had left something out of it.
    pub(super) fn is_completed(&self) -> bool {
        self.change == Some(Change::Completed)
    }

    /// Writes what is not on the disk yet.
    pub(super) fn write(&self, loaded: &Loaded) -> Result<(), Failure> {
        if let (Some(lock), Some(_)) = (&self.lock, self.change) {
            write(loaded, lock)?;
        }
        Ok(())
    }

    /// What was written, as a note; `written` is false for who only checks.
    pub(super) fn note(&self, loaded: &Loaded, written: bool) -> Option<String> {
        let path = crate::report::path(&loaded.lock_path);
        let verb = if written { "was" } else { "would be" };
        Some(match self.change? {
            Change::Made => format!(
                "\nnote: `{path}` {verb} made: it says that this cluster is new. Keep it with the manifest, in\n\
                 version control; `firstboot verify` writes into it that the cluster has begun\n"
            ),
            Change::Completed => format!(
                "\nnote: `{path}` {verb} completed (its ID, the cluster's members and authorities): commit it\n"
            ),
        })
    }
}

/// Whether somebody at a terminal says that the cluster is new.
fn says_new(loaded: &Loaded, context: Context) -> bool {
    if context.format != Format::Human || loaded.is_from_stdin() {
        return false;
    }
    let question = format!(
        "`{}` is missing. It says whether this cluster is new: machines of a new cluster may begin\n\
         it, machines of one that runs only join. If it runs, take the lock from version control.\n\
         Is {} a new cluster, none of whose machines runs yet? [y/N] ",
        crate::report::path(&loaded.lock_path),
        loaded.manifest.cluster.value,
    );
    context.terminal.confirms(&question)
}

/// A lock for a cluster that is new, by what manifest and built-in table know; `None` where that is
/// not enough, which whoever resolves the manifest tells.
fn fresh(loaded: &Loaded) -> Result<Option<Lock>, Failure> {
    let (files, _) = manifest::read_pem_files(&loaded.manifest, &loaded.root);
    match fresh_with(loaded, &files) {
        Ok(lock) => Ok(Some(lock)),
        Err(Failure::Input(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn fresh_with(loaded: &Loaded, files: &PemFiles) -> Result<Lock, Failure> {
    let until = load::now().saturating_add(GENESIS_WINDOW);
    manifest::new_lock(&loaded.manifest, files, new_id()?, until)
        .map_err(|findings| Failure::Input(loaded.report(findings)))
}

/// The lock of a cluster that is started here, with certificates that are not on the disk yet.
pub(super) fn first(loaded: &Loaded, minted: &[(PathBuf, Secret)]) -> Result<Lock, Failure> {
    let mut files = PemFiles::default();
    let paths = loaded.manifest.controllers.iter();
    for path in paths.flat_map(|controller| controller.tls.all()) {
        let target = loaded.root.join(path.value.as_str());
        if let Some((_, bytes)) = minted.iter().find(|(path, _)| *path == target) {
            files.insert(&path.value, bytes.clone());
        }
    }
    fresh_with(loaded, &files)
}

/// The lock with what it lacks; `None` if it lacks nothing that is known here.
pub(super) fn completed(loaded: &Loaded, lock: &Lock) -> Result<Option<Lock>, Failure> {
    if lock.id.is_some() && lock.authorities.is_some() && !lock.genesis.members.is_empty() {
        return Ok(None);
    }
    let (files, _) = manifest::read_pem_files(&loaded.manifest, &loaded.root);
    let manifest = &loaded.manifest;
    Ok(manifest::completed(manifest, &files, lock, new_id()?))
}

/// An ID that no other lock has. Here randomness enters, and stays in the file.
pub(super) fn new_id() -> Result<LockId, Failure> {
    let mut random = [0; 16];
    let failed = |_| Failure::world("the operating system gives no random bytes");
    SystemRandom::new().fill(&mut random).map_err(failed)?;
    Ok(LockId::of(random))
}

/// Writes a lock, whole or not at all.
pub(super) fn write(loaded: &Loaded, lock: &Lock) -> Result<output::Written, Failure> {
    output::write_public(&loaded.lock_path, lock.to_text().as_bytes())
        .map_err(|error| Failure::World(error.to_string()))
}

/// Writes into the lock that the cluster runs, if it is still the one by which it was verified: in
/// the meantime somebody may have pinned anew. `began_with` are the addresses with which it did
/// begin, where the lock thought otherwise. Says what became of that.
pub(super) fn remember_beginning(
    loaded: &Loaded,
    verified: &Lock,
    began_with: Option<Vec<IpAddr>>,
) -> Result<String, Failure> {
    let path = crate::report::path(&loaded.lock_path);
    if load::lock(loaded)?.as_ref() != Some(verified) {
        return Err(Failure::World(format!(
            "`{path}` was changed meanwhile: verify again to write into it that the cluster runs"
        )));
    }
    let whole = completed(loaded, verified)?;
    let lock = whole.unwrap_or_else(|| verified.clone());
    let mut lock = lock.with_began(load::now());
    if let Some(began_with) = began_with {
        lock.genesis.members = began_with;
    }
    write(loaded, &lock)?;
    let began = moment(lock.genesis.began.unwrap_or_default());
    Ok(format!(
        "`{path}` now says that the cluster runs since {began}: machines can only join it; commit it"
    ))
}
