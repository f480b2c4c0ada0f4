//! `firstboot pki rotate-ca`: another CA while the cluster runs.

use super::clients::{self, Client};
use super::members::{self, Question};
use super::renew::{not_kept, unfit};
use super::standing::{Authorities, is_signed_by, read};
use super::{
    CaDays, Keeping, both, finish, minting, name_of_ca, now, read_files, refuse_contested, set,
    write,
};
use crate::calendar::day;
use crate::commands::load::{self, Loaded};
use crate::commands::{Context, Failure, ManifestArguments};
use crate::manifest::{self, At, PemFiles, PemPath, Refusal, Use};
use crate::output;
use crate::pki::audit::THIRTY_DAYS;
use crate::pki::mint::{Authority, Key};
use crate::pki::rotation::{self, Step};
use crate::report::Finding;
use crate::secret::Secret;
use crate::terminal::Format;
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Replace the CA in three steps, during which everybody trusts everybody
///
/// 1: mint the next CA (ca-next.pem) and trust both; 2: sign all pairs anew with the next CA;
/// 3: trust the next CA alone. After each step every machine has to take over its files, one at
/// a time; before steps 2 and 3 every member is asked over TLS whether it has. Without `--step`
/// nothing is written: it tells where the files stand and what is due. A next CA of your own is
/// taken if ca-next.pem and ca-next-key.pem are there at step 1.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  firstboot pki rotate-ca            where the files stand, and what comes next
  firstboot pki rotate-ca --step 1")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Take this step; refused unless it is the one that is due
    #[arg(long, value_name = "STEP", value_parser = clap::value_parser!(u8).range(1..=3))]
    step: Option<u8>,
    /// Which CA, as the manifest writes it, if there are several
    #[arg(long, value_name = "PATH")]
    ca: Option<String>,
    #[command(flatten)]
    keeping: Keeping,
    #[command(flatten)]
    ca_days: CaDays,
    #[command(flatten)]
    members: members::Members,
}

/// One CA of the manifest and everything that is needed to replace it.
struct Rotation<'a> {
    loaded: &'a Loaded,
    at: &'a At<PemPath>,
    authorities: Authorities,
    /// Those of clients come last.
    uses: Vec<Use<'a>>,
    files: PemFiles,
    now: i64,
}

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let loaded = load::manifest(&arguments.manifest)?;
    let finished = match arguments.step {
        None => false,
        Some(step) => finish(&loaded, &what(step), context)?,
    };
    let now = now();
    let all = manifest::uses(&loaded.manifest, now);
    refuse_contested(&loaded, &all)?;
    let at = chosen(arguments.ca.as_deref(), &all)?;
    let is_leaf = |path: &str| !all.iter().any(|one| one.ca.value.as_str() == path);
    let mut files = read_files(&loaded, is_leaf)?;
    let clients = clients::find(&loaded, &mut files);
    let own = Authorities::own(&loaded, at, &clients, &files)?;
    let mut uses: Vec<_> = all
        .into_iter()
        .filter(|one| one.ca.value == at.value)
        .collect();
    uses.extend(own.iter().map(|client| client.asked(&loaded, now)));
    let rotation = Rotation {
        loaded: &loaded,
        at,
        authorities: Authorities::read(&loaded, at, &uses, &files)?,
        uses,
        files,
        now,
    };
    let standing = rotation.authorities.standing;
    let due = standing.due;
    let said = match arguments.step {
        None => rotation.plan(arguments),
        Some(step) if step == due.number() => {
            rotation.take(arguments, context)?;
            rotation.done(due, &own, arguments)
        }
        Some(step) if finished => {
            let taken = Step::ALL.into_iter().find(|one| one.number() == step);
            rotation.done(taken.unwrap_or(due), &own, arguments)
        }
        Some(step) => {
            return Err(Failure::Wrong(format!(
                "step {step} is not due: the files stand before step {}; `{}` tells more",
                due.number(),
                command(arguments, None)
            )));
        }
    };
    context.print(&match context.format {
        Format::Human => said,
        Format::Json => context.document(json!({
            "ca": rotation.at.value.as_str(),
            "taken": arguments.step,
            "due": arguments.step.map_or(due.number(), |step| step % 3 + 1),
            "begun": standing.begun && arguments.step.is_none(),
        })),
    })
}

/// Whether a pair is there and good.
fn is_fit(one: &Use<'_>, files: &PemFiles) -> bool {
    one.audit(files).is_some_and(|audit| audit.is_fit())
}

/// What a step is called where it was cut short.
fn what(step: u8) -> String {
    format!("pki rotate-ca --step {step}")
}

impl Rotation<'_> {
    /// Takes the step that is due.
    fn take(&self, arguments: &Arguments, context: Context) -> Result<(), Failure> {
        let due = self.authorities.standing.due;
        if due > Step::Trust && arguments.members.unverified {
            context.terminal.say(
                "note: no member was asked whether it has the step before (`--unverified`)\n\n",
            );
        } else if due > Step::Trust {
            let question = Question {
                loaded: self.loaded,
                ca: &self.at.value,
                bundle: self.bytes(self.at),
                next: &self.authorities.next()?,
                step: due,
                now: self.now,
            };
            members::ask(&question, &arguments.members)?;
        }
        match due {
            Step::Trust => self.trust(arguments),
            Step::Sign => self.sign(arguments),
            Step::Drop => self.drop_old(context),
        }
    }

    /// The changes of a step, with the lock's list of the CAs that are trusted after it.
    fn set(
        &self,
        step: Step,
        files: Vec<(PathBuf, Secret)>,
        after: &PemFiles,
    ) -> Result<output::Set, Failure> {
        let mut set = set(self.loaded, &what(step.number()), files);
        let authorities = manifest::authorities(&self.loaded.manifest, after);
        if let (Some(lock), Some(authorities)) = (load::lock(self.loaded)?, authorities) {
            let text = lock.with_authorities(authorities).to_text();
            set.public(self.loaded.lock_path.clone(), text.into_bytes());
        }
        Ok(set)
    }

    /// Step 1: both CAs are trusted.
    fn trust(&self, arguments: &Arguments) -> Result<(), Failure> {
        let authorities = &self.authorities;
        let mut written = Vec::new();
        let next = if let Some(next) = &authorities.next_bytes {
            authorities.next()?;
            next.clone()
        } else {
            let name = name_of_ca(self.loaded, &format!("etcd CA {}", day(self.now)));
            let validity = arguments.ca_days.validity(self.now);
            let kept = read(&authorities.next_key)?.filter(|_| authorities.key_alone);
            let key = kept.as_ref().map_or(Key::New, Key::Kept);
            let minted = Authority::mint_for(key, &name, validity);
            let (_, minted) = minted.map_err(|error| {
                let key = &authorities.next_key;
                minting(
                    &format!(" the next CA (`{}`)", crate::report::path(key)),
                    error,
                )
            })?;
            let bytes = Secret::new(minted.certificate.clone().into_bytes());
            written.extend(both(
                authorities.next_key.clone(),
                authorities.next.clone(),
                minted,
            ));
            bytes
        };
        let joined = rotation::joined(self.bytes(self.at), next.expose());
        let mut after = self.files.clone();
        after.insert(&self.at.value, Secret::new(joined.clone()));
        // Nobody trusts the next CA yet: what is missing or wrong is for the one from before.
        let unfit = self.uses.iter().filter(|one| !is_fit(one, &self.files));
        let unfit: Vec<_> = unfit.collect();
        if !unfit.is_empty() {
            let current = authorities.signer(None)?;
            written.extend(self.issue(&unfit, &current, &mut after, arguments)?);
        }
        self.check(&after)?;
        written.push((authorities.ca.clone(), Secret::new(joined)));
        write(&self.set(Step::Trust, written, &after)?, true)
    }

    /// Step 2: the next CA signs every pair, whatever is missing or wrong. One that it has signed
    /// and that is good stays as it is.
    fn sign(&self, arguments: &Arguments) -> Result<(), Failure> {
        let authority = self.authorities.next()?;
        let next = authority.certificate();
        let mut after = self.files.clone();
        let is_signed = |one: &&Use<'_>| {
            let certificate = self.files.get(&one.pair.cert.value);
            is_signed_by(certificate, next.as_bytes()) && is_fit(one, &self.files)
        };
        let wanted: Vec<_> = self.uses.iter().filter(|one| !is_signed(one)).collect();
        let mut written = self.issue(&wanted, &authority, &mut after, arguments)?;
        self.check(&after)?;
        // Where it is lost, the CA file has it.
        if read(&self.authorities.next)?.is_none() {
            written.push((
                self.authorities.next.clone(),
                Secret::new(next.into_bytes()),
            ));
        }
        write(&self.set(Step::Sign, written, &after)?, true)
    }

    /// New pairs in the place of these, in `after` and to be written.
    fn issue(
        &self,
        wanted: &[&Use<'_>],
        authority: &Authority,
        after: &mut PemFiles,
        arguments: &Arguments,
    ) -> Result<Vec<(PathBuf, Secret)>, Failure> {
        let mut written = Vec::new();
        let mut findings = Vec::new();
        let terms = arguments.keeping.terms(self.now, THIRTY_DAYS);
        for one in wanted {
            let successor = match one.succeed(after, authority, terms) {
                Ok(successor) => successor,
                Err(Refusal::Unfit(problems)) => {
                    findings.extend(unfit(one, &problems));
                    continue;
                }
                Err(Refusal::Lossy(losses)) => {
                    findings.push(not_kept(one, &losses));
                    continue;
                }
                Err(Refusal::Mint(error)) => {
                    let what = format!(" `{}`", one.pair.cert.value.as_str());
                    return Err(minting(&what, error));
                }
            };
            one.place(after, &successor.minted);
            let path = |path: &At<PemPath>| self.loaded.root.join(path.value.as_str());
            let (key, cert) = (path(&one.pair.key), path(&one.pair.cert));
            written.extend(both(key, cert, successor.minted));
        }
        findings.dedup();
        if findings.is_empty() {
            Ok(written)
        } else {
            Err(Failure::Input(self.loaded.report(findings)))
        }
    }

    /// Step 3: the next CA is the CA.
    fn drop_old(&self, context: Context) -> Result<(), Failure> {
        let authorities = &self.authorities;
        let next = authorities
            .next_bytes
            .clone()
            .unwrap_or(Secret::new(Vec::new()));
        let mut after = self.files.clone();
        after.insert(&self.at.value, next.clone());
        self.check(&after)?;
        let mut written = Vec::new();
        let key = read(&authorities.next_key)?;
        if let Some(key) = key {
            authorities.next()?;
            written.push((authorities.key.clone(), key));
        } else {
            context.terminal.say(&format!(
                "note: `{}` is not here, so `{}` stays the old CA's key: put the new one there\n\n",
                crate::report::path(&authorities.next_key),
                crate::report::path(&authorities.key)
            ));
        }
        written.push((authorities.ca.clone(), next));
        let mut set = self.set(Step::Drop, written, &after)?;
        set.removal(authorities.next_key.clone());
        set.removal(authorities.next.clone());
        write(&set, true)
    }

    /// While the machines take a step over, some have the files of before and others those of
    /// after: each must trust each.
    fn check(&self, after: &PemFiles) -> Result<(), Failure> {
        let before = &self.files;
        let is_fit =
            |one: &Use<'_>, files: &PemFiles| one.audit(files).is_some_and(|audit| audit.is_fit());
        let mut findings: Vec<Finding> = Vec::new();
        for (cas, pairs, old) in [
            (before, after, false),
            (after, before, true),
            (after, after, false),
        ] {
            let mut mixed = pairs.clone();
            if let Some(ca) = cas.get(&self.at.value) {
                mixed.insert(&self.at.value, ca.clone());
            }
            for one in &self.uses {
                // What was wrong or missing before is on no machine: `render` refuses it.
                if old && !is_fit(one, before) {
                    continue;
                }
                let Some(audit) = one.audit(&mixed) else {
                    continue;
                };
                for finding in unfit(one, &audit.problems) {
                    if !findings.contains(&finding) {
                        findings.push(finding);
                    }
                }
            }
        }
        if findings.is_empty() {
            Ok(())
        } else {
            Err(Failure::Input(self.loaded.report(findings)))
        }
    }

    fn bytes(&self, path: &At<PemPath>) -> &[u8] {
        self.files
            .get(&path.value)
            .map(Secret::expose)
            .unwrap_or_default()
    }

    fn plan(&self, arguments: &Arguments) -> String {
        let mut text = format!("{}\n", self.at.value.as_str());
        if self.authorities.standing.due == Step::Trust && !self.authorities.standing.begun {
            text.push_str(
                "  no replacement is under way: none was begun, or the last is finished\n",
            );
        }
        for step in Step::ALL {
            let due = self.authorities.standing.due;
            let state = match step.cmp(&due) {
                std::cmp::Ordering::Less => "done",
                std::cmp::Ordering::Equal if self.authorities.standing.begun => "begun",
                std::cmp::Ordering::Equal => "due",
                std::cmp::Ordering::Greater => "",
            };
            let _ = writeln!(text, "  {}  {state:5}  {}", step.number(), self.does(step));
            if step == due {
                let _ = writeln!(text, "            {}", command(arguments, Some(step)));
            }
        }
        let _ = write!(
            text,
            "\nafter each step, before the next:\n{}{CLIENTS}",
            self.roll(arguments)
        );
        text
    }

    fn done(&self, taken: Step, clients: &[&Client], arguments: &Arguments) -> String {
        let mut text = format!(
            "step {} of 3 is done: {}\n\n{}",
            taken.number(),
            self.does(taken),
            self.roll(arguments)
        );
        if taken == Step::Drop {
            text.push_str("then the replacement is finished: nothing more is to be run\n");
        } else {
            text.push_str(CLIENTS);
        }
        if taken == Step::Sign && !clients.is_empty() {
            let names = clients.iter().map(|one| one.pair.cert.value.as_str());
            let _ = writeln!(
                text,
                "  theirs that are known here are signed by the next CA, too: {}",
                names.collect::<Vec<_>>().join(", ")
            );
        }
        if let Some(step) = Step::ALL.into_iter().find(|step| *step > taken) {
            let _ = writeln!(text, "then: {}", command(arguments, Some(step)));
        }
        text
    }

    fn does(&self, step: Step) -> String {
        let ca = self.at.value.as_str();
        match step {
            Step::Trust => format!("`{ca}` holds the old CA and the next one"),
            Step::Sign => "all pairs are signed by the next CA".to_owned(),
            Step::Drop => format!("`{ca}` holds the next CA alone"),
        }
    }

    fn roll(&self, arguments: &Arguments) -> String {
        let mut names: Vec<&str> = Vec::new();
        for holder in self.uses.iter().flat_map(|one| &one.holders) {
            let name = holder.name.value.as_str();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        format!(
            "  firstboot render {}\n  \
             one machine at a time, never two at once: {}\n    \
             put its files into /etc/etcd (owner etcd, keys 0600), `systemctl restart etcd`,\n    \
             and wait until the member is healthy before you go on to the next\n",
            arguments.manifest.shown(),
            names.join(", then ")
        )
    }
}

/// What machines do not do for themselves, as long as a step is to come.
const CLIENTS: &str = "  clients that are no members (`pki mint --client`) need the CA file of \
                       step 1,\n  and before step 3 a pair that the next CA signed\n";

fn chosen<'a>(wanted: Option<&str>, uses: &[Use<'a>]) -> Result<&'a At<PemPath>, Failure> {
    let mut known: Vec<&At<PemPath>> = Vec::new();
    for one in uses {
        if !known.iter().any(|ca| ca.value == one.ca.value) {
            known.push(one.ca);
        }
    }
    let names: Vec<_> = known
        .iter()
        .map(|ca| format!("`--ca {}`", ca.value.as_str()))
        .collect();
    let names = names.join(" or ");
    match (wanted, known.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::Wrong(format!(
            "the manifest names several CAs, which are replaced one after the other: say {names}"
        ))),
        (Some(wanted), known) => known
            .iter()
            .find(|ca| ca.value.as_str() == wanted)
            .copied()
            .ok_or_else(|| {
                Failure::Wrong(format!(
                    "{} is no CA of the manifest: say {names}",
                    crate::report::quoted(wanted)
                ))
            }),
    }
}

/// The command that takes a step, or tells where the files stand.
fn command(arguments: &Arguments, step: Option<Step>) -> String {
    let mut text = format!("firstboot pki rotate-ca {}", arguments.manifest.shown());
    if let Some(ca) = &arguments.ca {
        let _ = write!(text, " --ca {ca}");
    }
    if let Some(step) = step {
        let _ = write!(text, " --step {}", step.number());
    }
    text
}
