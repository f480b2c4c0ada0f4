//! `firstboot pki …`: the certificates of a cluster, one file per subcommand.

mod audit;
mod client;
mod clients;
mod members;
mod mint;
mod renew;
mod repository;
mod rotate;
mod show;
mod standing;
mod table;

pub(super) use mint::fresh;

use super::load::Loaded;
use super::{Context, Failure, load};
use crate::manifest::{self, PemFiles, Terms, Use};
use crate::output;
use crate::pki::mint::{Authority, Minted, Validity};
use crate::secret::Secret;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// Make, check and replace the certificates of a cluster
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Mint(mint::Arguments),
    Audit(audit::Arguments),
    Show(show::Arguments),
    Renew(renew::Arguments),
    RotateCa(rotate::Arguments),
}

impl Command {
    /// Its name in the JSON documents that it prints.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Mint(_) => "pki-mint",
            Self::Audit(_) => "pki-audit",
            Self::Show(_) => "pki-show",
            Self::Renew(_) => "pki-renew",
            Self::RotateCa(_) => "pki-rotate-ca",
        }
    }

    /// Whether it makes files; the others only look.
    pub(super) fn writes(&self) -> bool {
        !matches!(self, Self::Audit(_) | Self::Show(_))
    }
}

pub(super) fn run(command: &Command, context: Context) -> Result<(), Failure> {
    match command {
        Command::Mint(arguments) => mint::run(arguments, context),
        Command::Audit(arguments) => audit::run(arguments, context),
        Command::Show(arguments) => show::run(arguments, context),
        Command::Renew(arguments) => renew::run(arguments, context),
        Command::RotateCa(arguments) => rotate::run(arguments, context),
    }
}

/// How long what is minted is good for.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Days {
    /// How long the certificates are valid
    #[arg(long, value_name = "DAYS", default_value_t = Self::default().days)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=7300))]
    days: u32,
}

impl Default for Days {
    fn default() -> Self {
        Self { days: 365 }
    }
}

impl Days {
    fn validity(self, now: i64) -> Validity {
        Validity::days(now, self.days.into())
    }
}

/// What a new certificate has of the one whose place it takes.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Keeping {
    /// How long the certificates are valid [default: as long as the old ones were; 365 where
    /// there is none, or it would end too soon]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=7300))]
    days: Option<u32>,
    /// Make them even where something of an old certificate cannot be kept
    ///
    /// Without it, what would be lost is listed, and nothing is written.
    #[arg(long)]
    lossy: bool,
}

impl Keeping {
    fn terms(self, now: i64, least: i64) -> Terms {
        Terms {
            validity: self.days.map(|days| Validity::days(now, days.into())),
            usual: Days::default().validity(now),
            least,
            lossy: self.lossy,
        }
    }
}

/// How long a CA that is minted is good for.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct CaDays {
    /// How long the CA is valid
    #[arg(long, value_name = "DAYS", default_value_t = Self::default().ca_days)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=7300))]
    ca_days: u32,
}

impl Default for CaDays {
    fn default() -> Self {
        Self { ca_days: 3650 }
    }
}

impl CaDays {
    fn validity(self, now: i64) -> Validity {
        Validity::days(now, self.ca_days.into())
    }
}

/// `pki/ca.pem` has its key in `pki/ca-key.pem`, and the next CA in `pki/ca-next.pem`.
fn beside(ca: &Path, suffix: &str) -> PathBuf {
    let stem = ca.file_stem().unwrap_or_default().to_string_lossy();
    ca.with_file_name(format!("{stem}-{suffix}.pem"))
}

/// The common name of a new CA, cut to the 64 characters that a name may have.
fn name_of_ca(loaded: &Loaded, what: &str) -> String {
    let cluster = loaded.manifest.cluster.value.as_str();
    let room = 64 - what.len() - 1;
    let cluster: String = cluster.chars().take(room).collect();
    format!("{cluster} {what}")
}

/// The CA in these files.
fn authority(ca: &Path, key: &Path) -> Result<Authority, Failure> {
    let read =
        |path: &Path| manifest::read_limited(path).map_err(|error| Failure::reading(path, &error));
    let certificate = read(ca)?;
    let key_bytes = match key.symlink_metadata() {
        Ok(_) => read(key)?,
        Err(_) => {
            return Err(Failure::Wrong(format!(
                "`{}` is not there: without the CA's key nothing can be signed; put it there for now, or name it with `--ca-key`",
                crate::report::path(key)
            )));
        }
    };
    Authority::read(certificate.expose(), &key_bytes).map_err(|error| {
        Failure::Wrong(format!(
            "signing with `{}` and `{}`: {error}",
            crate::report::path(ca),
            crate::report::path(key)
        ))
    })
}

/// Refuses a pair that two CAs would have to sign.
fn refuse_contested(loaded: &Loaded, uses: &[Use<'_>]) -> Result<(), Failure> {
    let Some((pair, [one, other])) = manifest::contested(uses) else {
        return Ok(());
    };
    let finding = crate::report::Finding::error(
        "two-authorities",
        pair.cert.place.clone(),
        format!(
            "`{}` would have to be signed by two CAs, `{}` and `{}`",
            pair.cert.value.as_str(),
            one.value.as_str(),
            other.value.as_str()
        ),
        "name one CA for both, or another pair for each with `tls.server` and `tls.peer`",
    );
    Err(Failure::Input(loaded.report(vec![finding])))
}

/// The manifest's files; `Err` unless each can be read, or is missing where that is allowed.
fn read_files(loaded: &Loaded, may_miss: impl Fn(&str) -> bool) -> Result<PemFiles, Failure> {
    let (files, mut findings) = manifest::read_pem_files(&loaded.manifest, &loaded.root);
    let controllers = loaded.manifest.controllers.iter();
    let paths: Vec<_> = controllers
        .flat_map(|controller| controller.tls.all())
        .collect();
    findings.retain(|finding| {
        let path = paths
            .iter()
            .find(|path| Some(&path.place) == finding.place.as_ref());
        let forgiven = path.is_some_and(|path| may_miss(path.value.as_str()));
        !(finding.code == "pem-missing" && forgiven)
    });
    if findings.is_empty() {
        Ok(files)
    } else {
        Err(Failure::Input(loaded.report(findings)))
    }
}

/// Keys first: a certificate without its key would look finished.
fn both(key: PathBuf, certificate: PathBuf, minted: Minted) -> [(PathBuf, Secret); 2] {
    [
        (key, minted.key),
        (certificate, Secret::new(minted.certificate.into_bytes())),
    ]
}

/// The files of a manifest that a command changes together.
fn set(loaded: &Loaded, what: &str, files: Vec<(PathBuf, Secret)>) -> output::Set {
    let mut set = output::Set::new(&loaded.root, what);
    for (path, bytes) in files {
        set.private(path, bytes);
    }
    set
}

fn write(set: &output::Set, overwrite: bool) -> Result<(), Failure> {
    set.write(overwrite)
        .map_err(|error| Failure::World(error.to_string()))
}

/// Finishes what an earlier command did not come to the end of, and says so: the files are read
/// after that. True if it was the same command as this one.
fn finish(loaded: &Loaded, what: &str, context: Context) -> Result<bool, Failure> {
    let finished = output::finish(&loaded.root);
    let Some(finished) = finished.map_err(|error| Failure::World(error.to_string()))? else {
        return Ok(false);
    };
    context.terminal.say(&format!(
        "note: `firstboot {}` had been cut short, and is finished now\n\n",
        finished.what
    ));
    Ok(finished.what == what)
}

/// What minting failed of: nearly always of what it was asked for.
fn minting(what: &str, error: crate::pki::mint::Error) -> Failure {
    let text = format!("minting{what}: {error}");
    match error {
        crate::pki::mint::Error::NoRandomness => Failure::World(text),
        _ => Failure::Wrong(text),
    }
}

fn refuse_existing(paths: &[PathBuf], cure: &str) -> Result<(), Failure> {
    let existing: Vec<_> = paths
        .iter()
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| format!("`{}`", crate::report::path(path)))
        .collect();
    match existing.as_slice() {
        [] => Ok(()),
        [one] => Err(Failure::Wrong(format!("{one} exists: {cure}"))),
        _ => Err(Failure::Wrong(format!(
            "{} exist: {cure}",
            existing.join(", ")
        ))),
    }
}

/// Now, read once for a whole command.
fn now() -> i64 {
    load::now()
}
