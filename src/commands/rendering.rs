//! From a resolved cluster to the files that are written for it.

use super::Failure;
use super::load::Loaded;
use crate::cluster::Cluster;
use crate::machine::{self, Layout, Machine};
use crate::output::OutputFile;
use crate::platform::{Compress, Delivery, Document, Family, Platform, deliver, launch};
use crate::report::Finding;
use crate::secret::Secret;
use crate::wire::{UserConfig, cloud_config, ignition, startup_script};
use std::fmt::Display;

/// What the machines' image brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Image {
    /// Nothing of ours.
    #[default]
    Plain,
    /// What `firstboot bake` put there.
    Baked,
}

/// Everything that is written for one cluster.
pub(super) struct Rendering {
    pub(super) deliveries: Vec<Delivery>,
    pub(super) files: Vec<OutputFile>,
}

impl Rendering {
    /// Whether documents for two kinds of images were written, because the manifest names none.
    pub(super) fn is_for_either_image(&self) -> bool {
        let mut deliveries = self.deliveries.iter();
        deliveries.any(|delivery| delivery.packed.len() > 1)
    }

    /// Renders every machine, or says of all of them what is too large.
    pub(super) fn of(
        loaded: &Loaded,
        cluster: &Cluster,
        platform: Platform,
        compress: Compress,
        image: Image,
    ) -> Result<Self, Failure> {
        let manifest = &loaded.manifest;
        let refuse = |findings| Failure::Input(loaded.report(findings));
        let documents = manifest.documents(platform);
        let documents = documents.map_err(|finding| refuse(vec![finding]))?;
        if let Some(finding) = manifest.cloud_config_unread(platform, &documents) {
            return Err(refuse(vec![finding]));
        }
        let family = manifest.image_family();
        let layout = family.map_or_else(Layout::default, Family::layout);
        let mut machines = machine::machines(cluster, layout);
        if image == Image::Baked {
            machines = machines.into_iter().map(Machine::without_image).collect();
        }
        let mut deliveries = Vec::new();
        let mut findings: Vec<Finding> = Vec::new();
        for (index, machine) in machines.iter().enumerate() {
            let texts = texts(machine, &documents, loaded.cloud_config())?;
            match deliver(platform, machine, &texts, compress) {
                Ok(delivery) => deliveries.push(delivery),
                Err(error) => findings.push(manifest.not_delivered(index, platform, &error)),
            }
        }
        if !findings.is_empty() {
            return Err(refuse(findings));
        }
        let settings = manifest.settings(platform);
        let script = launch(platform, cluster, &settings, &deliveries);
        let mut files = vec![OutputFile {
            path: "launch".to_owned(),
            bytes: Secret::new(script.into_bytes()),
            executable: true,
        }];
        files.extend(
            deliveries
                .iter()
                .flat_map(|delivery| delivery.files.clone()),
        );
        Ok(Self { deliveries, files })
    }
}

/// The documents of one machine.
fn texts(
    machine: &Machine,
    documents: &[Document],
    user: Option<&UserConfig>,
) -> Result<Vec<(Document, Secret)>, Failure> {
    let told = |error: &dyn Display| Failure::World(format!("{}: {error}", machine.name));
    let text = |document: &Document| {
        let text = match document {
            Document::CloudConfig => cloud_config::render(machine, user),
            Document::StartupScript => startup_script::render(machine),
            Document::Ignition => ignition::render(machine),
        };
        Ok((*document, text.map_err(|error| told(&error))?))
    };
    documents.iter().map(text).collect()
}

/// What this command may have written below a cluster's directory.
pub(super) fn is_ours(path: &str) -> bool {
    let name = path.split_once('/').map_or(path, |(_, name)| name);
    let ours = [
        "user-data",
        "startup-script",
        "config.ign",
        "meta-data",
        "network-config",
        "seed.iso",
    ];
    path == "launch" || (name != path && ours.contains(&name))
}
