//! `firstboot pin`: which tarballs the machines install, resolved once and written down.

mod gather;
mod lineage;
mod tarball;
mod vendor;

use super::duration::Span;
use super::load::Loaded;
use super::locking;
use super::{Context, Failure, ManifestArguments, load};
use crate::calendar;
use crate::cluster::Genesis;
use crate::input;
use crate::manifest::{self, Manifest, beginning, check_lock, check_lock_is_own};
use crate::output::Written;
use crate::release::{
    Arch, Client, Digest, Disagreement, Evidence, Lock, LockedTarball, Origin, agree, tarball_name,
};
use crate::secret::Secret;
use crate::terminal::Format;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Pin the release's digests in a lock file beside the manifest
///
/// Asks the hosts of the release for its `SHA256SUMS`, holds what they say against each other
/// and against the built-in table, and writes `cluster.lock` beside `cluster.yaml`. From then
/// on `render` needs the two files alone.
///
/// To make a lock is to say that the cluster is new: the lock gives it an ID of its own, says until
/// when it may begin (its genesis window), with which controllers, and whom they trust. All that
/// stays as it is when the release is pinned again. Once `verify` has seen the cluster run and has
/// written that into the lock, nothing but --begin-again lets it begin again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  firstboot pin                         asks the release's hosts
  firstboot pin --check                 for pipelines: is the lock up to date?
  firstboot pin --vendor media          fetches the tarballs, too
  firstboot pin --begin-again main      main begins again, empty")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Write nothing; exit status 1 if the lock is missing or stale. No network
    #[arg(long, conflicts_with_all = ["tarball", "vendor", "genesis_window", "begin_again", "new_authorities"])]
    check: bool,
    /// Ask nobody: pin what table, manifest and lock know
    #[arg(long)]
    offline: bool,
    /// Pin this tarball, under its own name; may be given once for each architecture
    #[arg(long, value_name = "FILE")]
    tarball: Vec<PathBuf>,
    /// Fetch all pinned tarballs into DIR, as a mirror or a `file://` URL serves them
    #[arg(long, value_name = "DIR", conflicts_with = "offline")]
    vendor: Option<PathBuf>,
    /// Let the genesis window end so far from now [default: 24h, from the first pin]; refused
    /// where the lock says that the cluster runs
    #[arg(long, value_name = "SPAN")]
    genesis_window: Option<Span>,
    /// The cluster of this name begins again, empty, though it has run: a new ID, a new window. All
    /// its machines and their disks must be gone
    #[arg(long, value_name = "CLUSTER")]
    begin_again: Option<String>,
    /// Let the lock know the manifest's CAs, though it knows none of them
    #[arg(long)]
    new_authorities: bool,
    /// Trust the CAs in this PEM file too, beside the system's
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// How long one download may take, with all its attempts
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

/// Four times the bundle of all public CAs.
const MOST_AUTHORITIES: u64 = 1 << 20;

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let loaded = load::manifest(&arguments.manifest)?;
    if arguments.check {
        return check(&loaded, context);
    }
    let old = load::lock(&loaded)?;
    let foreign = old
        .as_ref()
        .and_then(|old| check_lock_is_own(&loaded.manifest, old));
    if let Some(finding) = foreign {
        return Err(Failure::Input(loaded.report(vec![finding])));
    }
    lineage::refuse_beginning(arguments, &loaded, old.as_ref())?;
    let authorities = lineage::authorities(arguments, &loaded, old.as_ref())?;
    let mut pin = Pin::new(arguments, &loaded, old, context);
    let evidence = pin.gather()?;
    let mut tarballs = pin.decide(&evidence)?;
    if let Some(directory) = &arguments.vendor {
        pin.vendor(directory, &mut tarballs)?;
    }
    let lock = pin.lock(tarballs, authorities)?;
    pin.caution(&lock);
    let written = locking::write(&loaded, &lock)?;
    if context.format == Format::Human {
        for note in &pin.notes {
            context.terminal.say(&format!("note: {note}\n"));
        }
    }
    context.print(&match context.format {
        Format::Human => text(&loaded, &lock, written),
        Format::Json => context.document(pin.json(&lock, written)),
    })
}

/// For pipelines: the lock is there and the manifest agrees with it. What upstream says today
/// changes nothing in that, so nobody is asked.
fn check(loaded: &Loaded, context: Context) -> Result<(), Failure> {
    let Some(lock) = load::lock(loaded)? else {
        let finding = loaded.manifest.lock_missing(&loaded.lock_path);
        return Err(Failure::Input(loaded.report(vec![finding])));
    };
    let mut findings = check_lock(&loaded.manifest, &lock);
    let (files, _) = manifest::read_pem_files(&loaded.manifest, &loaded.root);
    findings.extend(manifest::check_authorities(&loaded.manifest, &files, &lock));
    let report = loaded.report(findings);
    if report.has_errors() {
        return Err(Failure::Input(report));
    }
    context.show(&report);
    context.print(&match context.format {
        Format::Human => format!("{}: up to date\n", crate::report::path(&loaded.lock_path)),
        Format::Json => context.document(json!({
            "lock": crate::report::path_value(&loaded.lock_path),
            "upToDate": true,
            "findings": report.to_json(),
        })),
    })
}

/// One run of the command.
struct Pin<'a> {
    arguments: &'a Arguments,
    loaded: &'a Loaded,
    old: Option<Lock>,
    context: Context,
    client: Option<Client>,
    /// What went on beside, for people.
    notes: Vec<String>,
}

impl<'a> Pin<'a> {
    fn new(
        arguments: &'a Arguments,
        loaded: &'a Loaded,
        old: Option<Lock>,
        context: Context,
    ) -> Self {
        Self {
            arguments,
            loaded,
            old,
            context,
            client: None,
            notes: Vec::new(),
        }
    }

    fn manifest(&self) -> &'a Manifest {
        &self.loaded.manifest
    }

    fn architectures(&self) -> Vec<Arch> {
        let wanted = self.manifest().architectures();
        wanted.into_iter().map(|arch| arch.value).collect()
    }

    /// The client, made when it is first needed.
    fn client(&mut self) -> Result<&Client, Failure> {
        if self.client.is_none() {
            let authorities = match &self.arguments.cacert {
                Some(path) => Some(
                    input::read(path, MOST_AUTHORITIES)
                        .map_err(|error| Failure::reading(path, &error))?,
                ),
                None => None,
            };
            let total = Duration::from_secs(self.arguments.timeout);
            let client = Client::new(authorities.as_ref().map(Secret::expose), total)
                .map_err(|error| Failure::World(format!("preparing TLS: {error}")))?;
            self.client = Some(client);
        }
        self.client
            .as_ref()
            .ok_or_else(|| Failure::world("preparing TLS: no client"))
    }

    fn decide(&mut self, evidence: &[(Arch, Evidence)]) -> Result<Vec<LockedTarball>, Failure> {
        let version = self.manifest().etcd.version.value;
        let mut tarballs = Vec::new();
        for arch in self.architectures() {
            let own: Vec<_> = evidence
                .iter()
                .filter(|(of, _)| *of == arch)
                .map(|(_, evidence)| evidence.clone())
                .collect();
            let name = tarball_name(&version, arch);
            let pinned = agree(&own).map_err(|why| self.undecided(&name, &why))?;
            for other in own.iter().filter(|other| other.digest != pinned.digest) {
                self.notes.push(format!(
                    "the manifest's digest for {arch} is not the one of {}; keep it only if you \
                     built or repacked that tarball yourself",
                    said_by(&other.origin)
                ));
            }
            tarballs.push((arch, pinned).into());
        }
        Ok(tarballs)
    }

    fn undecided(&self, name: &str, why: &Disagreement) -> Failure {
        match why {
            Disagreement::Nobody => {
                let unasked = if self.arguments.offline {
                    "; run `firstboot pin` without `--offline`, or"
                } else {
                    ": its list of digests does not have it; choose another version, or"
                };
                Failure::Wrong(format!(
                    "nobody knows the digest of `{name}`{unasked} name the tarball with `--tarball`"
                ))
            }
            Disagreement::Between(both) => {
                let [one, other] = both.as_ref();
                let said = |evidence: &Evidence| {
                    let who = said_by(&evidence.origin);
                    format!("{} of {who}", short(evidence.digest))
                };
                let text = format!(
                    "two digests for `{name}`, {} and {}: one of them lies; \
                     `etcd.sha256` in the manifest decides if you know which",
                    said(one),
                    said(other)
                );
                // A file is the user's own input; what hosts say is not.
                let is_file = |evidence: &Evidence| matches!(evidence.origin, Origin::Tarball(_));
                if both.iter().any(is_file) {
                    Failure::Wrong(text)
                } else {
                    Failure::World(text)
                }
            }
        }
    }

    fn json(&self, lock: &Lock, written: Written) -> Value {
        let tarballs: Vec<_> = lock
            .etcd
            .tarballs
            .iter()
            .map(|tarball| {
                json!({
                    "arch": tarball.arch.name(),
                    "sha256": tarball.sha256.to_string(),
                    "size": tarball.size,
                    "from": tarball.from.iter().map(ToString::to_string).collect::<Vec<_>>(),
                })
            })
            .collect();
        json!({
            "lock": crate::report::path_value(&self.loaded.lock_path),
            "written": written == Written::Changed,
            "etcdVersion": lock.etcd.version.to_string(),
            "tarballs": tarballs,
            "urls": lock.etcd.urls,
            "id": lock.id.map(|id| id.to_string()),
            "began": lock.genesis.began.map(calendar::moment),
            "authorities": lock.authorities.as_ref().map(|known| json!({
                "peer": known.peer.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "server": known.server.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })),
            "genesisUntil": calendar::moment(lock.genesis.until),
            "genesisMembers": lock.genesis.members,
            "notes": self.notes,
        })
    }
}

fn text(loaded: &Loaded, lock: &Lock, written: Written) -> String {
    let outcome = match written {
        Written::Changed => "written",
        Written::Unchanged => "unchanged",
    };
    let path = crate::report::path(&loaded.lock_path);
    let id = lock.id.map(|id| format!(", {id}")).unwrap_or_default();
    let mut text = format!("{path}: etcd {}{id}, {outcome}\n", lock.etcd.version);
    for tarball in &lock.etcd.tarballs {
        let from: Vec<_> = tarball.from.iter().map(shown).collect();
        let _ = writeln!(
            text,
            "  {:7}  {}  {}",
            tarball.arch.name(),
            short(tarball.sha256),
            from.join(", ")
        );
    }
    let until = calendar::moment(lock.genesis.until);
    let _ = match beginning(&loaded.manifest, Some(lock)).genesis {
        Genesis::Over(since) => writeln!(text, "  {since}: no machine begins it any more"),
        Genesis::Always | Genesis::Until(_) => writeln!(
            text,
            "  genesis window until {until}: afterwards machines join the cluster, and begin none"
        ),
    };
    text
}

fn shown(origin: &Origin) -> String {
    match origin {
        Origin::Sums(url) => url.split('/').nth(2).unwrap_or(url).to_owned(),
        other => other.to_string(),
    }
}

/// Who gave a digest, in a sentence.
fn said_by(origin: &Origin) -> String {
    match origin {
        Origin::Sums(url) => format!("`{url}`"),
        Origin::Tarball(file) => format!("the file `{file}`"),
        origin => format!("the {origin}"),
    }
}

/// As much of a digest as a person compares.
fn short(digest: Digest) -> String {
    let text = digest.to_string();
    format!("{}…", &text[..16])
}
