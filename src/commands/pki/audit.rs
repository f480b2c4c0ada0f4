//! `firstboot pki audit`: what `render` says of certificates, and when they end.

use super::clients::{self, Client};
use super::{beside, now, table};
use crate::calendar::{day, span};
use crate::commands::duration::Span;
use crate::commands::load::{self, Loaded};
use crate::commands::{Context, Failure, ManifestArguments};
use crate::manifest::{self, Holding, PemFiles};
use crate::pki::audit::Problem;
use crate::report::{Finding, Report, Severity};
use crate::secret::Secret;
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
    let (mut files, mut findings) = manifest::read_pem_files(&loaded.manifest, &loaded.root);
    let mut audited = manifest::audit(&loaded.manifest, &files, now);
    findings.extend(audited.findings);
    let clients = clients::find(&loaded, &mut files);
    for client in &clients {
        findings.extend(of_client(client, &loaded, &files, now));
        audited.holdings.push(Holding {
            path: client.pair.cert.clone(),
            facts: client.facts.clone(),
            holders: Vec::new(),
        });
    }
    findings.extend(open_keys(&loaded, &clients));
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
        Format::Human => summary(&loaded, &report, &audited.holdings, clients.len()),
        Format::Json => context.document(json(&report, &audited.holdings)),
    })?;
    if report.has_errors() {
        return Err(Failure::Negative);
    }
    Ok(())
}

/// What is wrong with a pair that the manifest does not name. One that no CA of the cluster has
/// signed may be anybody's: that is an error nowhere, but a client of etcd has to know it.
fn of_client(client: &Client, loaded: &Loaded, files: &PemFiles, now: i64) -> Vec<Finding> {
    let (ca, cert) = (client.ca.value.as_str(), client.pair.cert.value.as_str());
    let bundle = files.get(&client.ca.value).map(Secret::expose);
    if client.is_of(bundle.unwrap_or_default(), files) {
        let audit = client.asked(loaded, now).audit(files);
        let problems = audit.map(|audit| audit.problems).unwrap_or_default();
        let at = |problem: &Problem| Finding {
            severity: if problem.is_error() {
                Severity::Error
            } else {
                Severity::Warning
            },
            ..Finding::error(
                problem.code,
                client.ca.place.clone(),
                problem.message.as_str(),
                problem.help.as_str(),
            )
        };
        return problems.iter().map(at).collect();
    }
    if !client.only_asks() || bundle.is_none() {
        return Vec::new();
    }
    let name = cert.rsplit('/').next().unwrap_or(cert);
    let name = name.strip_suffix(".pem").unwrap_or(name);
    vec![Finding::warning(
        "client-untrusted",
        client.ca.place.clone(),
        format!(
            "`{cert}` is a client's, and none of the CAs in `{ca}` has signed it: etcd refuses it"
        ),
        format!(
            "if it is for this cluster, run `firstboot pki mint --client {name} --force`, and hand \
             the pair to the client; if not, keep it elsewhere"
        ),
    )]
}

/// A warning for each key that others than its owner may read or write: the manifest's own, and
/// the CA's beside it.
#[cfg(unix)]
fn open_keys(loaded: &Loaded, clients: &[Client]) -> Vec<Finding> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    let of_clients = clients.iter().map(|client| &client.pair.key);
    let of_clients: Vec<_> = of_clients
        .map(|key| (loaded.root.join(key.value.as_str()), &key.place))
        .collect();
    let mut of_members = Vec::new();
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
        of_members.extend(keys.chain(cas));
    }
    for (path, place) in of_members.into_iter().chain(of_clients) {
        let Ok(metadata) = path.metadata() else {
            continue;
        };
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 && seen.insert(path.clone()) {
            let path = crate::report::path(&path);
            findings.push(Finding::warning(
                "key-readable",
                place.clone(),
                format!("`{path}` has the mode {mode:04o}: others than its owner get at the key"),
                format!("run `chmod 0600 {path}`"),
            ));
        }
    }
    findings
}

#[cfg(not(unix))]
fn open_keys(_: &Loaded, _: &[Client]) -> Vec<Finding> {
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
                holders(holding),
                day(holding.facts.not_after),
                span(left),
                holding.facts.subject,
            ),
            cure,
        ));
    }
}

fn holders(holding: &Holding) -> String {
    if holding.holders.is_empty() {
        "a client".to_owned()
    } else {
        holding.holders.join(", ")
    }
}

/// `4 files, nothing wrong; first to end: pki/kubernetes.pem on 2027-11-22`
fn summary(loaded: &Loaded, report: &Report, holdings: &[Holding], clients: usize) -> String {
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
    format!("{} files, {verdict}{end}\n", files.len() + 2 * clients)
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
