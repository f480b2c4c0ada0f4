//! `SHA256SUMS`, as a release's hosts serve it.

use super::Digest;
use std::fmt::Write as _;

/// The digests of a release's files under their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(Vec<(String, Digest)>);

/// Why a text is no list of digests: the rest of the sentence «… is no list of digests: …».
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotSums(pub String);

impl Sums {
    /// More than any release's list has: etcd's have about 2 kB.
    pub const MOST_BYTES: u64 = 64 * 1024;

    /// Reads what `sha256sum` or `shasum -a 256` printed.
    ///
    /// ```
    /// use firstboot::release::Sums;
    /// let line = format!("{}  etcd-v3.3.9-linux-amd64.tar.gz\n", "ab".repeat(32));
    /// let sums = Sums::parse(line.as_bytes()).unwrap();
    /// assert!(sums.find("etcd-v3.3.9-linux-amd64.tar.gz").is_some());
    /// assert!(Sums::parse(b"<html>").is_err());
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self, NotSums> {
        let text = std::str::from_utf8(bytes).map_err(|_| NotSums("it is not text".to_owned()))?;
        let mut sums = Self::default();
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let (digest, name) = parse_line(line)
                .ok_or_else(|| NotSums(format!("line {} has no digest and name", number + 1)))?;
            if sums.find(name).is_some_and(|known| known != digest) {
                return Err(NotSums(format!(
                    "line {} contradicts an earlier one",
                    number + 1
                )));
            }
            sums.0.push((name.to_owned(), digest));
        }
        if sums.0.is_empty() {
            return Err(NotSums("it is empty".to_owned()));
        }
        Ok(sums)
    }

    /// The digest of the file of this name.
    pub fn find(&self, name: &str) -> Option<Digest> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, digest)| *digest)
    }

    /// The same list with this digest for this name.
    #[must_use]
    pub fn with(mut self, name: String, digest: Digest) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, digest));
        self.0.sort_by(|a, b| a.0.cmp(&b.0));
        self
    }

    /// As `sha256sum -c` reads it.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (name, digest) in &self.0 {
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "{digest}  {name}");
        }
        text
    }
}

/// `DIGEST  NAME`, or `DIGEST *NAME` where the file was read as binary.
fn parse_line(line: &str) -> Option<(Digest, &str)> {
    let (digest, rest) = line.split_at_checked(64)?;
    let name = rest
        .strip_prefix("  ")
        .or_else(|| rest.strip_prefix(" *"))?;
    let name = name.trim_end();
    (!name.is_empty()).then_some((
        digest.parse().ok()?,
        name.strip_prefix("./").unwrap_or(name),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling_and_refuses_what_is_none() {
        let (a, b) = ("ab".repeat(32), "cd".repeat(32));
        let text = format!("{a}  one\n{b} *./two\r\n\n");
        let sums = Sums::parse(text.as_bytes()).unwrap();
        assert_eq!(sums.find("one").unwrap().to_string(), a);
        assert_eq!(sums.find("two").unwrap().to_string(), b);
        assert_eq!(sums.find("three"), None);
        for (wrong, why) in [
            (String::new(), "it is empty"),
            ("Not Found".to_owned(), "line 1 has no digest and name"),
            (format!("{a} one"), "line 1 has no digest and name"),
            (format!("{a}  "), "line 1 has no digest and name"),
            (
                format!("{a}  one\n{b}  one"),
                "line 2 contradicts an earlier one",
            ),
            (format!("{a}  one\n<html>"), "line 2 has no digest and name"),
        ] {
            let error = Sums::parse(wrong.as_bytes()).unwrap_err();
            assert_eq!(error.0, why, "{wrong}");
        }
        assert_eq!(Sums::parse(&[0xff]), Err(NotSums("it is not text".into())));
    }

    #[test]
    fn writes_what_it_reads() {
        let digest = Digest::of(b"x");
        let sums = Sums::default()
            .with("b".into(), digest)
            .with("a".into(), digest);
        assert_eq!(sums.to_text(), format!("{digest}  a\n{digest}  b\n"));
        assert_eq!(Sums::parse(sums.to_text().as_bytes()).unwrap(), sums);
    }
}
