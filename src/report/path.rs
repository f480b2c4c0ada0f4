//! The one way to show a path. A path is a stranger's text: it may be a key that was given for one,
//! it may hold line ends and what moves a terminal's cursor, and it may be a thousand characters.

use super::{is_unseen, redact};
use std::path::Path;

/// A path for a sentence: keys hidden, unseen characters spelled out, the middle of a long one
/// left out.
///
/// ```
/// use firstboot::report::path;
/// use std::path::Path;
/// assert_eq!(path(Path::new("pki/ca.pem")), "pki/ca.pem");
/// assert_eq!(path(Path::new("a\nb\u{9b}2J")), "a\\nb\\u{9b}2J");
/// assert_eq!(path(Path::new("-----BEGIN PRIVATE KEY-----\nMC4CAQ==")), "(the text of a PEM file)");
/// ```
pub fn path(path: impl AsRef<Path>) -> String {
    const LONGEST: usize = 240;
    let text = path_value(path);
    if text.contains("-----BEGIN") {
        return PEM.to_owned();
    }
    let mut shown = String::new();
    for character in text.chars() {
        if is_unseen(character) {
            shown.extend(character.escape_debug());
        } else {
            shown.push(character);
        }
    }
    // The end says more than the middle: it is the file's name.
    let length = shown.chars().count();
    if length <= LONGEST {
        return shown;
    }
    let start = shown.chars().take(LONGEST / 3);
    let end = shown.chars().skip(length - LONGEST * 2 / 3);
    start.chain(['…']).chain(end).collect()
}

/// What stands where a path was asked for, if a key was given.
const PEM: &str = "(the text of a PEM file)";

/// A path as a value for programs: whole, with nothing hidden but keys.
pub fn path_value(path: impl AsRef<Path>) -> String {
    redact(&path.as_ref().to_string_lossy())
}

/// A path as a word of a command that the reader may copy: quoted where a shell would need it.
///
/// ```
/// use firstboot::report::path_word;
/// use std::path::Path;
/// assert_eq!(path_word(Path::new("my cluster.yaml")), "'my cluster.yaml'");
/// assert_eq!(path_word(Path::new("cluster.yaml")), "cluster.yaml");
/// ```
pub fn path_word(path: impl AsRef<Path>) -> String {
    crate::wire::escape::shell_word(&self::path(path))
}
