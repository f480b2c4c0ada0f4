//! Foreign text, as it may stand on a terminal.

use super::redact;
use super::redact::redact_ours;
use std::fmt::Write as _;

/// Whether a reader would not see this character, or would see others in another order: control
/// characters, what is no character at all, and those without width or that turn the direction of
/// writing, with which a certificate could show another name than it has.
pub fn is_unseen(character: char) -> bool {
    character.is_control()
        || character as u32 & 0xfffe == 0xfffe
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The whole of what goes to a terminal, once more: whatever was put together without a look at
/// it. Line ends and tabs stay, and with `colours` what sets colours; keys are hidden, and other
/// unseen characters spelled out.
pub(crate) fn screen(text: &str, colours: bool) -> String {
    let text = redact_ours(text);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|c| is_unseen(c) && c != '\n' && c != '\t') {
        let (before, after) = rest.split_at(at);
        shown.push_str(before);
        let length = if colours { colour(after) } else { 0 };
        if length > 0 {
            shown.push_str(&after[..length]);
            rest = &after[length..];
            continue;
        }
        let mut letters = after.chars();
        shown.extend(letters.next().into_iter().flat_map(char::escape_unicode));
        rest = letters.as_str();
    }
    shown + rest
}

/// The length of an escape sequence that sets colours, at the start of a text.
fn colour(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\u{1b}[") else {
        return 0;
    };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';');
    end.filter(|end| rest[*end..].starts_with('m'))
        .map_or(0, |end| end + "\u{1b}[m".len())
}

/// The same for a JSON document: keys are hidden in its strings, and unseen characters are
/// written as JSON's own escapes, so that a program reads what it would have read.
pub(crate) fn screen_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('"') {
        let length = string(&rest[at..]);
        let literal = &rest[at..at + length];
        shown.push_str(&rest[..at]);
        rest = &rest[at + length..];
        let value = serde_json::from_str::<String>(literal).unwrap_or_default();
        let hidden = redact_ours(&value);
        let literal = if hidden == value {
            literal.to_owned()
        } else {
            serde_json::Value::String(hidden).to_string()
        };
        for character in literal.chars() {
            if is_unseen(character) {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    let _ = write!(shown, "\\u{unit:04x}");
                }
            } else {
                shown.push(character);
            }
        }
    }
    shown + rest
}

/// The length of the JSON string at the start of a text, with its quotes.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// A line of a source, byte for byte as long: what is unseen is replaced by signs.
pub(super) fn replaced(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        // A line end may be one of two characters.
        if !is_unseen(character) || matches!(character, '\n' | '\t' | '\r') {
            shown.push(character);
            continue;
        }
        shown.push_str(match character.len_utf8() {
            1 => "?",
            2 => "\u{b7}",
            3 => "\u{fffd}",
            _ => "\u{fffd}?",
        });
    }
    shown
}

/// A text of the user's in backticks: shortened, unseen characters spelled out, keys hidden.
///
/// ```
/// use firstboot::report::quoted;
/// assert_eq!(quoted("controller-0"), "`controller-0`");
/// assert_eq!(quoted("a\u{1b}[31m"), "`a\\u{1b}[31m`");
/// ```
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 64;
    format!("`{}`", shown(text, LONGEST, char::escape_debug))
}

/// A stranger's text, as it may be shown: shortened, unseen characters spelled out, keys hidden.
///
/// ```
/// use firstboot::report::visible;
/// assert_eq!(visible("3.5.\u{1b}[2J\n\u{202e}"), "3.5.\\u{1b}[2J\\u{a}\\u{202e}");
/// ```
pub fn visible(text: &str) -> String {
    const LONGEST: usize = 160;
    shown(text, LONGEST, char::escape_unicode)
}

fn shown<E: Iterator<Item = char>>(text: &str, longest: usize, spelled: fn(char) -> E) -> String {
    let mut shown = String::new();
    for (count, character) in redact(text).chars().enumerate() {
        if count == longest {
            shown.push('…');
            break;
        }
        if is_unseen(character) {
            shown.extend(spelled(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unseen_is_spelled_out() {
        for unseen in
            "\0\u{7}\u{8}\t\n\r\u{1b}\u{7f}\u{85}\u{9b}\u{ad}\u{61c}\u{200b}\u{200e}\u{200f}\
             \u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}\u{feff}\u{ffff}"
                .chars()
        {
            for text in [
                visible(&format!("a{unseen}b")),
                quoted(&format!("a{unseen}b")),
            ] {
                assert!(!text.contains(is_unseen), "{text:?}");
                assert!(text.contains("a\\") && text.contains('b'), "{text:?}");
            }
        }
        assert_eq!(visible("Zürich, 東京, שלום"), "Zürich, 東京, שלום");
    }

    #[test]
    fn a_terminal_gets_lines_and_colours_alone() {
        let text =
            "\u{1b}[1m\u{1b}[91merror\u{1b}[0m: a\u{9b}2J\n\u{1b}[2J\u{1b}]0;x\u{7}\r\tb\u{2028}";
        assert_eq!(
            screen(text, true),
            "\u{1b}[1m\u{1b}[91merror\u{1b}[0m: a\\u{9b}2J\n\\u{1b}[2J\\u{1b}]0;x\\u{7}\\u{d}\tb\\u{2028}"
        );
        assert!(!screen(text, false).contains('\u{1b}'));
    }

    #[test]
    fn a_program_reads_what_it_would_have_read() {
        let value = serde_json::json!({
            "a\u{9b}": ["\"\\\\", "\u{1b}\u{2028}\n\u{e0041}", "x".repeat(100), 1, null],
        });
        let shown = screen_json(&format!("{value:#}\n"));
        assert!(!shown.replace('\n', "").contains(is_unseen), "{shown}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            value
        );
        let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQ==\n\"";
        let shown = screen_json(&serde_json::json!([key, "b"]).to_string());
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown[0], redact_ours(key));
        assert_eq!(shown[1], "b");
    }

    #[test]
    fn a_source_keeps_its_places() {
        let source = "a\u{1b}\u{9b}\u{200b}\u{e0041}é\tb\r\n";
        let shown = replaced(source);
        assert_eq!(shown.len(), source.len());
        assert_eq!(shown, "a?\u{b7}\u{fffd}\u{fffd}?é\tb\r\n");
    }

    #[test]
    fn what_is_long_or_a_key_is_cut() {
        assert_eq!(visible(&"x ".repeat(500)).chars().count(), 161);
        assert_eq!(quoted(&"x ".repeat(500)).chars().count(), 67);
        assert_eq!(visible(&"Ab1+".repeat(18)), "*".repeat(72));
    }
}
