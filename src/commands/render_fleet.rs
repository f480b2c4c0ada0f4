//! `firstboot render` for several manifests: all cores, one report, one bar.

use super::fleet::in_order;
use super::render::{Arguments, Rendered};
use super::{Context, Failure, ManifestArguments, load, owner};
use crate::manifest::API_VERSION;
use crate::output::{StagedTree, Trees, Written};
use crate::report::{Report, Severity, counted};
use crate::terminal::{Format, Progress};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How many trees are brought to the disk together.
const BATCH: usize = 64;

pub(super) fn run(
    arguments: &Arguments,
    manifests: &[ManifestArguments],
    context: Context,
) -> Result<(), Failure> {
    let names = names(manifests)?;
    refuse_twins(manifests, &names, context)?;
    let trees = Trees::new(&arguments.output, names.iter().flatten().cloned());
    let mut telling = Telling::new(arguments, manifests.len(), &trees, context)?;
    let work = |index: usize, manifest: &ManifestArguments| {
        let ready = ready(
            arguments,
            manifest,
            names[index].as_deref(),
            &trees,
            context,
        );
        (shown(manifest), ready)
    };
    in_order(manifests, work, |(name, ready)| telling.take(name, ready))?;
    telling.end()
}

/// The cluster of each manifest that can be read. It is parsed again when its turn comes: to keep
/// all of them would take memory for each.
fn names(manifests: &[ManifestArguments]) -> Result<Vec<Option<String>>, Failure> {
    let mut names = Vec::with_capacity(manifests.len());
    let work = |_, manifest: &ManifestArguments| {
        let loaded = load::manifest(manifest).ok()?;
        Some(loaded.manifest.cluster.value.as_str().to_owned())
    };
    in_order(manifests, work, |name| {
        names.push(name);
        Ok::<_, Failure>(())
    })?;
    Ok(names)
}

/// No two clusters may have one directory, on file systems that ignore case either.
fn refuse_twins(
    manifests: &[ManifestArguments],
    names: &[Option<String>],
    context: Context,
) -> Result<(), Failure> {
    let mut first = BTreeMap::new();
    let mut findings = Vec::new();
    for (manifest, name) in manifests.iter().zip(names) {
        let Some(name) = name else { continue };
        let by = *first.entry(name.to_ascii_lowercase()).or_insert(manifest);
        if std::ptr::eq(by, manifest) {
            continue;
        }
        let loaded = load::manifest(manifest)?;
        let finding = loaded.manifest.cluster_taken(&shown(by));
        let report = loaded.report(vec![finding]);
        context.show(&report);
        findings.push(report.to_json());
    }
    if findings.is_empty() {
        return Ok(());
    }
    match context.format {
        Format::Human => {
            let errors = counted(findings.len(), "error");
            let text = format!("{errors}: nothing was written");
            context.terminal.fail(&text);
        }
        Format::Json => {
            let all: Vec<_> = findings
                .iter()
                .filter_map(Value::as_array)
                .flatten()
                .collect();
            let document = json!({ "findings": all });
            context.print(&format!("{document:#}\n"))?;
        }
    }
    Err(Failure::Negative)
}

/// A manifest as the user knows it.
fn shown(manifest: &ManifestArguments) -> String {
    manifest.manifest.display().to_string()
}

/// One cluster on its way to the disk.
struct Ready {
    report: Report,
    /// What is said of it once it is there.
    words: String,
    notes: String,
    controllers: usize,
    written: Option<Written>,
    staged: Option<StagedTree>,
}

fn ready(
    arguments: &Arguments,
    manifest: &ManifestArguments,
    name: Option<&str>,
    trees: &Trees,
    context: Context,
) -> Result<Ready, Failure> {
    let rendered = Rendered::of(arguments, manifest)?;
    let now = rendered.cluster.name.as_str();
    if Some(now) != name {
        return Err(Failure::world("the manifest was changed while it was read"));
    }
    let staged = if arguments.check {
        None
    } else {
        let staged = trees.stage(now, &rendered.rendering.files, owner);
        staged.map_err(|error| Failure::world(error.to_string()))?
    };
    let written = match staged {
        _ if arguments.check => None,
        None => Some(Written::Unchanged),
        Some(_) => Some(Written::Changed),
    };
    let directory = arguments.output.join(now);
    let words = match context.format {
        Format::Human => rendered.head(&directory, written),
        Format::Json => {
            let mut document = rendered.json(&directory, written);
            document["manifest"] = shown(manifest).into();
            document.to_string()
        }
    };
    Ok(Ready {
        words,
        notes: rendered.notes(arguments),
        controllers: rendered.cluster.members.len(),
        report: rendered.report,
        written,
        staged,
    })
}

/// What has been done, and said of it.
struct Telling<'a> {
    context: Context,
    trees: &'a Trees,
    bar: Progress,
    waiting: Vec<(String, Result<Ready, Failure>)>,
    counts: Counts,
    notes: BTreeSet<String>,
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
    fn new(
        arguments: &Arguments,
        total: usize,
        trees: &'a Trees,
        context: Context,
    ) -> Result<Self, Failure> {
        let bar = Progress::new("rendering".to_owned());
        bar.count(total);
        if context.format == Format::Json {
            // One document, of which no part is kept longer than it takes to print it.
            context.print(&format!(
                "{{\"apiVersion\":\"{API_VERSION}\",\"clusters\":[\n"
            ))?;
        }
        Ok(Self {
            context,
            trees,
            bar,
            waiting: Vec::with_capacity(BATCH),
            counts: Counts::default(),
            notes: BTreeSet::new(),
            check: arguments.check,
        })
    }

    fn take(&mut self, name: String, ready: Result<Ready, Failure>) -> Result<(), Failure> {
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
                self.notes.insert(ready.notes);
                self.bar.aside(|| context.show(&ready.report));
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
                let said = format!("{name}: {}: nothing was written", report.summary());
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
            Failure::Negative | Failure::Partial => {
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

    fn end(mut self) -> Result<(), Failure> {
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
                context.terminal.say(&counts.text(check));
                for note in &notes {
                    context.terminal.say(note);
                }
            }
            Format::Json => context.print(&format!("\n],\"counts\":{}}}\n", counts.json()))?,
        }
        match counts {
            Counts { failed: 1.., .. } => Err(Failure::Partial),
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
