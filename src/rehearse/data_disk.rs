//! The disk that a manifest asks for: a block device of its own in each machine, blank at first.

use super::disk::STOP;
use super::error::{Doing as _, Error};
use super::tools::{self, shown};
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Sparse; `mkfs.xfs` takes no less than 300 MiB.
const SIZE: u64 = 512 << 20;

/// How long it may stay in use after all processes of its machine have been killed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A loop device over a sparse file; the kernel takes it back when this goes.
pub(super) struct DataDisk {
    device: PathBuf,
    /// Where the machine sees it.
    at: PathBuf,
    is_attached: AtomicBool,
    _open: File,
}

impl DataDisk {
    /// Makes a blank disk over this file, for a machine that is off.
    pub(super) fn make(file: &Path, at: &Path, is_attached: bool) -> Result<Self, Error> {
        let doing = || format!("making the data disk {}", shown(file));
        File::create(file)
            .and_then(|file| file.set_len(SIZE))
            .doing(doing)?;
        let mut set_up = Command::new("losetup");
        let found = set_up.args(["--find", "--show"]).arg(file).output();
        let found = found.doing(doing)?;
        let device = PathBuf::from(String::from_utf8_lossy(&found.stdout).trim());
        let open = File::open(&device).doing(doing)?;
        // Of a device that is open, this means: as soon as it is open no more.
        tools::run(Command::new("losetup").arg("--detach").arg(&device))?;
        Ok(Self {
            device,
            at: at.to_owned(),
            is_attached: AtomicBool::new(is_attached),
            _open: open,
        })
    }

    /// `DEVICE:PATH`, as nspawn reads it, if it is there when the machine is switched on.
    pub(super) fn bound(&self) -> Option<String> {
        let device = shown(&self.device);
        let at = shown(&self.at).clone().replace(':', "\\:");
        let is_attached = self.is_attached.load(Ordering::SeqCst);
        is_attached.then(|| format!("{device}:{at}"))
    }

    /// From now on it is there; the command makes it so on a machine that is on.
    pub(super) fn attach(&self) -> Result<String, Error> {
        self.is_attached.store(true, Ordering::SeqCst);
        let (major, minor) = self.number()?;
        let directory = shown(self.at.parent().unwrap_or(Path::new("/"))).clone();
        let at = shown(&self.at);
        Ok(format!(
            "mkdir -p '{directory}' && mknod -m 0660 '{at}' b {major} {minor}"
        ))
    }

    fn number(&self) -> Result<(u64, u64), Error> {
        let data = std::fs::metadata(&self.device);
        let number = data.doing(|| format!("looking at {}", shown(&self.device)))?;
        let number = number.rdev();
        Ok((
            u64::from(rustix::fs::major(number)),
            u64::from(rustix::fs::minor(number)),
        ))
    }

    /// Stops the file system on it as if power had failed, wherever this process has it mounted.
    /// The moment before the process ends is the last one to reach it.
    pub(super) fn stop(&self, pid: u32) -> Result<(), Error> {
        let (major, minor) = self.number()?;
        let mounts = std::fs::read_to_string(format!("/proc/{pid}/mountinfo"));
        let mounts = mounts.unwrap_or_default();
        let mut its = mounts.lines().filter_map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            (words.get(2)? == &format!("{major}:{minor}") && words.get(3)? == &"/")
                .then(|| words.get(4).copied())?
        });
        match its.next() {
            Some(place) => {
                let place = format!("/proc/{pid}/root{place}");
                tools::run(Command::new("perl").args(["-e", STOP, &place]))
            }
            None => Ok(()),
        }
    }

    /// Makes it blank again, once nobody has it mounted any more.
    pub(super) fn wipe(&self) -> Result<(), Error> {
        let end = Instant::now() + PATIENCE;
        loop {
            // It refuses a device that is in use.
            match tools::run(Command::new("blkdiscard").arg(&self.device)) {
                Err(_) if Instant::now() < end => std::thread::sleep(Duration::from_millis(20)),
                wiped => return wiped,
            }
        }
    }
}
