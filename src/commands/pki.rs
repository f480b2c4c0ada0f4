//! `firstboot pki …`: the certificates of a cluster.

use super::{Context, Failure, ManifestArguments, load};
use crate::manifest::{self, Manifest, Use};
use crate::output;
use crate::pki::mint::{Authority, Leaf, Minted, Validity};
use crate::secret::Secret;
use crate::terminal::Format;
use clap::{Args, Subcommand};
use serde_json::json;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// Make the certificates of a cluster
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Mint(MintArguments),
}

/// Mint a CA and the pair that all controllers share, where the manifest expects them
///
/// ECDSA P-256; the certificate names every controller's address and name, 127.0.0.1, `::1` and
/// localhost, for servers and clients alike. It is valid from one hour ago, since the clock of
/// a machine may be behind at its first boot. The CA's key is written beside the CA as
/// ca-key.pem and never reaches a machine: keep it safe, or remove it.
#[derive(Debug, Args)]
pub(crate) struct MintArguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// How long the certificate is valid
    #[arg(long, value_name = "DAYS", default_value_t = 365)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=7300))]
    days: u32,
    /// How long the CA is valid
    #[arg(long, value_name = "DAYS", default_value_t = 3650)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=7300))]
    ca_days: u32,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

pub(super) fn run(command: &Command, context: Context) -> Result<(), Failure> {
    match command {
        Command::Mint(arguments) => mint(arguments, context),
    }
}

fn mint(arguments: &MintArguments, context: Context) -> Result<(), Failure> {
    let loaded = load::manifest(&arguments.manifest)?;
    let now = load::now();
    let plan = Plan::of(&loaded.manifest, &loaded.root, now)?;
    if !arguments.force {
        refuse_existing(&plan.paths())?;
    }
    let files = plan.mint(arguments, now)?;
    for (path, bytes) in &files {
        output::write_private(path, bytes.expose(), arguments.force)
            .map_err(|error| Failure::World(error.to_string()))?;
    }
    say(&plan, context)
}

/// What is to be minted: every CA that the manifest names, and under each its pairs.
struct Plan<'a> {
    authorities: Vec<(PathBuf, Vec<Wanted<'a>>)>,
}

struct Wanted<'a> {
    certificate: PathBuf,
    key: PathBuf,
    asked: Use<'a>,
}

impl<'a> Plan<'a> {
    fn of(manifest: &'a Manifest, root: &Path, now: i64) -> Result<Self, Failure> {
        let mut authorities: Vec<(PathBuf, Vec<Wanted>)> = Vec::new();
        for asked in manifest::uses(manifest, now) {
            let ca = root.join(asked.ca.value.as_str());
            let wanted = Wanted {
                certificate: root.join(asked.pair.cert.value.as_str()),
                key: root.join(asked.pair.key.value.as_str()),
                asked,
            };
            if key_beside(&ca) == wanted.key {
                return Err(Failure::World(format!(
                    "`{}` would hold the CA's key, too: name another file as the key",
                    wanted.key.display()
                )));
            }
            match authorities.iter_mut().find(|(known, _)| *known == ca) {
                Some((_, pairs)) => pairs.push(wanted),
                None => authorities.push((ca, vec![wanted])),
            }
        }
        Ok(Self { authorities })
    }

    /// Keys first: a certificate without its key would look finished.
    fn paths(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for (ca, pairs) in &self.authorities {
            paths.extend([key_beside(ca), ca.clone()]);
            paths.extend(
                pairs
                    .iter()
                    .flat_map(|pair| [pair.key.clone(), pair.certificate.clone()]),
            );
        }
        paths
    }

    fn mint(&self, arguments: &MintArguments, now: i64) -> Result<Vec<(PathBuf, Secret)>, Failure> {
        let failed = |error: crate::pki::mint::Error| Failure::World(format!("minting: {error}"));
        let mut files = Vec::new();
        for (ca, pairs) in &self.authorities {
            let validity = Validity::days(now, arguments.ca_days.into());
            let (authority, minted) = Authority::mint("etcd CA", validity).map_err(failed)?;
            files.extend(both(key_beside(ca), ca.clone(), minted));
            for pair in pairs {
                let leaf = pair.mint(&authority, Validity::days(now, arguments.days.into()));
                files.extend(both(
                    pair.key.clone(),
                    pair.certificate.clone(),
                    leaf.map_err(failed)?,
                ));
            }
        }
        Ok(files)
    }
}

impl Wanted<'_> {
    /// A leaf that the audit passes: it is made of what the audit asks for.
    fn mint(
        &self,
        authority: &Authority,
        validity: Validity,
    ) -> Result<Minted, crate::pki::mint::Error> {
        let demands = &self.asked.demands;
        let mut addresses: Vec<IpAddr> = demands
            .addresses
            .iter()
            .map(|demand| demand.value)
            .collect();
        let mut names: Vec<String> = Vec::new();
        if demands.server {
            addresses.push(IpAddr::V6(Ipv6Addr::LOCALHOST));
            names.extend(
                self.asked
                    .holders
                    .iter()
                    .map(|holder| holder.name.value.to_string()),
            );
            names.push("localhost".to_owned());
        }
        let asked = demands
            .common_name
            .as_ref()
            .map(|demand| demand.value.clone());
        let only = match self.asked.holders.as_slice() {
            [only] => only.name.value.to_string(),
            _ => "etcd".to_owned(),
        };
        authority.issue(&Leaf {
            common_name: &asked.unwrap_or(only),
            addresses: &addresses,
            names: &names,
            validity,
            server: demands.server,
            client: demands.client,
        })
    }
}

fn both(key: PathBuf, certificate: PathBuf, minted: Minted) -> [(PathBuf, Secret); 2] {
    [
        (key, minted.key),
        (certificate, Secret::new(minted.certificate.into_bytes())),
    ]
}

/// `pki/ca.pem` has its key in `pki/ca-key.pem`.
fn key_beside(ca: &Path) -> PathBuf {
    let stem = ca.file_stem().unwrap_or_default().to_string_lossy();
    ca.with_file_name(format!("{stem}-key.pem"))
}

fn refuse_existing(paths: &[PathBuf]) -> Result<(), Failure> {
    let existing: Vec<_> = paths
        .iter()
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| format!("`{}`", path.display()))
        .collect();
    match existing.as_slice() {
        [] => Ok(()),
        [one] => Err(Failure::World(format!(
            "{one} exists: `--force` replaces it"
        ))),
        _ => Err(Failure::World(format!(
            "{} exist: `--force` replaces them",
            existing.join(", ")
        ))),
    }
}

fn say(plan: &Plan, context: Context) -> Result<(), Failure> {
    let shown = |path: &Path| path.display().to_string();
    let mut text = String::new();
    let mut files = Vec::new();
    for (ca, pairs) in &plan.authorities {
        let key = shown(&key_beside(ca));
        text.push_str(&format!(
            "{}\n{key}  stays here: it never reaches a machine\n",
            shown(ca)
        ));
        for pair in pairs {
            text.push_str(&format!(
                "{}\n{}\n",
                shown(&pair.certificate),
                shown(&pair.key)
            ));
        }
        let pairs: Vec<_> = pairs
            .iter()
            .map(|pair| json!({ "cert": shown(&pair.certificate), "key": shown(&pair.key) }))
            .collect();
        files.push(json!({ "ca": shown(ca), "caKey": key, "pairs": pairs }));
    }
    context.print(&match context.format {
        Format::Json => format!("{:#}\n", json!({ "minted": files })),
        Format::Human => text,
    })
}
