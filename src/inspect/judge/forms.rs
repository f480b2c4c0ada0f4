//! What a document says it is, and whether somebody reads that.

use super::{At, Said};
use crate::report::visible;
use crate::wire::decode::{Carrier, Header, Kind, Part};
use crate::wire::seed;

pub(super) fn judge(said: &mut Said) {
    let part = said.part;
    if part.stopped.is_some() && part.parts.is_empty() && part.files.is_empty() {
        return;
    }
    header(said);
    kind(said);
    match &part.kind {
        Kind::Multipart => message(said),
        Kind::Disk(label) => disk(said, label),
        Kind::Answer => answer(said),
        Kind::Ignition(version) => ignition(said, version.as_deref()),
        _ => {}
    }
}

fn header(said: &mut Said) {
    const IGNORED: &str = "cloud-init ignores all of it";
    match said.part.header {
        Header::Spaced => said.error(
            "header-spaced",
            At::line(1),
            format!("the first line is a comment, not the header `#cloud-config`: {IGNORED}"),
            "write `#cloud-config`, without a blank in it",
        ),
        Header::ByteOrderMark => said.error(
            "header-byte-order-mark",
            At::line(1),
            format!("a byte order mark stands before the header: {IGNORED}"),
            "save it as UTF-8 without a byte order mark (`sed -i '1s/^\\xEF\\xBB\\xBF//' FILE`)",
        ),
        Header::Missing => said.error(
            "header-missing",
            At::line(1),
            format!(
                "it looks like a cloud-config, but does not start with `#cloud-config`: {IGNORED}"
            ),
            "make `#cloud-config` its first line",
        ),
        Header::NoMimeVersion => said.error(
            "mime-version-missing",
            At::line(1),
            format!("a message without `MIME-Version` is none to cloud-init: {IGNORED}"),
            "add the line `MIME-Version: 1.0` to the headers at the top",
        ),
        Header::Right | Header::Declared | Header::None => {}
    }
}

fn kind(said: &mut Said) {
    const CODE: &str = "unknown-form";
    const CURE: &str = "start it with a header: `#cloud-config`, or `#!` and an interpreter";
    let part = said.part;
    match &part.kind {
        Kind::Empty => said.warning("empty", At::PART, "there is nothing in it", "leave it out"),
        Kind::Binary if is_utf_16(part) => said.error(
            CODE,
            At::PART,
            "this text is UTF-16, which no machine reads",
            "save it as UTF-8 without a byte order mark (`iconv -f UTF-16 -t UTF-8 FILE`)",
        ),
        Kind::Binary => said.error(
            CODE,
            At::PART,
            "these bytes are no text, and in no form that a machine reads",
            "is this the right file?",
        ),
        Kind::Unknown if is_script_of_gce(part) => said.warning(
            "no-interpreter",
            At::line(1),
            "no interpreter is named: whatever runs it chooses one",
            "make `#!/bin/sh` or `#!/bin/bash` the first line",
        ),
        Kind::Unknown if starts(part, "-----BEGIN ") => said.error(
            CODE,
            At::line(1),
            "this is a key or a certificate (PEM), and no user-data",
            "`firstboot pki show` shows a cluster's certificates",
        ),
        Kind::Unknown if starts(part, "apiVersion: firstboot/") => said.error(
            CODE,
            At::line(1),
            "this is a cluster's manifest, which no machine reads",
            "`firstboot render` makes user-data of it: inspect that",
        ),
        Kind::Unknown if starts(part, "apiVersion: firstboot-lock/") => said.error(
            CODE,
            At::line(1),
            "this is a cluster's lock, which no machine reads",
            "`firstboot render` makes user-data of it and the manifest: inspect that",
        ),
        Kind::Unknown => {
            let declared = part.declared.as_deref().unwrap_or("text/plain");
            let message = if ["text/plain", "text/x-not-multipart"].contains(&declared) {
                "no header says what this is: cloud-init ignores it".to_owned()
            } else {
                format!("cloud-init has no handler for `{}`", visible(declared))
            };
            said.error(CODE, At::line(1), message, CURE);
        }
        Kind::Json => said.error(
            CODE,
            At::line(1),
            "JSON without `ignition` in it and without a header is read by nothing",
            "put `#cloud-config` before it, or choose the part of it that is user-data",
        ),
        Kind::Butane => said.error(
            "butane",
            At::line(1),
            "this is what Butane takes: no machine reads it",
            "run `butane --strict FILE` and hand over what it prints",
        ),
        Kind::UpstartJob => said.error(
            CODE,
            At::line(1),
            "jobs of upstart are not run any more",
            "write a systemd unit with `write_files`, and start it with `runcmd`",
        ),
        Kind::Include(urls) => include(said, urls),
        _ => {}
    }
}

fn is_utf_16(part: &Part) -> bool {
    let marks = [b"\xff\xfe", b"\xfe\xff"];
    marks
        .iter()
        .any(|mark| part.text.expose().starts_with(*mark))
}

/// Whether its first line that is no comment starts so.
fn starts(part: &Part, word: &str) -> bool {
    let mut lines = part.as_str().unwrap_or_default().lines();
    let first = lines.find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| line.starts_with(word))
}

fn is_script_of_gce(part: &Part) -> bool {
    matches!(&part.carrier, Carrier::Gce { key, .. } if key == "startup-script")
}

fn include(said: &mut Said, urls: &[String]) {
    if urls.is_empty() {
        said.warning("empty", At::PART, "no address stands in it", "leave it out");
    }
    if urls.iter().any(|url| url.starts_with("http://")) {
        said.warning(
            "include-open",
            At::PART,
            "more is fetched without TLS: whoever is on the way decides what the machine runs",
            "use `https://`",
        );
    }
}

fn message(said: &mut Said) {
    let parts = &said.part.parts;
    for (at, part) in parts.iter().enumerate() {
        let starts = |header: &str| {
            part.as_str()
                .is_some_and(|text| text.trim_start().starts_with(header))
        };
        if matches!(part.kind, Kind::CloudConfig(_))
            && part.header == Header::Declared
            && starts("#!")
        {
            said.error(
                "content-type",
                At::PART,
                format!(
                    "part {} is declared a cloud-config, but is a script",
                    at + 1
                ),
                "declare it as `text/x-shellscript`",
            );
        }
    }
    let lists = |part: &Part| -> Vec<String> {
        let Kind::CloudConfig(Ok(tree)) = &part.kind else {
            return Vec::new();
        };
        if tree.get("merge_how").or(tree.get("merge_type")).is_some() {
            return Vec::new();
        }
        let lists = tree
            .entries()
            .iter()
            .filter(|(_, value)| !value.items().is_empty());
        lists
            .filter_map(|(key, _)| key.text().map(str::to_owned))
            .collect()
    };
    let all: Vec<String> = parts
        .iter()
        .flat_map(|part| {
            let mut lists = lists(part);
            lists.sort();
            lists.dedup();
            lists
        })
        .collect();
    for key in super::super::repeated(all.iter().map(String::as_str)) {
        said.warning(
            "list-replaced",
            At::PART,
            format!(
                "`{}` stands in several cloud-configs: the last list replaces the others",
                visible(key)
            ),
            "make one cloud-config of them, or say `merge_how` in each",
        );
    }
}

fn disk(said: &mut Said, label: &str) {
    let part = said.part;
    if !label.eq_ignore_ascii_case(seed::LABEL) {
        said.error(
            "seed-label",
            At::PART,
            format!(
                "the disk's label is `{}`: NoCloud looks for `cidata`",
                visible(label)
            ),
            "make it with `-volid cidata`",
        );
    }
    for name in [seed::USER_DATA, seed::META_DATA] {
        if !part.parts.iter().any(|part| part.name == name) {
            said.error(
                "seed-incomplete",
                At::PART,
                format!("it has no file `{name}`: cloud-init ignores the disk"),
                "put `user-data` and `meta-data` into its root; `meta-data` may be empty",
            );
        }
    }
}

fn answer(said: &mut Said) {
    let parts = &said.part.parts;
    if parts.is_empty() {
        said.warning(
            "empty",
            At::PART,
            "the cloud knows no user-data and no start-up script of it",
            "ask for another instance",
        );
    }
    let sent = |part: &&Part| {
        let list = part
            .files
            .iter()
            .find(|file| file.path == crate::machine::SENT);
        list.and_then(|list| list.bytes().map(<[u8]>::to_vec))
    };
    let of = |key: &str| {
        parts
            .iter()
            .find(|part| matches!(&part.carrier, Carrier::Gce { key: found, .. } if found == key))
    };
    if let (Some(data), Some(script)) = (of("user-data"), of("startup-script")) {
        let same = sent(&data).is_some() && sent(&data) == sent(&script);
        if !same {
            said.warning(
                "gce-both",
                At::PART,
                "an image with cloud-init and Google's agent (Ubuntu) runs both `user-data` and `startup-script`",
                "hand over the one that the image reads",
            );
        }
    }
}

fn ignition(said: &mut Said, version: Option<&str>) {
    let major = version.and_then(|version| version.split('.').next());
    if !matches!(major, Some("2" | "3")) {
        said.error(
            "ignition-version",
            At::PART,
            "Ignition refuses a config without a version that it knows",
            "say `\"ignition\": {\"version\": \"3.3.0\"}`",
        );
    }
    let looks_octal = |mode: u32| {
        let digits = mode.to_string();
        digits.len() == 3
            && digits.bytes().all(|digit| digit < b'8')
            && matches!(digits.as_bytes()[0], b'4' | b'6' | b'7')
            && digits
                .bytes()
                .skip(1)
                .all(|digit| matches!(digit, b'0' | b'4' | b'5' | b'6' | b'7'))
            && mode != 420
    };
    for file in &said.part.files {
        if let Some(mode) = file.mode.filter(|mode| looks_octal(*mode)) {
            said.error(
                "mode-number",
                At {
                    line: None,
                    key: Some(visible(&file.path)),
                },
                format!("mode {mode} is decimal in JSON, which is {mode:04o} in octal"),
                "write the decimal number: 420 is 0644, 384 is 0600, 493 is 0755",
            );
        }
    }
}
