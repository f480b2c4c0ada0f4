//! OpenStack.
//!
//! `user_data` is a text of base64 of at most 65,535 characters (nova,
//! `api/openstack/compute/schemas/servers.py`); the client makes it, of text alone before it
//! moved to openstacksdk, of any bytes since. The machine gets the bytes before base64.

use super::key::Key;
use super::launch::Script;
use super::{Cloud, Counts, Form, Gives, Limit, alone};
use askama::Template;

pub(super) const CLOUD: Cloud = Cloud {
    name: "openstack",
    limit: Limit {
        bytes: 65_535,
        counts: Counts::Base64,
        of: "`user_data` in base64",
    },
    forms: &[Form::Plain, Form::Gzip],
    ignition: Some(&[Form::Plain]),
    startup_script: None,
    gives: Gives::Both,
    keys: &[
        Key::ask(
            "network",
            "the ID of the network that holds the addresses of the controllers",
        ),
        Key::ask("image", "an image"),
        Key::ask("machine_type", "the flavor of the machines"),
        Key::leave_out("security_group", "a security group"),
        Key::leave_out("zone", "the availability zone"),
    ],
    images: &[],
    clients: &[("openstack", "the client of OpenStack")],
    companions: alone,
    tells_network: false,
    script: |script| Launch { script }.render(),
};

/// Flags: `openstack server create` (python-openstackclient, `compute/v2/server.py`).
#[derive(Template)]
#[template(path = "launch/openstack.sh")]
struct Launch<'a> {
    script: &'a Script<'a>,
}
