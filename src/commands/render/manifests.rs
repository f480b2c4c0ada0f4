//! Which manifests are rendered: one, several, or those of a directory.

use crate::commands::{Failure, ManifestArguments};
use clap::Args;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// What a directory's manifests are called.
const NAME: &str = "cluster.yaml";

/// The manifests of a fleet and where their files are.
#[derive(Clone, Debug, Args)]
pub(super) struct Manifests {
    /// The cluster's manifest, or several; of a directory, its `cluster.yaml` and those of the
    /// directories right below it; `-` reads standard input
    #[arg(value_name = "MANIFEST", default_value = NAME)]
    manifests: Vec<PathBuf>,
    /// Where the manifests' paths start [default: each manifest's directory]
    #[arg(long, value_name = "DIR")]
    files_dir: Option<PathBuf>,
}

/// What the command line names.
pub(super) enum Found {
    /// One manifest by its own name.
    One(ManifestArguments),
    /// Several, or a directory of them, in the order of the arguments and of names below.
    Fleet(Vec<ManifestArguments>),
}

impl Manifests {
    /// Finds the manifests. One that is not there is found out by who reads it.
    pub(super) fn find(&self) -> Result<Found, Failure> {
        let mut paths = Vec::new();
        let mut is_fleet = self.manifests.len() > 1;
        for path in &self.manifests {
            let is_directory = path.is_dir();
            is_fleet |= is_directory;
            if is_directory {
                paths.extend(below(path)?);
            } else {
                paths.push(path.clone());
            }
        }
        // One that is named twice is still one.
        let mut known = BTreeSet::new();
        paths.retain(|path| known.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
        if is_fleet && paths.iter().any(|path| path.as_os_str() == "-") {
            return Err(Failure::Wrong(
                "`-` reads one manifest from standard input: name it alone".to_owned(),
            ));
        }
        let mut manifests: Vec<_> = paths
            .into_iter()
            .map(|manifest| ManifestArguments {
                manifest,
                files_dir: self.files_dir.clone(),
            })
            .collect();
        Ok(if is_fleet {
            Found::Fleet(manifests)
        } else {
            Found::One(manifests.swap_remove(0))
        })
    }
}

/// The manifests of a directory, at least one: its own and those right below.
fn below(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| Failure::reading(path, &error);
    let is_hidden = |name: &OsString| name.as_encoded_bytes().starts_with(b".");
    let names = path.read_dir().map_err(failed)?;
    let names: io::Result<Vec<_>> = names.map(|entry| Ok(entry?.file_name())).collect();
    let mut names = names.map_err(failed)?;
    names.retain(|name| !is_hidden(name));
    names.sort();
    let own = [path.join(NAME)].into_iter();
    let manifests = own.chain(names.into_iter().map(|name| path.join(name).join(NAME)));
    let mut manifests: Vec<_> = manifests
        .filter(|manifest| may_be_there(manifest))
        .collect();
    if manifests.is_empty() {
        manifests.push(path.join(NAME)); // Who reads it says that it is not there.
    }
    Ok(manifests)
}

/// Not for certain absent: what cannot be read is told by who reads it, and not passed over.
fn may_be_there(manifest: &Path) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    let found = manifest.symlink_metadata();
    !found.is_err_and(|error| matches!(error.kind(), NotFound | NotADirectory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_the_manifests_in_it_and_right_below() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "b/cluster.yaml",
            "a/cluster.yaml",
            "a/deep/cluster.yaml",
            ".git/cluster.yaml",
            "c/other.yaml",
            "d/cluster.yaml/x", // no file, but no reason to say nothing of it
            "cluster.yaml",
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let gone = dir.path().join("e");
        std::fs::create_dir(&gone).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("nowhere", gone.join(NAME)).unwrap();
        let expected = ["", "a", "b", "d", "e"];
        let expected = expected[..if cfg!(unix) { 5 } else { 4 }].iter();
        let expected: Vec<_> = expected
            .map(|name| dir.path().join(name).join(NAME))
            .collect();
        assert_eq!(below(dir.path()).unwrap(), expected);
        let empty = below(&dir.path().join("a/deep/cluster.yaml")).unwrap_err();
        assert!(matches!(empty, Failure::World(_)), "{empty:?}");
        let empty = dir.path().join("c");
        assert_eq!(below(&empty).unwrap(), [empty.join(NAME)]);
    }
}
