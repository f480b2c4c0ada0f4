//! One small file per cloud: how it takes user-data, how much of it, and how it is launched.
//!
//! To add a cloud: a variant here, a file beside this one, its `launch` template, a test, a row
//! in `docs/platforms.md`.

mod aws;
mod deliver;
mod gce;
mod launch;
mod nocloud;

use std::fmt;

pub use deliver::{Delivery, TooLarge, deliver};
pub use launch::launch;
pub use nocloud::meta_data;

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

/// How much user-data a cloud takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The most bytes, counted as that cloud counts.
    pub bytes: usize,
    /// What is counted, for messages.
    pub of: &'static str,
}

/// How a document is packed for its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is, readable.
    Plain,
    /// gzip.
    Gzip,
    /// base64 of gzip, with the companion key that says so.
    GzipBase64,
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

    /// Whether nothing there may tell machines their network, so that the manifest can.
    pub const fn needs_network(self) -> bool {
        matches!(self, Self::NoCloud)
    }

    /// How much it takes.
    pub const fn limit(self) -> Limit {
        match self {
            Self::Gce => gce::LIMIT,
            Self::Aws => aws::LIMIT,
            Self::NoCloud => nocloud::LIMIT,
        }
    }

    /// Which forms survive on the way, in the order of preference.
    const fn forms(self) -> &'static [Form] {
        match self {
            Self::Gce => gce::FORMS,
            Self::Aws => aws::FORMS,
            Self::NoCloud => nocloud::FORMS,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain text",
            Self::Gzip => "gzip",
            Self::GzipBase64 => "gzip in base64",
        })
    }
}
