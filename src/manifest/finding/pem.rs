//! Messages about the PEM files that a manifest names.

use crate::cluster::NotAName;
use crate::manifest::{At, PemPath};
use crate::report::{Finding, quoted, reason};
use std::io;
use std::ops::Range;
use std::path::Path;

type Place = Range<usize>;

pub(in crate::manifest) fn pem_path(
    value: &At<String>,
    why: &str,
    help: impl Into<String>,
) -> Finding {
    let message = format!("{} cannot be used: {why}", quoted(&value.value));
    Finding::error("pem-path", value.place.clone(), message, help)
}

pub(in crate::manifest) fn pem_name(value: &At<String>, why: NotAName) -> Finding {
    let why = format!(
        "its last part becomes a file name in `/etc/etcd`, and {}",
        why.0
    );
    pem_path(value, &why, "rename the file, for example to `ca.pem`")
}

pub(in crate::manifest) fn common_name(value: &At<String>, why: NotAName) -> Finding {
    Finding::error(
        "common-name",
        value.place.clone(),
        format!(
            "{} cannot be a common name here: {}",
            quoted(&value.value),
            why.0
        ),
        "write the `CN` that every peer's certificate has, such as `etcd-peer`",
    )
}

pub(in crate::manifest) fn key_shared(path: &At<PemPath>, controllers: (&str, &str)) -> Finding {
    let (one, other) = controllers;
    Finding::warning(
        "key-shared",
        path.place.clone(),
        format!("`{one}` and `{other}` have certificates of their own, but with the same key"),
        "whoever takes one machine's key has the other's: make a key for each controller",
    )
}

pub(in crate::manifest) fn pem_unreadable(
    path: &At<PemPath>,
    root: &Path,
    error: &io::Error,
) -> Finding {
    let shown = path.value.as_str();
    let root = match root.to_string_lossy() {
        empty if empty.is_empty() => ".".into(),
        root => root,
    };
    if error.kind() == io::ErrorKind::NotFound {
        return Finding::error(
            "pem-missing",
            path.place.clone(),
            format!("`{shown}` does not exist below `{root}`"),
            "put it there, name another root with `--files-dir`, or mint a set with `firstboot pki mint`",
        );
    }
    Finding::error(
        "pem-unreadable",
        path.place.clone(),
        format!("`{shown}` cannot be read: {}", reason(error)),
        "let the user who runs this command read it",
    )
}

pub(in crate::manifest) fn pem_outside(path: &At<PemPath>) -> Finding {
    Finding::error(
        "pem-path",
        path.place.clone(),
        format!(
            "`{}` leads out of the manifest's directory by a symbolic link",
            path.value.as_str()
        ),
        "move the file below it, or name another root with `--files-dir`",
    )
}

pub(in crate::manifest) fn pem_no_file(path: &At<PemPath>) -> Finding {
    Finding::error(
        "pem-path",
        path.place.clone(),
        format!("`{}` is no file", path.value.as_str()),
        "write the path of a PEM file, such as `pki/ca.pem`",
    )
}

pub(in crate::manifest) fn pem_too_large(path: &At<PemPath>) -> Finding {
    Finding::error(
        "pem-too-large",
        path.place.clone(),
        format!("`{}` is larger than 256 KiB", path.value.as_str()),
        "no user-data could carry it; is this the right file?",
    )
}

pub(in crate::manifest) fn pem_in_two_parts(path: &At<PemPath>, first: Place) -> Finding {
    Finding::error(
        "pem-in-two-parts",
        path.place.clone(),
        format!(
            "`{}` is named twice, as different things",
            path.value.as_str()
        ),
        "name the CA, the certificate and the key, each in its place",
    )
    .with_related(first, "first here")
}

pub(in crate::manifest) fn pem_same_name(place: Place, name: &str, first: Place) -> Finding {
    Finding::error(
        "pem-same-name",
        place,
        format!("two files would both become `/etc/etcd/{name}`"),
        "give the files different names",
    )
    .with_related(first, "first here")
}
