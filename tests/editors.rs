//! Editors and shells themselves: a language server marks a typo, shells and `man` read what they
//! are given.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/language_server.rs"]
mod language_server;

use language_server::Server;
use std::fs;
use std::path::Path;
use std::process::Command;

const MODELINE: &str = "# yaml-language-server: $schema=cluster.schema.json\n";

fn firstboot(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The line (from 1) on which this text stands first.
fn line_of(manifest: &str, text: &str) -> usize {
    manifest
        .lines()
        .position(|line| line.contains(text))
        .unwrap()
        + 1
}

#[test]
#[ignore = "needs Node and the YAML language server: `make test`"]
fn a_language_server_marks_a_typo_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    firstboot(dir.path(), &["init"]);
    let good = fs::read_to_string(dir.path().join("cluster.yaml")).unwrap();
    assert!(good.starts_with(MODELINE), "{good}");
    let mut server = Server::start(dir.path());
    assert_eq!(server.marks("cluster.yaml", &good), []);
    let hover = server.hover("cluster.yaml", line_of(&good, "platform:"));
    assert!(hover.contains("where the machines run"), "{hover}");

    let settings = good.replace(
        "  # settings:\n  #   quota-backend-bytes",
        "  settings:\n    quota-backend-bite",
    );
    assert_ne!(settings, good);
    let own = good.replace("platform: gce", "platform: gce\nlaunch:\n  bridge: vmbr0");
    for (number, (bad, marked, word)) in [
        (
            good.replace("platform:", "platfrom:"),
            "platfrom:",
            "platfrom",
        ),
        (
            good.replace("    ip: \"10.240.0.11", "    pi: \"10.240.0.11"),
            "pi: \"10.240.0.11",
            "pi",
        ),
        (
            good.replace("platform: gce", "platform: gcp"),
            "platform: gcp",
            "gce",
        ),
        (
            good.replace("10.240.0.12", "10.240.0.312"),
            "10.240.0.312",
            "pattern",
        ),
        (settings, "quota-backend-bite", "quota-backend-bite"),
        (own, "bridge: vmbr0", "bridge"),
    ]
    .into_iter()
    .enumerate()
    {
        let marks = server.marks(&format!("bad-{number}.yaml"), &bad);
        let line = line_of(&bad, marked);
        let there = marks
            .iter()
            .any(|(at, said)| *at == line && said.contains(word));
        assert!(there, "line {line}, {word}: {marks:?}");
    }

    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut seen = 0;
    for case in fs::read_dir(goldens)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        let Ok(text) = fs::read_to_string(case.join("cluster.yaml")) else {
            continue;
        };
        let name = format!("{}.yaml", case.file_name().unwrap().to_str().unwrap());
        assert_eq!(
            server.marks(&name, &format!("{MODELINE}{text}")),
            [],
            "{name}"
        );
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} goldens");
}

/// Each shell loads its completions and offers the commands and the platforms.
#[test]
#[ignore = "needs bash, zsh and fish: `make test`"]
fn shells_complete() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = firstboot(dir.path(), &["completions", shell]);
        fs::write(dir.path().join(shell), script).unwrap();
    }
    let ask = |shell: &str, script: &str| {
        let output = Command::new(shell)
            .args(["-c", script])
            .current_dir(dir.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && said.is_empty(),
            "{shell}: {said}"
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let bash = "source ./bash; COMP_WORDS=(firstboot re); COMP_CWORD=1; _firstboot firstboot re firstboot; \
                echo \"${COMPREPLY[@]}\"; COMP_WORDS=(firstboot render --platform ''); COMP_CWORD=3; \
                _firstboot firstboot '' --platform; echo \"${COMPREPLY[@]}\"";
    let offered = ask("bash", bash);
    assert!(
        offered.contains("render") && offered.contains("rehearse"),
        "{offered}"
    );
    assert!(offered.contains("proxmox"), "{offered}");
    let offered = ask(
        "fish",
        "source ./fish; complete -C 'firstboot re'; complete -C 'firstboot render --platform p'",
    );
    assert!(
        offered.contains("rehearse") && offered.contains("proxmox"),
        "{offered}"
    );
    // zsh completes in a terminal alone; that it loads is what can be asked here.
    let loaded = ask(
        "zsh",
        "autoload -Uz compinit && compinit -u -d ./dump && source ./zsh && whence -w _firstboot",
    );
    assert_eq!(loaded, "_firstboot: function\n");
}

#[test]
#[ignore = "needs man: `make test`"]
fn man_reads_every_page_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    firstboot(dir.path(), &["man", "--output", "man1"]);
    let pages: Vec<_> = fs::read_dir(dir.path().join("man1")).unwrap().collect();
    assert!(pages.len() >= 14, "only {} pages", pages.len());
    for page in pages {
        let path = page.unwrap().path();
        let output = Command::new("man")
            .args(["--warnings", "-l"])
            .arg(&path)
            .env("MANWIDTH", "80")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && said.is_empty(),
            "{}: {said}",
            path.display()
        );
        assert!(String::from_utf8_lossy(&output.stdout).contains("SYNOPSIS"));
    }
}

#[test]
#[ignore = "needs make: `make test`"]
fn make_installs_program_manual_and_completions() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("make")
        .args(["-o", "build", "install", "PREFIX=/usr"])
        .arg(format!("FIRSTBOOT={}", env!("CARGO_BIN_EXE_firstboot")))
        .arg(format!("DESTDIR={}", dir.path().display()))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for (path, word) in [
        ("share/man/man1/firstboot.1", "firstboot\\-render(1)"),
        (
            "share/man/man1/firstboot-pki-rotate-ca.1",
            ".TH firstboot-pki-rotate-ca 1",
        ),
        (
            "share/bash-completion/completions/firstboot",
            "complete -F _firstboot",
        ),
        ("share/zsh/site-functions/_firstboot", "#compdef firstboot"),
        (
            "share/fish/vendor_completions.d/firstboot.fish",
            "complete -c firstboot",
        ),
    ] {
        let text = fs::read_to_string(dir.path().join("usr").join(path)).unwrap();
        assert!(text.contains(word), "{path} lacks {word}");
    }
    let program = dir.path().join("usr/bin/firstboot");
    let version = Command::new(program).arg("--version").output().unwrap();
    assert!(version.stdout.starts_with(b"firstboot "));
}
