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

#[path = "support/monsters.rs"]
mod monsters;

use monsters::Monster;
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
const MOST_BYTES: u64 = 10_000_000;

#[test]
#[ignore = "needs the release build: `make test`"]
fn the_release_binary_is_at_most_10_megabytes() {
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
        let mut arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        if arguments[0] == "render" {
            let out = out.path().display().to_string();
            arguments.extend(["--files-dir=tests/golden".to_owned(), "-o".to_owned(), out]);
        }
        let found = count(&program, &arguments, &[0]);
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

/// What is twice as large costs twice as much at most, beside what every start costs.
#[test]
#[ignore = "needs valgrind and the release build: `make test`"]
fn hostile_input_costs_no_more_than_in_proportion_to_its_size() {
    let program = released();
    let start = count(&program, &["--help".to_owned()], &[0]);
    let mut steep = Vec::new();
    let render = monsters::MANIFESTS.map(|monster| ("render", monster));
    let inspect = monsters::USER_DATA.map(|monster| ("inspect", monster));
    for (command, monster) in render.into_iter().chain(inspect) {
        let name = monster.name;
        let [once, twice] = [1, 2].map(|times| {
            let count = count_monster(&program, command, &monster, times);
            count.saturating_sub(start)
        });
        println!("{command} {name}: {once} instructions, {twice} for twice as much");
        if twice > once * 5 / 2 + start {
            steep.push(format!("{command} {name}: {once} -> {twice}"));
        }
    }
    assert!(steep.is_empty(), "more than in proportion: {steep:?}");
}

fn count_monster(program: &str, command: &str, monster: &Monster, times: usize) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("monster");
    fs::write(&file, (monster.of)(times)).unwrap();
    let file = file.display().to_string();
    // Refused or not: what counts is what it costs.
    count(program, &[command.to_owned(), file], &[0, 1])
}

/// How many instructions it takes to end with one of these statuses.
fn count(program: &str, arguments: &[String], statuses: &[i32]) -> u64 {
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
    let output = command.output().expect("valgrind is installed");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let ended = output.status.code().unwrap_or(-1);
    assert!(statuses.contains(&ended), "{arguments:?}: {ended}: {said}");
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, collected) = collected.unwrap_or_else(|| panic!("no count in {said}"));
    collected.trim().parse().unwrap()
}
