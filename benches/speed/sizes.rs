//! How many bytes the lab's first controller takes, beside the same files in other forms.

use crate::desk::{Desk, FIRSTBOOT};
use crate::rows;
use std::fs;
use std::io::Write as _;
use std::process::Command;

pub(crate) fn table(desk: &Desk) -> String {
    let read = |path: &str| fs::read(desk.path(path)).unwrap();
    let plain = read("plain/etcd-cluster-0/controller-0/user-data");
    let ours = read("small/etcd-cluster-0/controller-0/user-data").len();
    let mut cells = Vec::new();
    let mut line = |name: &str, bytes: Option<usize>| {
        cells.push(match bytes {
            Some(bytes) => vec![name.to_owned(), format!("{bytes}"), ratio(ours, bytes)],
            None => vec![name.to_owned(), "not here".to_owned(), String::new()],
        });
    };
    line(
        "`firstboot render --platform aws --compress always`",
        Some(ours),
    );
    line(
        "the same as plain text, which AWS takes too",
        Some(plain.len()),
    );
    line(
        "the same with zlib's best gzip instead of zopfli",
        Some(gzip(&plain)),
    );
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(desk.root())
            .output();
        output
            .ok()
            .filter(|output| output.status.success())
            .map(|output| output.stdout)
    };
    let butane = said("butane", &["--strict", "butane.bu"]);
    let of = |bytes: &Vec<u8>| bytes.len();
    line(
        "`butane`: Ignition, each file gzipped by it; what AWS takes",
        butane.as_ref().map(of),
    );
    line(
        "that, gzipped once more, which Ignition does not take there",
        butane.map(|text| gzip(&text)),
    );
    let user_data = "plain/etcd-cluster-0/controller-0/user-data:cloud-config";
    let mime = said("cloud-init", &["devel", "make-mime", "-a", user_data]);
    line("`cloud-init devel make-mime`", mime.as_ref().map(of));
    let binary = fs::metadata(FIRSTBOOT).unwrap().len();
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let binary = format!(
        "\nThe program itself, stripped: {:.2} MB.\n",
        binary as f64 / 1e6
    );
    rows(
        "Bytes of one controller's user-data",
        &["", "bytes", "ours / it"],
        &cells,
    ) + &binary
}

#[expect(clippy::cast_precision_loss, reason = "kilobytes")]
fn ratio(ours: usize, other: usize) -> String {
    format!("{:.2}", ours as f64 / other as f64)
}

fn gzip(bytes: &[u8]) -> usize {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap().len()
}
