//! Which manifests are rendered: one, several, or those of a directory.

use crate::commands::{Failure, ManifestArguments};
use clap::Args;
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
            let below = below(path);
            is_fleet |= !below.is_empty();
            if below.is_empty() {
                paths.push(path.clone());
            }
            paths.extend(below);
        }
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

/// The manifests of a directory; none if it is no directory.
fn below(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = path.read_dir() else {
        return Vec::new();
    };
    let is_hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    let mut names: Vec<_> = names.filter(|name| !is_hidden(name)).collect();
    names.sort();
    let own = [path.join(NAME)].into_iter();
    let manifests = own.chain(names.into_iter().map(|name| path.join(name).join(NAME)));
    manifests.filter(|manifest| manifest.is_file()).collect()
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
            "d/cluster.yaml/x",
            "cluster.yaml",
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let expected = ["cluster.yaml", "a/cluster.yaml", "b/cluster.yaml"];
        assert_eq!(
            below(dir.path()),
            expected.map(|path| dir.path().join(path))
        );
        assert_eq!(below(&dir.path().join("cluster.yaml")), [] as [PathBuf; 0]);
        assert_eq!(below(&dir.path().join("nowhere")), [] as [PathBuf; 0]);
    }
}
