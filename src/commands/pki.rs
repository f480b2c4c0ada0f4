//! `firstboot pki …`: the certificates of a cluster.

use super::{Context, Failure, ManifestArguments, load};
use crate::manifest::{At, Manifest, PemPath};
use crate::output;
use crate::pki::mint::{Authority, Leaf, Minted, Validity};
use crate::terminal::Format;
use clap::{Args, Subcommand};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
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
    let manifest = &loaded.manifest;
    let place = |path: &At<PemPath>| loaded.root.join(path.value.as_str());
    let ca = place(&manifest.tls.ca);
    let ca_key = beside(&ca, "-key.pem");
    let (certificate, key) = (place(&manifest.tls.cert), place(&manifest.tls.key));
    if ca_key == key {
        let key = key.display();
        let text = format!("`{key}` would hold the CA's key, too: name another file as `tls.key`");
        return Err(Failure::World(text));
    }
    let targets = [&ca, &ca_key, &certificate, &key];
    if !arguments.force {
        refuse_existing(&targets)?;
    }
    let (authority, pair) = mint_all(manifest, arguments, load::now())?;
    // Keys first: a certificate without its key would look finished.
    let write = |path: &Path, bytes: &[u8]| {
        output::write_private(path, bytes, arguments.force)
            .map_err(|error| Failure::World(error.to_string()))
    };
    write(&ca_key, authority.key.expose())?;
    write(&key, pair.key.expose())?;
    write(&ca, authority.certificate.as_bytes())?;
    write(&certificate, pair.certificate.as_bytes())?;
    say(&targets, context)
}

/// `pki/ca.pem` and `-key.pem` make `pki/ca-key.pem`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}{ending}"))
}

fn refuse_existing(targets: &[&PathBuf]) -> Result<(), Failure> {
    let existing: Vec<_> = targets
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

fn mint_all(
    manifest: &Manifest,
    arguments: &MintArguments,
    now: i64,
) -> Result<(Minted, Minted), Failure> {
    let failed = |error: crate::pki::mint::Error| Failure::World(format!("minting: {error}"));
    let controllers = &manifest.controllers;
    let mut addresses: Vec<IpAddr> = controllers
        .iter()
        .map(|controller| controller.ip.value)
        .collect();
    addresses.extend([
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ]);
    let mut names: Vec<String> = controllers
        .iter()
        .map(|controller| controller.name.value.to_string())
        .collect();
    names.push("localhost".to_owned());
    let ca_name = format!("{} CA", manifest.cluster.value);
    let ca_validity = Validity::days(now, arguments.ca_days.into());
    let (authority, ca) = Authority::mint(&ca_name, ca_validity).map_err(failed)?;
    let pair = authority
        .issue(&Leaf {
            common_name: manifest.cluster.value.as_str(),
            addresses: &addresses,
            names: &names,
            validity: Validity::days(now, arguments.days.into()),
            server: true,
            client: true,
        })
        .map_err(failed)?;
    Ok((ca, pair))
}

fn say(targets: &[&PathBuf; 4], context: Context) -> Result<(), Failure> {
    let [ca, ca_key, certificate, key] = targets.map(|path| path.display().to_string());
    context.print(&match context.format {
        Format::Json => {
            let files = json!({ "ca": ca, "caKey": ca_key, "cert": certificate, "key": key });
            format!("{files:#}\n")
        }
        Format::Human => format!(
            "{ca}\n{ca_key}  stays here: it never reaches a machine\n{certificate}\n{key}\n"
        ),
    })
}
