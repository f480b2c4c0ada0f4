//! `firstboot pki rotate-ca`: another CA while the cluster runs.

use super::renew::unfit;
use super::{
    CaDays, Days, authority, beside, both, minting, name_of_ca, now, read_files, refuse_contested,
    write,
};
use crate::calendar::day;
use crate::commands::load::{self, Loaded};
use crate::commands::locking;
use crate::commands::{Context, Failure, ManifestArguments};
use crate::manifest::{self, At, PemFiles, PemPath, Use, read_limited};
use crate::pki::audit::Audit;
use crate::pki::mint::Authority;
use crate::pki::rotation::{self, Files, Standing, Step};
use crate::report::Finding;
use crate::secret::Secret;
use crate::terminal::Format;
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Replace the CA in three steps, during which everybody trusts everybody
///
/// 1: mint the next CA (ca-next.pem) and trust both; 2: sign all pairs anew with the next CA;
/// 3: trust the next CA alone. After each step every machine has to take over its files, one at
/// a time. Without `--step` nothing is written: it tells where the files stand and what is due.
/// A next CA of your own is taken if ca-next.pem and ca-next-key.pem are there at step 1.
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
    days: Days,
    #[command(flatten)]
    ca_days: CaDays,
}

/// One CA of the manifest and everything that is needed to replace it.
struct Rotation<'a> {
    loaded: &'a Loaded,
    at: &'a At<PemPath>,
    ca: PathBuf,
    key: PathBuf,
    next: PathBuf,
    next_key: PathBuf,
    uses: Vec<Use<'a>>,
    files: PemFiles,
    standing: Standing,
    now: i64,
}

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let loaded = load::manifest(&arguments.manifest)?;
    let rotation = Rotation::find(arguments, &loaded)?;
    let due = rotation.standing.due;
    let said = match arguments.step {
        None => rotation.plan(arguments),
        Some(step) if step == due.number() => {
            match due {
                Step::Trust => rotation.trust(arguments)?,
                Step::Sign => rotation.sign(arguments)?,
                Step::Drop => rotation.drop_old()?,
            }
            locking::remember_authorities(&loaded)?;
            rotation.done(arguments)
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
        Format::Json => {
            let taken = arguments.step.is_some();
            context.document(json!({
                "ca": rotation.at.value.as_str(),
                "taken": arguments.step,
                "due": if taken { due.number() % 3 + 1 } else { due.number() },
                "begun": rotation.standing.begun && !taken,
            }))
        }
    })
}

impl<'a> Rotation<'a> {
    fn find(arguments: &Arguments, loaded: &'a Loaded) -> Result<Self, Failure> {
        let now = now();
        let all = manifest::uses(&loaded.manifest, now);
        refuse_contested(loaded, &all)?;
        let at = chosen(arguments.ca.as_deref(), &all)?;
        let uses: Vec<_> = all
            .into_iter()
            .filter(|one| one.ca.value == at.value)
            .collect();
        let files = read_files(loaded, |_| false)?;
        let ca = loaded.root.join(at.value.as_str());
        let (next, next_key) = (beside(&ca, "next"), beside(&ca, "next-key"));
        let is_there = |path: &Path| path.symlink_metadata().is_ok();
        let next_bytes = if is_there(&next) {
            Some(read(&next)?)
        } else {
            None
        };
        let bytes = |path: &At<PemPath>| files.get(&path.value).map(Secret::expose);
        let leafs: Vec<_> = uses
            .iter()
            .filter_map(|one| bytes(&one.pair.cert))
            .collect();
        let standing = rotation::standing(&Files {
            ca: bytes(at).unwrap_or_default(),
            next: next_bytes.as_ref().map(Secret::expose),
            next_key: is_there(&next_key),
            leafs: &leafs,
        })
        .map_err(|muddle| {
            Failure::Wrong(format!(
                "`{}`: {muddle}; put back what was there, or move `{}` and `{}` away to begin again",
                at.value.as_str(),
                crate::report::path(&next),
                crate::report::path(&next_key)
            ))
        })?;
        Ok(Self {
            loaded,
            at,
            key: beside(&ca, "key"),
            ca,
            next,
            next_key,
            uses,
            files,
            standing,
            now,
        })
    }

    /// Step 1: both CAs are trusted.
    fn trust(&self, arguments: &Arguments) -> Result<(), Failure> {
        let mut written = Vec::new();
        let next = if self.standing.begun {
            authority(&self.next, &self.next_key)?;
            read(&self.next)?
        } else {
            let name = name_of_ca(self.loaded, &format!("etcd CA {}", day(self.now)));
            let validity = arguments.ca_days.validity(self.now);
            let (_, minted) =
                Authority::mint(&name, validity).map_err(|error| minting("", error))?;
            let bytes = Secret::new(minted.certificate.clone().into_bytes());
            written.extend(both(self.next_key.clone(), self.next.clone(), minted));
            bytes
        };
        let joined = rotation::joined(self.bytes(self.at), next.expose());
        let mut after = self.files.clone();
        after.insert(&self.at.value, Secret::new(joined.clone()));
        self.check(&after)?;
        written.push((self.ca.clone(), Secret::new(joined)));
        write(&super::set(self.loaded, "pki rotate-ca", written), true)
    }

    /// Step 2: the next CA signs every pair. One that it has signed stays as it is.
    fn sign(&self, arguments: &Arguments) -> Result<(), Failure> {
        let authority = authority(&self.next, &self.next_key)?;
        let next = read(&self.next)?;
        let mut after = self.files.clone();
        let mut written = Vec::new();
        for one in &self.uses {
            let old = self.files.get(&one.pair.cert.value);
            let signed = old
                .is_some_and(|old| crate::pki::inspect::is_signed_by(old.expose(), next.expose()));
            if signed && one.audit(&self.files).is_some_and(|audit| audit.is_fit()) {
                continue;
            }
            let validity = arguments.days.validity(self.now);
            let minted = one
                .issue(&authority, validity, old)
                .map_err(|error| minting("", error))?;
            one.place(&mut after, &minted);
            let path = |path: &At<PemPath>| self.loaded.root.join(path.value.as_str());
            written.extend(both(path(&one.pair.key), path(&one.pair.cert), minted));
        }
        self.check(&after)?;
        write(&super::set(self.loaded, "pki rotate-ca", written), true)
    }

    /// Step 3: the next CA is the CA.
    fn drop_old(&self) -> Result<(), Failure> {
        let next = read(&self.next)?;
        let mut after = self.files.clone();
        after.insert(&self.at.value, next.clone());
        self.check(&after)?;
        let mut written = Vec::new();
        if self.next_key.symlink_metadata().is_ok() {
            authority(&self.next, &self.next_key)?;
            written.push((self.key.clone(), read(&self.next_key)?));
        }
        written.push((self.ca.clone(), next));
        write(&super::set(self.loaded, "pki rotate-ca", written), true)?;
        // The certificate goes last: as long as it is there, this step can be taken again.
        for path in [&self.next_key, &self.next] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Failure::World(format!(
                        "removing `{}`: {error}",
                        crate::report::path(path)
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// While the machines take a step over, some have the files of before and others those of
    /// after: each must trust each.
    fn check(&self, after: &PemFiles) -> Result<(), Failure> {
        let before = &self.files;
        let mut findings: Vec<Finding> = Vec::new();
        for (cas, pairs, old) in [
            (before, before, true),
            (before, after, false),
            (after, before, true),
            (after, after, false),
        ] {
            let mut mixed = pairs.clone();
            if let Some(ca) = cas.get(&self.at.value) {
                mixed.insert(&self.at.value, ca.clone());
            }
            for one in &self.uses {
                if old && self.was_cut_short(one) {
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

    /// A pair of which only the key was written when this step was cut short. No machine has
    /// it: `render` refuses it.
    fn was_cut_short(&self, one: &Use<'_>) -> bool {
        let is_torn = |audit: Audit| {
            let mut problems = audit.problems.iter();
            problems.any(|problem| problem.code == "key-mismatch")
        };
        self.standing.begun && one.audit(&self.files).is_some_and(is_torn)
    }

    fn bytes(&self, path: &At<PemPath>) -> &[u8] {
        self.files
            .get(&path.value)
            .map(Secret::expose)
            .unwrap_or_default()
    }

    fn plan(&self, arguments: &Arguments) -> String {
        let mut text = format!("{}\n", self.at.value.as_str());
        if self.standing.due == Step::Trust && !self.standing.begun {
            text.push_str(
                "  no replacement is under way: none was begun, or the last is finished\n",
            );
        }
        for step in Step::ALL {
            let due = self.standing.due;
            let state = match step.cmp(&due) {
                std::cmp::Ordering::Less => "done",
                std::cmp::Ordering::Equal if self.standing.begun => "begun",
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

    fn done(&self, arguments: &Arguments) -> String {
        let taken = self.standing.due;
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

fn read(path: &Path) -> Result<Secret, Failure> {
    read_limited(path).map_err(|error| Failure::reading(path, &error))
}
