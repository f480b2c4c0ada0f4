//! Why a rehearsal could not be held, as a person reads it.

use super::tools::Missing;
use crate::release::Version;
use std::fmt;
use std::io;

/// Why a rehearsal could not be held. A machine that fails is no error: see [`super::Outcome`].
#[derive(Debug)]
pub enum Error {
    /// This computer lacks something.
    Missing(Missing),
    /// An operation on this computer failed.
    Io {
        /// What was being done, as a gerund: `reading …`.
        doing: String,
        /// What went wrong.
        source: io::Error,
    },
    /// A tool ended with an error.
    Tool {
        /// Its name.
        tool: String,
        /// The end of what it said.
        said: String,
    },
    /// No suite carries etcd of this release line.
    NoStandIn(Version),
    /// Debian's package holds another release line than the suite is known for.
    WrongStandIn {
        /// What was asked for.
        wanted: Version,
        /// What the package holds.
        found: String,
    },
    /// etcd is not published for this computer's architecture.
    Architecture,
    /// It was told to stop.
    Interrupted,
    /// What went wrong inside the namespaces, already in words.
    Inside(String),
    /// The process inside the namespaces ended without a word of its own.
    Vanished(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(missing) => missing.fmt(f),
            Self::Io { doing, source } => write!(f, "{doing}: {source}"),
            Self::Tool { tool, said } if said.is_empty() => write!(f, "`{tool}` failed"),
            Self::Tool { tool, said } => write!(f, "`{tool}` failed: {said}"),
            Self::NoStandIn(version) => write!(
                f,
                "no Debian release carries etcd {}.{}, so no stand-in for {version} can be built; \
                 name the release's own with `--tarball etcd-v{version}-linux-amd64.tar.gz`, \
                 which `firstboot pin --vendor DIR` fetches",
                version.major, version.minor
            ),
            Self::WrongStandIn { wanted, found } => write!(
                f,
                "Debian's etcd package holds `{found}`, which cannot stand in for {wanted}; \
                 name a tarball of that version"
            ),
            Self::Architecture => {
                f.write_str("etcd is not published for this computer's architecture")
            }
            Self::Interrupted => f.write_str("interrupted; nothing is left running"),
            Self::Inside(text) => f.write_str(text),
            Self::Vanished(said) if said.is_empty() => {
                f.write_str("the rehearsal ended before its outcome was known")
            }
            Self::Vanished(said) => {
                write!(
                    f,
                    "the rehearsal ended before its outcome was known: {said}"
                )
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Says what was being done when an operation failed.
pub(super) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            doing: what(),
            source: source.into(),
        })
    }
}
