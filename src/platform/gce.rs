//! Google Compute Engine.
//!
//! `user-data` is a metadata value: UTF-8 text of at most 262,144 bytes (Compute Engine REST
//! reference, `Metadata`). cloud-init decodes it only where the second key
//! `user-data-encoding` says `base64`; raw gzip would be mangled on the way
//! (cloud-init, `DataSourceGCE.py`). Google's images of Debian, RHEL, Rocky Linux and `CentOS` have
//! no cloud-init: Google's own agent runs the value of `startup-script` there, on every boot.

use super::key::{Key, Usual};
use super::launch::Script;
use super::{Cloud, Counts, Form, Gives, Limit, StartupScripts, alone};
use askama::Template;

const UBUNTU: Usual = Usual::Each(
    "ubuntu-os-cloud/ubuntu-2404-lts-amd64",
    "ubuntu-os-cloud/ubuntu-2404-lts-arm64",
);

pub(super) const CLOUD: Cloud = Cloud {
    name: "gce",
    limit: Limit {
        bytes: 262_144,
        counts: Counts::Bytes,
        of: "a metadata value",
    },
    forms: &[Form::Plain, Form::GzipBase64],
    // Ignition reads `user-data` as it is and knows no second key.
    ignition: Some(&[Form::Plain]),
    startup_script: Some(StartupScripts {
        // The last four have Google's agent, too; whether they have cloud-init is nowhere said.
        only: &[
            "debian",
            "rhel",
            "rocky",
            "centos",
            "almalinux",
            "oracle-linux",
            "sles",
            "opensuse",
        ],
        never: &["ubuntu"],
    }),
    gives: Gives::Both,
    keys: &[
        Key::ask(
            "subnet",
            "the subnet that holds the addresses of the controllers",
        ),
        Key::take(
            "machine_type",
            "the type of the machines",
            Usual::Each("e2-standard-2", "c4a-standard-2"),
        ),
        Key::take(
            "image",
            "an image, as PROJECT/FAMILY or by its name",
            UBUNTU,
        ),
        Key::leave_out("zone", "the zone"),
        Key::leave_out("project", "the project"),
    ],
    images: &[
        ("ubuntu", UBUNTU),
        (
            "debian",
            Usual::Each("debian-cloud/debian-12", "debian-cloud/debian-12-arm64"),
        ),
        (
            "rhel",
            Usual::Each("rhel-cloud/rhel-9", "rhel-cloud/rhel-9-arm64"),
        ),
        (
            "rocky",
            Usual::Each(
                "rocky-linux-cloud/rocky-linux-9",
                "rocky-linux-cloud/rocky-linux-9-arm64",
            ),
        ),
        ("centos", Usual::Amd64("centos-cloud/centos-stream-9")),
        ("almalinux", Usual::Amd64("almalinux-cloud/almalinux-9")),
        (
            "sles",
            Usual::Each("suse-cloud/sles-15", "suse-cloud/sles-15-arm64"),
        ),
        (
            "fedora-coreos",
            Usual::Each(
                "fedora-coreos-cloud/fedora-coreos-stable",
                "fedora-coreos-cloud/fedora-coreos-stable-arm64",
            ),
        ),
        ("flatcar", Usual::Amd64("kinvolk-public/flatcar-stable")),
    ],
    clients: &[("gcloud", "the client of Google Cloud")],
    companions: alone,
    tells_network: false,
    script: |script| Launch { script }.render(),
};

/// Flags: `gcloud compute instances create` in the Google Cloud SDK's reference.
#[derive(Template)]
#[template(path = "launch/gce.sh")]
struct Launch<'a> {
    script: &'a Script<'a>,
}
