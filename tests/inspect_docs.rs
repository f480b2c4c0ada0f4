//! The transcripts of `docs/inspect.md` are run, one after the other in one directory.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// The commands of every ```` ```console ```` block with what they are said to print.
fn transcripts(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let blocks = text.split("```console\n").skip(1);
    for line in blocks.flat_map(|block| block.split("```").next().unwrap().lines()) {
        match line.strip_prefix("$ ") {
            Some(command) => found.push((command.to_owned(), String::new())),
            None => found.last_mut().unwrap().1.extend([line, "\n"]),
        }
    }
    found
}

/// Digests, sizes and days change with every word of a template and with every day: that they
/// are there is compared, and everything around them.
fn undated(text: &str) -> String {
    let word = |word: &str| {
        let end = word.trim_end_matches([',', ':', ')', ';']);
        let rest = &word[end.len()..];
        let is = |test: fn(&char) -> bool| !end.is_empty() && end.chars().all(|c| test(&c));
        let is_day = end.len() == 10 && end.starts_with("20") && end.matches('-').count() == 2;
        match () {
            () if end.len() == 16 && is(char::is_ascii_hexdigit) => format!("DIGEST{rest}"),
            () if is(char::is_ascii_digit) && !end.starts_with('0') && end.len() > 1 => {
                format!("N{rest}")
            }
            () if is_day => format!("DAY{rest}"),
            () => word.to_owned(),
        }
    };
    let line = |line: &str| {
        line.split_whitespace()
            .map(word)
            .collect::<Vec<_>>()
            .join(" ")
            + "\n"
    };
    text.lines().map(line).collect()
}

#[test]
fn the_page_prints_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("examples/lab")).unwrap();
    let manifest = "examples/lab/cluster.yaml";
    fs::copy(root.join(manifest), dir.path().join(manifest)).unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_firstboot")).parent().unwrap();
    let path = std::env::join_paths([bin, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    let page = fs::read_to_string(root.join("docs/inspect.md")).unwrap();
    let transcripts = transcripts(&page);
    assert!(transcripts.len() >= 5);
    for (command, expected) in transcripts {
        let output = Command::new("sh")
            .args(["-c", &format!("({command}) 2>&1")])
            .current_dir(dir.path())
            .env("PATH", &path)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "$ {command}\n{printed}");
        snapbox::assert_data_eq!(undated(&printed), undated(&expected));
    }
}

/// Every code of a judgement is in the page's table.
#[test]
fn the_page_names_every_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/inspect.md")).unwrap();
    let samples = fs::read_dir(root.join("tests/inspect")).unwrap();
    let mut count = 0;
    for sample in samples.map(|entry| entry.unwrap().path()) {
        if sample
            .extension()
            .is_none_or(|extension| extension != "expected")
        {
            continue;
        }
        for line in fs::read_to_string(&sample).unwrap().lines() {
            let behind = line
                .strip_prefix("error[")
                .or(line.strip_prefix("warning["));
            let Some((code, _)) = behind.and_then(|line| line.split_once(']')) else {
                continue;
            };
            count += 1;
            assert!(page.contains(&format!("`{code}`")), "{code}");
        }
    }
    assert!(count > 50);
}
