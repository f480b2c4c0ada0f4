//! Oracle Cloud Infrastructure.
//!
//! All metadata of an instance together are at most 32,000 bytes (Compute documentation,
//! «Updating Instance Metadata»), `user_data` in base64 among them, and SSH keys. The client makes
//! the base64.

use super::key::{Key, Usual};
use super::launch::Script;
use super::{Cloud, Counts, Form, Gives, Limit, alone};
use askama::Template;

pub(super) const CLOUD: Cloud = Cloud {
    name: "oracle",
    limit: Limit {
        // Two thousand are left for SSH keys and the names of the keys.
        bytes: 30_000,
        counts: Counts::Base64,
        of: "what SSH keys leave of 32,000 bytes of metadata, where base64 counts,",
    },
    forms: &[Form::Plain, Form::Gzip],
    // Not in every release of Ignition.
    ignition: None,
    startup_script: None,
    gives: Gives::V4,
    keys: &[
        Key::ask("compartment", "the OCID of the compartment"),
        Key::ask("zone", "the availability domain"),
        Key::ask(
            "subnet",
            "the OCID of the subnet that holds the addresses of the controllers",
        ),
        Key::ask("image", "the OCID of an image"),
        Key::take(
            "machine_type",
            "a flexible shape",
            Usual::Each("VM.Standard.E4.Flex", "VM.Standard.A1.Flex"),
        ),
        Key::take("ocpus", "the number of OCPUs", Usual::Any("1")).number(),
        Key::take("memory", "the memory in GB", Usual::Any("8")).number(),
        Key::leave_out("region", "the region"),
    ],
    images: &[],
    clients: &[("oci", "the client of Oracle Cloud")],
    companions: alone,
    tells_network: false,
    script: |script| Launch { script }.render(),
};

/// Flags: `oci compute instance launch` in the OCI CLI's command reference.
#[derive(Template)]
#[template(path = "launch/oracle.sh")]
struct Launch<'a> {
    script: &'a Script<'a>,
}
