//! A seed for cloud-init's `NoCloud` datasource: the files `user-data` and `meta-data`.
//!
//! They are files on a disk or in an image, so nothing limits them. The instance ID follows the
//! contents: other user-data is another instance to cloud-init, which then runs again.

use super::{Form, Limit};
use crate::machine::Machine;

/// Files have no limit worth a check.
pub(super) const LIMIT: Limit = Limit {
    bytes: usize::MAX,
    of: "a file",
};

/// A file arrives as it is.
pub(super) const FORMS: &[Form] = &[Form::Plain];

/// The file `meta-data` of one machine.
pub fn meta_data(machine: &Machine) -> String {
    let digest = &machine.delivery;
    let instance_id = format!("instance-id: {}-{}\n", machine.name, &digest[..12]);
    match &machine.hostname {
        Some(hostname) => format!("{instance_id}local-hostname: {hostname}\n"),
        None => instance_id,
    }
}
