//! How fast and how small, beside the programs that others use: `make bench`.
//!
//! Everything is made and measured in one run: a figure alone says more about the computer than
//! about the program. Prints the page that stands as `docs/speed.md`, and writes it there with
//! `SNAPSHOTS=overwrite`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "not part of the program"
)]

mod desk;
#[cfg(target_os = "linux")]
mod first_boot;
mod fleet;
mod parts;
mod peers;
mod sizes;

use desk::Desk;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

/// What is the same on every computer.
const METHOD: &str = include_str!("method.md");

/// Measures, and gives a table.
type Chapter = fn(&Desk) -> String;

/// All of them, each under the name by which `cargo bench --bench speed NAME` asks for it alone.
const CHAPTERS: [(&str, Chapter); 5] = [
    ("peers", peers::table),
    ("sizes", sizes::table),
    ("parts", parts::table),
    ("fleet", fleet::table),
    ("first_boot", first_boot),
];

fn main() {
    let wanted: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let desk = Desk::new();
    let mut page = format!(
        "{METHOD}\n## Where these figures are from\n\n{}\n",
        machine()
    );
    for (name, table) in CHAPTERS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            page += &table(&desk);
        }
    }
    println!("{page}");
    let overwrites = std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite");
    if overwrites && wanted.is_empty() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/speed.md");
        fs::write(path, page).unwrap();
    }
}

#[cfg(target_os = "linux")]
fn first_boot(desk: &Desk) -> String {
    first_boot::table(desk)
}

#[cfg(not(target_os = "linux"))]
fn first_boot(_: &Desk) -> String {
    "\n## The first boot\n\nNot measured: rehearsals need Linux.\n".to_owned()
}

/// The computer, and what else it does.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split_once(": "))
        .map_or("?", |(_, name)| name);
    let cores = std::thread::available_parallelism().unwrap();
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("?");
    let date = output("date", &["-u", "+%Y-%m-%d"]);
    format!(
        "{cores} cores of {model}, {}, on {date}, with a load of {load} before the first figure: \
         a load above 0 makes wall time longer, and CPU time hardly.\n",
        output("uname", &["-sr"]),
    )
}

/// What a program prints, without the newline.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

/// Rows as a Markdown table.
fn rows(title: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let names: Vec<_> = head.iter().map(|&name| name.to_owned()).collect();
    let mut table = format!("\n## {title}\n\n{}", line(&names));
    let _ = writeln!(table, "|{}", "---|".repeat(head.len()));
    table.extend(rows.iter().map(|row| line(row)));
    table
}
