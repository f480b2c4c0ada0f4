//! The keys for what a machine may lose: `data_disk`, `replace`.

use super::fields::{Fields, Findings};
use super::yaml::{Node, Value};
use super::{At, finding, schema};
use crate::cluster::{DataDisk, Device, Filesystem, Label, Replace};

/// Reads `data_disk`; what is wrong has been reported.
pub(super) fn read(node: &Node, findings: &Findings) -> Option<DataDisk> {
    let fields = Fields::of(node, "data_disk", findings)?;
    let device = fields
        .required("device", "/dev/disk/by-id/google-etcd")
        .and_then(|node| {
            let written = findings.text(node, "device")?;
            let device = Device::new(&written.value);
            findings.keep(device.map_err(|why| finding::data_device(&written, why)))
        });
    let filesystem = match fields.optional("filesystem") {
        Some(node) => filesystem(node, findings),
        None => Some(Filesystem::default()),
    };
    let label = match fields.optional("label") {
        Some(node) => findings.text(node, "label").and_then(|written| {
            let label = Label::new(&written.value);
            findings.keep(label.map_err(|why| finding::data_label(&written, why)))
        }),
        None => Some(Label::default()),
    };
    fields.finish(&schema::DATA_DISK);
    Some(DataDisk {
        device: device?,
        filesystem: filesystem?,
        label: label?,
    })
}

fn filesystem(node: &Node, findings: &Findings) -> Option<Filesystem> {
    let written = findings.text(node, "filesystem")?;
    let filesystem = Filesystem::named(&written.value);
    findings.keep(filesystem.ok_or_else(|| finding::data_filesystem(&written)))
}

/// Reads `replace`.
pub(super) fn replace(node: &Node, findings: &Findings) -> Option<At<Replace>> {
    let written = match &node.value {
        // Whoever writes `yes` means a choice, which is none of these: quotes would not help.
        Value::Boolean(text) => At {
            value: text.clone(),
            place: node.place.clone(),
        },
        _ => findings.text(node, "replace")?,
    };
    let value = match written.value.as_str() {
        "auto" => Ok(Replace::Auto),
        "never" => Ok(Replace::Never),
        _ => Err(finding::replace(&written)),
    };
    Some(At {
        value: findings.keep(value)?,
        place: written.place,
    })
}
