//! Times on the command line: `10m` for how long something may take, `30d` for a date that is
//! so far away.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration, written in seconds, minutes or hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience(pub(crate) Duration);

impl FromStr for Patience {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const UNITS: [(char, u32); 3] = [('s', 1), ('m', 60), ('h', 3600)];
        match seconds(text, UNITS, "write for example `5s`, `10m` or `1h`")? {
            0 => Err("that is no time at all"),
            seconds => Ok(Self(Duration::from_secs(seconds.into()))),
        }
    }
}

/// As it may be written again.
impl fmt::Display for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            seconds if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

/// A number of seconds, written in hours, days or weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) i64);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const UNITS: [(char, u32); 3] = [('h', 3600), ('d', 86_400), ('w', 7 * 86_400)];
        let seconds = seconds(text, UNITS, "write for example `30d`, `12h` or `2w`")?;
        Ok(Self(seconds.into()))
    }
}

/// As it may be written again: `30d`, `12h`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds if seconds % 86_400 == 0 => write!(f, "{}d", seconds / 86_400),
            seconds => write!(f, "{}h", seconds / 3600),
        }
    }
}

/// A number and one of these units, each of so many seconds.
fn seconds(text: &str, units: [(char, u32); 3], form: &'static str) -> Result<u32, &'static str> {
    let unit = units.iter().find(|(unit, _)| text.ends_with(*unit));
    let &(_, unit) = unit.ok_or(form)?;
    let number = &text[..text.len() - 1];
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(form);
    }
    let number: u16 = number.parse().map_err(|_| "that is too long")?;
    u32::from(number)
        .checked_mul(unit)
        .ok_or("that is too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_seconds_minutes_and_hours() {
        let read = |text: &str| text.parse::<Patience>().map(|it| it.0.as_secs());
        assert_eq!(read("5s"), Ok(5));
        assert_eq!(read("10m"), Ok(600));
        assert_eq!(read("1h"), Ok(3600));
        for wrong in [
            "", "s", "5", "-1s", "1.5s", "5é", "1 s", "5d", "0s", "99999s",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        for text in ["5s", "10m", "1h", "90s"] {
            assert_eq!(text.parse::<Patience>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn reads_hours_days_and_weeks() {
        let read = |text: &str| text.parse::<Span>().map(|span| span.0);
        assert_eq!(read("12h"), Ok(43_200));
        assert_eq!(read("30d"), Ok(2_592_000));
        assert_eq!(read("2w"), Ok(1_209_600));
        for wrong in ["", "d", "30", "-1d", "+1d", "1.5d", "30é", "1 d", "30m"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Span(1_209_600).to_string(), "14d");
        assert_eq!(Span(43_200).to_string(), "12h");
        assert_eq!(read("99999d"), Err("that is too long"));
    }
}
