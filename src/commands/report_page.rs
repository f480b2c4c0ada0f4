//! `render --report`: the page beside `launch`.

use super::Failure;
use super::load::Loaded;
use super::rendering::{Image, Rendering, layout, machines, texts};
use crate::cluster::Cluster;
use crate::machine::Machine;
use crate::output::OutputFile;
use crate::page::{self, Room, Subject};
use crate::platform::{Compress, Document, Platform, Sizes};
use crate::report::Report;
use crate::secret::Secret;

/// How the cluster was rendered.
pub(super) struct Choice {
    pub(super) platform: Platform,
    pub(super) compress: Compress,
    pub(super) image: Image,
}

/// The page of a cluster that was rendered so.
pub(super) fn file(
    loaded: &Loaded,
    cluster: &Cluster,
    choice: &Choice,
    rendering: &Rendering,
    report: &Report,
) -> Result<OutputFile, Failure> {
    let layout = layout(loaded);
    let machines = machines(cluster, layout, choice.image);
    let sizes = machines.iter().zip(&rendering.deliveries);
    let largest = sizes.max_by_key(|(_, delivery)| delivery.first().bytes);
    let (largest, _) = largest.expect("a cluster has a controller");
    let rooms = rooms(loaded, largest, choice.compress)?;
    let page = page::render(&Subject {
        cluster,
        platform: choice.platform,
        settings: &loaded.manifest.settings(choice.platform),
        machines: &machines,
        layout,
        deliveries: &rendering.deliveries,
        rooms: &rooms,
        largest: largest.name.as_str(),
        report,
    });
    Ok(OutputFile {
        path: page::FILE.to_owned(),
        bytes: Secret::new(page.into_bytes()),
        executable: false,
    })
}

/// How large the document of this machine would be on every platform.
fn rooms(loaded: &Loaded, machine: &Machine, compress: Compress) -> Result<Vec<Room>, Failure> {
    let first = |platform: Platform| {
        let documents = loaded.manifest.documents(platform).unwrap_or_default();
        documents.first().copied()
    };
    let mut wanted: Vec<Document> = Platform::ALL.into_iter().filter_map(first).collect();
    wanted.sort_by_key(|document| document.file());
    wanted.dedup();
    let texts: Vec<(Document, Secret)> = texts(machine, &wanted, loaded.cloud_config())?;
    let sizes: Vec<_> = texts
        .iter()
        .map(|(one, text)| Sizes::of(*one, text))
        .collect();
    let room = |platform| {
        let document = first(platform);
        let sizes = sizes
            .iter()
            .find(|sizes| Some(sizes.document()) == document);
        Room {
            platform,
            packed: sizes.map(|sizes| sizes.on(platform, compress)),
        }
    };
    Ok(Platform::ALL.into_iter().map(room).collect())
}
