//! Keeps keys out of git: writes a `.gitignore` beside them if there is none, and warns if git
//! would still add one.

use crate::report::path;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const IGNORE: &str = ".gitignore";

/// The `.gitignore` of each directory that gets one of these keys. A user's own one is never
/// touched, there or beside the manifest.
pub(super) fn ignoring(keys: &[PathBuf], root: &Path) -> Vec<(PathBuf, String)> {
    let mut directories: BTreeMap<&Path, Vec<&str>> = BTreeMap::new();
    for key in keys {
        if let (Some(directory), Some(name)) = (key.parent(), key.file_name()) {
            let name = name.to_str().unwrap_or_default();
            directories.entry(directory).or_default().push(name);
        }
    }
    let has_one = |directory: &Path| directory.join(IGNORE).symlink_metadata().is_ok();
    directories.retain(|directory, _| !has_one(directory) && !has_one(root));
    let text = |names: Vec<&str>| {
        let mut text = "# Private keys: they belong in no repository.\n*-key.pem\n".to_owned();
        for name in names.iter().filter(|name| !name.ends_with("-key.pem")) {
            let _ = writeln!(text, "/{name}");
        }
        text
    };
    let file = |(directory, names): (&Path, _)| (directory.join(IGNORE), text(names));
    directories.into_iter().map(file).collect()
}

/// A warning about the first key that git would add. Asks git itself: without git there is no
/// repository.
pub(super) fn not_ignored(keys: &[PathBuf]) -> Option<String> {
    let open = keys.iter().find(|key| is_open(key) == Some(true))?;
    let name = open.file_name().unwrap_or_default();
    Some(format!(
        "note: git does not ignore `{}`, a private key: add the line `{}` to a `.gitignore`",
        path(open),
        path(Path::new(name))
    ))
}

/// Whether git would add this file; `None` outside of a repository.
fn is_open(key: &Path) -> Option<bool> {
    let directory = key.parent().filter(|it| !it.as_os_str().is_empty());
    let asked = Command::new("git")
        .arg("-C")
        .arg(directory.unwrap_or(Path::new(".")))
        .args(["check-ignore", "--quiet", "--"])
        .arg(key.file_name()?)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match asked.ok()?.code()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}
