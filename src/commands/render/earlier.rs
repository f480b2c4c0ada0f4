//! What the last render left: whose it is, and what differs from it now. Whoever replaces it replaces
//! the plan that `diff` would have made of it.

use super::{Arguments, LAUNCH, Rendering, differing};
use crate::cluster::{Cluster, ClusterId};
use crate::commands::Failure;
use crate::commands::load::{self, Loaded};
use crate::commands::locking::Found;
use crate::diff::{self, Difference};
use crate::input;
use crate::output::OutputFile;
use crate::platform::{cluster_id, lineage};
use crate::release::LockId;
use std::ffi::OsStr;
use std::path::Path;

/// A thousand controllers need less.
const MOST_OF_A_SCRIPT: u64 = 16 << 20;

/// What the last render of a cluster left in its directory.
#[derive(Default)]
pub(super) struct Earlier {
    /// Of which cluster its scripts are.
    pub(super) id: Option<ClusterId>,
    /// By which lock they were rendered.
    lineage: Option<LockId>,
    /// What differs from it now.
    pub(super) difference: Option<Difference>,
    /// Why that cannot be told.
    pub(super) unread: Option<String>,
}

impl Earlier {
    pub(super) fn read(
        directory: &Path,
        cluster: &Cluster,
        rendering: &Rendering,
    ) -> Result<Self, Failure> {
        let Ok(launch) = input::read(&directory.join(LAUNCH), MOST_OF_A_SCRIPT) else {
            return Ok(Self::default());
        };
        let launch = String::from_utf8_lossy(launch.expose());
        let mut earlier = Self {
            id: cluster_id(&launch),
            lineage: lineage(&launch),
            ..Self::default()
        };
        if is_unchanged(directory, cluster, rendering) {
            return Ok(earlier);
        }
        let new = differing::machines_of(rendering)?;
        match differing::written(directory, cluster.name.as_str()) {
            Ok(old) => {
                let difference = diff::difference(&old, &new, true, load::now());
                earlier.difference = Some(difference).filter(|it| !it.is_same());
            }
            Err(Failure::Wrong(why) | Failure::World(why)) => earlier.unread = Some(why),
            Err(failure) => return Err(failure),
        }
        Ok(earlier)
    }
}

/// Whether the last render is this one: most change nothing, and that is cheaper to see.
fn is_unchanged(directory: &Path, cluster: &Cluster, rendering: &Rendering) -> bool {
    let is_there =
        |file: &OutputFile| input::holds(&directory.join(&file.path), file.bytes.expose());
    let is_member = |name: &OsStr| {
        let mut members = cluster.members.iter();
        members.any(|member| member.name.as_str() == name)
    };
    let entries = directory.read_dir().into_iter().flatten().flatten();
    let mut machines = entries.filter(|entry| entry.path().is_dir());
    rendering.files.iter().all(is_there) && machines.all(|entry| is_member(&entry.file_name()))
}

/// A lock that does not know the one by which the last render was made is another's, or was made
/// where the cluster's own was lost: by it machines would begin a cluster that runs.
pub(super) fn refuse_another_lock(
    loaded: &Loaded,
    arguments: &Arguments,
    earlier: &Earlier,
    known: &Found,
) -> Result<(), Failure> {
    let (Some(before), Some(lock)) = (earlier.lineage, &known.lock) else {
        return Ok(());
    };
    // One that just got its ID cannot have had it then.
    if known.is_completed() || [lock.id, lock.genesis.formerly].contains(&Some(before)) {
        return Ok(());
    }
    let directory = arguments.output.join(&lock.cluster);
    let finding = loaded
        .manifest
        .lock_is_another(&loaded.lock_path, &directory);
    Err(Failure::Input(loaded.report(vec![finding])))
}
