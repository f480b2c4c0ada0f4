//! `firstboot pki renew`: new pairs from the same CA, where they are needed.

use super::{Days, authority, beside, both, finish, minting, now, read_files, refuse_contested};
use super::{set, write};
use crate::calendar::day;
use crate::commands::duration::Span;
use crate::commands::load::{self, Loaded};
use crate::commands::{Context, Failure, ManifestArguments};
use crate::manifest::{self, Need, PemFiles, Refusal, Renewed, Use, WhenToRenew};
use crate::pki::audit::{Part, Problem};
use crate::pki::mint::Minted;
use crate::report::Finding;
use crate::terminal::Format;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Replace the pairs that end soon or are wrong, signed by the same CA
///
/// A pair is replaced in place if the audit finds an error that a new one cures, if one of its
/// files is missing, or if it ends within `--within`; it keeps its common name and every name
/// and address that it had. Each new pair is audited before anything is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  firstboot pki renew                what ends soon, is wrong or is missing
  firstboot pki renew --all --days 90")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Renew what ends sooner than this, such as `30d`, `12h` or `2w`
    #[arg(long, value_name = "SPAN", default_value = "30d")]
    within: Span,
    /// Renew every pair
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    days: Days,
    /// The CA's key [default: beside the CA, ca-key.pem for ca.pem]
    #[arg(long, value_name = "FILE")]
    ca_key: Option<PathBuf>,
}

/// What this is called where it was cut short.
const WHAT: &str = "pki renew";

/// What becomes of one pair.
struct Fate<'a> {
    pair: Use<'a>,
    need: Option<Need>,
    renewed: Option<Renewed>,
}

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let loaded = load::manifest(&arguments.manifest)?;
    finish(&loaded, WHAT, context)?;
    let fates = fates(arguments, &loaded)?;
    let mut files = Vec::new();
    for fate in &fates {
        if let Some(minted) = fate.minted() {
            let path = |path: &str| loaded.root.join(path);
            let pair = fate.pair.pair;
            files.extend(both(
                path(pair.key.value.as_str()),
                path(pair.cert.value.as_str()),
                minted.clone(),
            ));
        }
    }
    let set = set(&loaded, WHAT, files);
    if !set.is_empty() {
        write(&set, true)?;
    }
    context.print(&match context.format {
        Format::Human => text(&fates),
        Format::Json => {
            let pairs: Vec<_> = fates.iter().map(Fate::json).collect();
            context.document(json!({ "pairs": pairs, "rollOrder": roll_order(&fates) }))
        }
    })?;
    if context.format == Format::Human && !set.is_empty() {
        context.terminal.say(&format!(
            "\nnext: firstboot render {}, for machines that are made from now on\n",
            arguments.manifest.shown()
        ));
    }
    Ok(())
}

fn fates<'a>(arguments: &Arguments, loaded: &'a Loaded) -> Result<Vec<Fate<'a>>, Failure> {
    let now = now();
    let uses = manifest::uses(&loaded.manifest, now);
    refuse_contested(loaded, &uses)?;
    let is_leaf = |path: &str| !uses.iter().any(|one| one.ca.value.as_str() == path);
    let files = read_files(loaded, is_leaf)?;
    let when = WhenToRenew {
        within: arguments.within.0,
        all: arguments.all,
    };
    let mut findings = Vec::new();
    let mut fates = Vec::new();
    for pair in uses {
        let need = pair.need(&files, when);
        let renewed = match &need {
            None => None,
            Some(need) => match replace(arguments, loaded, &pair, &files, need)? {
                Ok(renewed) => Some(renewed),
                Err(problems) => {
                    for finding in unfit(&pair, &problems) {
                        if !findings.contains(&finding) {
                            findings.push(finding);
                        }
                    }
                    None
                }
            },
        };
        fates.push(Fate {
            pair,
            need,
            renewed,
        });
    }
    if findings.is_empty() {
        Ok(fates)
    } else {
        Err(Failure::Input(loaded.report(findings)))
    }
}

/// The inner `Err`: what even a new pair would suffer from.
fn replace(
    arguments: &Arguments,
    loaded: &Loaded,
    pair: &Use<'_>,
    files: &PemFiles,
    need: &Need,
) -> Result<Result<Renewed, Vec<Problem>>, Failure> {
    let ca = loaded.root.join(pair.ca.value.as_str());
    refuse_rotating(&ca)?;
    let key = arguments.ca_key.clone();
    let authority = authority(&ca, &key.unwrap_or_else(|| beside(&ca, "key")))?;
    let validity = arguments.days.validity(pair.demands.now);
    match pair.renew(files, &authority, validity, need) {
        Ok(renewed) => Ok(Ok(renewed)),
        Err(Refusal::Unfit(problems)) => Ok(Err(problems)),
        Err(Refusal::Mint(error)) => {
            let what = format!(" `{}`", pair.pair.cert.value.as_str());
            Err(minting(&what, error))
        }
    }
}

/// The errors among these problems, each at the place of its file in the manifest.
pub(super) fn unfit(one: &Use<'_>, problems: &[Problem]) -> Vec<Finding> {
    let errors = problems.iter().filter(|problem| problem.is_error());
    errors
        .map(|problem| {
            let path = match problem.part {
                Part::Ca => one.ca,
                Part::Certificate => &one.pair.cert,
                Part::Key => &one.pair.key,
            };
            Finding::error(
                problem.code,
                path.place.clone(),
                problem.message.as_str(),
                problem.help.as_str(),
            )
        })
        .collect()
}

/// Half of the pairs may be the next CA's already.
fn refuse_rotating(ca: &Path) -> Result<(), Failure> {
    let next = beside(ca, "next");
    match next.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(_) => Err(Failure::Wrong(format!(
            "`{}` shows that the CA is being replaced: finish that first, `firstboot pki rotate-ca` says how",
            crate::report::path(&next)
        ))),
    }
}

impl Fate<'_> {
    fn minted(&self) -> Option<&Minted> {
        match &self.renewed {
            Some(Renewed::Pair(minted)) => Some(minted),
            _ => None,
        }
    }

    fn holders(&self) -> Vec<&str> {
        let holders = self.pair.holders.iter();
        holders.map(|holder| holder.name.value.as_str()).collect()
    }

    fn words(&self) -> String {
        match (&self.renewed, &self.need) {
            (Some(Renewed::Pair(_)), Some(need)) => format!("renewed: {need}"),
            (Some(Renewed::EndsWithCa(end)), _) => format!(
                "unchanged: the CA itself ends on {}, so replace that with `firstboot pki rotate-ca`",
                day(*end)
            ),
            _ => "unchanged".to_owned(),
        }
    }

    fn json(&self) -> Value {
        let pair = self.pair.pair;
        json!({
            "cert": pair.cert.value.as_str(),
            "key": pair.key.value.as_str(),
            "renewed": self.minted().is_some(),
            "why": self.need.as_ref().map(ToString::to_string),
            "holders": self.holders(),
        })
    }
}

/// The holders of new pairs, in the manifest's order.
fn roll_order<'a>(fates: &'a [Fate<'a>]) -> Vec<&'a str> {
    let mut order = Vec::new();
    for fate in fates.iter().filter(|fate| fate.minted().is_some()) {
        for holder in fate.holders() {
            if !order.contains(&holder) {
                order.push(holder);
            }
        }
    }
    order
}

/// Controllers one of whose pairs was not there: perhaps they are only being added.
fn without_pair<'a>(fates: &'a [Fate<'a>]) -> Vec<&'a str> {
    let missing = fates
        .iter()
        .filter(|fate| matches!(fate.need, Some(Need::Missing)) && fate.minted().is_some());
    let mut names = Vec::new();
    for name in missing.flat_map(Fate::holders) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn text(fates: &[Fate<'_>]) -> String {
    let mut text = String::new();
    for fate in fates {
        let file = fate.pair.pair.cert.value.as_str();
        let holders = fate.holders().join(", ");
        let _ = writeln!(text, "{file}  {}\n  held by {holders}", fate.words());
    }
    let order = roll_order(fates);
    if order.is_empty() {
        return text;
    }
    let _ = write!(
        text,
        "\none machine at a time, never two at once: {}\n\
         copy both files of a pair to the machine (`scp`), and there put them into place together;\n\
         etcd takes them without a restart, since it reads them at each handshake:\n",
        order.join(", then ")
    );
    let mut shown = Vec::new();
    for fate in fates.iter().filter(|fate| fate.minted().is_some()) {
        let pair = fate.pair.pair;
        for (name, mode) in [
            (pair.key.value.name(), "0600"),
            (pair.cert.value.name(), "0644"),
        ] {
            if !shown.contains(&name) {
                shown.push(name);
                let _ = writeln!(
                    text,
                    "  install -o etcd -g etcd -m {mode} {name} /etc/etcd/{name}"
                );
            }
        }
    }
    let fresh = without_pair(fates);
    if !fresh.is_empty() {
        let _ = write!(
            text,
            "\n{} had no pair: where there is no machine yet, nothing is to be copied;\n\
             `firstboot render` puts the pair into its user-data\n",
            fresh.join(", ")
        );
    }
    text
}
