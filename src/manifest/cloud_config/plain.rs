//! What stands without quotes and makes `PyYAML` stop, or read a date, which no key takes.

/// Why a value needs quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manifest) enum Trap {
    /// `2026-11-22`: an object, or an error where there is no such day.
    Date,
    /// `=` and `<<` have a meaning for which `PyYAML` has no value; the whole document is lost.
    Sign,
    /// No path, argument or line of a script can hold a NUL.
    Nul,
    /// `0x_`: a number by its form that Python cannot read; the whole document is lost.
    NoNumber,
}

/// Whether a scalar stands without quotes and in no block. The place of a block's text is behind
/// its header, `|` or `>`, which is then what the line above ends with.
pub(in crate::manifest) fn is_plain(before: &str, from: &str) -> bool {
    let indented = before.trim_end_matches([' ', '\t']);
    let is_header = |line: &str| {
        let rest = line
            .trim_end()
            .trim_end_matches(|c: char| "+-".contains(c) || c.is_ascii_digit());
        rest.strip_suffix(['|', '>'])
            .is_some_and(|rest| rest.ends_with([' ', '\t']))
    };
    let is_block = indented.ends_with('\n') && {
        let above = indented.trim_end().lines().next_back().unwrap_or_default();
        let comments = above.match_indices(" #").map(|(at, _)| &above[..at]);
        comments.chain([above]).any(is_header)
    };
    !is_block && !from.starts_with(['"', '\'', '|', '>'])
}

/// Python reads no decimal number with more than 4300 digits; nobody means one with 100.
const LONGEST_NUMBER: usize = 100;

/// The trap that a value without quotes is, by the resolver of `PyYAML` (`yaml/resolver.py`).
/// Takes a little more for a date than it does: quotes cost nothing.
pub(super) fn trap(text: &str) -> Option<Trap> {
    if matches!(text, "=" | "<<") {
        return Some(Trap::Sign);
    }
    if is_date(text) {
        return Some(Trap::Date);
    }
    let digits = text.trim_start_matches(['+', '-']);
    let empty = ["0x", "0b", "."].iter().any(|prefix| {
        let rest = digits.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with('_') && rest.trim_matches('_').is_empty())
    });
    let numeric = |c: char| c.is_ascii_hexdigit() || "_.:+-x".contains(c);
    let long = text.len() > LONGEST_NUMBER
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(numeric);
    (empty || long).then_some(Trap::NoNumber)
}

/// Whether `PyYAML` reads this as a text: by its resolver (`yaml/resolver.py`) it is neither a
/// boolean, nothing, nor a number.
pub(super) fn is_text(text: &str) -> bool {
    const WORDS: [&str; 8] = ["~", "null", "yes", "no", "true", "false", "on", "off"];
    let is_word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !(text.is_empty() || is_word || is_number(digits))
}

/// The numbers of YAML 1.1, without their sign.
fn is_number(text: &str) -> bool {
    let of = |digits: &str, known: &str| {
        !digits.is_empty() && digits.chars().all(|c| c == '_' || known.contains(c))
    };
    let decimal = |digits: &str| of(digits, "0123456789") && !digits.starts_with('_');
    if let Some(digits) = text.strip_prefix("0b") {
        return of(digits, "01");
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return of(digits, "0123456789abcdefABCDEF");
    }
    let whole = text.split('.').next().unwrap_or_default();
    // `1:30` is 90.
    let (first, parts) = match whole.split_once(':') {
        Some((first, parts)) => (first, Some(parts)),
        None => (whole, None),
    };
    let is_sixtieth =
        |part: &str| part.len() <= 2 && part.parse::<u8>().is_ok_and(|number| number < 60);
    let sixtieths = parts.is_none_or(|parts| parts.split(':').all(is_sixtieth));
    match text.split_once('.') {
        None if parts.is_none() && first.len() > 1 && first.starts_with('0') => {
            of(first, "01234567")
        }
        None => decimal(first) && sixtieths && (parts.is_none() || !first.starts_with('0')),
        Some(("", rest)) => {
            ["inf", "nan"]
                .iter()
                .any(|word| rest.eq_ignore_ascii_case(word))
                || of(mantissa(rest), "0123456789")
        }
        Some((_, rest)) => {
            let rest = if parts.is_none() {
                mantissa(rest)
            } else {
                rest
            };
            decimal(first) && sixtieths && (rest.is_empty() || of(rest, "0123456789"))
        }
    }
}

/// What stands before an exponent, which has a sign in YAML 1.1: `5e+3`.
fn mantissa(text: &str) -> &str {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return text;
    };
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or_default();
    let is_exponent = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
    if is_exponent { mantissa } else { text }
}

/// `2026-11-22`, perhaps with a time behind it.
fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (day, time) = rest.split_at(end);
    year.len() == 4
        && digits(year, 4)
        && digits(month, 2)
        && digits(day, 2)
        && (time.is_empty() || time.starts_with(['T', 't', ' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_texts_from_what_a_text_would_not_arrive_as() {
        for text in [
            "-c",
            "-l",
            "-xf",
            "--now",
            "-",
            "--",
            "+x",
            "-e",
            "-abc",
            "./run",
            ".",
            "..",
            "a",
            "done",
            "5m",
            "10.0.0.0/8",
            "-o=1",
            "y",
            "n",
            "nope",
            ".bashrc",
            "-b",
            "-f",
            "+",
        ] {
            assert!(is_text(text), "{text}");
        }
        for other in [
            "0644", "yes", "No", "ON", "~", "null", "1.5", "-1", "+5", "0x1f", "0b11", "017",
            "1:30", "1_000", ".5", "-.5", ".inf", "-.INF", ".nan", "6.0e+23", "._1", "5.",
            "1:30.5", "",
        ] {
            assert!(!is_text(other), "{other}");
        }
    }

    #[test]
    fn names_what_loses_the_document() {
        for (text, expected) in [
            ("=", Some(Trap::Sign)),
            ("<<", Some(Trap::Sign)),
            ("2026-11-22", Some(Trap::Date)),
            ("2026-13-45", Some(Trap::Date)),
            ("2026-1-2 10:00:00", Some(Trap::Date)),
            ("0x_", Some(Trap::NoNumber)),
            ("-0b__", Some(Trap::NoNumber)),
            ("._", Some(Trap::NoNumber)),
            ("==", None),
            ("2026-11", None),
            ("2026-11-22-a", None),
            ("0x_1", None),
            ("0644", None),
            ("1:30", None),
            ("...", None),
        ] {
            assert_eq!(trap(text), expected, "{text}");
        }
        assert_eq!(trap(&"9".repeat(5000)), Some(Trap::NoNumber));
        assert_eq!(trap(&"a".repeat(5000)), None);
    }
}
