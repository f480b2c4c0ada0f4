//! The table of etcd's settings: which version knows which, under which name, and whose it is.

use super::kind::Kind;
use crate::release::Version;
use std::fmt;

const TABLE: &str = include_str!("../../../data/etcd-settings.tsv");

/// The first and the last minor version that the table has a column for.
const MINORS: [u64; 5] = [3, 4, 5, 6, 7];

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its newest name, which is the one that manifests use.
    pub name: &'static str,
    /// What its values look like.
    pub kind: Kind,
    /// etcd's own default, as the table words it.
    pub default: &'static str,
    /// What firstboot sets unless the manifest does, and the first version for which it does.
    pub ours: Option<(&'static str, Option<Version>)>,
    /// Who decides on it.
    pub whose: Whose,
    /// What it does; for what a manifest may not set, why not.
    pub note: &'static str,
    /// For each minor version: how it is spelled, and the patch level from which it is known.
    lines: [Option<(Spelling, u64)>; 5],
}

/// Who decides on a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The manifest; it has to be the same on every member.
    All,
    /// The manifest; members could differ.
    Any,
    /// firstboot sets it.
    Firstboot,
    /// Nobody: firstboot refuses it.
    No,
}

/// How one version of etcd spells a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As the flag of that name; its variable is [`Spelling::variable`].
    Flag(&'static str),
    /// As the flag `experimental-` and that name.
    Experimental(&'static str),
    /// As a feature gate, one of several in one variable.
    Gate(&'static str),
}

impl Spelling {
    /// The environment variable: etcd makes it of the flag's name (`pkg/flags`, `FlagToEnv`).
    pub fn variable(self) -> String {
        let flag = self.flag();
        format!("ETCD_{}", flag.to_uppercase().replace('-', "_"))
    }

    /// The flag.
    pub fn flag(self) -> String {
        match self {
            Self::Flag(name) => name.to_owned(),
            Self::Experimental(name) => format!("experimental-{name}"),
            Self::Gate(_) => "feature-gates".to_owned(),
        }
    }
}

/// As it stands on etcd's command line: `--experimental-corrupt-check-time`,
/// `--feature-gates=CompactHashCheck`.
impl fmt::Display for Spelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gate(gate) => write!(f, "--feature-gates={gate}"),
            _ => write!(f, "--{}", self.flag()),
        }
    }
}

/// Every setting, in the table's order.
pub fn rows() -> impl Iterator<Item = Row> {
    TABLE.lines().filter_map(parse)
}

/// The setting with this newest name.
///
/// ```
/// use firstboot::cluster::settings::find;
/// let row = find("initial-corrupt-check").unwrap();
/// let spelled = |version: &str| row.spelling(version.parse().unwrap()).unwrap().variable();
/// assert_eq!(spelled("3.5.21"), "ETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK");
/// assert_eq!(spelled("3.6.0"), "ETCD_FEATURE_GATES");
/// assert!(find("tls-min-version").unwrap().spelling("3.4.24".parse().unwrap()).is_none());
/// ```
pub fn find(name: &str) -> Option<Row> {
    rows().find(|row| match row.name.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => row.name == name,
    })
}

/// The setting that some version calls by this older name or gate.
pub fn find_by_older_name(name: &str) -> Option<Row> {
    let is_gate = |gate: &str| gate.eq_ignore_ascii_case(name);
    rows().find(|row| {
        let mut spellings = row.lines.iter().flatten().map(|(spelling, _)| spelling);
        let plain = name.strip_prefix("experimental-");
        spellings.any(|spelling| match spelling {
            Spelling::Gate(gate) => is_gate(gate),
            spelling => *spelling != Spelling::Flag(row.name) && spelling.flag() == name,
        }) || plain == Some(row.name)
    })
}

impl Row {
    /// How this version spells it; `None` if it does not know it.
    pub fn spelling(&self, version: Version) -> Option<Spelling> {
        let column = MINORS.iter().position(|minor| *minor == version.minor)?;
        let (spelling, since) = self.lines[column]?;
        (version.patch >= since).then_some(spelling)
    }

    /// What firstboot sets on this version unless the manifest does.
    pub fn ours(&self, version: Version) -> Option<&'static str> {
        let (value, since) = self.ours?;
        (version >= since.unwrap_or(version)).then_some(value)
    }

    /// The versions that know it: `3.4.25, 3.5.8 and 3.6 on`, `3.3 and 3.4`.
    pub fn versions(&self) -> String {
        let known = MINORS.iter().zip(self.lines);
        let mut words: Vec<String> = known
            .filter_map(|(minor, line)| match line?.1 {
                0 => Some(format!("3.{minor}")),
                patch => Some(format!("3.{minor}.{patch}")),
            })
            .collect();
        // A run of whole lines up to the newest one reads better as «3.5 on».
        if self.lines[MINORS.len() - 1].is_some() {
            let whole = self.lines.iter().rev();
            let whole = whole.take_while(|line| line.is_some_and(|(_, since)| since == 0));
            words.truncate(words.len() - whole.count().saturating_sub(1));
            if let Some(last) = words.last_mut() {
                last.push_str(" on");
            }
        }
        match words.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => String::new(),
        }
    }
}

fn parse(line: &'static str) -> Option<Row> {
    let mut fields = line.split('\t');
    let name = fields.next().filter(|name| !name.starts_with('#'))?;
    let kind = Kind::named(fields.next()?)?;
    let default = fields.next()?;
    let ours = ours(fields.next()?).ok()?;
    let whose = match fields.next()? {
        "all" => Whose::All,
        "any" => Whose::Any,
        "firstboot" => Whose::Firstboot,
        "no" => Whose::No,
        _ => return None,
    };
    let mut lines = [None; MINORS.len()];
    for line in &mut lines {
        *line = cell(name, fields.next()?).ok()?;
    }
    Some(Row {
        name,
        kind,
        default,
        ours,
        whose,
        note: fields.next()?,
        lines,
    })
}

/// A cell of the table that says nothing which is understood.
struct Malformed;

fn ours(text: &'static str) -> Result<Option<(&'static str, Option<Version>)>, Malformed> {
    if text == "-" {
        return Ok(None);
    }
    let Some((value, since)) = text.split_once(" >=") else {
        return Ok(Some((text, None)));
    };
    let since = since.parse().map_err(|_| Malformed)?;
    Ok(Some((value, Some(since))))
}

fn cell(name: &'static str, text: &'static str) -> Result<Option<(Spelling, u64)>, Malformed> {
    if text == "-" {
        return Ok(None);
    }
    let (spelling, since) = match text.rsplit_once('/') {
        None => (Spelling::Flag(name), text),
        Some(("x", since)) => (Spelling::Experimental(name), since),
        Some((gate, since)) if gate.starts_with(|c: char| c.is_ascii_uppercase()) => {
            (Spelling::Gate(gate), since)
        }
        Some((flag, since)) => (Spelling::Flag(flag), since),
    };
    let since = since.parse().map_err(|_| Malformed)?;
    Ok(Some((spelling, since)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_line_is_a_row_and_no_name_stands_twice() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            assert!(parse(line).is_some(), "not a row: {line}");
            assert_eq!(line.split('\t').count(), 11, "{line}");
        }
        let mut names = HashSet::new();
        for row in rows() {
            assert!(names.insert(row.name), "{} stands twice", row.name);
            assert!(!row.note.is_empty() && !row.note.ends_with('.'));
            assert!(row.lines.iter().any(Option::is_some), "{}", row.name);
        }
        assert!(names.len() > 100);
    }

    /// Two settings under one variable would overwrite each other; gates share theirs.
    #[test]
    fn no_version_has_one_spelling_for_two_settings() {
        for column in 0..MINORS.len() {
            let mut seen = HashSet::new();
            for row in rows() {
                let Some((spelling, _)) = row.lines[column] else {
                    continue;
                };
                assert!(seen.insert(spelling.to_string()), "{spelling} twice");
            }
        }
    }

    #[test]
    fn what_is_ours_and_what_is_default_is_right_in_itself() {
        for row in rows() {
            if let Some((value, _)) = row.ours {
                assert!(row.kind.read(value).is_ok(), "{} {value}", row.name);
                assert!(matches!(row.whose, Whose::All | Whose::Any));
            }
            let defaults = row.default.split(", ");
            for part in defaults.filter(|part| *part != "-") {
                let value = part.split_once(": ").map_or(part, |(_, value)| value);
                let is_old_logger = value == "capnslog";
                assert!(
                    row.kind.read(value).is_ok() || is_old_logger || row.name == "host-whitelist",
                    "{} {value}",
                    row.name
                );
            }
        }
    }

    #[test]
    fn versions_are_said_shortly() {
        let versions = |name| find(name).unwrap().versions();
        assert_eq!(versions("name"), "3.3 on");
        assert_eq!(versions("tls-min-version"), "3.4.25, 3.5.8 and 3.6 on");
        assert_eq!(versions("max-snapshots"), "3.3, 3.4 and 3.5");
        assert_eq!(versions("priority-request"), "3.7 on");
        assert_eq!(versions("debug"), "3.3");
    }

    #[test]
    fn older_names_lead_to_the_newest() {
        let newest = |name| find_by_older_name(name).map(|row| row.name);
        for (older, name) in [
            ("experimental-corrupt-check-time", "corrupt-check-time"),
            (
                "experimental-compact-hash-check-enabled",
                "compact-hash-check",
            ),
            ("experimental-enable-lease-checkpoint", "lease-checkpoint"),
            ("InitialCorruptCheck", "initial-corrupt-check"),
            ("log-output", "log-outputs"),
            // Only 3.6 has this one, beside the newer name.
            (
                "experimental-warning-unary-request-duration",
                "warning-unary-request-duration",
            ),
        ] {
            assert_eq!(newest(older), Some(name));
        }
        assert_eq!(newest("corrupt-check-time"), None);
    }
}
