//! One writer at a time, where the system can lock a directory.

use super::{Error, Result};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How often somebody else's lock is asked for again. With the pause between, ten seconds: longer
/// than any write takes, and a stranger may hold a lock for ever.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// Locks a directory. Whoever holds the lock knows that every stage it finds was left by a
/// process that was killed. `None` where directories cannot be locked.
pub(super) fn lock(directory: &Path) -> Result<Option<File>> {
    lock_within(directory, ATTEMPTS)
}

fn lock_within(directory: &Path, attempts: u32) -> Result<Option<File>> {
    let Ok(opened) = File::open(directory) else {
        return Ok(None);
    };
    for attempt in 1.. {
        match opened.try_lock() {
            Ok(()) => return Ok(Some(opened)),
            // Some network file systems have no locks.
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if attempt < attempts => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => break,
        }
    }
    Err(Error::Busy(directory.to_path_buf(), holder(&opened)))
}

/// Who holds a lock, as far as the system tells: `process 4711 (rsync)`.
#[cfg(target_os = "linux")]
fn holder(file: &File) -> Option<String> {
    use crate::input;
    use std::os::unix::fs::MetadataExt as _;
    let inode = file.metadata().ok()?.ino();
    let locks = input::read_start(Path::new("/proc/locks"), 1 << 20).ok()?;
    let locks = String::from_utf8_lossy(locks.expose());
    let process = holder_in(&locks, inode)?;
    let name = input::read_start(format!("/proc/{process}/comm").as_ref(), 64);
    Some(match name {
        Ok(name) => {
            let name = String::from_utf8_lossy(name.expose());
            format!(
                "process {process} ({})",
                crate::report::visible(name.trim_end())
            )
        }
        Err(_) => format!("process {process}"),
    })
}

#[cfg(not(target_os = "linux"))]
fn holder(_: &File) -> Option<String> {
    None
}

/// The process in a line of `proc_locks(5)` that is no waiter's:
/// `1: FLOCK  ADVISORY  WRITE 4711 08:02:1234 0 EOF`. A process of another namespace is 0 or -1.
#[cfg(target_os = "linux")]
fn holder_in(locks: &str, inode: u64) -> Option<u32> {
    let inode = inode.to_string();
    locks.lines().find_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, process, file, ..] = words.as_slice() else {
            return None;
        };
        let is_it = file.rsplit(':').next() == Some(inode.as_str());
        process.parse().ok().filter(|process| is_it && *process > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let held = lock(directory.path()).unwrap();
        let error = lock_within(directory.path(), 2).unwrap_err().to_string();
        if cfg!(target_os = "linux") {
            let process = format!("locked by process {} (", std::process::id());
            assert!(error.contains(&process), "{error}");
        }
        drop(held);
        // Not at once: a child of another thread may hold it until it is another program.
        assert!(lock(directory.path()).unwrap().is_some());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_holder_is_found_by_the_file() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 08:02:1234 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 8 08:02:12345 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 9 08:02:1234 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 10 08:02:1234 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE -1 08:02:99 0 EOF\n";
        assert_eq!(holder_in(locks, 1234), Some(9));
        assert_eq!(holder_in(locks, 12345), Some(8));
        assert_eq!(holder_in(locks, 99), None);
    }
}
