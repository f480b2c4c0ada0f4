//! Proxmox VE, by `qm` on one of its hosts: a `NoCloud` seed of snippets.
//!
//! Proxmox makes the network configuration of the address itself (`ipconfig0`); the rest of the
//! seed are our files (`cicustom`). Ignition reads the seed's user-data there (`proxmoxve`).

use super::key::{Key, Usual};
use super::launch::Script;
use super::{Cloud, Form, Gives, libvirt, nocloud};
use askama::Template;

pub(super) const CLOUD: Cloud = Cloud {
    name: "proxmox",
    limit: nocloud::FILES,
    forms: &[Form::Plain],
    ignition: Some(&[Form::Plain]),
    startup_script: None,
    gives: Gives::Both,
    keys: &[
        Key::ask("image", "the path of a disk image on the host"),
        Key::ask("prefix", "the prefix length of the network, for example 24").prefix(),
        Key::leave_out("gateway", "the address of the gateway").address(),
        Key::take("network", "the bridge", Usual::Any("vmbr0")),
        Key::take(
            "storage",
            "the storage of the disks",
            Usual::Any("local-lvm"),
        ),
        Key::take(
            "snippets",
            "the storage of the snippets",
            Usual::Any("local"),
        ),
        Key::take("memory", "the memory in MiB", Usual::Any("2048")).number(),
        Key::take("cores", "the number of cores", Usual::Any("2")).number(),
    ],
    images: &[],
    clients: &[(
        "qm",
        "a tool of Proxmox VE, or run this on one of its hosts",
    )],
    companions: libvirt::companions,
    tells_network: true,
    script: |script| Launch { script }.render(),
};

/// Flags: `qm(1)`, `pvesm(1)`; `pvesh get /cluster/nextid` in the API viewer.
#[derive(Template)]
#[template(path = "launch/proxmox.sh")]
struct Launch<'a> {
    script: &'a Script<'a>,
}
