//! Every key of the manifest, once: what the reader takes, the JSON schema for editors, and the
//! reference in `docs/manifest.md` are all made of the tables in `keys`.
//!
//! The reader asks for keys by name; [`Fields::finish`](super::fields::Fields::finish) holds what
//! it asked for against the table, so that neither knows a key that the other does not. What a
//! value looks like is in `shapes`; `tests/schema.rs` feeds all goldens and all reject cases to
//! both.

mod keys;
mod platforms;
mod reference;
mod settings;
mod shapes;
mod tls;

pub(super) use keys::{CONTROLLER, DATA_DISK, ETCD, IMAGE, NETWORK, SHA256, TOP};
pub use reference::reference;
pub(super) use tls::{CLIENT, PEER, SERVER, TLS};

use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// A mapping of the manifest and what may stand in it.
pub(super) struct Mapping {
    keys: &'static [Key],
    /// What else is to be said of it in the schema: keywords and their values.
    rules: fn() -> Value,
}

/// One key.
pub(super) struct Key {
    name: &'static str,
    /// What it is, as the description of an editor and as a row of the reference.
    is: &'static str,
    /// The page of `docs/` that tells more, or nothing.
    see: &'static str,
    otherwise: Otherwise,
    /// A value of it, in YAML.
    example: &'static str,
    shape: Shape,
}

/// What holds where the key is not there.
enum Otherwise {
    /// It must be there, wherever its mapping is.
    Required,
    /// This value, in YAML.
    Value(&'static str),
    /// It is not so simple.
    Words(&'static str),
}

/// What its values look like.
enum Shape {
    /// One value, or what else this says.
    Value(fn() -> Value),
    /// A mapping.
    Mapping(&'static Mapping),
    /// A mapping whose keys the reference lists elsewhere.
    Again(&'static Mapping),
    /// What the function says, or a mapping.
    Either(fn() -> Value, &'static Mapping),
    /// At least one mapping, and no more than so many.
    List(&'static Mapping, usize),
}

impl Mapping {
    const fn of(keys: &'static [Key]) -> Self {
        Self::with(keys, || json!({}))
    }

    const fn with(keys: &'static [Key], rules: fn() -> Value) -> Self {
        Self { keys, rules }
    }

    /// The names of its keys.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }

    /// The names of those that must be there.
    pub(super) fn required(&self) -> impl Iterator<Item = &'static str> {
        let required = |key: &&Key| matches!(key.otherwise, Otherwise::Required);
        self.keys.iter().filter(required).map(|key| key.name)
    }

    fn schema(&self) -> Map<String, Value> {
        let properties: Map<_, _> = self
            .keys
            .iter()
            .map(|key| (key.name.to_owned(), key.schema()))
            .collect();
        let mut schema = object(json!({
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
        }));
        let required: Vec<_> = self.required().collect();
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        schema.extend(object((self.rules)()));
        schema
    }
}

impl Key {
    fn schema(&self) -> Value {
        let mut schema = match self.shape {
            Shape::Value(shape) => object(shape()),
            Shape::Mapping(mapping) | Shape::Again(mapping) => mapping.schema(),
            Shape::Either(shape, mapping) => {
                object(json!({ "anyOf": [shape(), mapping.schema()] }))
            }
            Shape::List(mapping, most) => object(json!({
                "type": "array",
                "minItems": 1,
                "maxItems": most,
                "items": mapping.schema(),
            })),
        };
        describe(&mut schema, &self.description());
        if !self.example.is_empty() {
            schema.insert("examples".to_owned(), json!([yaml(self.example)]));
        }
        if let Otherwise::Value(default) = self.otherwise {
            schema.insert("default".to_owned(), yaml(default));
        }
        Value::Object(schema)
    }

    fn description(&self) -> String {
        let mut text = format!("{}.", self.is);
        if let Otherwise::Words(words) = self.otherwise {
            let _ = write!(text, "\n\nWithout it: {words}.");
        }
        match self.see {
            "" => {}
            section if section.starts_with('#') => {
                let _ = write!(text, "\n\nSee docs/manifest.md{section}.");
            }
            page => {
                let _ = write!(text, "\n\nSee docs/{page}.");
            }
        }
        text
    }
}

/// The manifest's JSON schema, draft 7: the draft that editors know best.
///
/// Whatever [`Manifest::parse`](super::Manifest::parse) takes, it takes; of what that refuses, it
/// refuses all that can be known of one value or of two beside each other.
///
/// ```
/// let schema = firstboot::manifest::schema();
/// assert!(schema["required"].as_array().unwrap().contains(&"platform".into()));
/// assert_eq!(schema["properties"]["arch"]["default"], "amd64");
/// ```
pub fn schema() -> Value {
    let mut schema = TOP.schema();
    schema.insert(
        "$schema".to_owned(),
        json!("http://json-schema.org/draft-07/schema#"),
    );
    schema.insert("title".to_owned(), json!("A cluster manifest of firstboot"));
    Value::Object(schema)
}

/// Editors show the one as it is and the other as Markdown.
fn describe(schema: &mut Map<String, Value>, text: &str) {
    let plain = text.replace('`', "");
    if plain != text {
        schema.insert("markdownDescription".to_owned(), json!(text));
    }
    schema.insert("description".to_owned(), json!(plain));
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).expect("the tables are constants, and a test reads all of them")
}
