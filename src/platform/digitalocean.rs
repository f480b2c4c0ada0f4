//! DigitalOcean.
//!
//! `user_data` is plain text of at most 64 KiB (API reference, «Create a New Droplet»), and
//! cloud-init decodes nothing there. That is three times what a machine needs, so there is no
//! form in which single files are packed. A private address in a VPC cannot be chosen: the
//! request has no field for it.

use super::key::{Key, Usual};
use super::launch::Script;
use super::{Cloud, Counts, Form, Gives, Limit, alone};
use askama::Template;

pub(super) const CLOUD: Cloud = Cloud {
    name: "digitalocean",
    limit: Limit {
        bytes: 65_535,
        counts: Counts::Bytes,
        of: "`user_data`",
    },
    forms: &[Form::Plain],
    ignition: Some(&[Form::Plain]),
    startup_script: None,
    gives: Gives::Nothing,
    keys: &[
        Key::leave_out("network", "the UUID of the VPC"),
        Key::take(
            "machine_type",
            "the size of the machines",
            Usual::Amd64("s-2vcpu-4gb"),
        ),
        Key::take(
            "image",
            "an image, by its slug or ID",
            Usual::Amd64("ubuntu-24-04-x64"),
        ),
        Key::leave_out("region", "the region"),
        Key::leave_out("ssh_key", "the ID or fingerprint of an SSH key"),
    ],
    images: &[
        ("ubuntu", Usual::Amd64("ubuntu-24-04-x64")),
        ("debian", Usual::Amd64("debian-12-x64")),
        ("rocky", Usual::Amd64("rockylinux-9-x64")),
        ("almalinux", Usual::Amd64("almalinux-9-x64")),
        ("centos", Usual::Amd64("centos-stream-9-x64")),
    ],
    clients: &[("doctl", "the client of DigitalOcean")],
    companions: alone,
    tells_network: false,
    script: |script| Launch { script }.render(),
};

/// Flags: `doctl compute droplet create` in doctl's reference.
#[derive(Template)]
#[template(path = "launch/digitalocean.sh")]
struct Launch<'a> {
    script: &'a Script<'a>,
}
