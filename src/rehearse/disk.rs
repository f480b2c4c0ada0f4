//! What one machine writes to: memory, or, where power is to fail, an ext4 of its own.
//!
//! A power cut is ext4's own way to stop as if power had failed: from that moment on nothing
//! reaches the disk, not even its log, and what had not reached it is lost when it is mounted
//! again. The disk beneath keeps what it was given, whole and in order.

use super::error::{Doing as _, Error};
use super::tools::{self, shown};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::ffi::CString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Sparse; a machine with an etcd that has just started takes a quarter of it.
const SIZE: u64 = 1 << 30;

/// How long a disk may stay in use after all processes of its machine have been killed.
const PATIENCE: Duration = Duration::from_secs(30);

/// `ioctl(EXT4_IOC_SHUTDOWN, NOLOGFLUSH)`, of Linux' `include/uapi/linux/ext4.h` (the number and
/// the flag are those of `XFS_IOC_GOINGDOWN`, too), in the one language besides C that every Debian has, and that mmdebstrap is written in.
pub(super) const STOP: &str = r#"open my $root, "<", $ARGV[0] or die "$!\n";
my $flags = pack("L", 2);
ioctl($root, 0x8004587d, $flags) or die "$!\n";"#;

/// The file system that one machine boots from, and what lies beneath.
pub(super) struct Disk {
    /// Where the image is, which is read only.
    image: &'static str,
    /// `disk.img`, `disk`, `root`.
    own: PathBuf,
    is_kept: bool,
}

impl Disk {
    /// Lays an overlay over the image; `is_kept` if it is to lose power, or to be full.
    pub(super) fn lay(image: &'static str, own: PathBuf, is_kept: bool) -> Result<Self, Error> {
        let disk = Self {
            image,
            own,
            is_kept,
        };
        for part in [disk.beneath(), disk.root()] {
            std::fs::create_dir_all(&part).doing(|| format!("creating {}", shown(&part)))?;
        }
        if is_kept {
            let file = disk.file();
            File::create(&file)
                .and_then(|file| file.set_len(SIZE))
                .doing(|| format!("writing {}", shown(&file)))?;
            tools::run(
                Command::new("mkfs.ext4")
                    .args(["-q", "-m", "0", "-E", "lazy_itable_init=1,nodiscard"])
                    .arg(file),
            )?;
        }
        disk.mount()?;
        Ok(disk)
    }

    /// What the machine sees as `/`.
    pub(super) fn root(&self) -> PathBuf {
        self.own.join("root")
    }

    fn beneath(&self) -> PathBuf {
        self.own.join("disk")
    }

    fn file(&self) -> PathBuf {
        self.own.join("disk.img")
    }

    /// What it held before the first boot.
    fn new_file(&self) -> PathBuf {
        self.own.join("new.img")
    }

    fn ballast(&self) -> PathBuf {
        self.beneath().join("ballast")
    }

    fn mount(&self) -> Result<(), Error> {
        let beneath = self.beneath();
        if self.is_kept {
            self.mount_beneath()?;
        }
        for part in ["upper", "work"] {
            let part = beneath.join(part);
            std::fs::create_dir_all(&part).doing(|| format!("creating {}", shown(&part)))?;
        }
        let (image, beneath) = (self.image, shown(&beneath));
        let options = format!("lowerdir={image},upperdir={beneath}/upper,workdir={beneath}/work");
        let options = CString::new(options).doing(|| "naming an overlay".to_owned())?;
        let root = self.root();
        let none = MountFlags::empty();
        mount("overlay", &root, "overlay", none, options.as_c_str())
            .doing(|| format!("mounting an overlay on {}", shown(&root)))
    }

    /// Mounts the disk itself, once the file system that lost its power has been let go of: the
    /// kernel takes mount namespaces apart some time after their last process.
    fn mount_beneath(&self) -> Result<(), Error> {
        let beneath = self.beneath();
        let end = Instant::now() + PATIENCE;
        loop {
            tools::run(
                Command::new("mount")
                    .args(["-t", "ext4", "-o", "loop,noatime"])
                    .args([self.file(), beneath.clone()]),
            )?;
            if !has_stopped(&beneath) {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(Error::Tool {
                    tool: "mount".to_owned(),
                    said: format!("{} is still in use somewhere", shown(&beneath)),
                });
            }
            unmount(&beneath, UnmountFlags::empty())
                .doing(|| format!("unmounting {}", shown(&beneath)))?;
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Makes all that was written so far outlive a power cut.
    pub(super) fn sync(&self) -> Result<(), Error> {
        if !self.is_kept {
            return Ok(());
        }
        let root = self.root();
        File::open(&root)
            .and_then(|root| Ok(rustix::fs::syncfs(root)?))
            .doing(|| format!("syncing {}", shown(&root)))
    }

    /// Keeps what is there and synced, for [`Self::renew`].
    pub(super) fn keep_new(&self) -> Result<(), Error> {
        copy(&self.file(), &self.new_file())
    }

    /// Loses what was not synced. No process of the machine may run any more.
    pub(super) fn lose_power(&self) -> Result<(), Error> {
        if !self.is_kept {
            return Ok(());
        }
        self.stop()?;
        self.mount()
    }

    /// Loses all but what it held before the first boot; likewise.
    pub(super) fn renew(&self) -> Result<(), Error> {
        self.stop()?;
        // Another file, in case the kernel has not let go of the lost one yet.
        let (file, next) = (self.file(), self.own.join("next.img"));
        copy(&self.new_file(), &next)?;
        std::fs::rename(&next, &file).doing(|| format!("renaming {}", shown(&next)))?;
        self.mount()
    }

    fn stop(&self) -> Result<(), Error> {
        let beneath = self.beneath();
        tools::run(Command::new("perl").args(["-e", STOP]).arg(&beneath))?;
        for place in [self.root(), beneath] {
            let end = Instant::now() + PATIENCE;
            // What is mounted in it goes with it; the disk itself must not stay in use, or the
            // same stopped file system would be mounted again.
            let flags = if place.ends_with("root") {
                UnmountFlags::DETACH
            } else {
                UnmountFlags::empty()
            };
            while let Err(error) = unmount(&place, flags) {
                if Instant::now() > end {
                    return Err(error).doing(|| format!("unmounting {}", shown(&place)));
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        Ok(())
    }

    /// Takes all that is free, beside the machine's own files.
    pub(super) fn fill(&self) -> Result<(), Error> {
        let ballast = self.ballast();
        let doing = || format!("filling {}", shown(&ballast));
        let file = File::create(&ballast).doing(doing)?;
        let mut end = 0;
        let mut step = SIZE;
        // In ever smaller pieces: a piece that does not fit is refused whole.
        while step >= 4096 {
            let none = rustix::fs::FallocateFlags::empty();
            match rustix::fs::fallocate(&file, none, end, step) {
                Ok(()) => end += step,
                Err(_) => step /= 2,
            }
        }
        file.sync_all().doing(doing)
    }

    /// Gives it back.
    pub(super) fn free(&self) -> Result<(), Error> {
        let ballast = self.ballast();
        std::fs::remove_file(&ballast).doing(|| format!("removing {}", shown(&ballast)))
    }
}

/// Its holes stay holes.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    tools::run(Command::new("cp").arg("--sparse=always").args([from, to]))
}

/// Whether what is mounted there is the file system that lost its power, and not a new one.
fn has_stopped(place: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let place = shown(place).clone();
    mounts.lines().any(|line| {
        let mut words = line.split(' ').skip(1);
        words.next() == Some(&place)
            && words
                .nth(1)
                .is_some_and(|options| options.split(',').any(|o| o == "shutdown"))
    })
}

/// Writes a file's bytes so that they outlive a power cut, in the place of what is there.
pub(super) fn overwrite(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    std::fs::write(path, bytes)
        .and_then(|()| File::open(path)?.sync_all())
        .doing(|| format!("writing {}", shown(path)))
}
