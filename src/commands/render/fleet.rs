//! `firstboot render` for several manifests: all cores, one report, one bar.

use super::in_order::in_order;
use super::telling::{Ready, Telling};
use super::{Arguments, Rendered};
use crate::commands::{Context, Failure, ManifestArguments, load, owner};
use crate::output::{Trees, Written};
use crate::report::counted;
use crate::terminal::Format;
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
        let key = name.to_ascii_lowercase();
        let Some((by, taken)) = first.get(&key) else {
            first.insert(key, (manifest, name));
            continue;
        };
        let loaded = load::manifest(manifest)?;
        let finding = loaded.manifest.cluster_taken(&shown(by), taken);
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
            let text = format!("{errors}{}", context.undone);
            context.terminal.fail(&text);
        }
        Format::Json => {
            let all = findings.iter().filter_map(Value::as_array).flatten();
            let document = json!({ "findings": all.collect::<Vec<_>>() });
            context.print(&context.document(document))?;
        }
    }
    Err(Failure::Negative)
}

/// A manifest as the user knows it.
fn shown(manifest: &ManifestArguments) -> String {
    crate::report::path_value(&manifest.manifest)
}

fn ready(
    arguments: &Arguments,
    manifest: &ManifestArguments,
    name: Option<&str>,
    trees: &Trees,
    context: Context,
) -> Result<Ready, Failure> {
    let rendered = Rendered::of(arguments, manifest, context, false)?;
    let now = rendered.cluster.name.as_str();
    if Some(now) != name {
        return Err(Failure::world("the manifest was changed while it was read"));
    }
    let staged = if arguments.check {
        None
    } else {
        rendered.write_lock()?;
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
            let mut document = rendered.json(arguments, written);
            document["manifest"] = shown(manifest).into();
            document.to_string()
        }
    };
    Ok(Ready {
        words,
        plan: rendered.plan().unwrap_or_default(),
        notes: rendered.notes(arguments),
        controllers: rendered.cluster.members.len(),
        report: rendered.report,
        written,
        staged,
    })
}
