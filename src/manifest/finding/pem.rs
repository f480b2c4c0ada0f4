//! Messages about the PEM files that a manifest names.

use crate::cluster::{FileName, NotAName};
use crate::manifest::pem::Cure;
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
    let help = match close_name(&value.value) {
        Some(name) => format!("rename the file, for example to `{name}`"),
        None => "rename the file".to_owned(),
    };
    pem_path(value, &why, help)
}

/// The last part of a path, made a file name with as little change as possible.
fn close_name(path: &str) -> Option<String> {
    let last = path.rsplit('/').next().unwrap_or(path);
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.+".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = last.chars().map(plain).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let end = name.len().saturating_sub(63);
    [
        name.to_owned(),
        format!("my-{name}"),
        name[end..].to_owned(),
    ]
    .into_iter()
    .find(|name| FileName::new(name).is_ok())
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

/// One file, or a certificate and its key, at the place of the first.
pub(in crate::manifest) fn pem_missing(paths: &[&At<PemPath>], root: &Path, cure: Cure) -> Finding {
    let root = match crate::report::path(root) {
        root if root.is_empty() => ".".to_owned(),
        root => root,
    };
    let shown: Vec<_> = paths
        .iter()
        .map(|path| format!("`{}`", path.value.as_str()))
        .collect();
    let (verb, it) = match paths {
        [_] => ("does", "it"),
        _ => ("do", "them"),
    };
    let help = match cure {
        Cure::Mint => format!(
            "put {it} there, name another root with `--files-dir`, or mint a set with `firstboot pki mint`"
        ),
        Cure::Renew => format!(
            "put {it} there, or have the CA that is there sign a new pair with `firstboot pki renew`"
        ),
        Cure::Put => format!("put {it} there, or name another root with `--files-dir`"),
    };
    Finding::error(
        "pem-missing",
        paths.first().map_or(0..0, |path| path.place.clone()),
        format!("{} {verb} not exist below `{root}`", shown.join(" and ")),
        help,
    )
}

pub(in crate::manifest) fn pem_unreadable(path: &At<PemPath>, error: &io::Error) -> Finding {
    Finding::error(
        "pem-unreadable",
        path.place.clone(),
        format!(
            "`{}` cannot be read: {}",
            path.value.as_str(),
            reason(error)
        ),
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
