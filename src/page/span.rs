//! Parts of a whole, and the time in which certificates are good.

use super::subject::Subject;
use crate::calendar::{day, parse};
use crate::pki::audit::{Facts, File};
use crate::pki::inspect;
use std::fmt;

/// Hundredths of a percent, as SVG takes them: `12.34%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Percent(i64);

impl Percent {
    /// A part of a whole, at most all of it.
    pub(super) fn of(part: i64, whole: i64) -> Self {
        let share = i128::from(part) * 10_000 / i128::from(whole.max(1));
        Self(i64::try_from(share.clamp(0, 10_000)).unwrap_or(0))
    }

    pub(super) fn of_bytes(part: usize, whole: usize) -> Self {
        let number = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        Self::of(number(part), number(whole))
    }

    /// `4 %`, or `0.3 %` of what is little.
    pub(super) fn words(self) -> String {
        match self.0 {
            100.. => format!("{} %", self.0 / 100),
            tenths => format!("0.{} %", tenths / 10),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}%", self.0 / 100, self.0 % 100)
    }
}

/// All certificates, on one axis.
pub(super) struct Spans {
    /// The axis, in Unix seconds.
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) ticks: Vec<Tick>,
    pub(super) certificates: Vec<Span>,
}

/// A day on the axis.
pub(super) struct Tick {
    pub(super) at: Percent,
    pub(super) label: String,
}

/// One certificate.
pub(super) struct Span {
    /// The file on the machine.
    pub(super) file: String,
    pub(super) facts: Facts,
    /// Who holds it, if not all do.
    pub(super) holders: Vec<String>,
    pub(super) x: Percent,
    pub(super) width: Percent,
}

impl Span {
    pub(super) fn from(&self) -> String {
        day(self.facts.not_before)
    }

    pub(super) fn to(&self) -> String {
        day(self.facts.not_after)
    }

    /// What it is for.
    pub(super) fn uses(&self) -> &'static str {
        match &self.facts {
            facts if facts.authority => "certificate authority",
            facts if facts.server && facts.client => "server and client",
            facts if facts.server => "server",
            facts if facts.client => "client",
            _ => "neither server nor client",
        }
    }

    /// Addresses and names, between commas.
    pub(super) fn names(&self) -> String {
        let addresses = self.facts.addresses.iter().map(ToString::to_string);
        let names = addresses.chain(self.facts.names.iter().cloned());
        names.collect::<Vec<_>>().join(", ")
    }
}

/// What ends later than so many seconds after its begin is drawn to there only: some never end.
const LONGEST: i64 = 25 * 366 * 86_400;

pub(super) fn spans(subject: &Subject) -> Spans {
    let mut certificates = held(subject);
    let starts = certificates.iter().map(|one| one.facts.not_before);
    let from = starts.min().unwrap_or(0);
    let ends = certificates.iter().map(|one| one.facts.not_after);
    let to = ends.max().unwrap_or(0).min(from.saturating_add(LONGEST));
    for one in &mut certificates {
        let end = one.facts.not_after.min(to);
        one.x = Percent::of(one.facts.not_before - from, to - from);
        one.width = Percent::of(end - one.facts.not_before, to - from);
    }
    Spans {
        from,
        to,
        ticks: ticks(from, to),
        certificates,
    }
}

/// Every certificate once, with those who hold it.
fn held(subject: &Subject) -> Vec<Span> {
    let members = &subject.cluster.members;
    let mut spans: Vec<Span> = Vec::new();
    for member in members {
        let files = member.tls.files().into_iter();
        for (file, _) in files.filter(|(_, is_key)| !is_key) {
            let facts = inspect::facts(File {
                name: file.name.as_str(),
                bytes: file.bytes.expose(),
            });
            for facts in facts {
                let holder = member.name.to_string();
                let known = spans.iter_mut().find(|known| {
                    known.file == file.name.as_str() && known.facts.digest == facts.digest
                });
                match known {
                    Some(known) => known.holders.push(holder),
                    None => spans.push(Span {
                        file: file.name.to_string(),
                        facts,
                        holders: vec![holder],
                        x: Percent(0),
                        width: Percent(0),
                    }),
                }
            }
        }
    }
    for span in &mut spans {
        if span.holders.len() == members.len() {
            span.holders.clear();
        }
    }
    spans.sort_by_key(|span| !span.facts.authority);
    spans
}

/// A handful of days on the axis, each the first of a month.
fn ticks(from: i64, to: i64) -> Vec<Tick> {
    const MONTH: i64 = 2_629_746; // of the Gregorian calendar, in the mean
    const STEPS: [i64; 8] = [1, 3, 6, 12, 24, 36, 60, 120];
    let months = (to - from) / MONTH;
    let step = STEPS.into_iter().find(|step| months / step <= 5);
    let step = step.unwrap_or(240);
    let month_of = |date: &str| {
        let mut numbers = date.split('-').map(str::parse::<i64>);
        let year = numbers.next()?.ok()?;
        Some(year * 12 + numbers.next()?.ok()? - 1)
    };
    let Some(first) = month_of(&day(from)) else {
        return Vec::new();
    };
    let tick = |month: i64| {
        let (year, of_year) = (month / 12, month % 12 + 1);
        let at = parse(&format!("{year:04}-{of_year:02}-01T00:00:00Z"))?;
        let label = match step {
            ..12 => format!("{year:04}-{of_year:02}"),
            _ => format!("{year:04}"),
        };
        (at >= from && at <= to).then(|| Tick {
            at: Percent::of(at - from, to - from),
            label,
        })
    };
    let start = first / step * step;
    let all = (start..=first + months + 2).step_by(usize::try_from(step).unwrap_or(1));
    all.filter_map(tick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_written_as_svg_takes_them() {
        assert_eq!(Percent::of(1, 3).to_string(), "33.33%");
        assert_eq!(Percent::of(5, 3).to_string(), "100.00%");
        assert_eq!(Percent::of(-5, 3).to_string(), "0.00%");
        assert_eq!(Percent::of(i64::MAX, i64::MAX).to_string(), "100.00%");
        assert_eq!(Percent::of(1, 300).words(), "0.3 %");
        assert_eq!(Percent::of(4, 100).words(), "4 %");
    }

    #[test]
    fn an_axis_has_a_handful_of_labels() {
        let from = parse("2026-11-22T12:00:00Z").unwrap();
        let labels = |days: i64| {
            let ticks = ticks(from, from + days * 86_400);
            ticks
                .iter()
                .map(|tick| tick.label.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(labels(90), ["2026-12", "2027-01", "2027-02"]);
        assert_eq!(labels(365), ["2027-01", "2027-04", "2027-07", "2027-10"]);
        assert_eq!(labels(3650), ["2028", "2030", "2032", "2034", "2036"]);
        for days in [1, 30, 365, 1000, 3650, 9000] {
            assert!(labels(days).len() <= 6, "{days}: {:?}", labels(days));
        }
    }
}
