//! The two coordinates of a release tarball: version and architecture.

use std::fmt;
use std::str::FromStr;

/// An etcd release, always with all three numbers: `3.3.9`.
///
/// ```
/// use firstboot::release::Version;
/// assert_eq!("3.3.9".parse::<Version>().unwrap().to_string(), "3.3.9");
/// assert!("3.3".parse::<Version>().is_err()); // which 3.3?
/// assert!("v3.3.9".parse::<Version>().is_err());
/// assert!("3.6.0-rc.3".parse::<Version>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Always 3 today.
    pub major: u64,
    /// The release line: settings differ between lines.
    pub minor: u64,
    /// The patch level.
    pub patch: u64,
}

/// Why a text is no etcd version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAVersion;

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let parsed = semver::Version::parse(text).map_err(|_| NotAVersion)?;
        if !parsed.pre.is_empty() || !parsed.build.is_empty() {
            return Err(NotAVersion);
        }
        Ok(Self {
            major: parsed.major,
            minor: parsed.minor,
            patch: parsed.patch,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// An architecture for which etcd publishes tarballs, under Go's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// `uname -m`: `x86_64`.
    Amd64,
    /// `uname -m`: `aarch64`.
    Arm64,
    /// `uname -m`: `ppc64le`.
    Ppc64le,
    /// `uname -m`: `s390x`.
    S390x,
}

/// Why a text is no architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnArch;

impl FromStr for Arch {
    type Err = NotAnArch;

    fn from_str(text: &str) -> Result<Self, NotAnArch> {
        let named = |arch: &Self| arch.name() == text;
        Self::ALL.into_iter().find(named).ok_or(NotAnArch)
    }
}

impl Arch {
    /// Every architecture, in the order in which tables list them.
    pub const ALL: [Self; 4] = [Self::Amd64, Self::Arm64, Self::Ppc64le, Self::S390x];

    /// Go's name, as it stands in the tarball's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Ppc64le => "ppc64le",
            Self::S390x => "s390x",
        }
    }

    /// Whether this release ends at once on this architecture unless `ETCD_UNSUPPORTED_ARCH`
    /// names it (etcd-io/etcd, `checkSupportArch`: only amd64 and ppc64le pass up to 3.4, all
    /// four from 3.5 on).
    ///
    /// ```
    /// use firstboot::release::Arch;
    /// assert!(Arch::Arm64.is_unsupported_by("3.4.45".parse().unwrap()));
    /// assert!(!Arch::Arm64.is_unsupported_by("3.5.0".parse().unwrap()));
    /// assert!(!Arch::Ppc64le.is_unsupported_by("3.3.9".parse().unwrap()));
    /// ```
    pub const fn is_unsupported_by(self, version: Version) -> bool {
        version.minor < 5 && matches!(self, Self::Arm64 | Self::S390x)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
