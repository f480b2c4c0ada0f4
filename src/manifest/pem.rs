//! Reads the PEM files that a manifest names: the only place here that touches the disk.

use super::{At, Manifest, PemPath, finding};
use crate::report::Finding;
use crate::secret::Secret;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// No certificate chain of use is larger, and no user-data could carry it.
const MOST_BYTES: u64 = 256 * 1024;

/// The bytes of each PEM file, under its path as written in the manifest.
#[derive(Clone, Debug, Default)]
pub struct PemFiles(BTreeMap<String, Secret>);

impl PemFiles {
    /// The bytes of this file, if it could be read.
    pub fn get(&self, path: &PemPath) -> Option<&Secret> {
        self.0.get(path.as_str())
    }

    /// Adds a file that was read or made elsewhere.
    pub fn insert(&mut self, path: &PemPath, bytes: Secret) {
        self.0.insert(path.as_str().to_owned(), bytes);
    }
}

/// Reads every PEM file that the manifest names, below `root`.
///
/// A file that cannot be read, or that lies outside `root` (by a symbolic link), is a finding
/// at its place in the manifest.
pub fn read_pem_files(manifest: &Manifest, root: &Path) -> (PemFiles, Vec<Finding>) {
    let mut files = PemFiles::default();
    let mut findings = Vec::new();
    let controllers = manifest.controllers.iter();
    let mut done = BTreeSet::new();
    for path in controllers.flat_map(|controller| controller.tls.all()) {
        if !done.insert(path.value.as_str()) {
            continue;
        }
        match read(path, root) {
            Ok(bytes) => files.insert(&path.value, bytes),
            Err(finding) => findings.push(finding),
        }
    }
    (files, findings)
}

fn read(path: &At<PemPath>, root: &Path) -> Result<Secret, Finding> {
    let missing = |error: &io::Error| finding::pem_unreadable(path, root, error);
    let real = fs::canonicalize(root.join(path.value.as_str())).map_err(|error| missing(&error))?;
    let real_root = fs::canonicalize(directory(root)).map_err(|error| missing(&error))?;
    if !real.starts_with(&real_root) {
        return Err(finding::pem_outside(path));
    }
    if !real.is_file() {
        return Err(finding::pem_no_file(path));
    }
    let bytes = read_limited(&real).map_err(|error| missing(&error))?;
    if bytes.expose().len() as u64 > MOST_BYTES {
        return Err(finding::pem_too_large(path));
    }
    Ok(bytes)
}

/// The empty path means the current directory, which `canonicalize` would not find.
fn directory(root: &Path) -> PathBuf {
    if root.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        root.to_path_buf()
    }
}

/// A PEM file's bytes; one that is too large is cut, which its reader notices.
pub(crate) fn read_limited(path: &Path) -> io::Result<Secret> {
    let file = File::open(path)?;
    let length = file.metadata()?.len().min(MOST_BYTES) + 1;
    // One allocation that is wiped: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(vec![0; usize::try_from(length).unwrap_or(0)]);
    let mut read = 0;
    let mut file = file.take(length);
    loop {
        match file.read(&mut bytes[read..])? {
            0 => break,
            count => read += count,
        }
    }
    bytes.truncate(read);
    Ok(Secret::new(std::mem::take(&mut *bytes)))
}
