//! The README's transcripts are run, and the help fits a terminal.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The commands of every ```` ```console ```` block with what they are said to print.
fn transcripts(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let blocks = text.split("```console\n").skip(1);
    for line in blocks.flat_map(|block| block.split("```").next().unwrap().lines()) {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push((command.to_owned(), String::new()));
        } else {
            let (_, output) = found.last_mut().unwrap();
            output.push_str(line);
            output.push('\n');
        }
    }
    found
}

#[test]
fn the_readme_prints_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("examples/lab")).unwrap();
    let manifest = "examples/lab/cluster.yaml";
    fs::copy(root().join(manifest), dir.path().join(manifest)).unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_firstboot")).parent().unwrap();
    let path = std::env::join_paths([bin, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let transcripts = transcripts(&readme);
    assert!(transcripts.len() >= 2);
    for (command, expected) in transcripts {
        let output = Command::new("sh")
            .args(["-c", &format!("{command} 2>&1")])
            .current_dir(dir.path())
            .env("PATH", &path)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "$ {command}\n{printed}");
        snapbox::assert_data_eq!(printed, expected);
    }
}

#[test]
fn the_example_is_the_readme_s() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let example = fs::read_to_string(root().join("examples/lab/cluster.yaml")).unwrap();
    let keys = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.split('#').next().unwrap().trim_end().to_owned())
            .collect()
    };
    let shown = readme
        .split("```yaml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    assert_eq!(keys(shown), keys(&example));
}

#[test]
fn help_fits_eighty_columns() {
    for arguments in [
        vec![],
        vec!["render"],
        vec!["pin"],
        vec!["pki"],
        vec!["pki", "mint"],
        vec!["pki", "audit"],
        vec!["pki", "show"],
        vec!["pki", "renew"],
        vec!["pki", "rotate-ca"],
        vec!["bake"],
        vec!["rehearse"],
    ] {
        for flag in ["-h", "--help"] {
            let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
                .args(&arguments)
                .arg(flag)
                .env("COLUMNS", "80")
                .output()
                .unwrap();
            let help = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(help.contains("Usage:"), "{arguments:?} {flag}");
            for line in help.lines() {
                assert!(line.chars().count() <= 80, "{arguments:?} {flag}: {line}");
            }
        }
    }
}
