//! Where images and tarballs are kept between rehearsals.

use super::error::{Doing as _, Error};
use super::tools::shown;
use rustix::fs::FlockOperation;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Begins the name of everything that is not finished yet.
const UNFINISHED: &str = ".building-";

/// The cache directory: `$FIRSTBOOT_CACHE`, else `firstboot` in `$XDG_CACHE_HOME`, else in
/// `~/.cache`. Nothing in it is needed: it may be removed at any time between rehearsals.
pub fn default_dir() -> PathBuf {
    choose_dir(|name| std::env::var_os(name))
}

fn choose_dir(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let set = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("FIRSTBOOT_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("firstboot")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/firstboot")))
        .unwrap_or_else(|| PathBuf::from("/var/cache/firstboot"))
}

/// Makes `target` by filling a new directory beside it, and puts it in place in one step.
///
/// Does nothing if it is there. One process at a time fills the shelf that `target` stands on;
/// what a killed one left behind is swept away.
pub(super) fn fill(
    target: &Path,
    make: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    let shelf = target.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(shelf).doing(|| format!("creating {}", shown(shelf)))?;
    let lock = lock(&shelf.join(".lock"))?;
    if target.exists() {
        return Ok(());
    }
    sweep(shelf);
    let unfinished = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempdir_in(shelf)
        .doing(|| format!("creating a directory in {}", shown(shelf)))?;
    let filled = unfinished.path().join("filled");
    make(&filled)?;
    rustix::fs::syncfs(&lock).doing(|| format!("flushing {}", shown(shelf)))?;
    std::fs::rename(&filled, target).doing(|| format!("putting {} in place", shown(target)))
}

fn lock(path: &Path) -> Result<File, Error> {
    let file = File::create(path).doing(|| format!("opening {}", shown(path)))?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive)
        .doing(|| format!("locking {}", shown(path)))?;
    Ok(file)
}

fn sweep(shelf: &Path) {
    let Ok(entries) = std::fs::read_dir(shelf) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            // What cannot be swept now is in nobody's way.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)]) -> PathBuf {
        choose_dir(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_most_specific_variable_names_the_directory() {
        let home = ("HOME", "/home/a");
        let xdg = ("XDG_CACHE_HOME", "/x");
        assert_eq!(chosen(&[home]), Path::new("/home/a/.cache/firstboot"));
        assert_eq!(chosen(&[home, xdg]), Path::new("/x/firstboot"));
        assert_eq!(
            chosen(&[home, xdg, ("FIRSTBOOT_CACHE", "/c")]),
            Path::new("/c")
        );
        assert_eq!(
            chosen(&[home, ("FIRSTBOOT_CACHE", "")]),
            Path::new("/home/a/.cache/firstboot")
        );
        assert_eq!(chosen(&[]), Path::new("/var/cache/firstboot"));
    }

    #[test]
    fn filling_is_all_or_nothing_and_happens_once() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("shelf/thing");
        let failed = fill(&target, |made| {
            std::fs::create_dir(made).unwrap();
            Err(Error::Interrupted)
        });
        assert!(failed.is_err());
        assert!(!target.exists());

        std::fs::create_dir(dir.path().join("shelf/.building-killed")).unwrap();
        fill(&target, |made| std::fs::create_dir(made).doing(String::new)).unwrap();
        assert!(target.is_dir());
        fill(&target, |_| Err(Error::Interrupted)).unwrap();

        let left = std::fs::read_dir(dir.path().join("shelf")).unwrap();
        let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".lock", "thing"]);
    }
}
