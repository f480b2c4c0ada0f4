//! Text as HTML that shows it.

use crate::report::is_unseen;
use askama::filters::Escaper;
use std::fmt::{self, Write};

/// What askama puts around every value of an `.html` template: text, wherever it stands.
///
/// Beyond the signs of markup, what a reader would not see is spelled out: control characters
/// (of which a browser drops some), what is no character at all, and those that turn the direction
/// of writing, with which a certificate could show another name than it has. Line breaks and tabs
/// stay.
#[derive(Clone, Copy, Debug, Default)]
pub struct Html;

impl Escaper for Html {
    fn write_escaped_str<W: Write>(&self, mut out: W, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&#34;")?,
                '\'' => out.write_str("&#39;")?,
                '\n' | '\t' => out.write_char(character)?,
                unseen if is_unseen(unseen) => write!(out, "{}", unseen.escape_unicode())?,
                other => out.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A text of ours, in which backticks stand around literals: its parts, and which are literals.
pub(super) fn parts(text: &str) -> Vec<(bool, &str)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        let Some((literal, behind)) = after.split_once('`') else {
            break;
        };
        parts.push((false, before));
        parts.push((true, literal));
        rest = behind;
    }
    parts.push((false, rest));
    parts.retain(|(_, text)| !text.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_what_stands_between_backticks() {
        assert_eq!(
            parts("`a` is no `b`, or"),
            [
                (true, "a"),
                (false, " is no "),
                (true, "b"),
                (false, ", or")
            ]
        );
        assert_eq!(parts("one ` alone"), [(false, "one ` alone")]);
        assert!(parts("").is_empty());
    }
}
