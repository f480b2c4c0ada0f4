//! `firstboot pki renew`: new pairs from the same CA, where they are needed.

use super::clients::{self, Client};
use super::standing::Authorities;
use super::{Keeping, both, finish, minting, now, read_files, refuse_contested, set, write};
use crate::calendar::day;
use crate::commands::duration::Span;
use crate::commands::load::{self, Loaded};
use crate::commands::{Context, Failure, ManifestArguments};
use crate::manifest::{self, At, Need, PemFiles, PemPath, Refusal, Renewed, Use, WhenToRenew};
use crate::pki::audit::{Part, Problem};
use crate::pki::mint::Minted;
use crate::report::Finding;
use crate::terminal::Format;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Replace the pairs that end soon or are wrong, signed by the same CA
///
/// A pair is replaced in place if the audit finds an error that a new one cures, if one of its
/// files is missing, or if it ends within `--within`; pairs of clients that lie beside the CA
/// (`pki mint --client`) count as well. A new certificate keeps everything that the old one had;
/// where it cannot, that is said, and nothing is written without `--lossy`. Each new pair is
/// audited before anything is written. While the CA is being replaced, the one signs that every
/// member trusts.
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
    keeping: Keeping,
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
    let now = now();
    let uses = manifest::uses(&loaded.manifest, now);
    refuse_contested(&loaded, &uses)?;
    let is_leaf = |path: &str| !uses.iter().any(|one| one.ca.value.as_str() == path);
    let mut files = read_files(&loaded, is_leaf)?;
    let clients = clients::find(&loaded, &mut files);
    let plan = Plan {
        arguments,
        loaded: &loaded,
        files,
        now,
    };
    let fates = plan.fates(&uses, &clients)?;
    let mut written = Vec::new();
    for fate in &fates {
        if let Some(minted) = fate.minted() {
            let path = |path: &str| loaded.root.join(path);
            let pair = fate.pair.pair;
            written.extend(both(
                path(pair.key.value.as_str()),
                path(pair.cert.value.as_str()),
                minted.clone(),
            ));
        }
    }
    let set = set(&loaded, WHAT, written);
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
    if context.format == Format::Human && !roll_order(&fates).is_empty() {
        context.terminal.say(&format!(
            "\nnext: firstboot render {}, for machines that are made from now on\n",
            arguments.manifest.shown()
        ));
    }
    Ok(())
}

/// What is renewed, and of what.
struct Plan<'a> {
    arguments: &'a Arguments,
    loaded: &'a Loaded,
    files: PemFiles,
    now: i64,
}

impl<'a> Plan<'a> {
    fn fates(&self, uses: &[Use<'a>], clients: &'a [Client]) -> Result<Vec<Fate<'a>>, Failure> {
        let mut cas: Vec<&At<PemPath>> = Vec::new();
        for one in uses {
            if !cas.iter().any(|ca| ca.value == one.ca.value) {
                cas.push(one.ca);
            }
        }
        let (mut findings, mut fates) = (Vec::new(), Vec::new());
        for ca in cas {
            let under = |one: &&Use<'_>| one.ca.value == ca.value;
            let own = Authorities::own(self.loaded, ca, clients, &self.files)?;
            let mut pairs: Vec<_> = own
                .iter()
                .map(|client| client.asked(self.loaded, self.now))
                .collect();
            let members: Vec<_> = uses.iter().filter(under).map(Use::clone).collect();
            pairs.splice(0..0, members);
            let authorities = Authorities::read(self.loaded, ca, &pairs, &self.files)?;
            for pair in pairs {
                fates.push(self.fate(pair, &authorities, &mut findings)?);
            }
        }
        // In the manifest's order, with clients at the end.
        let place = |fate: &Fate<'_>| {
            let mut all = uses.iter();
            let same = |one: &Use<'_>| one.pair.cert.value == fate.pair.pair.cert.value;
            all.position(same).unwrap_or(usize::MAX)
        };
        fates.sort_by_key(place);
        if findings.is_empty() {
            Ok(fates)
        } else {
            Err(Failure::Input(self.loaded.report(findings)))
        }
    }

    fn fate(
        &self,
        pair: Use<'a>,
        authorities: &Authorities,
        findings: &mut Vec<Finding>,
    ) -> Result<Fate<'a>, Failure> {
        let when = WhenToRenew {
            within: self.arguments.within.0,
            all: self.arguments.all,
        };
        let need = pair.need(&self.files, when);
        let mut renewed = None;
        if let Some(need) = &need {
            let signer = authorities.signer(self.arguments.ca_key.as_deref())?;
            let terms = self.arguments.keeping.terms(self.now, when.within);
            let found = match pair.renew(&self.files, &signer, terms, need) {
                Ok(done) => {
                    renewed = Some(done);
                    Vec::new()
                }
                // What even a new pair would suffer from.
                Err(Refusal::Unfit(problems)) => unfit(&pair, &problems),
                Err(Refusal::Lossy(losses)) => vec![not_kept(&pair, &losses)],
                Err(Refusal::Mint(error)) => {
                    let what = format!(" `{}`", pair.pair.cert.value.as_str());
                    return Err(minting(&what, error));
                }
            };
            for finding in found {
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
        }
        Ok(Fate {
            pair,
            need,
            renewed,
        })
    }
}

/// What a new certificate could not have of the old one.
pub(super) fn not_kept(one: &Use<'_>, losses: &[String]) -> Finding {
    let cert = one.pair.cert.value.as_str();
    Finding::error(
        "not-kept",
        one.pair.cert.place.clone(),
        format!(
            "a new certificate in the place of `{cert}` cannot keep {}",
            losses.join("; nor ")
        ),
        "take `--lossy` to make it without that, or make it with the program that made this one",
    )
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

impl Fate<'_> {
    fn minted(&self) -> Option<&Minted> {
        match &self.renewed {
            Some(Renewed::Pair(successor)) => Some(&successor.minted),
            _ => None,
        }
    }

    fn holders(&self) -> Vec<&str> {
        let holders = self.pair.holders.iter();
        holders.map(|holder| holder.name.value.as_str()).collect()
    }

    /// What is not as it was: each a sentence.
    fn changes(&self) -> Vec<String> {
        let Some(Renewed::Pair(successor)) = &self.renewed else {
            return Vec::new();
        };
        let lost = successor
            .losses
            .iter()
            .map(|loss| format!("not kept: {loss}"));
        successor.notes.iter().cloned().chain(lost).collect()
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
            "changes": self.changes(),
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
        let _ = writeln!(text, "{file}  {}", fate.words());
        let _ = match fate.holders().as_slice() {
            [] => writeln!(text, "  of a client that is no member"),
            holders => writeln!(text, "  held by {}", holders.join(", ")),
        };
        for change in fate.changes() {
            let _ = writeln!(text, "  {change}");
        }
    }
    let is_new_client = |fate: &&Fate<'_>| fate.minted().is_some() && fate.holders().is_empty();
    if fates.iter().any(|fate| is_new_client(&fate)) {
        text.push_str("\nhand both files of each client's pair to that client\n");
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
    let of_members = |fate: &&Fate<'_>| fate.minted().is_some() && !fate.holders().is_empty();
    for fate in fates.iter().filter(of_members) {
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
