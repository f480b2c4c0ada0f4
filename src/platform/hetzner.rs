//! Hetzner Cloud.
//!
//! `user_data` is a text of at most 32 KiB (API reference, «Create a Server»), so gzip goes in
//! base64; cloud-init decodes that since 20.3, if there is no newline in it.

use super::key::{Key, Usual};
use super::launch::Script;
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
        Key::take(
            "machine_type",
            "the type of the machines",
            Usual::Each("cx23", "cax11"),
        ),
        Key::take("image", "an image", Usual::Any("ubuntu-24.04")),
        Key::leave_out("region", "the location"),
        Key::leave_out("ssh_key", "the name of an SSH key"),
    ],
    images: &[
        ("ubuntu", Usual::Each("ubuntu-24.04", "ubuntu-24.04")),
        ("debian", Usual::Each("debian-12", "debian-12")),
        ("rocky", Usual::Each("rocky-9", "rocky-9")),
        ("almalinux", Usual::Each("alma-9", "alma-9")),
        ("centos", Usual::Each("centos-stream-9", "centos-stream-9")),
    ],
    clients: &[("hcloud", "the client of Hetzner Cloud")],
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
