//! What templates put out unescaped, counted: each place is safe for a reason of its own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// The template, and how often it says `|safe`.
const UNESCAPED: [(&str, usize); 2] = [
    // Literal blocks, base64 and what `wire::UserConfig` wrote, read back before anybody gets them.
    ("cloud-config.yaml", 7),
    // Quoted here-documents, whose end the text does not have, and base64; read back likewise.
    ("startup-script.sh", 2),
];

/// The source file, and how often it says `Safe(`: what it makes is shell already.
const MADE_BY_HAND: [(&str, usize); 1] = [
    // Words that `ShellWord` has escaped, names of variables, and our own words around them.
    ("launch.rs", 7),
];

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (dirs, mut found): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    found.extend(dirs.iter().flat_map(|dir| files(dir)));
    found
}

fn count(dir: &str, word: &str, allowed: &[(&str, usize)]) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let mut seen = 0;
    for path in files(&dir) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let found = fs::read_to_string(&path).unwrap().matches(word).count();
        let allowed = allowed.iter().find(|(file, _)| *file == name);
        assert!(
            found <= allowed.map_or(0, |(_, count)| *count),
            "{found} of `{word}` in {name}"
        );
        seen += found;
    }
    let expected: usize = allowed.iter().map(|(_, count)| count).sum();
    assert_eq!(seen, expected, "`{word}` in {}", dir.display());
}

#[test]
fn nothing_else_is_put_out_unescaped() {
    count("templates", "|safe", &UNESCAPED);
    count("src", "Safe(", &MADE_BY_HAND);
}

/// What a machine runs must be readable at three in the morning, all of it.
#[test]
fn what_the_machine_runs_stays_under_600_lines() {
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let is_shell = |path: &PathBuf| {
        // What is further below runs elsewhere: where machines are launched or images baked.
        path.parent() == Some(templates.as_path())
            && path.extension().is_none_or(|extension| extension == "sh")
    };
    let scripts: Vec<_> = files(&templates).into_iter().filter(is_shell).collect();
    let lines = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().count();
    let all: usize = scripts.iter().map(lines).sum();
    assert_eq!(scripts.len(), 6, "{scripts:?}");
    assert!(all < 600, "{all} lines in {scripts:?}");
}
