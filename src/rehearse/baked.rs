//! A suite's image with etcd in it already: what `bake` makes of it.

use super::cache;
use super::error::{Doing as _, Error};
use super::tools::{self, shown};
use crate::bake::{self, ImageLayer};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the baked image lies: beside the one that it is made of, under its content's name.
pub(super) fn path(base: &Path, layer: &ImageLayer) -> PathBuf {
    let mut name = base.file_name().unwrap_or_default().to_owned();
    name.push(format!("-baked-{}", layer.content));
    base.with_file_name(name)
}

/// Makes the image, unless it is there. Needs no network if the layer's release is a local file.
pub(super) fn build(base: &Path, target: &Path, layer: &ImageLayer) -> Result<(), Error> {
    cache::fill(target, |made| {
        let mut copy = Command::new("cp");
        tools::run(copy.args(["-a", "--reflink=auto"]).arg(base).arg(made))?;
        let baked = bake::apply(layer, made).map_err(std::io::Error::other);
        baked
            .map(|_| ())
            .doing(|| format!("baking {}", shown(target)))
    })
}
