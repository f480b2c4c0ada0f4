//! A seed for cloud-init's `NoCloud` datasource: the files `user-data`, `meta-data` and, where the
//! manifest has a `network`, `network-config`; and the same as a disk, `seed.iso`.
//!
//! They are files on a disk or in an image, so nothing limits them. The instance ID follows the
//! contents: other user-data is another instance to cloud-init, which then runs again.

use super::launch::Script;
use super::{Cloud, Companions, Counts, Document, Form, Gives, Limit};
use crate::machine::Machine;
use crate::secret::Secret;
use crate::wire::network_config;
use crate::wire::seed::{self, Seed};
use askama::Template;

/// Files have no limit worth a check.
pub(super) const FILES: Limit = Limit {
    bytes: usize::MAX,
    counts: Counts::Bytes,
    of: "a file",
};

pub(super) const CLOUD: Cloud = Cloud {
    name: "nocloud",
    limit: FILES,
    forms: &[Form::Plain, Form::Gzip],
    // Ignition has no such datasource.
    ignition: None,
    startup_script: None,
    gives: Gives::Elsewhere,
    keys: &[],
    images: &[],
    clients: &[],
    companions,
    tells_network: true,
    script: |script| Launch { script }.render(),
};

#[derive(Template)]
#[template(path = "launch/nocloud.sh")]
struct Launch<'a> {
    script: &'a Script<'a>,
}

/// The file `meta-data` of one machine.
pub fn meta_data(machine: &Machine) -> String {
    let digest = &machine.delivery;
    let instance_id = format!("instance-id: {}-{}\n", machine.name, &digest[..12]);
    match &machine.hostname {
        Some(hostname) => format!("{instance_id}local-hostname: {hostname}\n"),
        None => instance_id,
    }
}

/// What a seed has beside its user-data, and all of it as a disk.
fn companions(machine: &Machine, _: Document, user_data: &Secret) -> Companions {
    let mut files = seed_files(machine);
    let find = |name| files.iter().find(|(file, _)| *file == name);
    let seed = Seed {
        user_data: user_data.clone(),
        meta_data: find(seed::META_DATA).expect("every seed has it").1.clone(),
        network_config: find(seed::NETWORK_CONFIG).map(|(_, bytes)| bytes.clone()),
    };
    let disk = seed::render(&seed).expect("a seed of this program reads back");
    files.push(("seed.iso", disk));
    files
}

/// What tells a machine who it is, and its network where the manifest has one.
pub(super) fn seed_files(machine: &Machine) -> Companions {
    let text = |text: String| Secret::new(text.into_bytes());
    let network = machine.network.as_ref();
    let network = network.map(|network| network_config::render(network, machine.address));
    let mut files = vec![(seed::META_DATA, text(meta_data(machine)))];
    files.extend(network.map(|network| (seed::NETWORK_CONFIG, text(network))));
    files
}
