//! What comes from outside is read, shown and quoted in one way each, and no code goes around it.
//!
//! A path is shown by `report::path` and its kin, a file that somebody named is read by `input`,
//! and standard input, too. This test reads the sources: whoever writes a file anew that goes
//! another way is told, and either takes the one way or adds a line here that says why not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What goes around the one way, and which way that is.
const AROUND: [(&str, &str); 10] = [
    (
        ".to_string_lossy()",
        "show a path by `report::path`, `path_word` or `path_value`",
    ),
    (
        ".display()",
        "show a path by `report::path`, `path_word` or `path_value`",
    ),
    ("fs::read(", "read by `input::read`"),
    ("read_to_string(", "read by `input::read`"),
    (
        "read_to_end(",
        "read by `input::read`, or from what has a limit",
    ),
    ("File::open(", "open by `input::open`"),
    ("io::stdin(", "read by `input::read_stdin`"),
    (
        ":?}",
        "what `Debug` writes is for programmers: show it by `report::visible`",
    ),
    (
        "escape_debug(",
        "show it by `report::visible`, `quoted` or `path`",
    ),
    (".lock_exclusive(", "lock by `output::lock`"),
];

/// Reviewed: the file, what is in it so often, and why that may be.
const EXCEPTIONS: &[(&str, &str, usize, &str)] = &[
    ("input.rs", "io::stdin(", 1, "it is the one way"),
    (
        "input.rs",
        "File::open(",
        1,
        "it is the one way, where nothing can be opened otherwise",
    ),
    ("report/path.rs", "escape_debug(", 1, "it is the one way"),
    ("terminal.rs", "io::stdin(", 1, "an operator's answer"),
    (
        "report/path.rs",
        ".to_string_lossy()",
        1,
        "it is the one way",
    ),
    (
        "output/trees.rs",
        ".to_string_lossy()",
        1,
        "compared with names of our own",
    ),
    (
        "output/journal.rs",
        ".to_string_lossy()",
        2,
        "in a file, not in a message",
    ),
    (
        "output/set.rs",
        ".to_string_lossy()",
        1,
        "in a file, not in a message",
    ),
    (
        "commands/arguments.rs",
        ".to_string_lossy()",
        1,
        "it looks for a key",
    ),
    (
        "commands/pki/mod.rs",
        ".to_string_lossy()",
        1,
        "a part of a new path",
    ),
    (
        "commands/inspect.rs",
        ".to_string_lossy()",
        1,
        "`inspect` shows it by `visible`",
    ),
    (
        "commands/rehearse/tarball.rs",
        ".to_string_lossy()",
        1,
        "compared, and shown by `path`",
    ),
    (
        "commands/pin/tarball.rs",
        ".to_string_lossy()",
        1,
        "compared, and shown by `path`",
    ),
    (
        "commands/bake.rs",
        ".to_string_lossy()",
        1,
        "compared, and shown by `path`",
    ),
    (
        "verify/refusal.rs",
        ":?}",
        2,
        "a name that rustls gives to a TLS alert",
    ),
    (
        "output.rs",
        "File::open(",
        1,
        "a directory of our own, to sync it",
    ),
    (
        "output/lock.rs",
        "File::open(",
        1,
        "a directory, to lock it",
    ),
    (
        "output/trees.rs",
        "File::open(",
        1,
        "a directory of our own, to sync its disk",
    ),
    (
        "platform/deliver.rs",
        "read_to_end(",
        1,
        "our own bytes, while they are compressed",
    ),
    (
        "wire/ignition.rs",
        "read_to_end(",
        1,
        "our own bytes, read back",
    ),
    (
        "wire/decode/peel.rs",
        "read_to_end(",
        1,
        "out of a decoder that has a limit",
    ),
];

/// These play machines on this computer, as root: what they read is their own, or the kernel's.
const OWN_MACHINES: &str = "rehearse/";

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The code of a file: no comments, and no tests, which stand at its end.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    let code = lines.take_while(|(_, line)| *line != "#[cfg(test)]" && *line != "mod tests {");
    code.filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line))
}

#[test]
fn nothing_goes_around_the_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut counts: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for path in sources() {
        let name = path
            .strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        if name.ends_with("tests.rs") || name.starts_with(OWN_MACHINES) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in code(&text) {
            for (sign, way) in AROUND {
                if !line.contains(sign) {
                    continue;
                }
                *counts.entry((name.clone(), sign)).or_default() += 1;
                let is_known = |(file, known, ..): &&(&str, &str, usize, &str)| {
                    *file == name && *known == sign
                };
                if !EXCEPTIONS.iter().any(|known| is_known(&known)) {
                    wrong.push(format!("src/{name}:{number}: {}\n    {way}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (file, sign, count, why) in EXCEPTIONS {
        let found = counts
            .get(&((*file).to_owned(), *sign))
            .copied()
            .unwrap_or(0);
        assert_eq!(found, *count, "`{sign}` in src/{file} ({why})");
    }
}

/// Paths are shown there, too, if not read.
#[test]
fn rehearsals_show_paths_in_the_one_way() {
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let shown = code(&text).find(|(_, line)| line.contains(".display()"));
        let is_test = path.ends_with("tests.rs");
        assert!(shown.is_none() || is_test, "{}: {shown:?}", path.display());
    }
}
