//! From a resolved cluster to the files that are written for it.

use super::Failure;
use super::load::Loaded;
use crate::cluster::{Cluster, Tls};
use crate::machine::{self, Layout, Machine};
use crate::manifest::Remedies;
use crate::output::OutputFile;
use crate::page;
use crate::pki::{audit, inspect};
use crate::platform::{
    Compress, Delivery, Document, Family, NotDelivered, Platform, deliver, launch,
};
use crate::report::Finding;
use crate::secret::Secret;
use crate::wire::{UserConfig, cloud_config, ignition, startup_script};
use std::cmp::Reverse;
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

/// The script that creates a cluster's machines, in the cluster's directory.
pub(super) const LAUNCH: &str = "launch";

/// What keeps a cluster's directory, which holds keys, out of a repository.
const IGNORE: &str = ".gitignore";

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
        if let (Image::Baked, Some(finding)) = (image, manifest.not_baked()) {
            return Err(refuse(vec![finding]));
        }
        let machines = machines(cluster, layout(loaded), image);
        let mut deliveries = Vec::new();
        let mut findings: Vec<Finding> = Vec::new();
        for (index, machine) in machines.iter().enumerate() {
            let texts = texts(machine, &documents, loaded.cloud_config())?;
            match deliver(platform, machine, &texts, compress) {
                Ok(delivery) => deliveries.push(delivery),
                Err(mut error) => {
                    count_own(&mut error, machine, &texts);
                    let remedies = Remedies {
                        compress: compress == Compress::Never
                            && platform.takes_compressed(error.document),
                        rsa: has_rsa(&cluster.members[index].tls),
                        plain_image: image == Image::Plain,
                        ..Remedies::default()
                    };
                    let finding = manifest.not_delivered(index, platform, &error, remedies);
                    findings.push(finding);
                }
            }
        }
        if !findings.is_empty() {
            return Err(refuse(findings));
        }
        let settings = manifest.settings(platform);
        let script = launch(platform, cluster, &settings, &deliveries);
        let mut files = vec![
            OutputFile {
                path: LAUNCH.to_owned(),
                bytes: Secret::new(script.into_bytes()),
                executable: true,
            },
            OutputFile {
                path: IGNORE.to_owned(),
                bytes: Secret::new(b"*\n".to_vec()),
                executable: false,
            },
        ];
        files.extend(
            deliveries
                .iter()
                .flat_map(|delivery| delivery.files.clone()),
        );
        Ok(Self { deliveries, files })
    }
}

/// Where our own files lie on the machines of this manifest.
pub(super) fn layout(loaded: &Loaded) -> Layout {
    let family = loaded.manifest.image_family();
    family.map_or_else(Layout::default, Family::layout)
}

/// The machines, with what user-data brings to those of this image.
pub(super) fn machines(cluster: &Cluster, layout: Layout, image: Image) -> Vec<Machine<'_>> {
    let machines = machine::machines(cluster, layout);
    match image {
        Image::Plain => machines,
        Image::Baked => machines.into_iter().map(Machine::without_image).collect(),
    }
}

/// The user's own cloud-config is among those who eat the bytes of a document.
fn count_own(error: &mut NotDelivered, machine: &Machine, texts: &[(Document, Secret)]) {
    let whole = texts
        .iter()
        .find(|(document, _)| *document == error.document);
    let ours = cloud_config::render(machine, None);
    if let (Document::CloudConfig, Some((_, whole)), Ok(ours)) = (error.document, whole, ours) {
        let bytes = whole.expose().len().saturating_sub(ours.expose().len());
        if bytes > 0 {
            error
                .eaters
                .push(("`cloud_config` of the manifest".to_owned(), bytes));
            error.eaters.sort_by_key(|(_, bytes)| Reverse(*bytes));
        }
    }
}

/// Whether a certificate of this controller is for a key of RSA.
fn has_rsa(tls: &Tls) -> bool {
    let certificates = tls.files().into_iter().filter(|(_, is_key)| !is_key);
    let facts = certificates.flat_map(|(file, _)| {
        inspect::facts(audit::File {
            name: file.name.as_str(),
            bytes: file.bytes.expose(),
        })
    });
    let mut leafs = facts.filter(|facts| !facts.authority);
    leafs.any(|facts| facts.key.starts_with("RSA"))
}

/// The documents of one machine.
pub(super) fn texts(
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
    let is_document = Document::ALL.iter().any(|one| one.file() == name);
    let ours = is_document || ["meta-data", "network-config", "seed.iso"].contains(&name);
    [LAUNCH, IGNORE, page::FILE].contains(&path) || (name != path && ours)
}
