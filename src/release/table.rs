//! The built-in digest table, so that rendering needs no network.

use super::{Arch, Digest, Version};

const TABLE: &str = include_str!("../../data/etcd-release-sha256.tsv");

/// One row: a tarball's digest and how many independent public sources agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The release.
    pub version: Version,
    /// The architecture.
    pub arch: Arch,
    /// The tarball's SHA-256.
    pub digest: Digest,
    /// Independent sources that agree; 1 means that nobody confirms it.
    pub sources: u32,
}

/// The row of this tarball, if its digest is known.
///
/// ```
/// use firstboot::release::{table, Arch};
/// let row = table::find("3.3.9".parse().unwrap(), Arch::Amd64).unwrap();
/// assert!(row.digest.to_string().starts_with("7b95bdc6"));
/// assert_eq!(row.sources, 3);
/// ```
pub fn find(version: Version, arch: Arch) -> Option<Row> {
    // The first line is a comment, so that every row follows a newline.
    let before = TABLE.find(&format!("\n{version}\t{arch}\t"))?;
    TABLE[before + 1..].lines().next().and_then(parse)
}

/// Every row, in the file's order: oldest release first.
pub fn rows() -> impl Iterator<Item = Row> {
    TABLE.lines().filter_map(parse)
}

fn parse(line: &str) -> Option<Row> {
    let mut fields = line.split('\t');
    let version = fields.next()?.parse().ok()?;
    let arch = fields.next()?;
    Some(Row {
        version,
        arch: Arch::ALL.into_iter().find(|known| known.name() == arch)?,
        digest: fields.next()?.parse().ok()?,
        sources: fields.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn every_line_is_a_row() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            assert!(parse(line).is_some(), "not a row: {line}");
        }
        assert!(rows().count() > 250);
    }

    /// Each mistake found in public lists so far was one tarball's digest under another's name.
    #[test]
    fn no_digest_stands_for_two_tarballs() {
        let mut seen = HashMap::new();
        for row in rows() {
            let twin = seen.insert(row.digest.to_string(), (row.version, row.arch));
            assert_eq!(twin, None, "{} {} repeats a digest", row.version, row.arch);
        }
    }

    #[test]
    fn no_tarball_has_two_digests_and_versions_ascend() {
        let mut seen = HashMap::new();
        for row in rows() {
            assert_eq!(seen.insert((row.version, row.arch), row.digest), None);
        }
        assert!(rows().map(|row| row.version).is_sorted());
    }

    /// Values that public lists once had and that are wrong, with what they really are.
    #[test]
    fn refuses_known_wrong_digests() {
        for wrong in [
            "127d4f2097c09d929beb9d3784590cc11102f4b4d4d4da7ad82d5c9e856afd38", // 3.2.26
            "3797ab06bebe218d5636fa0fb5d127adcace4ca4c1eed959d361dd5b4ba84c1d", // 3.4.15 outlier
            "605413ca07ab5122f146da9b948aa3b8f5bb54c349d4b405474b92c8d249a767", // 3.4.15 outlier
            "3d213ba76b3004de786e3a033da0625c16addc6338f130e23f0521e699c36ef0", // 3.4.15 arm64
            "5b3e2e9d894c582807a4d7c7c39d43b6fb1a9c1bb2e1543f3e5fa4800c2cf775", // 3.4.15 ppc64le
        ] {
            let wrong: Digest = wrong.parse().unwrap();
            assert!(rows().all(|row| row.digest != wrong), "{wrong} is back");
        }
    }
}
