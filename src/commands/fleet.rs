//! Several manifests at once: which they are, and how all cores work on them.

use super::{Failure, ManifestArguments};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

/// What a directory's manifests are called.
const NAME: &str = "cluster.yaml";

/// How many results a worker may be ahead of who takes them: memory is bounded by it, whatever
/// the number of manifests.
const AHEAD: usize = 16;

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

/// Does `work` on every item, on all cores, and hands over the results in the items' order. An
/// error of `take` ends it.
///
/// Each worker has every n-th item and a short queue: nobody is further ahead than that.
pub(super) fn in_order<T: Sync, R: Send, E>(
    items: &[T],
    work: impl Fn(usize, &T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = cores.min(items.len()).max(1);
    let work = &work;
    thread::scope(|scope| {
        let start = |first: usize| {
            let (sender, receiver) = mpsc::sync_channel(AHEAD);
            scope.spawn(move || {
                let own = items.iter().enumerate().skip(first).step_by(workers);
                for (index, item) in own {
                    if sender.send(work(index, item)).is_err() {
                        return; // Nobody takes results any more.
                    }
                }
            });
            receiver
        };
        let queues: Vec<_> = (0..workers).map(start).collect();
        for index in 0..items.len() {
            // A worker that sends nothing more has panicked, and the scope passes that on.
            let Ok(result) = queues[index % workers].recv() else {
                break;
            };
            take(result)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn results_come_in_order_and_nobody_runs_ahead() {
        let items: Vec<usize> = (0..1000).collect();
        let (done, mut taken) = (AtomicUsize::new(0), 0);
        let work = |index: usize, item: &usize| {
            assert_eq!(index, *item);
            done.fetch_add(1, Ordering::SeqCst);
            *item
        };
        let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let ended: Result<(), ()> = in_order(&items, work, |result| {
            assert_eq!(result, taken);
            taken += 1;
            // One result is at hand and one being made, beside the queue.
            let ahead = done.load(Ordering::SeqCst) - taken;
            assert!(ahead <= workers * (AHEAD + 2), "{ahead} at {taken}");
            Ok(())
        });
        assert_eq!((ended, taken), (Ok(()), 1000));
    }

    #[test]
    fn an_error_ends_the_work() {
        let items = vec![0; 10_000];
        let done = AtomicUsize::new(0);
        let work = |_, _: &i32| done.fetch_add(1, Ordering::SeqCst);
        assert_eq!(in_order(&items, work, |_| Err("enough")), Err("enough"));
        assert!(done.load(Ordering::SeqCst) < items.len());
    }

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
