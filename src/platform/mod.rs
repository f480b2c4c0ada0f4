//! One small file per cloud: how it takes user-data, how much of it, and how it is launched.
//!
//! To add a cloud: a variant here, a file beside this one, a test, a row in `docs/platforms.md`.

use std::fmt;

/// Where the machines run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Google Compute Engine.
    Gce,
    /// Amazon EC2.
    Aws,
    /// A seed directory or disk, as cloud-init's `NoCloud` datasource reads it.
    NoCloud,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 3] = [Self::Gce, Self::Aws, Self::NoCloud];

    /// Its name in the manifest and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gce => "gce",
            Self::Aws => "aws",
            Self::NoCloud => "nocloud",
        }
    }

    /// The platform of this name.
    ///
    /// ```
    /// use firstboot::platform::Platform;
    /// assert_eq!(Platform::named("gce"), Some(Platform::Gce));
    /// assert_eq!(Platform::named("GCE"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|platform| platform.name() == name)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
