//! Sizes and times with their units.

/// Go's units of time, the longest spelling of each start first (`time.ParseDuration`).
const TIMES: [(&str, i64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

const SIZES: [(&str, i64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// A time in Go's spelling with whole numbers, such as `1h30m`; `0` needs no unit.
pub(super) fn nanoseconds(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut sum: i64 = 0;
    while !rest.is_empty() {
        let (count, behind) = count(rest)?;
        let end = behind
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(behind.len());
        let (_, unit) = TIMES.iter().find(|(name, _)| *name == &behind[..end])?;
        sum = sum.checked_add(count.checked_mul(*unit)?)?;
        rest = &behind[end..];
    }
    (!text.is_empty()).then_some(sum)
}

/// A number of bytes: `4096`, `4KiB`.
pub(super) fn bytes(text: &str) -> Option<i64> {
    let (count, unit) = count(text)?;
    if unit.is_empty() {
        return Some(count);
    }
    let (_, factor) = SIZES.iter().find(|(name, _)| *name == unit)?;
    count.checked_mul(*factor)
}

/// A time in the longest unit that leaves a whole number.
pub(super) fn time(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return "0s".to_owned();
    }
    let whole = |(_, unit): &&(&str, i64)| nanoseconds % unit == 0;
    match TIMES.iter().rev().find(whole) {
        Some((name, unit)) => format!("{}{name}", nanoseconds / unit),
        None => format!("{nanoseconds}ns"),
    }
}

/// The digits at the start, and what is behind them.
fn count(text: &str) -> Option<(i64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}
