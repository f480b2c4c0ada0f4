//! A seed for cloud-init's `NoCloud` datasource: the files `user-data`, `meta-data` and, where the
//! manifest has a `network`, `network-config`; and the same as a disk, `seed.iso`.
//!
//! They are files on a disk or in an image, so nothing limits them. The instance ID follows the
//! contents: other user-data is another instance to cloud-init, which then runs again.

use super::{Form, Limit};
use crate::machine::Machine;
use crate::output::OutputFile;
use crate::secret::Secret;
use crate::wire::network_config;
use crate::wire::seed::{self, Seed};

/// Files have no limit worth a check.
pub(super) const LIMIT: Limit = Limit {
    bytes: usize::MAX,
    of: "a file",
};

/// A file arrives as it is.
pub(super) const FORMS: &[Form] = &[Form::Plain];

/// The file `meta-data` of one machine.
pub fn meta_data(machine: &Machine) -> String {
    let digest = machine.delivery.to_string();
    let instance_id = format!("instance-id: {}-{}\n", machine.name, &digest[..12]);
    match &machine.hostname {
        Some(hostname) => format!("{instance_id}local-hostname: {hostname}\n"),
        None => instance_id,
    }
}

/// Everything that makes a seed, below the machine's own directory, `user-data` first.
pub(super) fn seed_files(machine: &Machine, user_data: Secret) -> Vec<OutputFile> {
    let network = machine.network.as_ref();
    let text = |text: String| Secret::new(text.into_bytes());
    let seed = Seed {
        user_data,
        meta_data: text(meta_data(machine)),
        network_config: network
            .map(|network| text(network_config::render(network, machine.address))),
    };
    let disk = seed::render(&seed).expect("a seed of this program reads back");
    let files = [
        (seed::USER_DATA, Some(seed.user_data)),
        (seed::META_DATA, Some(seed.meta_data)),
        (seed::NETWORK_CONFIG, seed.network_config),
        ("seed.iso", Some(disk)),
    ];
    let file = |(name, bytes): (&str, Option<Secret>)| {
        Some(OutputFile {
            path: format!("{}/{name}", machine.name),
            bytes: bytes?,
            executable: false,
        })
    };
    files.into_iter().filter_map(file).collect()
}
