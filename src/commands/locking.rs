//! What commands write into `cluster.lock`.

use super::Failure;
use super::load::{self, Loaded};
use crate::manifest;
use crate::output;
use crate::release::Lock;

/// Writes a lock, whole or not at all.
pub(super) fn write(loaded: &Loaded, lock: &Lock) -> Result<output::Written, Failure> {
    output::write_public(&loaded.lock_path, lock.to_text().as_bytes())
        .map_err(|error| Failure::World(error.to_string()))
}

/// Makes the lock know the authorities that the manifest's files now hold: for a command that has
/// exchanged them as it should be done, with old and new ones together in between. Without a lock
/// there is nothing to remember, and files that are missing are for others to report. Says whether
/// the lock was written.
pub(super) fn remember_authorities(loaded: &Loaded) -> Result<bool, Failure> {
    let Some(lock) = load::lock(loaded)? else {
        return Ok(false);
    };
    let (files, _) = manifest::read_pem_files(&loaded.manifest, &loaded.root);
    let Some(authorities) = manifest::authorities(&loaded.manifest, &files) else {
        return Ok(false);
    };
    Ok(write(loaded, &lock.with_authorities(authorities))? == output::Written::Changed)
}
