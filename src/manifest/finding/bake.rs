//! Messages about baked images.

use crate::manifest::At;
use crate::platform::Family;
use crate::report::{Finding, quoted};
use std::ops::Range;

pub(in crate::manifest) fn not_baked(place: Range<usize>, family: Family) -> Finding {
    Finding::error(
        "image-not-baked",
        place,
        format!("`{family}` images cannot be baked: their machines read Ignition, once and whole"),
        "leave out `bake` and `--image baked`, or choose a family with cloud-init, for example `ubuntu`",
    )
}

pub(in crate::manifest) fn mismatch(value: &At<String>) -> Finding {
    Finding::error(
        "image-mismatch",
        value.place.clone(),
        format!("{} is neither `install` nor `refuse`", quoted(&value.value)),
        "where an image brings another etcd than the pinned one, `install`: the machine installs \
         the pinned one; `refuse`: it stops",
    )
}
