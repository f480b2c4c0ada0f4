//! Hetzner Cloud.
//!
//! `user_data` is a text of at most 32 KiB (API reference, «Create a Server»), so gzip goes in
//! base64; cloud-init decodes that since 20.3, if there is no newline in it.

use super::launch::{Key, Script};
use super::{Cloud, Counts, Form, Gives, Limit, alone};
use askama::Template;

pub(super) const CLOUD: Cloud = Cloud {
    name: "hetzner",
    limit: Limit {
        bytes: 32_768,
        counts: Counts::Bytes,
        of: "`user_data`",
    },
    forms: &[Form::Plain, Form::GzipBase64],
    // Ignition takes the text as it is.
    ignition: Some(&[Form::Plain]),
    startup_script: None,
    gives: Gives::V4,
    keys: &[
        Key::ask(
            "network",
            "the network that holds the addresses of the controllers",
        ),
        Key::take("machine_type", "the type of the machines", "cx22"),
        Key::take("image", "an image", "ubuntu-24.04"),
        Key::leave_out("region", "the location"),
        Key::leave_out("ssh_key", "the name of an SSH key"),
    ],
    images: &[
        ("ubuntu", "ubuntu-24.04"),
        ("debian", "debian-12"),
        ("rocky", "rocky-9"),
        ("almalinux", "alma-9"),
        ("centos", "centos-stream-9"),
    ],
    companions: alone,
    tells_network: false,
    script: |script| Launch { script }.render(),
};

/// Flags: `hcloud server create` and `attach-to-network` (hetznercloud/cli, `internal/cmd/server`).
#[derive(Template)]
#[template(path = "launch/hetzner.sh")]
struct Launch<'a> {
    script: &'a Script<'a>,
}
