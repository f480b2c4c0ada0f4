//! What is said of a fleet while it is rendered: findings, a line each, a bar, counts at the end.

use super::Arguments;
use crate::commands::{Context, Failure};
use crate::output::{StagedTree, Trees, Written};
use crate::report::{Report, Severity, counted};
use crate::terminal::{Format, Progress};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// How many trees are brought to the disk together.
const BATCH: usize = 64;

/// How many notes are shown; more would hide the findings, and each takes memory.
const NOTES: usize = 8;

/// The shape of the one JSON document, which is `render`'s in a list.
const FORMAT: &str = "firstboot/render-fleet/v1";

/// One cluster on its way to the disk.
pub(super) struct Ready {
    pub(super) report: Report,
    /// What is said of it once it is there.
    pub(super) words: String,
    /// What differs from the last render, as `diff` tells it; empty where nothing does.
    pub(super) plan: String,
    pub(super) notes: Vec<String>,
    pub(super) controllers: usize,
    pub(super) written: Option<Written>,
    pub(super) staged: Option<StagedTree>,
}

/// What has been done, and said of it.
pub(super) struct Telling<'a> {
    context: Context,
    trees: &'a Trees,
    bar: Progress,
    waiting: Vec<(String, Result<Ready, Failure>)>,
    counts: Counts,
    notes: Notes,
    check: bool,
}

#[derive(Default)]
struct Counts {
    told: usize,
    clusters: usize,
    controllers: usize,
    written: usize,
    unchanged: usize,
    refused: usize,
    failed: usize,
    errors: usize,
    warnings: usize,
}

impl<'a> Telling<'a> {
    pub(super) fn new(
        arguments: &Arguments,
        total: usize,
        trees: &'a Trees,
        context: Context,
    ) -> Result<Self, Failure> {
        let bar = Progress::new("rendering");
        bar.count(total);
        if context.format == Format::Json {
            // One document, of which no part is kept longer than it takes to print it.
            context.print(&format!("{{\"format\":\"{FORMAT}\",\"clusters\":[\n"))?;
        }
        Ok(Self {
            context,
            trees,
            bar,
            waiting: Vec::with_capacity(BATCH),
            counts: Counts::default(),
            notes: Notes::default(),
            check: arguments.check,
        })
    }

    pub(super) fn take(
        &mut self,
        name: String,
        ready: Result<Ready, Failure>,
    ) -> Result<(), Failure> {
        self.waiting.push((name, ready));
        if self.waiting.len() == BATCH {
            self.put()?;
        }
        Ok(())
    }

    /// Brings those that wait to the disk, and then says so.
    fn put(&mut self) -> Result<(), Failure> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let is_staged = |ready: &mut Result<Ready, Failure>| {
            let ready = ready.as_mut().ok()?;
            ready.staged.take()
        };
        let (places, staged): (Vec<_>, Vec<_>) = waiting
            .iter_mut()
            .enumerate()
            .filter_map(|(place, (_, ready))| Some((place, is_staged(ready)?)))
            .unzip();
        for (place, outcome) in places.into_iter().zip(self.trees.put(staged)) {
            if let Err(error) = outcome {
                waiting[place].1 = Err(Failure::world(error.to_string()));
            }
        }
        for (name, ready) in waiting {
            self.tell(&name, ready)?;
        }
        Ok(())
    }

    fn tell(&mut self, name: &str, ready: Result<Ready, Failure>) -> Result<(), Failure> {
        let context = self.context;
        self.bar.step();
        let words = match ready {
            Ok(ready) => {
                self.counts.add(&ready);
                self.notes.add(name, ready.notes);
                self.bar.aside(|| {
                    context.show(&ready.report);
                    if context.format == Format::Human {
                        context.terminal.say(&ready.plan);
                    }
                });
                ready.words
            }
            Err(failure) => self.tell_failure(name, failure),
        };
        let is_first = self.counts.told == 0;
        self.counts.told += 1;
        self.bar.aside(|| match context.format {
            Format::Human => context.print(&words),
            Format::Json if is_first => context.print(&words),
            Format::Json => context.print(&format!(",\n{words}")),
        })
    }

    /// Says why nothing was written for a manifest; returns what standard output gets.
    fn tell_failure(&mut self, name: &str, failure: Failure) -> String {
        let context = self.context;
        let (said, document) = match failure {
            Failure::Input(report) => {
                self.counts.refused += 1;
                self.counts.find(&report);
                self.bar.aside(|| context.show(&report));
                let said = format!("{name}: {}{}", report.summary(), context.undone);
                (
                    said,
                    json!({ "manifest": name, "findings": report.to_json() }),
                )
            }
            Failure::Wrong(text) => {
                self.counts.refused += 1;
                (
                    format!("{name}: {text}"),
                    json!({ "manifest": name, "error": text }),
                )
            }
            Failure::World(text) => {
                self.counts.failed += 1;
                (
                    format!("{name}: {text}"),
                    json!({ "manifest": name, "error": text }),
                )
            }
            Failure::Negative | Failure::Told => {
                self.counts.failed += 1;
                (name.to_owned(), json!({ "manifest": name }))
            }
        };
        self.bar.aside(|| context.terminal.fail(&said));
        match context.format {
            Format::Human => String::new(),
            Format::Json => document.to_string(),
        }
    }

    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.put()?;
        let Self {
            context,
            counts,
            bar,
            notes,
            check,
            ..
        } = self;
        drop(bar);
        match context.format {
            Format::Human => {
                context.terminal.say(&notes.text(counts.clusters));
                context.terminal.say(&counts.text(check));
            }
            Format::Json => context.print(&format!("\n],\"counts\":{}}}\n", counts.json()))?,
        }
        match counts {
            Counts { failed: 1.., .. } => Err(Failure::Told),
            Counts { refused: 1.., .. } => Err(Failure::Negative),
            _ => Ok(()),
        }
    }
}

impl Counts {
    fn add(&mut self, ready: &Ready) {
        self.clusters += 1;
        self.controllers += ready.controllers;
        self.find(&ready.report);
        match ready.written {
            None => {}
            Some(Written::Changed) => self.written += 1,
            Some(Written::Unchanged) => self.unchanged += 1,
        }
    }

    fn find(&mut self, report: &Report) {
        self.errors += report.count(Severity::Error);
        self.warnings += report.count(Severity::Warning);
    }

    /// `1000 clusters with 3000 controllers: 999 written, 1 unchanged; 2 manifests refused; …`.
    fn text(&self, check: bool) -> String {
        let some = |count: usize, what: String| (count > 0).then_some(what);
        let outcomes = if check {
            vec!["checked, nothing written".to_owned()]
        } else {
            let written = some(self.written, format!("{} written", self.written));
            let unchanged = some(self.unchanged, format!("{} unchanged", self.unchanged));
            written.into_iter().chain(unchanged).collect()
        };
        let manifests = |count| counted(count, "manifest");
        let parts = [
            Some(format!(
                "{} with {}: {}",
                counted(self.clusters, "cluster"),
                counted(self.controllers, "controller"),
                outcomes.join(", "),
            ))
            .filter(|_| self.clusters > 0),
            some(self.refused, format!("{} refused", manifests(self.refused))),
            some(self.failed, format!("{} failed", manifests(self.failed))),
            some(self.errors, counted(self.errors, "error")),
            some(self.warnings, counted(self.warnings, "warning")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        format!("\n{}\n", parts.join("; "))
    }

    fn json(&self) -> Value {
        json!({
            "clusters": self.clusters,
            "controllers": self.controllers,
            "written": self.written,
            "unchanged": self.unchanged,
            "refused": self.refused,
            "failed": self.failed,
            "errors": self.errors,
            "warnings": self.warnings,
        })
    }
}

/// Notes, each with what it is true of.
#[derive(Default)]
struct Notes {
    shown: Vec<Note>,
    /// How often a note was no longer kept.
    more: usize,
}

struct Note {
    text: String,
    /// The first manifest that it is true of.
    first: String,
    manifests: usize,
}

impl Notes {
    fn add(&mut self, manifest: &str, notes: Vec<String>) {
        for text in notes {
            if let Some(note) = self.shown.iter_mut().find(|note| note.text == text) {
                note.manifests += 1;
            } else if self.shown.len() < NOTES {
                self.shown.push(Note {
                    text,
                    first: manifest.to_owned(),
                    manifests: 1,
                });
            } else {
                self.more += 1;
            }
        }
    }

    fn text(&self, clusters: usize) -> String {
        let mut text: String = self.shown.iter().map(|note| note.text(clusters)).collect();
        if self.more > 0 {
            let more = counted(self.more, "more note");
            let _ = writeln!(text, "\n{more}: render a cluster alone to read its own");
        }
        text
    }
}

impl Note {
    fn text(&self, clusters: usize) -> String {
        let text = self.text.trim_end();
        let first = &self.first;
        match self.manifests {
            all if all == clusters => format!("{text} (all clusters)\n"),
            1 => format!("{text} ({first})\n"),
            some => format!("{text} ({first} and {} more)\n", some - 1),
        }
    }
}
