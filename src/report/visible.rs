//! Foreign text, as it may stand on a terminal.

use super::redact;

/// Whether a reader would not see this character, or would see others in another order: control
/// characters, what is no character at all, and those without width or that turn the direction of
/// writing, with which a certificate could show another name than it has.
pub fn is_unseen(character: char) -> bool {
    character.is_control()
        || character as u32 & 0xfffe == 0xfffe
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        )
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
    fn what_is_long_or_a_key_is_cut() {
        assert_eq!(visible(&"x ".repeat(500)).chars().count(), 161);
        assert_eq!(quoted(&"x ".repeat(500)).chars().count(), 67);
        assert_eq!(visible(&"Ab1+".repeat(18)), "*".repeat(72));
    }
}
