//! Which programs a machine ran that are not its image's: the kernel tells of every file that is
//! opened for execution (fanotify's `FAN_OPEN_EXEC`), by a handle on the very file.

use super::error::{Doing as _, Error};
use super::event::Executed;
use super::machine_root::IMAGE;
use super::tools::shown;
use crate::release::Hasher;
use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What was seen, of all machines.
#[derive(Clone, Default)]
pub(super) struct Audit(Arc<Mutex<BTreeSet<Executed>>>);

impl Audit {
    /// Watches the file system of a machine from now on, for as long as it is mounted.
    pub(super) fn watch(&self, machine: &str, root: &Path) -> Result<(), Error> {
        let doing = || format!("watching what is executed below {}", shown(root));
        let io = std::io::Error::from;
        let flags =
            InitFlags::FAN_CLASS_NOTIF | InitFlags::FAN_CLOEXEC | InitFlags::FAN_UNLIMITED_QUEUE;
        let events = Fanotify::init(flags, EventFFlags::O_RDONLY)
            .map_err(io)
            .doing(doing)?;
        // Where a path that is not absolute would start; ours are.
        let start = File::open("/").doing(doing)?;
        let whole = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_FILESYSTEM;
        let mask = MaskFlags::FAN_OPEN_EXEC;
        events
            .mark(whole, mask, &start, Some(root))
            .map_err(io)
            .doing(doing)?;
        let (seen, machine) = (Arc::clone(&self.0), machine.to_owned());
        std::thread::spawn(move || {
            let mut known = BTreeMap::new();
            while let Ok(events) = events.read_events() {
                for event in events {
                    let Some(executed) = event.fd().and_then(|fd| {
                        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
                        look(&machine, Path::new(&path), &mut known)
                    }) else {
                        continue;
                    };
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.insert(executed);
                }
            }
        });
        Ok(())
    }

    /// All that was executed and is not the image's.
    pub(super) fn executed(&self) -> Vec<Executed> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().cloned().collect()
    }
}

/// The file behind a handle, unless it is the image's own; read once as long as it is the same.
fn look(
    machine: &str,
    handle: &Path,
    known: &mut BTreeMap<(u64, i64, i64, u64), String>,
) -> Option<Executed> {
    let path = std::fs::read_link(handle).ok()?;
    let path = inside(&path);
    let of_image = Path::new(IMAGE).join(path.strip_prefix("/").unwrap_or(&path));
    let mut file = File::open(handle).ok()?;
    let data = file.metadata().ok()?;
    let is_image_s = std::fs::metadata(of_image)
        .is_ok_and(|image| image.len() == data.len() && image.mtime() == data.mtime());
    if is_image_s {
        return None;
    }
    let same = (data.ino(), data.mtime(), data.mtime_nsec(), data.len());
    let sha256 = known
        .entry(same)
        .or_insert_with(|| digest(&mut file))
        .clone();
    Some(Executed {
        machine: machine.to_owned(),
        path: crate::report::path_value(&path),
        sha256,
    })
}

/// The path as the machine sees it, wherever its root is seen.
fn inside(path: &Path) -> PathBuf {
    let text = crate::report::path_value(path);
    match text.split_once("/root/") {
        Some((before, rest)) if before.starts_with("/run/machines/") => format!("/{rest}").into(),
        _ => path.to_owned(),
    }
}

fn digest(file: &mut File) -> String {
    let mut hasher = Hasher::default();
    let mut part = vec![0; 1 << 16];
    loop {
        match file.read(&mut part) {
            Ok(0) => break,
            Ok(length) => hasher.update(&part[..length]),
            Err(_) => return "unread".to_owned(),
        }
    }
    hasher.digest().to_string()
}
