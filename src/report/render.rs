//! A report as text for people and as JSON for programs.

use super::{Finding, Report, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::ops::Range;

/// More findings than this say nothing that the first ones did not.
const MOST_SHOWN: usize = 50;

impl Report {
    /// The report as a person reads it: the source line underlined, the cure below.
    pub fn to_text(&self, coloured: bool) -> String {
        let renderer = if coloured {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let shown = self.findings.iter().take(MOST_SHOWN);
        let mut text = String::new();
        for finding in shown {
            text.push_str(&renderer.render(&[self.group(finding)]));
            text.push_str("\n\n");
        }
        if let Some(rest @ 1..) = self.findings.len().checked_sub(MOST_SHOWN) {
            let _ = write!(text, "… and {rest} more\n\n");
        }
        text
    }

    fn group<'a>(&'a self, finding: &'a Finding) -> Group<'a> {
        let level = match finding.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(&finding.message).id(finding.code);
        let help = Level::HELP.message(&finding.help);
        let note = finding.note.as_ref().map(|note| Level::NOTE.message(note));
        let Some(place) = &finding.place else {
            let origin = annotate_snippets::Origin::path(&self.file);
            return Group::with_title(title)
                .element(origin)
                .elements(note)
                .element(help);
        };
        let shown = self.lines_of(finding, place);
        let within = |place: &Range<usize>| place.start - shown.start..place.end - shown.start;
        let mut snippet = Snippet::source(&self.source[shown.clone()])
            .line_start(self.line_and_column(shown.start).0)
            .path(&self.file)
            .annotation(AnnotationKind::Primary.span(within(place)));
        if let Some((related, label)) = &finding.related {
            let annotation = AnnotationKind::Context.span(within(related));
            snippet = snippet.annotation(annotation.label(*label));
        }
        Group::with_title(title)
            .element(snippet)
            .elements(note)
            .element(help)
    }

    /// The whole lines that a finding is about: all that the renderer needs to look at.
    fn lines_of(&self, finding: &Finding, place: &Range<usize>) -> Range<usize> {
        let related = finding
            .related
            .as_ref()
            .map_or(place, |(related, _)| related);
        let (first, last) = (place.start.min(related.start), place.end.max(related.end));
        let start = self.source[..first]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        let length = self.source[last..].find('\n');
        start..length.map_or(self.source.len(), |length| last + length)
    }

    /// The report as JSON: one object per finding, places as line and column (from 1, `null` for the file as a whole).
    pub fn to_json(&self) -> Value {
        let findings = self.findings.iter().map(|finding| {
            let place = finding.place.as_ref();
            let place = place.map(|place| self.line_and_column(place.start));
            json!({
                "severity": finding.severity.word(),
                "code": finding.code,
                "message": finding.message,
                "file": self.file,
                "line": place.map(|(line, _)| line),
                "column": place.map(|(_, column)| column),
                "note": finding.note,
                "help": finding.help,
            })
        });
        Value::Array(findings.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_place_and_cure() {
        let source = "cluster: a b\n";
        let finding = Finding::error(
            "cluster-name",
            9..12,
            "`a b` is no name",
            "remove the blank",
        );
        let report = Report::new("cluster.yaml", source, vec![finding]);
        let text = report.to_text(false);
        for part in [
            "error[cluster-name]: `a b` is no name",
            "cluster.yaml:1:10",
            "^^^",
            "help: remove",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }

    #[test]
    fn never_shows_a_key_that_stands_in_the_source() {
        let source =
            "key: |\n  -----BEGIN PRIVATE KEY-----\n  SECRETSECRET\n  -----END PRIVATE KEY-----\n";
        let finding = Finding::error("x", 5..source.len() - 1, "m", "h");
        let report = Report::new("cluster.yaml", source, vec![finding]);
        assert!(!report.to_text(false).contains("SECRET"));
    }
}
