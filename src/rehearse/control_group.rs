//! One control group per rehearsal, with one child per machine.
//!
//! It is the only thing that the kernel does not take back by itself when the namespaces end: an
//! empty directory, which is removed at the end, or by the next rehearsal after a SIGKILL.

use super::error::{Doing as _, Error};
use super::tools::shown;
use rustix::fs::FlockOperation;
use rustix::process::{Pid, Signal};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where the unified hierarchy is mounted inside, whatever this computer itself uses.
pub(super) const ROOT: &str = "/sys/fs/cgroup";

const PREFIX: &str = "firstboot-rehearsal-";

/// How long killed processes may take to be gone.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct ControlGroup {
    dir: PathBuf,
    /// Shared by all rehearsals that run: who gets it alone may sweep.
    _lock: File,
}

impl ControlGroup {
    /// Makes the group, after sweeping what killed rehearsals left.
    pub(super) fn create() -> Result<Self, Error> {
        let root = Path::new(ROOT);
        let doing = || format!("locking {ROOT}");
        let lock = File::open(root).doing(doing)?;
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            sweep(root);
        }
        rustix::fs::flock(&lock, FlockOperation::LockShared).doing(doing)?;
        let mut number = 0;
        loop {
            let dir = root.join(format!("{PREFIX}{number}"));
            match std::fs::create_dir(&dir) {
                Ok(()) => return Ok(Self { dir, _lock: lock }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error).doing(|| format!("creating {}", shown(&dir))),
            }
        }
    }

    /// Makes the group of one machine.
    pub(super) fn child(&self, name: &str) -> Result<PathBuf, Error> {
        let dir = self.dir.join(name);
        std::fs::create_dir(&dir).doing(|| format!("creating {}", shown(&dir)))?;
        Ok(dir)
    }

    /// Kills all that is in the group, and removes it. Harmless when done twice.
    pub(super) fn remove(&self) {
        let end = Instant::now() + PATIENCE;
        while self.dir.exists() {
            kill_all(&self.dir);
            if remove_tree(&self.dir).is_ok() || Instant::now() > end {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn sweep(root: &Path) {
    let Ok(entries) = std::fs::read_dir(root) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            // A group with a process in it cannot be removed, and is not ours to empty.
            let _ = remove_tree(&entry.path());
        }
    }
}

/// Kills all that is in a machine's group, and removes the groups that it made below.
///
/// All of them: into a group that is left from before, Linux 6.18 kills what the machine's next
/// systemd starts. `cgroup_css_set_fork` notes how often the parent's group was killed, and
/// `cgroup_post_fork` compares that with the group that `clone3` starts the child in.
pub(super) fn empty(dir: &Path) {
    let end = Instant::now() + PATIENCE;
    loop {
        kill_all(dir);
        // One in which a process is still dying cannot be removed yet.
        let is_gone = |child: &PathBuf| remove_tree(child).is_ok();
        if children(dir).iter().all(is_gone) || Instant::now() > end {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn kill_all(dir: &Path) {
    // Linux 5.14 kills a whole tree at once; before, each process is killed by its number.
    if std::fs::write(dir.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    for child in children(dir) {
        kill_all(&child);
    }
    let members = std::fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    for pid in members
        .lines()
        .filter_map(|line| Pid::from_raw(line.parse().ok()?))
    {
        // It may have ended since.
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
}

/// Removes a group and those below it; only directories, for a group's files cannot be removed.
fn remove_tree(dir: &Path) -> std::io::Result<()> {
    for child in children(dir) {
        remove_tree(&child)?;
    }
    std::fs::remove_dir(dir)
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let directories = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories.map(|entry| entry.path()).collect()
}
