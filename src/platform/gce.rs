//! Google Compute Engine.
//!
//! `user-data` is a metadata value: UTF-8 text of at most 262,144 bytes (Compute Engine REST
//! reference, `Metadata`). cloud-init decodes it only where the second key
//! `user-data-encoding` says `base64`; raw gzip would be mangled on the way
//! (cloud-init, `DataSourceGCE.py`). Google's images of Debian, RHEL, Rocky Linux and `CentOS` have
//! no cloud-init: Google's own agent runs the value of `startup-script` there, on every boot.

use super::launch::{Key, Script};
use super::{Cloud, Counts, Form, Gives, Limit, StartupScripts, alone};
use askama::Template;

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
        Key::take("machine_type", "the type of the machines", "e2-standard-2"),
        Key::take(
            "image",
            "an image, as PROJECT/FAMILY or by its name",
            "ubuntu-os-cloud/ubuntu-2404-lts-amd64",
        ),
        Key::leave_out("zone", "the zone"),
        Key::leave_out("project", "the project"),
    ],
    images: &[
        ("ubuntu", "ubuntu-os-cloud/ubuntu-2404-lts-amd64"),
        ("debian", "debian-cloud/debian-12"),
        ("rhel", "rhel-cloud/rhel-9"),
        ("rocky", "rocky-linux-cloud/rocky-linux-9"),
        ("centos", "centos-cloud/centos-stream-9"),
        ("almalinux", "almalinux-cloud/almalinux-9"),
        ("sles", "suse-cloud/sles-15"),
        ("fedora-coreos", "fedora-coreos-cloud/fedora-coreos-stable"),
        ("flatcar", "kinvolk-public/flatcar-stable"),
    ],
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
