//! `10m`: how long something may take, on the command line.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration, written in seconds, minutes or hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience(pub(crate) Duration);

impl FromStr for Patience {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write for example `5s`, `10m` or `1h`";
        let unit = match text.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            _ => return Err(FORM),
        };
        let number = &text[..text.len() - 1];
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(FORM);
        }
        let number: u16 = number.parse().map_err(|_| "that is too long")?;
        if number == 0 {
            return Err("that is no time at all");
        }
        Ok(Self(Duration::from_secs(u64::from(number) * unit)))
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
}
