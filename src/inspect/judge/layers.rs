//! What a document is packed in, against what its way to the machine takes off.
//!
//! Which datasource decodes what: `cloudinit/sources/DataSource*.py`; base64 that none decodes is
//! an unknown form, and cloud-init ignores it with a warning in its log.

use super::{At, Said};
use crate::wire::decode::{Carrier, Kind, Layer, Stopped};

pub(super) fn judge(said: &mut Said) {
    let part = said.part;
    match part.stopped {
        Some(Stopped::Damaged(what)) => said.error(
            "damaged",
            At::PART,
            format!("this is no whole {what}"),
            "get it again, as bytes and not as text",
        ),
        Some(Stopped::TooMuch(what)) => said.error(
            "too-much",
            At::PART,
            format!("it unpacks to more {what} than user-data has: what is shown is not all"),
            "is this the right file?",
        ),
        None => {}
    }
    inner(said);
    match &part.carrier {
        Carrier::Gce { key, encoding } if key == "user-data" => gce(said, encoding.as_deref()),
        Carrier::Gce { key, .. } => script(said, key),
        Carrier::File => file(said),
        Carrier::Aws | Carrier::Azure | Carrier::OpenStack | Carrier::Seed => carried(said),
        Carrier::Within => {}
    }
}

/// Nothing that reads user-data takes these off, however it comes.
fn inner(said: &mut Said) {
    let layers = &said.part.layers;
    let gzip = layers.iter().position(|layer| *layer == Layer::Gzip);
    let Some(behind) = gzip
        .map(|at| &layers[at + 1..])
        .filter(|rest| !rest.is_empty())
    else {
        return;
    };
    if behind.contains(&Layer::Gzip) {
        said.error(
            "gzip-twice",
            At::PART,
            "it is packed with gzip twice: cloud-init unpacks it once and ignores the rest",
            "pack it once",
        );
    } else {
        said.error(
            "base64-layer",
            At::PART,
            "there is base64 within the gzip, which nothing decodes: all of it is ignored",
            "pack the document itself with gzip, and encode that",
        );
    }
}

/// How many layers of base64 stand around all else, and whether one of them is wrapped.
fn outer(said: &Said) -> (usize, bool) {
    let layers = said.part.layers.iter();
    let outer = layers.take_while(|layer| **layer != Layer::Gzip);
    let wrapped = outer
        .clone()
        .any(|layer| *layer == Layer::Base64 { wrapped: true });
    (outer.count(), wrapped)
}

fn gce(said: &mut Said, encoding: Option<&str>) {
    const CODE: &str = "gce-encoding";
    let (count, _) = outer(said);
    let is_told = encoding == Some("base64");
    match (is_told, count) {
        (true, 0) if !matches!(said.part.kind, Kind::Empty) => said.error(
            CODE,
            At::PART,
            "`user-data-encoding` says `base64`, but the value is none: it arrives as garbage",
            "remove the key `user-data-encoding`, or encode the value",
        ),
        (false, 1..) => said.error(
            CODE,
            At::PART,
            "it is base64, but no key `user-data-encoding` says so: cloud-init ignores all of it",
            "add the metadata key `user-data-encoding` with the value `base64`",
        ),
        (true, 2..) => twice(said),
        _ => {}
    }
    if let Some(other) = encoding.filter(|encoding| *encoding != "base64") {
        said.warning(
            CODE,
            At::PART,
            format!(
                "cloud-init knows no encoding `{}` on GCE",
                crate::report::visible(other)
            ),
            "remove the key `user-data-encoding`, or let it say `base64`",
        );
    }
}

/// A value that an agent runs as it is.
fn script(said: &mut Said, key: &str) {
    let part = said.part;
    if !part.layers.is_empty() {
        said.error(
            "script-packed",
            At::PART,
            format!("`{key}` is run as it stands: nothing unpacks it"),
            "hand over the script itself",
        );
    }
    let is_read = matches!(
        part.kind,
        Kind::CloudConfig(_) | Kind::Multipart | Kind::Ignition(_)
    );
    if is_read {
        said.error(
            "wrong-key",
            At::PART,
            format!("`{key}` is run by the guest agent, and this is no script"),
            "hand it over under the key `user-data`, to an image with cloud-init",
        );
    }
    if key == "startup-script" && part.text.expose().windows(2).any(|pair| pair == b"\r\n") {
        said.error(
            "carriage-returns",
            At::PART,
            "its lines end with carriage returns: the kernel looks for an interpreter of that name",
            "save it with Unix line ends (`sed -i 's/\\r$//' FILE`)",
        );
    }
}

fn file(said: &mut Said) {
    let (count, wrapped) = outer(said);
    if count > 1 {
        twice(said);
    } else if wrapped {
        said.warning(
            "base64-wrapped",
            At::PART,
            "the base64 stands on several lines: on EC2 and Hetzner cloud-init takes it for text and ignores it",
            "encode it on one line (`base64 -w0`), or hand over the document itself",
        );
    }
}

fn twice(said: &mut Said) {
    said.error(
        "base64-twice",
        At::PART,
        "it is base64 of base64: one layer stays, and all of it is ignored",
        "encode it once; most clients encode it themselves",
    );
}

/// The API's own base64 is off already.
fn carried(said: &mut Said) {
    const CODE: &str = "base64-layer";
    const CURE: &str = "hand over the document itself: the client encodes it";
    let (count, wrapped) = outer(said);
    if count == 0 {
        return;
    }
    if said.part.carrier == Carrier::Aws && count == 1 && !wrapped {
        said.warning(
            CODE,
            At::PART,
            "it is base64 within the base64 of the API: cloud-init before 23.3 ignores it (Debian 12, Amazon Linux)",
            CURE,
        );
    } else {
        said.error(
            CODE,
            At::PART,
            "it is base64 within what carries it: nothing decodes that, and all of it is ignored",
            CURE,
        );
    }
}
