//! What depends on another key: `launch` and `image` on the platform, `cloud_config` on `hostname`.

use super::shapes::{AS_SHOWN, any_address, launch_text, whole};
use super::{describe, object};
use crate::manifest::cloud_config::{KNOWN_KEYS, is_refused, names_the_machine};
use crate::platform::{Family, Key, KeyKind, Platform};
use serde_json::{Map, Value, json};

/// The rules at the top of the manifest.
pub(super) fn rules() -> Value {
    let mut all: Vec<Value> = Platform::ALL.into_iter().map(on).collect();
    all.push(json!({
        "if": { "not": { "properties": { "hostname": { "const": "keep" } }, "required": ["hostname"] } },
        "then": { "properties": { "cloud_config": { "propertyNames": { "not": {
            "enum": own_names(),
        } } } } },
    }));
    json!({ "allOf": all })
}

fn own_names() -> Vec<&'static str> {
    KNOWN_KEYS
        .lines()
        .filter(|key| names_the_machine(key))
        .collect()
}

/// What holds on one platform.
fn on(platform: Platform) -> Value {
    let keys = |keys: &mut dyn Iterator<Item = &'static Key>| {
        let properties: Map<_, _> = keys.map(|key| (key.name.to_owned(), value(key))).collect();
        json!({ "additionalProperties": false, "properties": properties })
    };
    let mut then = object(json!({
        "launch": keys(&mut platform.keys()),
        "controllers": { "items": { "properties": {
            "launch": keys(&mut platform.keys_of_one()),
        } } },
    }));
    let unfit = |family: &Family| platform.documents(Some(*family)).is_err();
    let unfit: Vec<_> = Family::ALL
        .into_iter()
        .filter(unfit)
        .map(Family::name)
        .collect();
    let mut not = vec![
        json!({ "enum": unfit }),
        json!({ "type": "object", "required": ["family"], "properties": { "family": { "enum": unfit } } }),
    ];
    if !platform.takes_image() {
        not.push(json!({ "type": "object", "required": ["id"] }));
    }
    then.insert("image".to_owned(), json!({ "not": { "anyOf": not } }));
    json!({
        "if": { "properties": { "platform": { "const": platform.name() } }, "required": ["platform"] },
        "then": { "properties": then },
    })
}

/// One key of a platform's `launch`.
fn value(key: &Key) -> Value {
    let mut schema = object(match key.kind() {
        KeyKind::Text => launch_text(),
        KeyKind::Number => whole(1, Some(u32::MAX.into()), AS_SHOWN),
        KeyKind::Prefix => whole(0, Some(128), AS_SHOWN),
        KeyKind::Address => any_address(),
    });
    describe(&mut schema, &format!("{}.", key.is));
    Value::Object(schema)
}

/// Keys of cloud-init's own; those that cannot be merged are none. Others are taken, too, with a
/// warning.
pub(super) fn cloud_config() -> Value {
    let known = KNOWN_KEYS
        .lines()
        .map(|key| (key.to_owned(), json!(!is_refused(key))));
    json!({ "type": "object", "properties": known.collect::<Map<_, _>>() })
}
