//! How many instructions the program takes, by callgrind: unlike time, that does not vary; and how
//! large it is.
//!
//! `SNAPSHOTS=overwrite` records the counts anew in `instructions.tsv`, which says what they are of.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and says what it counted"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What is counted, and the arguments. The certificates are the goldens', which never change.
const CASES: [(&str, &[&str]); 3] = [
    ("help", &["--help"]),
    (
        "render-lab",
        &["render", "tests/golden/lab_on_gce/cluster.yaml"],
    ),
    (
        "render-lab-compressed",
        &[
            "render",
            "tests/golden/lab_on_gce/cluster.yaml",
            "--platform=aws",
            "--compress=always",
        ],
    ),
];

/// Bytes of the program as it is released, stripped.
const MOST_BYTES: u64 = 9_000_000;

#[test]
#[ignore = "needs the release build: `make test`"]
fn the_release_binary_is_at_most_9_megabytes() {
    let bytes = fs::metadata(released()).unwrap().len();
    println!("{bytes} bytes, of {MOST_BYTES}");
    assert!(
        bytes <= MOST_BYTES,
        "the release binary has {bytes} bytes, more than {MOST_BYTES}: `Cargo.toml` says under \
         `profile.release` what was done about it so far"
    );
}

#[test]
#[ignore = "needs valgrind and the release build: `make test`"]
fn no_command_takes_a_tenth_more_instructions() {
    let program = released();
    let record = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/instructions.tsv");
    let text = fs::read_to_string(&record).unwrap();
    let (mut anew, mut grown) = (String::new(), Vec::new());
    for line in text.lines().filter(|line| line.starts_with('#')) {
        writeln!(anew, "{line}").unwrap();
    }
    let out = tempfile::tempdir().unwrap();
    for (name, arguments) in CASES {
        let found = count(&program, arguments, out.path());
        let recorded = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'));
        let recorded: u64 = recorded.map_or(0, |count| count.parse().unwrap());
        println!("{name}: {found} instructions, {recorded} recorded");
        writeln!(anew, "{name}\t{found}").unwrap();
        if found > recorded + recorded / 10 {
            grown.push(format!("{name}: {recorded} -> {found}"));
        }
    }
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(record, anew).unwrap();
        return;
    }
    assert!(grown.is_empty(), "grown by more than 10 %: {grown:?}");
}

fn released() -> String {
    std::env::var("FIRSTBOOT_TEST_RELEASE")
        .expect("`FIRSTBOOT_TEST_RELEASE` names the program as it is released")
}

fn count(program: &str, arguments: &[&str], out: &Path) -> u64 {
    let mut command = Command::new("valgrind");
    command
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            program,
        ])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap());
    if arguments[0] == "render" {
        command.args(["--files-dir=tests/golden", "-o"]).arg(out);
    }
    let output = command.output().expect("valgrind is installed");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, collected) = collected.unwrap_or_else(|| panic!("no count in {said}"));
    collected.trim().parse().unwrap()
}
