//! libvirt, by `virt-install`: a `NoCloud` seed that it makes itself, from text files.
//!
//! Ignition reads a value of QEMU's firmware configuration device (Ignition, «Supported
//! Platforms»). The network's own DHCP server gives each machine its address, by a hardware
//! address that is made of it.

use super::key::{Key, Usual};
use super::launch::Script;
use super::{Cloud, Companions, Document, Form, Gives, nocloud};
use crate::machine::Machine;
use crate::secret::Secret;
use askama::Template;

pub(super) const CLOUD: Cloud = Cloud {
    name: "libvirt",
    limit: nocloud::FILES,
    forms: &[Form::Plain],
    ignition: Some(&[Form::Plain]),
    startup_script: None,
    gives: Gives::V4,
    keys: &[
        Key::ask(
            "image",
            "the path of a disk image, to a copy of which each machine writes",
        ),
        Key::take("network", "the libvirt network", Usual::Any("default")),
        Key::take("memory", "the memory in MiB", Usual::Any("2048")).number(),
        Key::take("vcpus", "the number of processors", Usual::Any("2")).number(),
        Key::take("disk", "the size of the disk in GiB", Usual::Any("20")).number(),
    ],
    images: &[],
    clients: &[
        ("virsh", "the client of libvirt"),
        ("virt-install", "which makes machines of libvirt"),
    ],
    companions,
    tells_network: true,
    script: |script| Launch { script }.render(),
};

/// Flags: `virt-install(1)`, `virsh(1)`.
#[derive(Template)]
#[template(path = "launch/libvirt.sh")]
struct Launch<'a> {
    script: &'a Script<'a>,
}

/// A seed's files, which cloud-init alone reads.
pub(super) fn companions(machine: &Machine, document: Document, _: &Secret) -> Companions {
    match document {
        Document::Ignition => Vec::new(),
        Document::CloudConfig | Document::StartupScript => nocloud::seed_files(machine),
    }
}
