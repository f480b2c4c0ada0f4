//! What the values of a setting look like, in a manifest and for etcd.

use super::address::{host_name, listening_url, parts_of_url};
use super::ciphers;
use super::unit;

/// The kind of a setting's values. Bounds are those within which etcd starts and works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer(Bounds),
    /// A number of bytes: `8GiB`; etcd gets the number.
    Bytes(Bounds),
    /// A time: `250ms`, or the number of milliseconds; etcd gets the number.
    Milliseconds(Bounds),
    /// A time: `5m`, or the number of seconds; etcd gets the number.
    Seconds(Bounds),
    /// A time in Go's spelling: `1h30m`. Bounds are in nanoseconds.
    Duration(Bounds),
    /// One of a few words, with commas between them here.
    OneOf(&'static str),
    /// A time or a number of revisions; which one is decided by `auto-compaction-mode`.
    Retention,
    /// Names of TLS 1.2 cipher suites.
    Ciphers,
    /// URLs to listen on: `http` or `https`, an address or `localhost`, a port.
    Urls,
    /// Origins of web pages, or `*`.
    Origins,
    /// Host names, or `*`.
    Names,
    /// Any printable text.
    Text,
}

/// The least and the greatest value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The least.
    pub least: i64,
    /// The greatest, if there is one.
    pub most: Option<i64>,
}

/// A value that fits its setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingValue {
    /// As etcd reads it.
    pub text: String,
    /// What it amounts to, in the kind's unit; nanoseconds for a time in Go's spelling.
    pub number: Option<i64>,
}

/// What is said of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It has this value.
    Value(SettingValue),
    /// etcd's own default, whatever firstboot's is.
    EtcdsDefault,
}

impl Choice {
    /// The value, if there is one.
    pub const fn value(&self) -> Option<&SettingValue> {
        match self {
            Self::Value(value) => Some(value),
            Self::EtcdsDefault => None,
        }
    }
}

/// Why a text is no value of a setting, and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Completes «it …»: `is no time`.
    pub why: String,
    /// The cure.
    pub cure: String,
}

impl Unfit {
    pub(super) fn new(why: impl Into<String>, cure: impl Into<String>) -> Self {
        let (why, cure) = (why.into(), cure.into());
        Self { why, cure }
    }
}

type Read = Result<SettingValue, Unfit>;

fn number(number: i64) -> SettingValue {
    SettingValue {
        text: number.to_string(),
        number: Some(number),
    }
}

fn plain(text: impl Into<String>) -> SettingValue {
    SettingValue {
        text: text.into(),
        number: None,
    }
}

impl Kind {
    /// The kind that the table words so.
    pub(super) fn named(text: &'static str) -> Option<Self> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let bounds = |of: fn(&str) -> Option<i64>| {
            let (least, most) = rest.split_once("..")?;
            let most = if most.is_empty() {
                None
            } else {
                Some(of(most)?)
            };
            let least = of(least)?;
            Some(Bounds { least, most })
        };
        let numbers = || bounds(|text| text.parse().ok());
        Some(match word {
            "bool" => Self::Bool,
            "integer" => Self::Integer(numbers()?),
            "bytes" => Self::Bytes(numbers()?),
            "milliseconds" => Self::Milliseconds(numbers()?),
            "seconds" => Self::Seconds(numbers()?),
            "duration" => Self::Duration(bounds(unit::nanoseconds)?),
            "one-of" => Self::OneOf(rest),
            "retention" => Self::Retention,
            "ciphers" => Self::Ciphers,
            "urls" => Self::Urls,
            "origins" => Self::Origins,
            "names" => Self::Names,
            "text" => Self::Text,
            _ => return None,
        })
    }

    /// Whether a value is a list, which a manifest may write as one.
    pub const fn is_list(self) -> bool {
        matches!(
            self,
            Self::Ciphers | Self::Urls | Self::Origins | Self::Names
        )
    }

    /// Reads a value; lists have commas between their items.
    pub fn read(self, text: &str) -> Read {
        match self {
            Self::Bool => boolean(text),
            Self::Integer(bounds) => {
                let read: Option<i64> = text.parse().ok();
                let read = read.ok_or_else(|| Unfit::new("is no whole number", bounds.cure("")))?;
                bounds.hold(read, "")
            }
            Self::Bytes(bounds) => {
                const CURE: &str =
                    "write a number of bytes, or one with `KiB`, `MiB` or `GiB`: `4GiB`";
                let read = unit::bytes(text);
                bounds.hold(read.ok_or_else(|| Unfit::new("is no size", CURE))?, "")
            }
            Self::Milliseconds(bounds) => whole(text, 1_000_000, " milliseconds", bounds),
            Self::Seconds(bounds) => whole(text, 1_000_000_000, " seconds", bounds),
            Self::Duration(bounds) => duration(text, bounds),
            Self::OneOf(words) => one_of(text, words),
            Self::Retention => retention(text),
            Self::Ciphers => each(text, |name| {
                ciphers::check(name).map_err(|cure| Unfit::new("is no TLS 1.2 cipher suite", cure))
            }),
            Self::Urls => each(text, listening_url),
            Self::Origins => each(text, |origin| match origin {
                "*" => Ok(()),
                url => parts_of_url(url).map(|_| ()),
            }),
            Self::Names => each(text, |name| match name {
                "*" => Ok(()),
                name => host_name(name),
            }),
            Self::Text => printable(text),
        }
    }
}

impl Bounds {
    fn hold(self, value: i64, unit: &str) -> Read {
        let fits = value >= self.least && self.most.is_none_or(|most| value <= most);
        if fits {
            Ok(number(value))
        } else {
            Err(Unfit::new("is out of bounds", self.cure(unit)))
        }
    }

    fn cure(self, unit: &str) -> String {
        match self.most {
            Some(most) => format!("write a whole number from {} to {most}{unit}", self.least),
            None => format!("write a whole number, {}{unit} or more", self.least),
        }
    }
}

fn boolean(text: &str) -> Read {
    match text {
        "true" | "false" => Ok(plain(text)),
        _ => Err(Unfit::new(
            "is neither `true` nor `false`",
            "write `true` or `false`, without quotes",
        )),
    }
}

/// A number of units, or a time that is a whole number of them.
fn whole(text: &str, unit: i64, called: &str, bounds: Bounds) -> Read {
    let count = text.parse().ok().or_else(|| {
        let time = unit::nanoseconds(text)?;
        (time % unit == 0).then_some(time / unit)
    });
    let Some(count) = count else {
        return Err(Unfit::new("is no such time", bounds.cure(called)));
    };
    bounds.hold(count, called)
}

fn duration(text: &str, bounds: Bounds) -> Read {
    let Some(time) = unit::nanoseconds(text) else {
        let help = "write a number and its unit, such as `500ms`, `30s`, `5m` or `1h30m`";
        return Err(Unfit::new("is no time", help));
    };
    if time < bounds.least {
        let least = unit::time(bounds.least);
        let cure = format!("write `{least}` or more");
        return Err(Unfit::new("is too short", cure));
    }
    Ok(SettingValue {
        text: text.to_owned(),
        number: Some(time),
    })
}

fn one_of(text: &str, words: &'static str) -> Read {
    if words.split(',').any(|word| word == text) {
        return Ok(plain(text));
    }
    let known: Vec<_> = words.split(',').map(|word| format!("`{word}`")).collect();
    let cure = format!("write {}", known.join(" or "));
    Err(Unfit::new("is none of the words that it takes", cure))
}

fn retention(text: &str) -> Read {
    let revisions: Option<i64> = text.parse().ok();
    match (revisions, unit::nanoseconds(text)) {
        (Some(count), _) if count >= 0 => Ok(number(count)),
        (None, Some(_)) => Ok(plain(text)),
        _ => Err(Unfit::new(
            "is neither a time nor a number of revisions",
            "write a time such as `8h`; with `auto-compaction-mode: revision`, a number",
        )),
    }
}

fn each(text: &str, check: impl Fn(&str) -> Result<(), Unfit>) -> Read {
    for item in text.split(',') {
        check(item).map_err(|unfit| Unfit {
            why: if text.contains(',') {
                format!(
                    "has \"{}\", which {}",
                    crate::report::visible(item),
                    unfit.why
                )
            } else {
                unfit.why
            },
            cure: unfit.cure,
        })?;
    }
    Ok(plain(text))
}

fn printable(text: &str) -> Read {
    let fits = (1..=256).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
    if fits {
        return Ok(plain(text));
    }
    Err(Unfit::new(
        "cannot stand in a setting",
        "write 1 to 256 printable ASCII characters without blanks",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &'static str, text: &str) -> Option<String> {
        let read = Kind::named(kind).unwrap().read(text);
        read.ok().map(|value| value.text)
    }

    #[test]
    fn friendly_units_become_what_etcd_wants() {
        for (kind, written, rendered) in [
            ("bool", "true", "true"),
            ("integer 1..9", "9", "9"),
            ("bytes 0..", "8GiB", "8589934592"),
            ("bytes 0..", "1536KiB", "1572864"),
            ("milliseconds 5..50000", "1s", "1000"),
            ("milliseconds 5..50000", "250", "250"),
            ("seconds 1..", "5m", "300"),
            ("duration 0s..", "1h30m", "1h30m"),
            ("duration 0s..", "0", "0"),
            ("retention", "8h", "8h"),
            ("retention", "1000", "1000"),
            (
                "urls",
                "http://[::1]:2381,http://localhost:2382",
                "http://[::1]:2381,http://localhost:2382",
            ),
            ("names", "*", "*"),
        ] {
            assert_eq!(read(kind, written).as_deref(), Some(rendered), "{kind}");
        }
    }

    #[test]
    fn what_etcd_would_refuse_is_refused() {
        for (kind, written) in [
            ("bool", "yes"),
            ("bool", "True"),
            ("integer 1..9", "10"),
            ("integer 1..9", "0"),
            ("integer 1..", "1e3"),
            ("integer 1..", "+ 1"),
            ("bytes 0..", "8GB"),
            ("bytes 0..", "-1"),
            ("bytes 0..", "99999999999GiB"),
            ("milliseconds 5..50000", "1500us"),
            ("milliseconds 5..50000", "50001"),
            ("seconds 1..", "0.5s"),
            ("duration 1s..", "999ms"),
            ("duration 0s..", "5 minutes"),
            ("duration 0s..", "5"),
            ("duration 0s..", "-5s"),
            ("duration 0s..", ""),
            ("duration 0s..", "9999999h"),
            ("one-of a,b", "a,b"),
            ("retention", "-1"),
            ("retention", "1d"),
            ("urls", "http://etcd.example:2381"),
            ("urls", "http://127.0.0.1:2381/metrics"),
            ("urls", "http://127.0.0.1"),
            ("urls", "http://127.0.0.1:0"),
            ("urls", "http://::1:2381"),
            ("urls", "http://127.0.0.1:2381,"),
            ("urls", "127.0.0.1:2381"),
            ("origins", "example.com"),
            ("names", "a b"),
            ("names", "a\nETCD_FORCE_NEW_CLUSTER=true"),
            ("text", "a\nb"),
            ("text", ""),
            ("ciphers", "TLS_AES_128_GCM_SHA256"),
            ("ciphers", "ECDHE-RSA-AES128-GCM-SHA256"),
        ] {
            assert_eq!(read(kind, written), None, "{kind} {written:?}");
        }
    }
}
