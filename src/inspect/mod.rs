//! What is in any user-data, and what is wrong with it, whoever made it.
//!
//! [`crate::wire::decode`] takes it apart; this room looks at the parts: certificates, etcd's
//! settings, sizes, digests, and all that a machine would trip over. Contents are never shown:
//! names, sizes and digests are, and even in those every line of a private key is hidden.
//! To add a rule: a function in `judge`, its line in `docs/inspect.md`, a sample in
//! `tests/inspect`.

mod command_line;
mod extract;
pub(crate) mod facts;
mod json;
mod judge;
mod sizes;
mod text;

use crate::pki::audit::Facts;
use crate::release::Digest;
use crate::report::{Finding, Report, Severity, visible};
use crate::wire::decode::{self, Content, Found, Part};
use std::collections::BTreeSet;

pub use extract::{NotExtracted, extract};
pub use sizes::{Size, sizes};

/// Everything about one input.
#[derive(Debug)]
pub struct Inspection {
    /// What it is, and what is in it.
    pub part: Part,
    /// What is wrong or unwise, in the order of the parts.
    pub judgements: Vec<Judgement>,
    /// The moment for which it was judged, in Unix seconds.
    now: i64,
}

/// One thing that is wrong or unwise, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Error: a machine would not do what this says. Warning: it depends, or it is unwise.
    pub severity: Severity,
    /// A stable name in kebab-case.
    pub code: &'static str,
    /// In which part.
    pub part: String,
    /// At which line of it, from 1.
    pub line: Option<usize>,
    /// At which key or file of it.
    pub at: Option<String>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// The cure, in one line.
    pub help: String,
}

/// Decodes and judges; `name` is what the input is called, `now` the moment in Unix seconds.
///
/// ```
/// let seen = firstboot::inspect::inspect("user-data", b"# cloud-config\nruncmd: [[ls]]\n", 0);
/// assert_eq!(seen.judgements[0].code, "header-spaced");
/// ```
pub fn inspect(name: &str, bytes: &[u8], now: i64) -> Inspection {
    let part = decode::decode(name, bytes);
    let judgements = judge::judge(&part, now);
    Inspection {
        part,
        judgements,
        now,
    }
}

impl Inspection {
    /// Whether a machine would not do what this says.
    pub fn has_errors(&self) -> bool {
        let mut judgements = self.judgements.iter();
        judgements.any(|judgement| judgement.severity == Severity::Error)
    }

    /// Everything but the judgements, for people.
    pub fn to_text(&self) -> String {
        self.without_keys(text::text(&self.part, self.now))
    }

    /// The judgements, for people.
    pub fn judgements_to_text(&self, coloured: bool) -> String {
        let texts = self.judgements.iter().map(|judgement| {
            let finding = Finding {
                severity: judgement.severity,
                ..Finding::of_file(judgement.code, &judgement.message, &judgement.help)
            };
            Report::new(judgement.place(), "", vec![finding]).to_text(coloured)
        });
        self.without_keys(texts.collect())
    }

    /// All of it, for programs: `docs/inspect.md` has the shape.
    pub fn to_json(&self) -> String {
        let document = json::document(self);
        self.without_keys(format!("{document:#}\n"))
    }

    /// The last net: whoever writes a line of a key where a name should be is not shown it.
    fn without_keys(&self, mut text: String) -> String {
        for line in facts::key_lines(&self.part) {
            if text.contains(line) {
                text = text.replace(line, "********");
            }
        }
        text
    }
}

impl Judgement {
    /// `user-data:12 write_files[1].permissions`
    pub fn place(&self) -> String {
        let line = self.line.map(|line| format!(":{line}"));
        let at = self.at.as_ref().map(|at| format!(" {at}"));
        format!(
            "{}{}{}",
            visible(&self.part),
            line.unwrap_or_default(),
            at.unwrap_or_default()
        )
    }
}

impl Found {
    /// Its bytes, if they are here.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Bytes(bytes) => Some(bytes.expose()),
            Content::Elsewhere(_) | Content::Damaged(_) => None,
        }
    }

    /// The digest of its bytes.
    pub fn digest(&self) -> Option<Digest> {
        self.bytes().map(Digest::of)
    }

    /// Whether a private key in PEM is in it.
    pub fn holds_key(&self) -> bool {
        self.bytes().is_some_and(facts::holds_key)
    }

    /// The certificates in it.
    pub fn certificates(&self) -> Vec<Facts> {
        self.bytes().map(facts::certificates).unwrap_or_default()
    }
}

/// The parts that a machine is handed: what is in an answer or on a disk, else all of it.
pub fn documents(part: &Part) -> Vec<&Part> {
    match part.kind {
        decode::Kind::Answer | decode::Kind::Disk(_) => {
            part.parts.iter().flat_map(documents).collect()
        }
        _ => vec![part],
    }
}

/// The keys of a mapping that stand in it more than once.
fn repeated<'a>(keys: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for key in keys {
        if !seen.insert(key) {
            twice.insert(key);
        }
    }
    twice.into_iter().collect()
}
