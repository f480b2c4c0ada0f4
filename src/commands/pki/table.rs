//! Certificates in a table for people, and as JSON for programs.

use crate::calendar::{moment, span};
use crate::pki::audit::Facts;
use crate::report::is_unseen;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A certificate to show.
pub(super) struct Row<'a> {
    pub(super) file: &'a str,
    pub(super) facts: &'a Facts,
    /// The controllers that hold it, if a manifest says so.
    pub(super) holders: &'a [String],
}

/// What fits every terminal.
const WIDTH: usize = 80;
const GAP: usize = 2;
/// The narrowest that names and files may become.
const LEAST: usize = 12;

const HEADINGS: [&str; 5] = ["file", "subject", "usages", "key", "ends in"];

pub(super) fn text(rows: &[Row<'_>], now: i64) -> String {
    let cells: Vec<[String; 5]> = rows.iter().map(|row| cells(row, now)).collect();
    let widest = |column: usize| {
        let lengths = cells.iter().map(|row| row[column].chars().count());
        lengths.fold(HEADINGS[column].len(), usize::max)
    };
    let mut widths = [0, 1, 2, 3, 4].map(widest);
    let fixed: usize = widths[2..].iter().sum::<usize>() + 4 * GAP;
    let room = WIDTH.saturating_sub(fixed).max(2 * LEAST);
    if widths[0] + widths[1] > room {
        let subject = widths[1].min((room / 2).max(room.saturating_sub(widths[0])));
        widths[1] = subject;
        widths[0] = widths[0].min(room - subject);
    }
    let mut text = line(&HEADINGS.map(str::to_owned), widths);
    for (row, cells) in rows.iter().zip(&cells) {
        text.push_str(&line(cells, widths));
        text.push_str(&wrapped(&alternative_names(row.facts)));
    }
    text
}

fn cells(row: &Row<'_>, now: i64) -> [String; 5] {
    let facts = row.facts;
    let left = facts.not_after.saturating_sub(now);
    [
        row.file.to_owned(),
        facts.subject.clone(),
        usages(facts).join(", "),
        facts
            .key
            .strip_prefix("ECDSA ")
            .unwrap_or(&facts.key)
            .to_owned(),
        if left < 0 {
            "ended".to_owned()
        } else {
            span(left)
        },
    ]
}

fn line(cells: &[String; 5], widths: [usize; 5]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let _ = write!(line, "{:<width$}  ", shortened(cell, width));
    }
    format!("{}\n", line.trim_end())
}

/// The end says more than the beginning: `…/controller-0.pem`, `…CN=ca`.
fn shortened(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let tail: String = text.chars().skip(length + 1 - width).collect();
    format!("…{tail}")
}

/// Names below their certificate, indented, as many to a line as fit.
fn wrapped(names: &[String]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        let length = name.chars().count() + 1;
        match lines.last_mut() {
            Some(line) if line.chars().count() + length < WIDTH => {
                line.push(' ');
                line.push_str(name);
            }
            _ => lines.push(format!("  {}", shortened(name, WIDTH - 2))),
        }
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

fn alternative_names(facts: &Facts) -> Vec<String> {
    let addresses = facts.addresses.iter().map(ToString::to_string);
    let visible = |name: &String| name.replace(is_unseen, "\u{fffd}");
    facts.names.iter().map(visible).chain(addresses).collect()
}

fn usages(facts: &Facts) -> Vec<&'static str> {
    if facts.authority {
        return vec!["CA"];
    }
    let server = facts.server.then_some("server");
    let client = facts.client.then_some("client");
    server.into_iter().chain(client).collect()
}

pub(super) fn json(row: &Row<'_>) -> Value {
    let facts = row.facts;
    json!({
        "file": row.file,
        "subject": facts.subject,
        "issuer": facts.issuer,
        "serial": facts.serial,
        "names": facts.names,
        "addresses": facts.addresses,
        "usages": usages(facts),
        "key": facts.key,
        "notBefore": moment(facts.not_before),
        "notAfter": moment(facts.not_after),
        "sha256": facts.digest.to_string(),
        "holders": row.holders,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_end_of_what_is_too_long() {
        assert_eq!(shortened("pki/ca.pem", 10), "pki/ca.pem");
        assert_eq!(shortened("pki/ca.pem", 7), "…ca.pem");
    }

    #[test]
    fn wraps_names() {
        let names: Vec<String> = (10..40).map(|n| format!("10.240.0.{n}")).collect();
        let text = wrapped(&names);
        assert_eq!(text.split_whitespace().count(), 30);
        assert_eq!(text.lines().count(), 5);
        assert!(text.lines().all(|line| line.len() <= WIDTH));
    }
}
