//! What is said about validity.

use super::super::problem::{Part, Problem};
use crate::pki::x509::Certificate;

const REISSUE: &str = "have it issued again; with the CA's key at hand, `firstboot pki renew` does";

pub(in super::super) fn expired(part: Part, file: &str, it: &Certificate, now: i64) -> Problem {
    let message = format!(
        "`{file}` expired: `{}` ended on {}, {} ago",
        it.subject.text,
        date(it.not_after),
        span(now - it.not_after)
    );
    Problem::error(part, "expired", message, REISSUE)
}

pub(in super::super) fn not_yet_valid(
    part: Part,
    file: &str,
    it: &Certificate,
    now: i64,
) -> Problem {
    let message = format!(
        "`{file}` is not valid yet: `{}` begins on {}, {} from now",
        it.subject.text,
        date(it.not_before),
        span(it.not_before - now)
    );
    let help =
        "wait, set this computer's clock right, or have it issued again with an earlier begin";
    Problem::error(part, "not-yet-valid", message, help)
}

pub(in super::super) fn ends_soon(part: Part, file: &str, it: &Certificate, now: i64) -> Problem {
    let message = format!(
        "`{file}` ends soon: `{}` is good until {}, for {} more",
        it.subject.text,
        date(it.not_after),
        span(it.not_after - now)
    );
    Problem::warning(part, "ends-soon", message, REISSUE)
}

pub(in super::super) fn outlives_issuer(
    file: &str,
    it: &Certificate,
    issuer: &Certificate,
) -> Problem {
    let message = format!(
        "`{file}` says that it is good until {}, but dies with its issuer `{}` on {}",
        date(it.not_after),
        issuer.subject.text,
        date(issuer.not_after)
    );
    Problem::warning(
        Part::Certificate,
        "outlives-ca",
        message,
        "renew the CA first, then what it issued",
    )
}

/// `2027-01-31 09:05 UTC`
pub(in super::super) fn date(unix: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp(unix).map_or_else(
        |_| format!("second {unix}"),
        |at| {
            let (year, month, day) = at.to_calendar_date();
            let month = u8::from(month);
            format!(
                "{year:04}-{month:02}-{day:02} {:02}:{:02} UTC",
                at.hour(),
                at.minute()
            )
        },
    )
}

fn span(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_time() {
        assert_eq!(date(1_800_000_000), "2027-01-15 08:00 UTC");
        assert_eq!(span(1), "1 second");
        assert_eq!(span(86_400 * 3), "3 days");
    }
}
