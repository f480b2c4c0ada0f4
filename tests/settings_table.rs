//! The settings table against etcd's own flags, row by row, and `docs/settings.md` against it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/etcd_flags.rs"]
mod etcd_flags;

use etcd_flags::declared;
use firstboot::cluster::settings::{Row, Spelling, Whose, find, rows};
use firstboot::release::Version;
use std::fmt::Write as _;
use std::path::Path;

/// Names that a line still takes, and complains of: a newer name is there, or no use is left.
const DEPRECATED: [(&str, &[u64]); 6] = [
    ("debug", &[4]),
    ("log-output", &[4]),
    ("log-package-levels", &[4]),
    ("enable-v2", &[5]),
    ("max-snapshots", &[6, 7]),
    ("v2-deprecation", &[6, 7]),
];

fn is_deprecated(flag: &str, minor: u64) -> bool {
    let listed = DEPRECATED.iter().find(|(name, _)| *name == flag);
    (flag.starts_with("experimental-") && minor == 6)
        || listed.is_some_and(|(_, minors)| minors.contains(&minor))
}

fn version(minor: u64, patch: u64) -> Version {
    Version {
        major: 3,
        minor,
        patch,
    }
}

fn name_of(spelling: Spelling) -> String {
    match spelling {
        Spelling::Gate(gate) => gate.to_owned(),
        spelling => spelling.flag(),
    }
}

/// Nothing is rendered that a version does not declare, from the very patch level on.
#[test]
fn every_row_is_a_flag_of_every_version_that_it_names() {
    let declared = declared();
    let mut checked = 0;
    for row in rows().filter(|row| !row.name.ends_with('*')) {
        for minor in 3..=7 {
            let Some(spelling) = row.spelling(version(minor, 999)) else {
                continue;
            };
            let name = name_of(spelling);
            let since = declared.get(&(name.clone(), minor));
            let since = *since.unwrap_or_else(|| panic!("3.{minor} has no {name}"));
            assert!(
                row.spelling(version(minor, since)).is_some(),
                "3.{minor} {name}"
            );
            if since > 0 {
                let before = version(minor, since - 1);
                assert_eq!(row.spelling(before), None, "{before} {name}");
            }
            checked += 1;
        }
    }
    assert!(checked > 400, "{checked}");
}

/// No flag of any version is unknown here: it is a setting, firstboot's, refused or deprecated.
#[test]
fn every_flag_of_every_version_has_its_row() {
    let declared = declared();
    assert!(declared.len() > 500);
    for (flag, minor) in declared.keys() {
        let mut same = rows().filter_map(|row| row.spelling(version(*minor, 999)));
        let is_family = find(flag).is_some_and(|row| row.name.ends_with('*'));
        let is_known = is_family || same.any(|spelling| name_of(spelling) == *flag);
        assert!(
            is_known || is_deprecated(flag, *minor),
            "3.{minor} {flag} has no row"
        );
        assert!(
            !(is_known && is_deprecated(flag, *minor)),
            "3.{minor} {flag} is deprecated"
        );
    }
}

fn table(may: bool) -> String {
    let wanted = |row: &Row| matches!(row.whose, Whose::All | Whose::Any) == may;
    let mut text = if may {
        "| setting | value | etcd's default | firstboot sets | etcd | what it does |\n|---|---|---|---|---|---|\n"
    } else {
        "| setting | | instead |\n|---|---|---|\n"
    }
    .to_owned();
    let code = |text: &str| match text {
        "-" => String::new(),
        text => format!("`{text}`"),
    };
    for row in rows().filter(wanted) {
        let _ = if may {
            let ours = row.ours.map_or_else(String::new, |(value, since)| {
                let since = since.map_or_else(String::new, |since| format!(" from {since} on"));
                format!("{}{since}", code(value))
            });
            let (name, kind, default) = (row.name, row.kind, code(row.default));
            let (versions, note) = (row.versions(), row.note);
            writeln!(
                text,
                "| `{name}` | {kind} | {default} | {ours} | {versions} | {note} |"
            )
        } else {
            let whose = match row.whose {
                Whose::Firstboot => "firstboot's",
                _ => "refused",
            };
            writeln!(text, "| `{}` | {whose} | {} |", row.name, row.note)
        };
    }
    text
}

/// After a change of the table, `SNAPSHOTS=overwrite cargo test --test settings_table`.
#[test]
fn the_documentation_has_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
    let mut docs = std::fs::read_to_string(&path).unwrap();
    for (name, may) in [("settings", true), ("not-settings", false)] {
        let (begin, end) = (format!("<!-- table: {name} -->\n"), "<!-- end -->");
        let start = docs.find(&begin).unwrap() + begin.len();
        let stop = start + docs[start..].find(end).unwrap();
        docs.replace_range(start..stop, &table(may));
    }
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        std::fs::write(&path, &docs).unwrap();
    }
    snapbox::assert_data_eq!(
        std::fs::read_to_string(&path).unwrap(),
        snapbox::Data::text(docs).raw()
    );
}
