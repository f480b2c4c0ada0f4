//! `firstboot rehearse`: boots the rendered machines on this computer.

use super::{Context, Failure, ManifestArguments};
use clap::Args;
use std::path::PathBuf;

/// Boot the cluster on this computer, for real, before a cloud is paid for it
///
/// Real systemd, real cloud-init and real etcd, one container per controller, in namespaces
/// that vanish at the end. Needs Linux and root. Images are built from Debian's packages once
/// and cached. Without --tarball, etcd of the same release line comes from Debian's packages:
/// then version and digest differ from the manifest's, and nothing else does.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo firstboot rehearse
  sudo firstboot rehearse --suite trixie --logs logs
  sudo firstboot rehearse --fault power-cut --fault mirror-503 --seed 7
  sudo firstboot rehearse --baked    compares it with a baked image")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Debian release of the machines: bullseye, bookworm or trixie
    #[arg(long, value_name = "NAME")]
    suite: Option<String>,
    /// The release tarball, under its own name, instead of Debian's etcd
    #[arg(long, value_name = "FILE")]
    tarball: Option<PathBuf>,
    /// Boot a baked image, too, without a release server, and compare the two
    #[arg(long)]
    baked: bool,
    /// How long the machines have from power-on to their verdict
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    timeout: u64,
    /// Let something go wrong; may be given again
    ///
    /// power-cut[:STAGE|:TIME], mirror-503, mirror-corrupt, mirror-stall, mirror-truncate,
    /// no-dns, clock:-1h, disk-full, disk-late, peer-cut, wrong-ip, most of these with :TIME for
    /// how long (20s); replace[:MACHINE], replace-while-others-down[:MACHINE]; boot-order:2,0,1,
    /// stagger:30s. @NAME or @all says which machine; otherwise --seed does. See
    /// docs/rehearse.md.
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<String>,
    /// What chooses the machines and moments that --fault leaves open
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Write every machine's console and journal into this directory
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
}

#[cfg(not(target_os = "linux"))]
pub(super) fn run(_: &Arguments, _: Context) -> Result<(), Failure> {
    Err(Failure::world(
        "a rehearsal needs Linux: run it on a Linux computer or virtual machine",
    ))
}

#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod plan;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod tarball;

#[cfg(target_os = "linux")]
pub(super) use linux::run;
