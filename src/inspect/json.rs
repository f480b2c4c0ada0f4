//! An inspection for programs: `firstboot/inspect/v1`, whose shape `docs/inspect.md` has.

use super::{Inspection, Judgement, documents, facts, sizes};
use crate::calendar::moment;
use crate::report::visible;
use crate::wire::decode::{Content, Found, Kind, Layer, Part};
use serde_json::{Value, json};

/// The name of the shape; another number means that a key went or changed its meaning.
pub(super) const FORMAT: &str = "firstboot/inspect/v1";

pub(super) fn document(inspection: &Inspection) -> Value {
    let documents = documents(&inspection.part);
    json!({
        "format": FORMAT,
        "part": part(&inspection.part),
        "documents": documents.into_iter().map(about).collect::<Vec<_>>(),
        "findings": inspection.judgements.iter().map(judgement).collect::<Vec<_>>(),
    })
}

/// What a part is, in a word or two.
pub(super) fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Empty => "nothing",
        Kind::Unknown => "text in no known form",
        Kind::Binary => "bytes in no known form",
        Kind::CloudConfig(_) => "cloud-config",
        Kind::Archive(_) => "cloud-config archive",
        Kind::JsonPatch => "JSON patch",
        Kind::Script => "script",
        Kind::Boothook => "boothook",
        Kind::Include(_) => "include",
        Kind::PartHandler => "part handler",
        Kind::PowerShell => "script for Windows",
        Kind::UpstartJob => "upstart job",
        Kind::Multipart => "MIME message",
        Kind::Ignition(_) => "Ignition",
        Kind::Butane => "Butane",
        Kind::Json => "JSON",
        Kind::Disk(_) => "disk",
        Kind::Beside => "file of a seed",
        Kind::Answer => "answer of a cloud",
    }
}

fn part(it: &Part) -> Value {
    let layers = it.layers.iter().map(|layer| match layer {
        Layer::Base64 { .. } => "base64",
        Layer::Gzip => "gzip",
    });
    let includes = match &it.kind {
        Kind::Include(urls) => urls.iter().map(|url| visible(url)).collect(),
        _ => Vec::new(),
    };
    json!({
        "name": visible(&it.name),
        "kind": kind(&it.kind),
        "template": it.jinja,
        "declared": it.declared.as_deref().map(visible),
        "given": it.given,
        "layers": layers.collect::<Vec<_>>(),
        "bytes": it.text.expose().len(),
        "includes": includes,
        "files": it.files.iter().map(file).collect::<Vec<_>>(),
        "parts": it.parts.iter().map(part).collect::<Vec<_>>(),
    })
}

fn file(it: &Found) -> Value {
    let (from, damaged) = match &it.content {
        Content::Bytes(_) => (None, None),
        Content::Elsewhere(url) => (Some(visible(url)), None),
        Content::Damaged(why) => (None, Some(*why)),
    };
    json!({
        "path": visible(&it.path),
        "mode": it.mode.map(|mode| format!("{mode:04o}")),
        "owner": it.owner.as_deref().map(visible),
        "bytes": it.bytes().map(<[u8]>::len),
        "sha256": it.digest().map(|digest| digest.to_string()),
        "privateKey": it.holds_key(),
        "append": it.append,
        "from": from,
        "damaged": damaged,
        "note": it.note,
        "line": it.line,
    })
}

/// What is said of a document and all within it.
fn about(document: &Part) -> Value {
    let all = document.all();
    let files: Vec<_> = all.iter().flat_map(|part| &part.files).collect();
    let certificates = files.iter().flat_map(|file| {
        file.certificates().into_iter().map(|facts| {
            json!({
                "file": visible(&file.path),
                "subject": visible(&facts.subject),
                "issuer": visible(&facts.issuer),
                "names": facts.names.iter().map(|name| visible(name)).collect::<Vec<_>>(),
                "addresses": facts.addresses,
                "key": facts.key,
                "authority": facts.authority,
                "server": facts.server,
                "client": facts.client,
                "notBefore": moment(facts.not_before),
                "notAfter": moment(facts.not_after),
                "sha256": facts.digest.to_string(),
            })
        })
    });
    let settings = files
        .iter()
        .filter_map(|file| facts::settings(file))
        .map(|settings| {
            let values = settings.values.iter();
            let values = values.map(|(name, value)| json!({ "name": name, "value": value }));
            json!({ "file": settings.path, "values": values.collect::<Vec<_>>() })
        });
    let delivery = all.iter().find_map(|part| facts::delivery(&part.files));
    let delivery = delivery.map(|delivery| {
        json!({ "name": delivery.name, "changed": delivery.changed, "missing": delivery.missing })
    });
    let counted = sizes(document).into_iter().map(|size| {
        json!({
            "platform": size.platform.name(),
            "form": size.packed.form.to_string(),
            "bytes": size.packed.bytes,
            "limit": size.platform.limit().bytes,
        })
    });
    json!({
        "name": visible(&document.name),
        "certificates": certificates.collect::<Vec<_>>(),
        "etcd": settings.collect::<Vec<_>>(),
        "delivery": delivery,
        "counted": counted.collect::<Vec<_>>(),
    })
}

fn judgement(it: &Judgement) -> Value {
    json!({
        "severity": it.severity.word(),
        "code": it.code,
        "part": visible(&it.part),
        "line": it.line,
        "at": it.at,
        "message": it.message,
        "help": it.help,
    })
}
