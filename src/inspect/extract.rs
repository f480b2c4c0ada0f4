//! The files of an input as a tree below a directory of its own.

use crate::output::{self, Error, OutputFile, Owner};
use crate::report::visible;
use crate::secret::Secret;
use crate::wire::decode::Part;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Why nothing was extracted.
#[derive(Debug)]
pub enum NotExtracted {
    /// These paths climb out of the directory, are no paths, or are a file and a directory.
    Paths(Vec<String>),
    /// The directory is a link, or no name for one.
    Directory(String),
    /// There is no file in the input.
    Nothing,
    /// Something is in the directory already, or the disk failed.
    Output(Error),
}

impl fmt::Display for NotExtracted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paths(paths) => write!(
                f,
                "nothing was extracted: these are no paths of files below a directory: `{}`",
                paths.join("`, `")
            ),
            Self::Directory(name) => write!(
                f,
                "`{name}` is no name of a directory that can be made: name a new one"
            ),
            Self::Nothing => f.write_str("there is no file in it that could be extracted"),
            Self::Output(Error::Foreign(path)) => write!(
                f,
                "`{}` is there already: name a new directory, or an empty one",
                crate::report::path(path)
            ),
            Self::Output(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NotExtracted {}

/// Writes every file of which the bytes are here below `directory`, which is new or empty: files
/// 0600, directories 0700, all of them or none. Absolute paths start at `directory`. Where
/// a path comes twice, the later file stands, as on a machine; what is appended is appended.
///
/// Returns how many files were written.
pub fn extract(part: &Part, directory: &Path) -> Result<usize, NotExtracted> {
    let shown = || NotExtracted::Directory(crate::report::path_value(directory));
    let is_link = directory
        .symlink_metadata()
        .is_ok_and(|about| about.is_symlink());
    let (Some(name), false) = (
        directory.file_name().and_then(|name| name.to_str()),
        is_link,
    ) else {
        return Err(shown());
    };
    let files = tree(part)?;
    if files.is_empty() {
        return Err(NotExtracted::Nothing);
    }
    let parent = directory
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let files: Vec<_> = files
        .into_iter()
        .map(|(path, bytes)| OutputFile {
            path,
            bytes,
            executable: false,
        })
        .collect();
    output::write_tree(parent, name, &files, |_| Owner::Foreign).map_err(NotExtracted::Output)?;
    Ok(files.len())
}

/// The files by their paths below the directory.
fn tree(part: &Part) -> Result<BTreeMap<String, Secret>, NotExtracted> {
    let mut files: BTreeMap<String, Secret> = BTreeMap::new();
    let mut wrong = Vec::new();
    for file in part.all().into_iter().flat_map(|part| &part.files) {
        let Some(bytes) = file.bytes() else { continue };
        let Some(path) = rooted(&file.path) else {
            wrong.push(visible(&file.path));
            continue;
        };
        let whole = match files.get(&path) {
            Some(before) if file.append => [before.expose(), bytes].concat(),
            _ => bytes.to_vec(),
        };
        files.insert(path, Secret::new(whole));
    }
    for path in files.keys() {
        let mut above = path.as_str();
        while let Some((directory, _)) = above.rsplit_once('/') {
            if files.contains_key(directory) {
                wrong.push(visible(directory));
            }
            above = directory;
        }
    }
    if wrong.is_empty() {
        Ok(files)
    } else {
        wrong.dedup();
        Err(NotExtracted::Paths(wrong))
    }
}

/// A path without its root; `None` where it could leave the directory, or is no path.
fn rooted(path: &str) -> Option<String> {
    const LONGEST: usize = 255;
    let mut parts = Vec::new();
    // A drive or a stream of Windows is no part of a path there.
    let strange = |c: char| c == '\0' || (cfg!(windows) && matches!(c, ':' | '\\'));
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => return None,
            name if name.len() > LONGEST || name.contains(strange) => return None,
            name => parts.push(name),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_directory() {
        assert_eq!(rooted("/etc//./x").as_deref(), Some("etc/x"));
        assert_eq!(rooted("x").as_deref(), Some("x"));
        for path in ["/etc/../x", "..", "/", "", "a\0b", "/a/.."] {
            assert_eq!(rooted(path), None, "{path:?}");
        }
    }
}
