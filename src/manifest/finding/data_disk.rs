//! Messages about the data disk and about replaced machines.

use crate::cluster::NotADisk;
use crate::manifest::At;
use crate::report::{Finding, quoted};

pub(in crate::manifest) fn data_device(value: &At<String>, why: NotADisk) -> Finding {
    Finding::error(
        "data-disk-device",
        value.place.clone(),
        format!("{} is no disk's path: {}", quoted(&value.value), why.0),
        "write a path that stays, such as `/dev/disk/by-id/google-etcd`; `ls -l /dev/disk/by-id` \
         on a machine lists them",
    )
}

pub(in crate::manifest) fn data_label(value: &At<String>, why: NotADisk) -> Finding {
    Finding::error(
        "data-disk-label",
        value.place.clone(),
        format!("{} is no label: {}", quoted(&value.value), why.0),
        "write a short name such as `etcd`",
    )
}

pub(in crate::manifest) fn data_filesystem(value: &At<String>) -> Finding {
    Finding::error(
        "data-disk-filesystem",
        value.place.clone(),
        format!("{} is neither `ext4` nor `xfs`", quoted(&value.value)),
        "remove the line for `ext4`",
    )
}

pub(in crate::manifest) fn replace(value: &At<String>) -> Finding {
    Finding::error(
        "replace",
        value.place.clone(),
        format!("{} is neither `auto` nor `never`", quoted(&value.value)),
        "for a blank machine whose member had data, `auto`: it takes that member's place once a \
         majority is healthy without it; `never`: it says what a person is to do",
    )
}
