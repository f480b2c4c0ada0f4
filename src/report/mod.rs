//! Findings: everything that is wrong or unwise about an input, each at its place with its cure.

mod closest;
mod path;
mod redact;
mod render;
mod visible;

use std::ops::Range;

pub use closest::closest;
pub use path::{path, path_value, path_word};
pub use redact::redact;
pub use visible::{is_unseen, quoted, visible};
pub(crate) use visible::{screen, screen_json};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is written.
    Error,
    /// Legal but unwise; `--strict` makes it fail.
    Warning,
}

impl Severity {
    /// `error` or `warning`, as people and programs read it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong or unwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Error or warning.
    pub severity: Severity,
    /// A stable name in kebab-case, for scripts and for looking it up.
    pub code: &'static str,
    /// What is wrong: lower case, no full stop, literals in backticks.
    pub message: String,
    /// Where in the source, as a byte range; `None` for the file as a whole.
    pub place: Option<Range<usize>>,
    /// Another place that explains it, with a few words on why.
    pub related: Option<(Range<usize>, &'static str)>,
    /// A table or a list that belongs to it, one line or several.
    pub note: Option<String>,
    /// The cure, in one line.
    pub help: String,
}

impl Finding {
    /// An error at a place.
    pub fn error(
        code: &'static str,
        place: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            place: Some(place),
            related: None,
            note: None,
            help: help.into(),
        }
    }

    /// A warning at a place.
    pub fn warning(
        code: &'static str,
        place: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, place, message, help)
        }
    }

    /// An error of the file as a whole.
    pub fn of_file(
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            place: None,
            ..Self::error(code, 0..0, message, help)
        }
    }

    /// The same finding, with a second place that explains it.
    #[must_use]
    pub fn with_related(mut self, place: Range<usize>, label: &'static str) -> Self {
        self.related = Some((place, label));
        self
    }

    /// The same finding, with a table or a list below it.
    #[must_use]
    pub fn with_note(mut self, note: String) -> Self {
        self.note = Some(note);
        self
    }
}

/// All findings on one source, in the order of their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    file: String,
    source: String,
    findings: Vec<Finding>,
}

impl Report {
    /// Gathers the findings on this source; `file` is its name as the user gave it.
    pub fn new(file: impl Into<String>, source: &str, mut findings: Vec<Finding>) -> Self {
        findings
            .sort_by_key(|finding| finding.place.as_ref().map(|place| (place.start, place.end)));
        for finding in &mut findings {
            let texts = [&mut finding.message, &mut finding.help];
            for text in texts.into_iter().chain(finding.note.as_mut()) {
                *text = redact::redact_beside(text, source);
            }
        }
        Self {
            file: file.into(),
            source: visible::replaced(&redact(source)),
            findings,
        }
    }

    /// Whether anything in it is an error.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// The findings, in the order of their places.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many findings are this bad.
    pub fn count(&self, severity: Severity) -> usize {
        let same = |finding: &&Finding| finding.severity == severity;
        self.findings.iter().filter(same).count()
    }

    /// `3 errors and 1 warning`.
    pub fn summary(&self) -> String {
        let part = |severity: Severity| match self.count(severity) {
            0 => None,
            count => Some(counted(count, severity.word())),
        };
        let parts = [Severity::Error, Severity::Warning].into_iter();
        parts.filter_map(part).collect::<Vec<_>>().join(" and ")
    }

    /// Line and column of a byte offset, both counted from 1, columns in characters.
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let before = &self.source[..offset.min(self.source.len())];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }
}

/// A number of things: `1 error`, `3 errors`.
pub fn counted(count: usize, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        n => format!("{n} {word}s"),
    }
}

/// The operating system's reason alone: `permission denied`, without numbers and inner paths.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let end = [" (os error", " at path"]
        .into_iter()
        .filter_map(|mark| text.find(mark))
        .min();
    let reason = &text[..end.unwrap_or(text.len())];
    let mut letters = reason.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// The cause at the end of an error's chain, in the words of whoever found it.
pub fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    match last.downcast_ref::<std::io::Error>() {
        Some(error) => reason(error),
        // It may have the stranger's words in it.
        None => visible(&last.to_string()),
    }
}
