//! vSphere, of `VMware`.
//!
//! cloud-init and Ignition read variables of the virtual machine: `guestinfo.userdata` with
//! `guestinfo.userdata.encoding` (`base64`, `gzip+base64`) and `guestinfo.metadata`
//! (cloud-init, `DataSourceVMware.py`, since 21.3), `guestinfo.ignition.config.data` with its
//! encoding (Ignition, «Supported Platforms»). How much a variable holds is said nowhere; 64 KiB
//! is far below what vSphere documents for its own cloud-init customization (524,288 bytes).

use super::key::Key;
use super::launch::Script;
use super::{Cloud, Companions, Counts, Document, Form, Gives, Limit, nocloud};
use crate::machine::Machine;
use crate::secret::Secret;
use crate::wire::{encoding, network_config};
use askama::Template;
use std::fmt::Write as _;

pub(super) const CLOUD: Cloud = Cloud {
    name: "vmware",
    limit: Limit {
        bytes: 65_535,
        counts: Counts::Bytes,
        of: "a guestinfo variable",
    },
    forms: &[Form::Base64, Form::GzipBase64],
    ignition: Some(&[Form::Base64, Form::GzipBase64]),
    startup_script: None,
    gives: Gives::Elsewhere,
    keys: &[
        Key::ask("image", "a template or virtual machine to clone"),
        Key::leave_out("network", "the network"),
        Key::leave_out("pool", "the resource pool"),
        Key::leave_out("datastore", "the datastore"),
        Key::leave_out("folder", "the folder"),
    ],
    images: &[],
    clients: &[("govc", "the client of vSphere")],
    companions,
    tells_network: true,
    script: |script| Launch { script }.render(),
};

/// Flags: `govc vm.clone`, `vm.change` and `vm.power` in govmomi's usage text; `-f` takes absolute paths.
#[derive(Template)]
#[template(path = "launch/vmware.sh")]
struct Launch<'a> {
    script: &'a Script<'a>,
}

/// `guestinfo.metadata` in base64, the network in it; Ignition reads none.
fn companions(machine: &Machine, document: Document, _: &Secret) -> Companions {
    if document == Document::Ignition {
        return Vec::new();
    }
    let mut metadata = nocloud::meta_data(machine);
    if let Some(network) = &machine.network {
        metadata.push_str("network:\n");
        for line in network_config::render(network, machine.address).lines() {
            let _ = writeln!(metadata, "  {line}");
        }
    }
    let metadata = encoding::base64(metadata.as_bytes());
    vec![("meta-data", Secret::new(metadata.into_bytes()))]
}
