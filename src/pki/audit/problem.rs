//! What an audit reports.

use std::fmt;

/// Whether a cluster can form with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// No cluster forms, or a key would lie open on a machine.
    Error,
    /// It works, but not for long or not for everybody.
    Warning,
}

/// The file in which a problem stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The bundle of CA certificates.
    Ca,
    /// The certificate, with the intermediates behind it.
    Certificate,
    /// The private key.
    Key,
}

impl Part {
    /// What ought to be in the file.
    pub(super) const fn content(self) -> &'static str {
        match self {
            Self::Ca => "CA certificate",
            Self::Certificate => "certificate",
            Self::Key => "private key",
        }
    }
}

/// One thing that is wrong, with its cure. No text holds a byte of any key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// Stable, for scripts: `key-mismatch`.
    pub code: &'static str,
    /// Which of the three files.
    pub part: Part,
    /// What is wrong: lower case, no full stop, literals in backticks.
    pub message: String,
    /// The cure, with the exact command where there is one.
    pub help: String,
}

impl Problem {
    pub(super) fn error(
        part: Part,
        code: &'static str,
        message: String,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            code,
            part,
            message,
            help: help.into(),
        }
    }

    pub(super) fn warning(
        part: Part,
        code: &'static str,
        message: String,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(part, code, message, help)
        }
    }

    /// What Go takes and OpenSSL does not.
    pub(super) fn for_curl(
        curl: bool,
        part: Part,
        code: &'static str,
        message: String,
        help: impl Into<String>,
    ) -> Self {
        if curl {
            Self::error(part, code, message, help)
        } else {
            Self::warning(part, code, message, help)
        }
    }

    /// Whether it stands in the way of a cluster.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// `error[key-mismatch]: …`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_error() { "error" } else { "warning" };
        write!(f, "{kind}[{}]: {}", self.code, self.message)
    }
}
