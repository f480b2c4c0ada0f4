//! Messages about baked images.

use crate::manifest::At;
use crate::report::{Finding, quoted};

pub(in crate::manifest) fn mismatch(value: &At<String>) -> Finding {
    Finding::error(
        "image-mismatch",
        value.place.clone(),
        format!("{} is neither `install` nor `refuse`", quoted(&value.value)),
        "where an image brings another etcd than the pinned one, `install`: the machine installs \
         the pinned one; `refuse`: it stops",
    )
}
