//! The reference of keys in `docs/manifest.md`.

use super::{Key, Mapping, Otherwise, Shape, TOP};
use std::fmt::Write as _;

/// Every key as a row of a Markdown table: what it is, and what holds without it.
pub fn reference() -> String {
    let mut text = String::from("| key | what it is | without it |\n|---|---|---|\n");
    rows(&TOP, "", &mut text);
    text
}

fn rows(mapping: &Mapping, before: &str, text: &mut String) {
    for key in mapping.keys {
        let path = format!("{before}{}", key.name);
        let otherwise = match &key.otherwise {
            Otherwise::Required => "required".to_owned(),
            Otherwise::Value(value) => format!("`{value}`"),
            Otherwise::Words(words) => (*words).to_owned(),
        };
        let _ = writeln!(text, "| `{path}` | {} | {otherwise} |", what(key));
        match key.shape {
            Shape::Mapping(below) | Shape::Either(_, below) => {
                rows(below, &format!("{path}."), text);
            }
            Shape::List(below, _) => rows(below, &format!("{path}[]."), text),
            Shape::Value(_) | Shape::Again(_) => {}
        }
    }
}

/// With the words that there are, and where more is said.
fn what(key: &Key) -> String {
    let mut text = key.is.to_owned();
    if let Shape::Value(shape) = key.shape
        && let Some(words) = shape()["enum"].as_array()
    {
        let words: Vec<_> = words.iter().filter_map(|word| word.as_str()).collect();
        let known = |word: &&str| key.is.contains(&format!("`{word}`"));
        if !words.iter().all(known) {
            let _ = write!(text, ". One of `{}`", words.join("`, `"));
        }
    }
    match key.see {
        "" => text,
        section if section.starts_with('#') => format!("{text}. [See below]({section})"),
        page => {
            let (file, _) = page.split_once('#').unwrap_or((page, ""));
            format!("{text}. See [{file}]({page})")
        }
    }
}
