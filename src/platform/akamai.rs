//! Akamai Cloud, once Linode.
//!
//! `metadata.user_data` is base64, which the user makes and cloud-init undoes in any case (23.3
//! on). Its documentation gives the limit as 65,535 bytes before and about 16 kB after encoding,
//! which cannot both be true: the smaller one is kept.

use super::key::{Key, Usual};
use super::launch::Script;
use super::{Cloud, Counts, Form, Gives, Limit, alone};
use askama::Template;

pub(super) const CLOUD: Cloud = Cloud {
    name: "akamai",
    limit: Limit {
        bytes: 16_384,
        counts: Counts::Bytes,
        of: "`metadata.user_data` in base64",
    },
    forms: &[Form::Base64, Form::GzipBase64],
    ignition: Some(&[Form::Base64]),
    startup_script: None,
    gives: Gives::V4,
    keys: &[
        Key::ask(
            "subnet",
            "the ID of the VPC subnet that holds the addresses of the controllers",
        ),
        Key::ask("region", "the region"),
        Key::take(
            "machine_type",
            "the type of the machines",
            Usual::Amd64("g6-standard-2"),
        ),
        Key::take("image", "an image", Usual::Amd64("linode/ubuntu24.04")),
    ],
    images: &[
        ("ubuntu", Usual::Amd64("linode/ubuntu24.04")),
        ("debian", Usual::Amd64("linode/debian12")),
        ("rocky", Usual::Amd64("linode/rocky9")),
        ("almalinux", Usual::Amd64("linode/almalinux9")),
    ],
    clients: &[("linode-cli", "the client of Akamai Cloud")],
    companions: alone,
    tells_network: false,
    script: |script| Launch { script }.render(),
};

/// Flags: `linode-cli linodes create` (linode/linode-cli, `tests/integration/linodes`).
#[derive(Template)]
#[template(path = "launch/akamai.sh")]
struct Launch<'a> {
    script: &'a Script<'a>,
}
