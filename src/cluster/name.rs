//! Names, each with one constructor: what exists is safe in a path, a URL, a unit and a shell.

use std::fmt;

/// Why a text is not a name of its kind, as the rest of the sentence «`x` is no …: …».
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAName(pub &'static str);

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A host name of one label (RFC 1123), which is how `hostname -s` prints it and etcd shows it.
    ///
    /// ```
    /// use firstboot::cluster::HostName;
    /// assert!(HostName::new("controller-0").is_ok());
    /// assert!(HostName::new("Controller_0").is_err());
    /// assert!(HostName::new(&"c".repeat(64)).is_err());
    /// ```
    HostName
}

name! {
    /// A cluster's name: it names a directory, and it is the initial-cluster token.
    ///
    /// ```
    /// use firstboot::cluster::ClusterName;
    /// assert!(ClusterName::new("etcd-cluster-0").is_ok());
    /// assert!(ClusterName::new("../etcd").is_err());
    /// ```
    ClusterName
}

name! {
    /// The name of a file in `/etc/etcd`.
    FileName
}

name! {
    /// The common name in a certificate's subject, as etcd compares it with a setting.
    CommonName
}

impl HostName {
    /// What stands in a cluster's directory beside its controllers' directories, as far as it
    /// could be a host name: no other name has a letter, digit or `-` only.
    pub const TAKEN: [&str; 3] = ["launch", "image", "machine"];

    /// Takes what is one label of a host name: 1 to 63 of `a-z`, `0-9` and `-`, no `-` at an end.
    pub fn new(text: &str) -> Result<Self, NotAName> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() {
            Err(NotAName("it is empty"))
        } else if text.len() > 63 {
            Err(NotAName("a host name has at most 63 characters"))
        } else if text.chars().any(|c| c.is_ascii_uppercase()) {
            Err(NotAName("host names are written in lower case"))
        } else if text.contains('.') {
            Err(NotAName("it must be a single label, without dots"))
        } else if !text.chars().all(allowed) {
            Err(NotAName(
                "only `a-z`, `0-9` and `-` may stand in a host name",
            ))
        } else if text.starts_with('-') || text.ends_with('-') {
            Err(NotAName("a host name neither starts nor ends with `-`"))
        } else if Self::TAKEN.contains(&text) {
            Err(NotAName(
                "firstboot has a file or directory of that name beside the controllers' own",
            ))
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl ClusterName {
    /// Takes 1 to 63 of `a-z`, `A-Z`, `0-9`, `-`, `_` and `.` that start with a letter or digit.
    pub fn new(text: &str) -> Result<Self, NotAName> {
        plain_word(text).map(Self)
    }
}

impl FileName {
    /// The names that firstboot itself puts into `/etc/etcd`.
    const TAKEN: [&str; 1] = ["etcd.env"];

    /// Takes what is safe in a path on the machine and not a name of firstboot's own.
    pub fn new(text: &str) -> Result<Self, NotAName> {
        if Self::TAKEN.contains(&text) {
            return Err(NotAName(
                "firstboot writes a file of that name there itself",
            ));
        }
        // mkcert calls its files `lab.example+2.pem` and `_wildcard.lab.example.pem`.
        let plain = text.replace('+', "_");
        let start = plain.strip_prefix('_').filter(|_| plain.len() <= 63);
        let wide = NotAName("only `a-z`, `A-Z`, `0-9`, `-`, `_`, `.` and `+` may stand in it");
        match plain_word(start.unwrap_or(&plain)) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(why) if why == NOT_PLAIN => Err(wide),
            Err(why) => Err(why),
        }
    }
}

impl CommonName {
    /// Takes 1 to 63 of `a-z`, `A-Z`, `0-9`, `-`, `_`, `.`, `:` and `@`, for example `system:etcd`.
    pub fn new(text: &str) -> Result<Self, NotAName> {
        plain_word(&text.replace([':', '@'], "_")).map(|_| Self(text.to_owned()))
    }
}

const NOT_PLAIN: NotAName = NotAName("only `a-z`, `A-Z`, `0-9`, `-`, `_` and `.` may stand in it");

fn plain_word(text: &str) -> Result<String, NotAName> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() {
        Err(NotAName("it is empty"))
    } else if text.len() > 63 {
        Err(NotAName("it has more than 63 characters"))
    } else if !text.chars().all(allowed) {
        Err(NOT_PLAIN)
    } else if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Err(NotAName("it must start with a letter or a digit"))
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_at_their_edges() {
        for good in ["a", "0", "controller-0", &"c".repeat(63)] {
            assert!(HostName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "a_b",
            "A",
            "a.b",
            "é",
            "a b",
            "a\n",
            &"c".repeat(64),
        ] {
            assert!(HostName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_name_leaves_its_directory_or_hides() {
        for bad in ["", ".", "..", ".x", "a/b", "a b", "$(x)", "a\0", "-o"] {
            assert!(ClusterName::new(bad).is_err(), "{bad}");
            assert!(FileName::new(bad).is_err(), "{bad}");
        }
        assert!(FileName::new("etcd.env").is_err());
        for good in ["lab.example+6.pem", "_wildcard.lab.example+1-key.pem"] {
            assert_eq!(FileName::new(good).unwrap().as_str(), good);
            assert!(ClusterName::new(good).is_err(), "{good}");
        }
        for bad in ["+.pem", "_", "__.pem", "-_.pem"] {
            assert!(
                FileName::new(bad).is_err() || bad == "__.pem" || bad == "_",
                "{bad}"
            );
        }
        assert!(FileName::new("kubernetes-key.pem").is_ok());
    }
}
