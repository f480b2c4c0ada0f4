//! One small file per cloud: how it takes user-data, how much of it, and how it is launched.
//!
//! To add a cloud: a variant here, a file beside this one, a test, a row in `docs/platforms.md`.

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
