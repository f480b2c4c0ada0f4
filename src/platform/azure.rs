//! Microsoft Azure.
//!
//! Custom data is at most 65,535 bytes before base64 (REST reference, `OSProfile.customData`).
//! The client reads the file as text in one encoding after the other (azure-cli, `core/util.py`,
//! `read_file_content`), which mangles gzip, and makes base64 of it once, which is all that
//! cloud-init undoes: only plain text survives.

use super::key::{Key, Usual};
use super::launch::Script;
use super::{Cloud, Counts, Form, Gives, Limit, alone};
use askama::Template;

const UBUNTU: Usual = Usual::Each(
    "Canonical:ubuntu-24_04-lts:server:latest",
    "Canonical:ubuntu-24_04-lts:server-arm64:latest",
);

pub(super) const CLOUD: Cloud = Cloud {
    name: "azure",
    limit: Limit {
        bytes: 65_535,
        counts: Counts::Bytes,
        of: "custom data before base64",
    },
    forms: &[Form::Plain],
    ignition: Some(&[Form::Plain]),
    startup_script: None,
    gives: Gives::V4,
    keys: &[
        Key::ask("resource_group", "the resource group of the machines"),
        Key::ask(
            "subnet",
            "the subnet that holds the addresses of the controllers",
        ),
        Key::leave_out(
            "vnet",
            "the virtual network, unless the subnet is given as an ID",
        ),
        Key::take(
            "machine_type",
            "the size of the machines",
            Usual::Each("Standard_B2s", "Standard_B2pls_v2"),
        ),
        Key::take("image", "an image, as a URN or an ID", UBUNTU),
        Key::leave_out("zone", "the zone"),
    ],
    images: &[("ubuntu", UBUNTU)],
    clients: &[("az", "the client of Azure")],
    companions: alone,
    tells_network: false,
    script: |script| Launch { script }.render(),
};

/// Flags: `az vm create` in the Azure CLI's reference.
#[derive(Template)]
#[template(path = "launch/azure.sh")]
struct Launch<'a> {
    script: &'a Script<'a>,
}
