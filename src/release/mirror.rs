//! A directory from which releases are fetched, as a typed URL.

use super::{Arch, Version, tarball_name};
use std::fmt;

/// A directory below which `vX/etcd-vX-linux-ARCH.tar.gz` lies: what upstream's two hosts are,
/// what a mirror copies, and what a machine's image can hold.
///
/// Its text is safe in a shell, a unit and an environment file.
///
/// ```
/// use firstboot::release::{Mirror, Scheme};
/// let mirror = Mirror::new("https://mirror.example:8443/etcd/").unwrap();
/// assert_eq!(mirror.as_str(), "https://mirror.example:8443/etcd");
/// assert_eq!(mirror.scheme(), Scheme::Https);
/// assert!(Mirror::new("https://user:secret@mirror.example").is_err());
/// assert!(Mirror::new("file://media/etcd").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    url: String,
    scheme: Scheme,
    host: String,
}

/// How a mirror is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Over TLS.
    Https,
    /// In the clear: only the digest protects what comes.
    Http,
    /// A directory of the machine itself.
    File,
}

/// Why a text is no mirror: the rest of the sentence «`x` cannot be a mirror: …», and the cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAMirror(pub &'static str, pub &'static str);

impl Mirror {
    /// No directory needs more.
    const LONGEST: usize = 255;

    /// Both hosts of upstream, in the order in which a machine tries them
    /// (etcd-io/etcd, `scripts/release`).
    pub fn upstream() -> [Self; 2] {
        let https = |host: &str, path: &str| Self {
            url: format!("https://{host}/{path}"),
            scheme: Scheme::Https,
            host: host.to_owned(),
        };
        [
            https("github.com", "etcd-io/etcd/releases/download"),
            https("storage.googleapis.com", "etcd"),
        ]
    }

    /// Takes `https://`, `http://` and `file:///` with a path of plain characters and nothing else.
    pub fn new(text: &str) -> Result<Self, NotAMirror> {
        const FORM: &str =
            "write for example `https://mirror.example/etcd` or `file:///media/etcd`";
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:+[]".contains(c);
        if text.contains('@') {
            return Err(NotAMirror(
                "it holds credentials, which every user-data would hold then",
                "let the mirror serve without a login: the digest protects what comes",
            ));
        }
        if text.contains(['?', '#']) {
            return Err(NotAMirror("it has a query or a fragment", FORM));
        }
        if !text.chars().all(plain) {
            return Err(NotAMirror(
                "only letters, digits and `-._~+/` may stand in its path",
                "serve it under a plain path",
            ));
        }
        if text.len() > Self::LONGEST {
            return Err(NotAMirror("it has more than 255 characters", FORM));
        }
        // Browsers, and so the parser, take `https:///x` and `https:x` for `https://x`.
        let is_sloppy = !text.contains("://") || text.contains(":///");
        let url = url::Url::parse(text)
            .ok()
            .filter(|url| url.scheme() == "file" || !is_sloppy)
            .ok_or(NotAMirror("it is no URL", FORM))?;
        let host = url.host_str().unwrap_or_default();
        let scheme = match (url.scheme(), host) {
            ("https", _) => Scheme::Https,
            ("http", _) => Scheme::Http,
            ("file", "") if text.starts_with("file:///") && url.path() != "/" => Scheme::File,
            ("file", _) => {
                return Err(NotAMirror(
                    "a file's URL has no host and names a directory",
                    "write three slashes: `file:///media/etcd`",
                ));
            }
            _ => return Err(NotAMirror("it is neither https, http nor file", FORM)),
        };
        if url.path().contains([':', '[', ']']) {
            return Err(NotAMirror(
                "only letters, digits and `-._~+/` may stand in its path",
                "serve it under a plain path",
            ));
        }
        Ok(Self {
            url: url.as_str().trim_end_matches('/').to_owned(),
            scheme,
            host: host.to_owned(),
        })
    }

    /// The URL without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// How it is reached.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its host, without a port; empty for a directory of the machine itself.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The directory of one release, without a trailing slash.
    pub fn directory(&self, version: Version) -> String {
        format!("{}/v{version}", self.url)
    }

    /// The URL of one tarball.
    pub fn tarball(&self, version: Version, arch: Arch) -> String {
        format!(
            "{}/{}",
            self.directory(version),
            tarball_name(&version, arch)
        )
    }

    /// The URL of the release's list of digests.
    pub fn sums(&self, version: Version) -> String {
        format!("{}/SHA256SUMS", self.directory(version))
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_at_their_edges() {
        for (text, url, host) in [
            (
                "https://Mirror.Example:443/",
                "https://mirror.example",
                "mirror.example",
            ),
            (
                "http://10.0.0.1:8080/a/b//",
                "http://10.0.0.1:8080/a/b",
                "10.0.0.1",
            ),
            (
                "https://[fd00::1]:8443/e",
                "https://[fd00::1]:8443/e",
                "[fd00::1]",
            ),
            ("https://m/a/../b", "https://m/b", "m"),
            ("file:///media/etcd/", "file:///media/etcd", ""),
        ] {
            let mirror = Mirror::new(text).unwrap();
            assert_eq!((mirror.as_str(), mirror.host()), (url, host), "{text}");
        }
        for bad in [
            "",
            "mirror.example",
            "https://",
            "https:///x",
            "https:x",
            "https:/x",
            "ftp://m/x",
            "file:/x",
            "file:///",
            "file://host/x",
            "https://u@m/x",
            "https://u:p@m",
            "https://m/x?y",
            "https://m/#x",
            "https://m/a b",
            "https://m/$(id)",
            "https://m/a;b",
            "https://m/a'b",
            "https://m/`id`",
            "https://m/%h",
            "https://m/a\nb",
            "https://m\\x",
            "https://m/é",
            "https://m:99999/",
            "https://m/a[1-9]",
            "https://m/a:b",
            " https://m",
            "javascript:alert",
        ] {
            assert!(Mirror::new(bad).is_err(), "{bad}");
        }
        assert!(Mirror::new(&format!("https://m/{}", "x".repeat(255))).is_err());
    }

    #[test]
    fn upstream_is_made_as_anybody_s() {
        for mirror in Mirror::upstream() {
            assert_eq!(Mirror::new(mirror.as_str()), Ok(mirror));
        }
    }
}
