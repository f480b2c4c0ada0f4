//! Where on a machine our own files lie.

use askama::filters::Escaper;
use std::fmt::{self, Write};

/// Under which directory a machine keeps what its distribution does not bring.
///
/// `install-etcd` puts etcd into `bin` beside the `lib` that it stands in, so a layout is one
/// prefix. The bytes of the image's files are a function of the layout and the etcd release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `/usr/local`, wherever it can be written to. Fedora CoreOS is among those: its `/usr` is
    /// read-only, but `/usr/local` leads to `/var/usrlocal`. Its `/opt` would be wrong: it leads
    /// to `/var/opt`, for which SELinux has no rule (openshift/os#1624), so that systemd may not
    /// run a program from there (k0sproject/k0sctl#440).
    #[default]
    UsrLocal,
    /// `/opt`, where `/usr` is read-only as a whole: Flatcar, whose own documentation puts
    /// programs into `/opt/bin`.
    Opt,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 2] = [Self::UsrLocal, Self::Opt];

    /// The directory of etcd's programs.
    ///
    /// ```
    /// use firstboot::machine::Layout;
    /// assert_eq!(Layout::UsrLocal.bin(), "/usr/local/bin");
    /// assert_eq!(Layout::Opt.bin(), "/opt/bin");
    /// ```
    pub const fn bin(self) -> &'static str {
        match self {
            Self::UsrLocal => "/usr/local/bin",
            Self::Opt => "/opt/bin",
        }
    }

    /// The directory of firstboot's scripts.
    ///
    /// ```
    /// use firstboot::machine::Layout;
    /// assert_eq!(Layout::Opt.lib(), "/opt/lib/firstboot");
    /// ```
    pub const fn lib(self) -> &'static str {
        match self {
            Self::UsrLocal => "/usr/local/lib/firstboot",
            Self::Opt => "/opt/lib/firstboot",
        }
    }
}

/// A value in a `.service` template: one word that systemd takes as it stands.
///
/// Anything in which systemd could see a quote, a specifier or a variable is refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnitWord;

impl Escaper for UnitWord {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        if !text.chars().all(plain) {
            return Err(fmt::Error);
        }
        dest.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_takes_plain_words_only() {
        let escaped = |text: &str| {
            let mut out = String::new();
            UnitWord.write_escaped_str(&mut out, text).map(|()| out)
        };
        assert_eq!(escaped("/opt/bin").unwrap(), "/opt/bin");
        for text in ["a b", "%n", "$x", "'", "\"", "\\", "a\nb", "é", ";", "@"] {
            assert!(escaped(text).is_err(), "{text:?}");
        }
    }
}
