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
        if Self::meant(text).is_some() {
            return Err(NotAMirror(
                "machines add `/vX.Y.Z/etcd-vX.Y.Z-linux-ARCH.tar.gz` to it, and get a 404 there",
                FORM,
            ));
        }
        Ok(Self {
            url: url.as_str().trim_end_matches('/').to_owned(),
            scheme,
            host: host.to_owned(),
        })
    }

    /// The directory that was meant by the URL of one release, of a file of it, or of a page that
    /// shows releases; `None` where nothing says that another one was.
    ///
    /// ```
    /// use firstboot::release::Mirror;
    /// let meant = |text| Mirror::meant(text);
    /// let url = "https://m/etcd/v3.6.14/etcd-v3.6.14-linux-amd64.tar.gz";
    /// assert_eq!(meant(url).as_deref(), Some("https://m/etcd"));
    /// assert_eq!(meant("https://m/etcd?x=1").as_deref(), Some("https://m/etcd"));
    /// assert_eq!(meant("https://m/etcd"), None);
    /// ```
    pub fn meant(text: &str) -> Option<String> {
        const PAGES: [&str; 2] = [
            "https://github.com/etcd-io/etcd",
            "https://github.com/coreos/etcd",
        ];
        const DOWNLOADS: &str = "/releases/download";
        let bare = text.split(['?', '#']).next().unwrap_or_default();
        let mut rest = bare.trim_end_matches('/');
        for page in PAGES {
            let behind = rest.strip_prefix(page);
            let is_page = behind.is_some_and(|behind| {
                behind.is_empty() || behind.starts_with('/') && !behind.starts_with(DOWNLOADS)
            });
            if is_page {
                return Some(format!("{}{DOWNLOADS}", PAGES[0]));
            }
        }
        if rest == "https://storage.googleapis.com" {
            return Some(format!("{rest}/etcd"));
        }
        while let Some((above, last)) = rest.rsplit_once('/') {
            let is_host = above.ends_with('/') || above.ends_with(':');
            if is_host || !is_of_a_release(last) {
                break;
            }
            rest = above.trim_end_matches('/');
        }
        let is_changed = rest.len() < bare.trim_end_matches('/').len() || bare.len() < text.len();
        is_changed.then(|| rest.to_owned())
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

/// Whether a path's last name is that of a release or of a file of one: `v3.6.14`, `vX.Y.Z`,
/// `etcd-v3.6.14-linux-amd64.tar.gz`, `SHA256SUMS`.
fn is_of_a_release(name: &str) -> bool {
    const ENDINGS: [&str; 9] = [
        ".tar.gz", ".tgz", ".tar", ".tar.xz", ".zip", ".aci", ".asc", ".sha256", ".sig",
    ];
    let lower = name.to_ascii_lowercase();
    let version = lower.strip_prefix('v').unwrap_or(&lower);
    let parts: Vec<&str> = version.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
    let is_version = parts == ["x", "y", "z"] || parts.len() == 3 && parts.iter().all(is_number);
    is_version || lower == "sha256sums" || ENDINGS.iter().any(|ending| lower.ends_with(ending))
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
            "https://m/etcd/v3.6.14",
            "https://m/etcd/3.6.14/",
            "https://m/etcd/vX.Y.Z",
            "https://m/etcd/v3.6.14/etcd-v3.6.14-linux-amd64.tar.gz",
            "https://m/etcd.tgz//",
            "https://m/etcd/v3.6.14/SHA256SUMS",
            "https://github.com/etcd-io/etcd",
            "https://github.com/etcd-io/etcd/releases/tag/v3.6.14",
            "https://storage.googleapis.com/",
            "file:///media/etcd-v3.6.14-linux-amd64.tar.gz",
        ] {
            assert!(Mirror::new(bad).is_err(), "{bad}");
        }
        assert!(Mirror::new(&format!("https://m/{}", "x".repeat(255))).is_err());
    }

    #[test]
    fn what_was_meant_is_a_mirror() {
        const DOWNLOADS: &str = "https://github.com/etcd-io/etcd/releases/download";
        for (text, meant) in [
            ("https://m/etcd/v3.6.14", "https://m/etcd"),
            ("https://m/etcd/vX.Y.Z//", "https://m/etcd"),
            (
                "https://m/a/v3.6.14/etcd-v3.6.14-linux-arm64.tar.gz?token=x#y",
                "https://m/a",
            ),
            ("https://m/etcd?raw=1", "https://m/etcd"),
            ("https://m/v3.6.14", "https://m"),
            (
                "file:///media/etcd-v3.6.14-linux-amd64.tar.gz",
                "file:///media",
            ),
            ("https://github.com/etcd-io/etcd/", DOWNLOADS),
            ("https://github.com/etcd-io/etcd/releases/latest", DOWNLOADS),
            (
                "https://github.com/etcd-io/etcd/releases/download/v3.6.14/",
                DOWNLOADS,
            ),
            (
                "https://storage.googleapis.com",
                "https://storage.googleapis.com/etcd",
            ),
        ] {
            assert_eq!(Mirror::meant(text).as_deref(), Some(meant), "{text}");
            assert!(Mirror::new(meant).is_ok(), "{meant}");
            assert!(Mirror::new(text).is_err(), "{text}");
        }
        for right in ["https://m", "https://m/3.6", "https://m/etcd-v3", DOWNLOADS] {
            assert_eq!(Mirror::meant(right), None, "{right}");
        }
    }

    #[test]
    fn upstream_is_made_as_anybody_s() {
        for mirror in Mirror::upstream() {
            assert_eq!(Mirror::new(mirror.as_str()), Ok(mirror));
        }
    }
}
