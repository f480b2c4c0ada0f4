//! How we call what has not got its name yet, and how that is told from everything else.
//!
//! What a killed process left is removed by the next one, since it may hold keys. So the test is
//! narrow: a name with our 16 random characters in it, of the kind that we make, and our own
//! user's. A user's `.firstboot-notes.txt` or `.prod.bak` is none of it.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::path::Path;

/// So many random characters stand in a name: nobody calls a file of theirs so by chance.
pub(super) const RANDOM: usize = 16;
/// The end of the name of what may go.
pub(super) const STAGED: &str = ".tmp";
/// The end of the name of a tree that was moved aside to be replaced.
pub(super) const ASIDE: &str = ".old";
/// The end of the name of a journal.
pub(super) const JOURNAL: &str = ".journal";
/// The beginning of the name of a file.
pub(super) const FILE: &str = ".firstboot-";

/// The beginning of the name of a tree's stage.
pub(super) fn tree(name: &str) -> String {
    format!(".{name}.")
}

/// Whether it is called as we call things: `prefix`, our random characters, `suffix`.
pub(super) fn is_called(name: &OsStr, prefix: &str, suffix: &str) -> bool {
    let random = name
        .to_str()
        .and_then(|name| name.strip_prefix(prefix))
        .and_then(|name| name.strip_suffix(suffix));
    random.is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Whether it is a file itself, not a link to one, and our own user's.
pub(super) fn is_own_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.is_file() && is_own(&about))
}

/// Whether it is a directory itself, not a link to one, and our own user's.
pub(super) fn is_own_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.is_dir() && is_own(&about))
}

/// Whether it belongs to the user that we run as.
#[cfg(unix)]
pub(super) fn is_own(about: &Metadata) -> bool {
    user(about) == Some(rustix::process::geteuid().as_raw())
}

/// Other systems have no such user.
#[cfg(not(unix))]
pub(super) fn is_own(_: &Metadata) -> bool {
    true
}

/// The number of the user to whom it belongs.
#[cfg(unix)]
#[expect(
    clippy::unnecessary_wraps,
    reason = "other systems have no such number"
)]
pub(super) fn user(about: &Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    Some(about.uid())
}

/// Other systems have no such number.
#[cfg(not(unix))]
pub(super) fn user(_: &Metadata) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_ours() {
        let ours = |name: &str| is_called(OsStr::new(name), FILE, STAGED);
        assert!(ours(".firstboot-0123456789abcDEF.tmp"));
        for name in [
            ".firstboot-README",
            ".firstboot-notes.txt",
            ".firstboot-abc123",
            ".firstboot-.tmp",
            ".firstboot-0123456789abcDEF",
            ".firstboot-0123456789abcDEF0.tmp",
            ".firstboot-0123456789abcDE-.tmp",
            ".firstboot-0123456789abcDEF.tmp.bak",
            "x.firstboot-0123456789abcDEF.tmp",
        ] {
            assert!(!ours(name), "{name}");
        }
    }
}
