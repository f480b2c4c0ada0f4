//! A seed for cloud-init's `NoCloud` datasource: the files `user-data` and `meta-data`.
//!
//! They are files on a disk or in an image, so nothing limits them. The instance ID follows the
//! contents: other user-data is another instance to cloud-init, which then runs again.

use super::launch::Script;
use super::{Cloud, Counts, Form, Gives, Limit, Packed};
use crate::machine::Machine;
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
    companions,
    script: |script| Launch { script }.render(),
};

#[derive(Template)]
#[template(path = "launch/nocloud.sh")]
struct Launch<'a> {
    script: &'a Script<'a>,
}

/// What a seed has beside its user-data.
pub(super) fn companions(machine: &Machine, _: &[Packed]) -> Vec<(&'static str, String)> {
    vec![("meta-data", meta_data(machine))]
}

/// The file `meta-data` of one machine.
pub fn meta_data(machine: &Machine) -> String {
    let digest = machine.delivery.to_string();
    let instance_id = format!("instance-id: {}-{}\n", machine.name, &digest[..12]);
    match &machine.hostname {
        Some(hostname) => format!("{instance_id}local-hostname: {hostname}\n"),
        None => instance_id,
    }
}
