//! `firstboot diff`: what would change on which machine.

use super::load::Loaded;
use super::rendering::{Image, Rendering};
use super::{Context, Failure, ManifestArguments, inspect, load};
use crate::diff::{self, Machine};
use crate::platform::{Compress, Document, Platform};
use crate::terminal::Format;
use crate::wire::decode::{Part, decode};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};

/// Show what would change on which machine, and in which order to make them anew
///
/// Compares what MANIFEST renders with what is there: with `out`, with another manifest
/// (`.yaml`), or with the user-data of machines that run (a file or `-`, whatever `inspect`
/// reads). Exit status: 0 nothing changes, 2 something does, 1 it cannot be told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  firstboot diff cluster.yaml
  firstboot diff cluster.yaml last-week/cluster.yaml
  gcloud compute instances describe controller-1 --format=json |
    firstboot diff cluster.yaml -")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: ManifestArguments,
    /// What is there: a directory that `render` wrote, another manifest, or user-data
    #[arg(value_name = "BEFORE", default_value = "out")]
    before: PathBuf,
    /// What the machines' image is, as for `render`; without it, what that of BEFORE is
    #[arg(long, value_enum, value_name = "KIND")]
    image: Option<Image>,
    /// Compare what this platform gets, instead of the manifest's
    #[arg(long, value_name = "NAME", value_parser = super::platforms())]
    platform: Option<Platform>,
}

pub(super) fn run(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    // Status 2 says that something changes, so a world that failed is 1 here.
    let told = |failure| match failure {
        Failure::World(text) => Failure::Wrong(text),
        other => other,
    };
    compare(arguments, context).map_err(told)
}

fn compare(arguments: &Arguments, context: Context) -> Result<(), Failure> {
    let loaded = load::manifest(&arguments.manifest)?;
    let cluster = loaded.manifest.cluster.value.as_str();
    let before = &arguments.before;
    let is_manifest = before
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml");
    let (old, whole) = if is_manifest {
        let manifest = ManifestArguments {
            manifest: before.clone(),
            files_dir: None,
        };
        let image = arguments.image.unwrap_or_default();
        let old = rendered(&load::manifest(&manifest)?, image, arguments)?;
        (old, true)
    } else if before.is_dir() {
        (written(before, cluster)?, true)
    } else if arguments.before.as_os_str() == "out" && !before.exists() {
        return Err(Failure::Wrong(
            "there is no `out` to compare with: render first, or name what is there".to_owned(),
        ));
    } else {
        let (name, bytes) = inspect::read(before)?;
        (machines(&decode(&name, bytes.expose()))?, false)
    };
    // The image is no key of the manifest, but what was rendered for a baked one says so.
    let image = arguments.image.unwrap_or_else(|| {
        if old.iter().any(Machine::is_for_baked_image) {
            Image::Baked
        } else {
            Image::Plain
        }
    });
    let after = rendered(&loaded, image, arguments)?;
    if !whole {
        refuse_strangers(&old, &after)?;
    }
    let difference = diff::difference(&old, &after, whole, load::now());
    context.print(&match context.format {
        Format::Human => diff::to_text(&difference),
        Format::Json => format!("{:#}\n", diff::to_json(&difference)),
    })?;
    if difference.is_same() {
        Ok(())
    } else {
        Err(Failure::Told)
    }
}

/// The machines that a manifest renders.
fn rendered(loaded: &Loaded, image: Image, arguments: &Arguments) -> Result<Vec<Machine>, Failure> {
    let platform = arguments.platform.unwrap_or(loaded.manifest.platform.value);
    let network = loaded.manifest.network_on(platform);
    let (cluster, _) = load::cluster_with(loaded, network, false)?;
    let rendering = Rendering::of(loaded, &cluster, platform, Compress::Auto, image)?;
    machines_of(&rendering)
}

/// The machines of a rendering that is not written yet.
pub(super) fn machines_of(rendering: &Rendering) -> Result<Vec<Machine>, Failure> {
    let mut all = Vec::new();
    for delivery in &rendering.deliveries {
        // The document that `launch` hands over.
        if let Some(file) = delivery.files.first() {
            all.extend(machines(&decode(&file.path, file.bytes.expose()))?);
        }
    }
    Ok(all)
}

/// The machines of a directory that `render` wrote: a cluster's own, or the one above it.
pub(super) fn written(directory: &Path, cluster: &str) -> Result<Vec<Machine>, Failure> {
    let below = directory.join(cluster);
    let root = if below.is_dir() {
        below
    } else {
        directory.to_path_buf()
    };
    let failed = |error| Failure::reading(&root, &error);
    let entries = fs::read_dir(&root).map_err(failed)?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let document = Document::ALL.map(|document| path.join(document.file()));
        let document = document.into_iter().find(|path| path.is_file());
        paths.extend(document);
    }
    paths.sort();
    if paths.is_empty() {
        return Err(Failure::Wrong(format!(
            "`{}` holds nothing of the cluster `{cluster}`: render first, or name what is there",
            crate::report::path(directory)
        )));
    }
    let mut all = Vec::new();
    for path in paths {
        let (_, bytes) = inspect::read(&path)?;
        all.extend(machines(&decode(
            &crate::report::path_value(&path),
            bytes.expose(),
        ))?);
    }
    Ok(all)
}

fn machines(part: &Part) -> Result<Vec<Machine>, Failure> {
    Machine::all(part).map_err(|error| Failure::Wrong(error.to_string()))
}

/// User-data of a machine that the manifest does not have is compared with nothing.
fn refuse_strangers(old: &[Machine], after: &[Machine]) -> Result<(), Failure> {
    let is_known = |name: &str| after.iter().any(|machine| machine.name() == name);
    match old.iter().find(|machine| !is_known(machine.name())) {
        None => Ok(()),
        Some(machine) => Err(Failure::Wrong(format!(
            "the manifest has no controller {}, whose user-data this is",
            crate::report::quoted(machine.name())
        ))),
    }
}
