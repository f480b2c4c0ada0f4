//! What is known to be wrong with a release.

use super::Version;

const TABLE: &str = include_str!("../../data/etcd-advice.tsv");

/// Of what kind a piece of advice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It loses or garbles data.
    Corruption,
    /// It lets in somebody, or somebody brings it down.
    Security,
    /// Its line gets no fixes any more.
    Ended,
}

/// One thing that is wrong with some releases of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Of what kind it is.
    pub kind: Kind,
    /// The first release that has it.
    pub from: Version,
    /// The first one without it; for [`Kind::Ended`], the line's last release.
    pub cured: Version,
    /// What it is; for [`Kind::Ended`], the date of the last release.
    pub what: &'static str,
}

/// Everything that is known to be wrong with this release.
///
/// ```
/// use firstboot::release::advice::{Kind, of};
/// let wrong: Vec<_> = of("3.5.2".parse().unwrap()).collect();
/// let cured = wrong.iter().filter(|it| it.kind == Kind::Corruption).map(|it| it.cured).max();
/// assert_eq!(cured.unwrap().to_string(), "3.5.23");
/// assert_eq!(of("3.5.33".parse().unwrap()).count(), 0);
/// ```
pub fn of(version: Version) -> impl Iterator<Item = Advice> {
    rows().filter(move |advice| {
        let is_line = advice.from.minor == version.minor && advice.from.major == version.major;
        let is_had = version >= advice.from && version < advice.cured;
        is_line && (is_had || advice.kind == Kind::Ended)
    })
}

/// Every row, in the file's order.
pub fn rows() -> impl Iterator<Item = Advice> {
    TABLE.lines().filter_map(parse)
}

fn parse(line: &'static str) -> Option<Advice> {
    let mut fields = line.split('\t');
    let kind = match fields.next()? {
        "corruption" => Kind::Corruption,
        "security" => Kind::Security,
        "ended" => Kind::Ended,
        _ => return None,
    };
    let line = fields.next()?;
    let patch = |patch: &str| format!("{line}.{patch}").parse().ok();
    Some(Advice {
        kind,
        from: patch(fields.next()?)?,
        cured: patch(fields.next()?)?,
        what: fields.next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_row_whose_cure_comes_later() {
        let lines: Vec<_> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        assert_eq!(rows().count(), lines.len());
        for advice in rows() {
            assert!(advice.cured > advice.from, "{advice:?}");
        }
    }

    /// A cure that nobody can install is none.
    #[test]
    fn there_is_a_release_after_every_fault() {
        for (version, kinds) in [
            (
                "3.3.9",
                &[Kind::Ended, Kind::Corruption, Kind::Corruption][..],
            ),
            ("3.3.27", &[Kind::Ended]),
            ("3.4.27", &[Kind::Ended, Kind::Corruption, Kind::Security]),
            ("3.4.45", &[Kind::Ended]),
            (
                "3.5.22",
                &[Kind::Corruption, Kind::Security, Kind::Security],
            ),
            ("3.5.33", &[]),
            ("3.6.4", &[Kind::Corruption, Kind::Security, Kind::Security]),
            ("3.6.14", &[]),
            ("3.7.0", &[Kind::Security]),
            ("3.7.1", &[]),
        ] {
            let found: Vec<_> = of(version.parse().unwrap()).map(|it| it.kind).collect();
            assert_eq!(found, kinds, "{version}");
        }
    }
}
