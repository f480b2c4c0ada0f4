//! How the documentation words a kind.

use super::kind::{Bounds, Kind};
use super::unit;
use std::fmt;

/// `a time, 1s or more`, with what has to be typed in backticks.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: i64| value.to_string();
        match self {
            Self::Bool => f.write_str("`true`, `false`"),
            Self::Integer(bounds) => write!(f, "a number, {}", bounds.words(number)),
            Self::Bytes(bounds) => write!(f, "a size such as `4GiB`, {}", bounds.words(number)),
            Self::Milliseconds(bounds) => {
                write!(
                    f,
                    "milliseconds, or a time such as `250ms`, {}",
                    bounds.words(number)
                )
            }
            Self::Seconds(bounds) => {
                write!(
                    f,
                    "seconds, or a time such as `5m`, {}",
                    bounds.words(number)
                )
            }
            Self::Duration(bounds) => {
                write!(f, "a time such as `1h30m`, {}", bounds.words(unit::time))
            }
            Self::OneOf(words) => {
                let words: Vec<_> = words.split(',').map(|word| format!("`{word}`")).collect();
                f.write_str(&words.join(", "))
            }
            Self::Retention => f.write_str("a time such as `8h`, or a number of revisions"),
            Self::Ciphers => f.write_str("a list of Go's names of TLS 1.2 suites"),
            Self::Urls => f.write_str("a list such as `[\"http://127.0.0.1:2381\"]`"),
            Self::Origins => {
                f.write_str("a list such as `[\"https://example.com:443\"]`, or `\"*\"`")
            }
            Self::Names => f.write_str("a list of host names, or `\"*\"`"),
            Self::Text => f.write_str("a text"),
        }
    }
}

impl Bounds {
    fn words(&self, word: impl Fn(i64) -> String) -> String {
        let least = word(self.least);
        match self.most {
            Some(most) => format!("{least} to {}", word(most)),
            None => format!("{least} or more"),
        }
    }
}
