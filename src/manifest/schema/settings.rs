//! `etcd.settings` in the schema: the table of settings, and the shapes of their kinds.

use super::describe;
use super::shapes::{TIME, whole};
use crate::cluster::settings::{Bounds, Kind, Row, Whose, rows};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// As etcd takes it, with a port.
const URL: &str = r"https?://[A-Za-z0-9.:\[\]-]+:\+?[0-9]+";

/// As Rust reads one.
const INTEGER: &str = r"^\+?[0-9]+$";

/// Every setting that a manifest may give; which versions know it, its description says.
pub(super) fn settings() -> Value {
    let ours = |row: &Row| matches!(row.whose, Whose::All | Whose::Any);
    let properties: Map<_, _> = rows()
        .filter(ours)
        .map(|row| (row.name.to_owned(), setting(&row)))
        .collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

fn setting(row: &Row) -> Value {
    // Null stands for etcd's own default, whatever firstboot's is.
    let mut schema = Map::new();
    schema.insert(
        "anyOf".to_owned(),
        json!([kind(row.kind), { "type": "null" }]),
    );
    let mut text = format!("{} (etcd {}).", row.note, row.versions());
    match (row.ours, row.default) {
        (Some((value, None)), _) => {
            let _ = write!(text, "\n\nWithout it: `{value}`.");
        }
        (Some((value, Some(since))), _) => {
            let _ = write!(text, "\n\nWithout it: `{value}` from etcd {since} on.");
        }
        (None, "-") => {}
        (None, default) => {
            let _ = write!(text, "\n\netcd's default: `{default}`.");
        }
    }
    describe(&mut schema, &text);
    Value::Object(schema)
}

fn kind(kind: Kind) -> Value {
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    let least = |bounds: Bounds| whole(bounds.least, bounds.most, INTEGER);
    let or = |one: Value, other: Value| json!({ "anyOf": [one, other] });
    match kind {
        Kind::Bool => json!({ "enum": [true, false, "true", "false"] }),
        Kind::Integer(bounds) => least(bounds),
        Kind::Bytes(bounds) => or(least(bounds), text("^[0-9]+(?:KiB|MiB|GiB)$")),
        Kind::Milliseconds(bounds) | Kind::Seconds(bounds) => or(least(bounds), text(TIME)),
        Kind::Duration(_) => or(json!({ "const": 0 }), text(TIME)),
        Kind::OneOf(words) => json!({ "enum": words.split(',').collect::<Vec<_>>() }),
        Kind::Retention => or(whole(0, None, INTEGER), text(TIME)),
        Kind::Ciphers => list("TLS_[A-Z0-9_]+"),
        Kind::Urls => list(URL),
        Kind::Origins => list(&format!(r"(?:\*|{URL})")),
        Kind::Names => list(r"(?:\*|[A-Za-z0-9.:-]+)"),
        // A number or a boolean is as good as a text.
        Kind::Text => json!({
            "anyOf": [{ "type": "string", "maxLength": 256, "pattern": "^[!-~]+$" },
                      { "type": ["number", "boolean"] }],
        }),
    }
}

/// Texts, as a list or with commas between them.
fn list(item: &str) -> Value {
    let text = |pattern: String| json!({ "type": "string", "pattern": pattern });
    json!({
        "anyOf": [
            { "type": "array", "minItems": 1, "items": text(format!("^{item}(?:,{item})*$")) },
            text(format!("^{item}(?:,{item})*$")),
        ],
    })
}
