//! `firstboot pki audit`: what `render` says of certificates, and when they end.

use super::{beside, now, table};
use crate::calendar::{day, span};
use crate::commands::duration::Span;
use crate::commands::load::{self, Loaded};
use crate::commands::{Context, Failure, ManifestArguments};
use crate::manifest::{self, Holding};
use crate::report::{Finding, Report, Severity};
use crate::terminal::Format;
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Check the certificates against all that the cluster asks of them
///
/// The same report that `render` gives of them, each finding at its place in the manifest.
/// Exit status 1 if anything is wrong.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  firstboot pki audit --within 30d   status 1 if anything ends in a month")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Refuse what ends sooner than this, such as `30d`, `12h` or `2w`
    #[arg(long, value_name = "SPAN")]
    within: Option<Span>,
    /// Refuse what is only unwise, too
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let loaded = load::manifest(&arguments.manifest)?;
    let now = now();
    let (files, mut findings) = manifest::read_pem_files(&loaded.manifest, &loaded.root);
    let audited = manifest::audit(&loaded.manifest, &files, now);
    findings.extend(audited.findings);
    findings.extend(open_keys(&loaded));
    if let Some(within) = arguments.within {
        let manifest = &arguments.manifest;
        refuse_early_ends(&mut findings, &audited.holdings, now, (within, manifest));
    }
    if arguments.strict {
        for finding in &mut findings {
            finding.severity = Severity::Error;
        }
    }
    let report = loaded.report(findings);
    context.show(&report);
    context.print(&match context.format {
        Format::Human => summary(&loaded, &report, &audited.holdings),
        Format::Json => context.document(json(&report, &audited.holdings)),
    })?;
    if report.has_errors() {
        return Err(Failure::Negative);
    }
    Ok(())
}

/// A warning for each key that others than its owner may read or write: the manifest's own, and
/// the CA's beside it.
#[cfg(unix)]
fn open_keys(loaded: &Loaded) -> Vec<Finding> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for tls in loaded.manifest.controllers.iter().map(|one| &one.tls) {
        let pairs = [Some(&tls.server), Some(&tls.peer), tls.client.as_ref()];
        let keys = pairs.into_iter().flatten().map(|pair| &pair.key);
        let keys = keys.map(|key| (loaded.root.join(key.value.as_str()), &key.place));
        let cas = [&tls.server_ca, &tls.peer_ca].into_iter();
        let cas = cas.map(|ca| {
            (
                beside(&loaded.root.join(ca.value.as_str()), "key"),
                &ca.place,
            )
        });
        for (path, place) in keys.chain(cas) {
            let Ok(metadata) = path.metadata() else {
                continue;
            };
            let mode = metadata.permissions().mode() & 0o7777;
            if mode & 0o077 != 0 && seen.insert(path.clone()) {
                let path = crate::report::path(&path);
                findings.push(Finding::warning(
                    "key-readable",
                    place.clone(),
                    format!(
                        "`{path}` has the mode {mode:04o}: others than its owner get at the key"
                    ),
                    format!("run `chmod 0600 {path}`"),
                ));
            }
        }
    }
    findings
}

#[cfg(not(unix))]
fn open_keys(_: &Loaded) -> Vec<Finding> {
    Vec::new()
}

/// An error for each certificate that ends too early, in the place of the warning.
fn refuse_early_ends(
    findings: &mut Vec<Finding>,
    holdings: &[Holding],
    now: i64,
    (within, manifest): (Span, &ManifestArguments),
) {
    for holding in holdings {
        let left = holding.facts.not_after.saturating_sub(now);
        // One that has ended is an error already.
        if !(0..=within.0).contains(&left) {
            continue;
        }
        let place = &holding.path.place;
        let is_the_warning = |finding: &Finding| {
            finding.code == "ends-soon" && finding.place.as_ref() == Some(place)
        };
        findings.retain(|finding| !is_the_warning(finding));
        let cure = if holding.facts.authority {
            format!("see `firstboot pki rotate-ca {}`", manifest.shown())
        } else {
            format!(
                "make it anew with `firstboot pki renew {} --within {within}`",
                manifest.shown()
            )
        };
        findings.push(Finding::error(
            "ends-within",
            place.clone(),
            format!(
                "`{}` of {} ends on {}, in {}: `{}`",
                holding.path.value.as_str(),
                holding.holders.join(", "),
                day(holding.facts.not_after),
                span(left),
                holding.facts.subject,
            ),
            cure,
        ));
    }
}

/// `4 files, nothing wrong; first to end: pki/kubernetes.pem on 2027-11-22`
fn summary(loaded: &Loaded, report: &Report, holdings: &[Holding]) -> String {
    let controllers = loaded.manifest.controllers.iter();
    let paths = controllers.flat_map(|controller| controller.tls.all());
    let files: BTreeSet<&str> = paths.map(|path| path.value.as_str()).collect();
    let verdict = if report.is_empty() {
        "nothing wrong".to_owned()
    } else {
        report.summary()
    };
    let first = holdings.iter().min_by_key(|one| one.facts.not_after);
    let end = first.map_or_else(String::new, |first| {
        let (file, end) = (first.path.value.as_str(), day(first.facts.not_after));
        format!("; first to end: {file} on {end}")
    });
    format!("{} files, {verdict}{end}\n", files.len())
}

fn json(report: &Report, holdings: &[Holding]) -> Value {
    let certificates: Vec<_> = holdings
        .iter()
        .map(|holding| {
            table::json(&table::Row {
                file: holding.path.value.as_str(),
                facts: &holding.facts,
                holders: &holding.holders,
            })
        })
        .collect();
    json!({ "findings": report.to_json(), "certificates": certificates })
}
