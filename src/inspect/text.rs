//! An inspection for people.

use super::{documents, facts, sizes};
use crate::calendar::{day, span};
use crate::pki::audit::Facts;
use crate::platform::Counts;
use crate::report::visible;
use crate::wire::decode::{Content, Found, Kind, Layer, Part};
use std::fmt::Write as _;

/// How much of a digest tells two files apart.
const DIGEST: usize = 16;

pub(super) fn text(part: &Part, now: i64) -> String {
    let mut out = String::new();
    one(part, 0, &mut out);
    for document in documents(part) {
        let name = (documents(part).len() > 1).then_some(document.name.as_str());
        about(document, name, now, &mut out);
    }
    out
}

/// A part, its files, and what is in it, two columns deeper.
fn one(part: &Part, depth: usize, out: &mut String) {
    let indent = " ".repeat(depth);
    let _ = writeln!(out, "{indent}{}: {}", visible(&part.name), described(part));
    if let Kind::Include(urls) = &part.kind {
        for url in urls {
            let _ = writeln!(out, "{indent}  {}", visible(url));
        }
    }
    files(&part.files, &indent, out);
    if let Kind::CloudConfig(Ok(tree)) = &part.kind {
        let keys: Vec<_> = tree
            .entries()
            .iter()
            .filter(|(key, _)| key.text() != Some("write_files"))
            .map(|(key, value)| {
                let key = visible(key.text().unwrap_or("?"));
                match value.items().len() {
                    0 => key,
                    count => format!("{key} ({count})"),
                }
            })
            .collect();
        if !keys.is_empty() {
            let _ = writeln!(out, "{indent}  also: {}", keys.join(", "));
        }
    }
    for inner in &part.parts {
        one(inner, depth + 2, out);
    }
}

/// `cloud-config, 9312 bytes, in gzip, in base64 (4612 bytes)`
fn described(part: &Part) -> String {
    let bytes = part.text.expose().len();
    let mut text = kind(part);
    if part.stopped.is_none() || bytes > 0 {
        let _ = write!(text, ", {bytes} byte{}", if bytes == 1 { "" } else { "s" });
    }
    for layer in part.layers.iter().rev() {
        text.push_str(match layer {
            Layer::Gzip => ", in gzip",
            Layer::Base64 { .. } => ", in base64",
        });
    }
    if !part.layers.is_empty() {
        let _ = write!(text, " ({} bytes)", part.given);
    }
    if let Some(declared) = &part.declared {
        let _ = write!(text, ", declared {}", visible(declared));
    }
    text
}

fn kind(part: &Part) -> String {
    let name = super::json::kind(&part.kind);
    let template = if part.jinja { "template of " } else { "" };
    match &part.kind {
        Kind::Disk(label) => format!("{name} `{}`", visible(label)),
        Kind::Ignition(Some(version)) => format!("{name} {}", visible(version)),
        _ => format!("{template}{name}"),
    }
}

fn files(files: &[Found], indent: &str, out: &mut String) {
    let owner = |file: &Found| visible(file.owner.as_deref().unwrap_or("root"));
    let size = |file: &Found| match file.content {
        Content::Bytes(_) => file.len().to_string(),
        Content::Elsewhere(_) | Content::Damaged(_) => "?".to_owned(),
    };
    let widest = |of: &dyn Fn(&Found) -> String| {
        files
            .iter()
            .map(|file| of(file).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (owners, sizes) = (widest(&owner), widest(&size));
    for file in files {
        let mode = file
            .mode
            .map_or("   -".to_owned(), |mode| format!("{mode:04o}"));
        let digest = file
            .digest()
            .map_or_else(String::new, |digest| digest.to_string());
        let _ = writeln!(
            out,
            "{indent}  {mode}  {:owners$}  {:>sizes$}  {:DIGEST$.DIGEST$}  {}{}",
            owner(file),
            size(file),
            digest,
            visible(&file.path),
            remarks(file),
        );
    }
}

fn remarks(file: &Found) -> String {
    let mut remarks = Vec::new();
    match &file.content {
        Content::Elsewhere(url) => remarks.push(format!("from {}", visible(url))),
        Content::Damaged(why) => remarks.push((*why).to_owned()),
        Content::Bytes(_) if file.holds_key() => remarks.push("a private key".to_owned()),
        Content::Bytes(_) => {}
    }
    if file.append {
        remarks.push("appended".to_owned());
    }
    remarks.extend(file.note.map(str::to_owned));
    if remarks.is_empty() {
        return String::new();
    }
    format!("  ({})", remarks.join("; "))
}

/// What the files of a document are about, and what it counts.
fn about(document: &Part, name: Option<&str>, now: i64, out: &mut String) {
    let all = document.all();
    let files: Vec<_> = all.iter().flat_map(|part| &part.files).collect();
    let of = name
        .map(|name| format!(" of {}", visible(name)))
        .unwrap_or_default();
    let certificates: Vec<_> = files
        .iter()
        .flat_map(|file| {
            file.certificates()
                .into_iter()
                .map(|facts| (&file.path, facts))
        })
        .collect();
    if !certificates.is_empty() {
        let _ = writeln!(out, "\ncertificates{of}");
        for (path, facts) in &certificates {
            certificate(path, facts, now, out);
        }
    }
    for settings in files.iter().filter_map(|file| facts::settings(file)) {
        let _ = writeln!(out, "\netcd, by {}{of}", settings.path);
        let width = settings
            .values
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0);
        for (name, value) in &settings.values {
            let _ = writeln!(out, "{}", format!("  {name:width$}  {value}").trim_end());
        }
    }
    for part in &all {
        if let Some(delivery) = facts::delivery(&part.files) {
            let name = delivery.name.as_deref().unwrap_or("without its name");
            let state = match (delivery.changed.len(), delivery.missing.len()) {
                (0, 0) => "all files are as `firstboot render` sent them".to_owned(),
                (0, missing) => format!("as sent; the image has to bring {missing} more"),
                (changed, _) => format!("not as sent ({changed} changed)"),
            };
            let _ = writeln!(out, "\ndelivery {name}{of}: {state}");
        }
    }
    counted(document, &of, out);
}

fn certificate(path: &str, facts: &Facts, now: i64, out: &mut String) {
    let left = facts.not_after.saturating_sub(now);
    let end = if left < 0 {
        format!("ended on {}", day(facts.not_after))
    } else {
        format!("ends in {}, on {}", span(left), day(facts.not_after))
    };
    let mut uses = vec![facts.key.as_str()];
    uses.extend(facts.authority.then_some("CA"));
    if !facts.authority {
        uses.extend(facts.server.then_some("server"));
        uses.extend(facts.client.then_some("client"));
    }
    let _ = writeln!(out, "  {}: {}", visible(path), visible(&facts.subject));
    let _ = writeln!(out, "    {}, {end}", uses.join(", "));
    let addresses = facts.addresses.iter().map(ToString::to_string);
    let names: Vec<_> = facts
        .names
        .iter()
        .map(|name| visible(name))
        .chain(addresses)
        .collect();
    if !names.is_empty() {
        let _ = writeln!(out, "    for {}", names.join(" "));
    }
}

fn counted(document: &Part, of: &str, out: &mut String) {
    let sizes = sizes(document);
    if sizes.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nbytes{of}, as each cloud counts them");
    for size in sizes {
        let limit = size.platform.limit();
        let counts = match limit.counts {
            Counts::Bytes => "",
            Counts::Base64 => ", counted as base64",
        };
        let share = size.packed.bytes * 100 / limit.bytes;
        let verdict = if size.fits() { "" } else { ": too much" };
        let _ = writeln!(
            out,
            "  {:12}  {:>7} of {:>7}  {share:>3} %  {}{counts}{verdict}",
            size.platform.name(),
            size.packed.bytes,
            limit.bytes,
            size.packed.form,
        );
    }
}
