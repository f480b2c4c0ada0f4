//! `30d`: a span of time on the command line.

use std::fmt;
use std::str::FromStr;

/// A number of seconds, written in hours, days or weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) i64);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write for example `30d`, `12h` or `2w`";
        let unit = match text.chars().last() {
            Some('h') => 3600,
            Some('d') => 86_400,
            Some('w') => 7 * 86_400,
            _ => return Err(FORM),
        };
        let number = &text[..text.len() - 1];
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(FORM);
        }
        let number: u16 = number.parse().map_err(|_| "that is too long")?;
        Ok(Self(i64::from(number) * unit))
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

#[cfg(test)]
mod tests {
    use super::*;

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
