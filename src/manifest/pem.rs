//! Reads the PEM files that a manifest names: the only place here that touches the disk.

use super::{At, Manifest, PemPath, TlsPaths, finding};
use crate::input;
use crate::report::Finding;
use crate::secret::Secret;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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
    let mut missing: Vec<&At<PemPath>> = Vec::new();
    let controllers = manifest.controllers.iter();
    let mut done = BTreeSet::new();
    for path in controllers.flat_map(|controller| controller.tls.all()) {
        if !done.insert(path.value.as_str()) {
            continue;
        }
        match read(path, root) {
            Ok(bytes) => files.insert(&path.value, bytes),
            Err(Unread::Missing) => missing.push(path),
            Err(Unread::Said(finding)) => findings.push(finding),
        }
    }
    findings.extend(missed(manifest, root, &files, missing));
    (files, findings)
}

/// One finding for each file that is missing, and one for both files of a pair.
fn missed(
    manifest: &Manifest,
    root: &Path,
    files: &PemFiles,
    mut missing: Vec<&At<PemPath>>,
) -> Vec<Finding> {
    let controllers = || {
        manifest
            .controllers
            .iter()
            .map(|controller| &controller.tls)
    };
    let is_ca = |path: &At<PemPath>| {
        controllers().any(|tls| {
            [&tls.server_ca, &tls.peer_ca]
                .iter()
                .any(|ca| ca.value == path.value)
        })
    };
    let has_ca = controllers().any(|tls| files.get(&tls.server_ca.value).is_some());
    let has_leaf = controllers().flat_map(TlsPaths::pairs).any(|pair| {
        files
            .get(&pair.cert.value)
            .or(files.get(&pair.key.value))
            .is_some()
    });
    let cure = |path: &At<PemPath>| match (is_ca(path), has_ca, has_leaf) {
        (false, true, _) => Cure::Renew,
        (_, false, false) => Cure::Mint,
        _ => Cure::Put,
    };
    let mut findings = Vec::new();
    for pair in controllers().flat_map(TlsPaths::pairs) {
        let both = [&pair.cert, &pair.key];
        if both
            .iter()
            .all(|path| missing.iter().any(|other| other.value == path.value))
        {
            missing.retain(|other| both.iter().all(|path| other.value != path.value));
            findings.push(finding::pem_missing(&both, root, cure(&pair.cert)));
        }
    }
    let alone = missing.into_iter();
    findings.extend(alone.map(|path| finding::pem_missing(&[path], root, cure(path))));
    findings
}

/// How a file that is missing may come to be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cure {
    /// Nothing is there yet: a whole set may be minted.
    Mint,
    /// The CA is there and can sign.
    Renew,
    /// Nobody can make it: the CA is lost while there are pairs under it.
    Put,
}

/// Why there are no bytes of a file.
enum Unread {
    Missing,
    Said(Finding),
}

fn read(path: &At<PemPath>, root: &Path) -> Result<Secret, Unread> {
    let unread = |error: &io::Error| match error.kind() {
        io::ErrorKind::NotFound => Unread::Missing,
        _ => Unread::Said(finding::pem_unreadable(path, error)),
    };
    let real = fs::canonicalize(root.join(path.value.as_str())).map_err(|error| unread(&error))?;
    let real_root = fs::canonicalize(directory(root)).map_err(|error| unread(&error))?;
    if !real.starts_with(&real_root) {
        return Err(Unread::Said(finding::pem_outside(path)));
    }
    if !real.is_file() {
        return Err(Unread::Said(finding::pem_no_file(path)));
    }
    let bytes = read_limited(&real).map_err(|error| unread(&error))?;
    if bytes.expose().len() as u64 > MOST_BYTES {
        return Err(Unread::Said(finding::pem_too_large(path)));
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
    input::read_start(path, MOST_BYTES + 1)
}
