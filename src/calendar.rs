//! Moments and spans as people write them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The day of a moment in Unix seconds, in UTC.
///
/// ```
/// use firstboot::calendar::day;
/// assert_eq!(day(1_800_000_000), "2027-01-15");
/// ```
pub fn day(unix: i64) -> String {
    instant(unix).map_or_else(
        || format!("second {unix}"),
        |at| {
            let (year, month, day) = at.to_calendar_date();
            format!("{year:04}-{:02}-{day:02}", u8::from(month))
        },
    )
}

/// A moment as programs write it (RFC 3339, UTC).
///
/// ```
/// use firstboot::calendar::moment;
/// assert_eq!(moment(1_800_000_000), "2027-01-15T08:00:00Z");
/// ```
pub fn moment(unix: i64) -> String {
    instant(unix)
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| day(unix))
}

/// What [`moment`] writes; a fraction of a second is left out, another offset is taken for what it is.
///
/// ```
/// use firstboot::calendar::parse;
/// assert_eq!(parse("2027-01-15T08:00:00Z"), Some(1_800_000_000));
/// assert_eq!(parse("tomorrow"), None);
/// ```
pub fn parse(text: &str) -> Option<i64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(at.unix_timestamp())
}

/// So many seconds, in the unit that a person would choose; what is over is left out.
///
/// ```
/// use firstboot::calendar::span;
/// assert_eq!(span(1), "1 second");
/// assert_eq!(span(86_400 * 3 + 5), "3 days");
/// ```
pub fn span(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn instant(unix: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(unix).ok()
}
