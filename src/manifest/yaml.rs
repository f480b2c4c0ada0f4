//! YAML text as a tree in which every node knows its place. `serde-saphyr` stays behind this file.

use super::cloud_config::is_plain;
use crate::report::Finding;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, MergeKeyPolicy, Spanned};
use std::fmt;
use std::ops::Range;

/// A manifest for a thousand controllers has a tenth of this; more is no manifest.
pub(super) const MOST_BYTES: usize = 1 << 20;
const DEEPEST: usize = 16;
/// More of a line than this underlines nothing that a person would read.
const WIDEST: usize = 200;
const MOST_NODES: usize = 5_000;

/// One value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) place: Range<usize>,
    /// A scalar without quotes, whose meaning is its reader's to find out.
    pub(super) plain: bool,
    pub(super) value: Value,
}

/// What a node holds. Numbers and booleans keep the text that the user wrote.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Text(String),
    Number(String),
    Boolean(String),
    Sequence(Vec<Node>),
    /// In the order of the text; a key may stand in it twice.
    Mapping(Vec<(Key, Node)>),
}

/// A mapping's key and where it stands.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) place: Range<usize>,
    /// Without quotes, as in [`Node`].
    pub(super) plain: bool,
    /// Whether it is one value, and not empty, a list or a mapping.
    pub(super) scalar: bool,
    pub(super) text: String,
}

impl Value {
    /// What it is, for a sentence: «is a list».
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "empty",
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

/// Reads one document; `Err` is the one finding that stopped the reading.
pub(super) fn parse(source: &str) -> Result<Node, Finding> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEEPEST,
            max_nodes: MOST_NODES,
            max_events: MOST_NODES * 3,
            max_anchors: 0,
            max_aliases: 0,
            max_documents: 1,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    let raw = serde_saphyr::from_str_with_options::<Raw>(source, options)
        .map_err(|error| finding(&error, source))?;
    refuse_tags(source)?;
    Ok(raw.into_node(source))
}

/// The deserializer above takes the tags of YAML's own types: `!!str 5` would be the number 5
/// to whoever reads the number as it is written, and `!!binary` the text of its base64.
fn refuse_tags(source: &str) -> Result<(), Finding> {
    if !source.contains('!') {
        return Ok(());
    }
    // What is no YAML was refused above.
    let events = granit_parser::Parser::new_from_str(source).map_while(Result::ok);
    for (event, span) in events {
        if event.tag().is_some() {
            let line = source.split_inclusive('\n').take(span.start.line() - 1);
            let start: usize = line.map(str::len).sum();
            let rest = &source[start..];
            let text = rest.lines().next().unwrap_or_default();
            let column = text.char_indices().nth(span.start.col());
            let column = column.map_or(text.len(), |(column, _)| column);
            // The tag stands before its value, perhaps on the line above.
            let tag = source[..start + column].rfind('!').unwrap_or(start);
            let tag = source[..tag].trim_end_matches('!').len();
            let length = source[tag..].find(char::is_whitespace);
            let end = tag + length.unwrap_or(source.len() - tag).min(WIDEST);
            return Err(tags_are_not_taken(tag..floor(source, end)));
        }
    }
    Ok(())
}

fn tags_are_not_taken(place: Range<usize>) -> Finding {
    let (code, message, help) = TAG;
    Finding::error(code, place, message, help)
}

const TAG: (&str, &str, &str) = (
    "yaml-tag",
    "tags are not taken",
    "remove the `!…`; put a text in quotes if it looks like a number, or starts with `!`",
);

/// The tree as the deserializer hands it over: scalars that are no text are only named.
struct Raw(Spanned<RawValue>);

enum RawValue {
    Null,
    Text(String),
    Number,
    Boolean,
    Sequence(Vec<Raw>),
    Mapping(Vec<(Raw, Raw)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_none<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawValue, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<RawValue, E> {
        Ok(RawValue::Boolean)
    }

    fn visit_i64<E>(self, _: i64) -> Result<RawValue, E> {
        Ok(RawValue::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<RawValue, E> {
        Ok(RawValue::Number)
    }

    fn visit_i128<E>(self, _: i128) -> Result<RawValue, E> {
        Ok(RawValue::Number)
    }

    fn visit_u128<E>(self, _: u128) -> Result<RawValue, E> {
        Ok(RawValue::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<RawValue, E> {
        Ok(RawValue::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<RawValue, E> {
        Ok(RawValue::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<RawValue, E> {
        Ok(RawValue::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawValue, A::Error> {
        let mut sequence = Vec::new();
        while let Some(item) = items.next_element()? {
            sequence.push(item);
        }
        Ok(RawValue::Sequence(sequence))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawValue, A::Error> {
        let mut mapping = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            mapping.push(entry);
        }
        Ok(RawValue::Mapping(mapping))
    }
}

impl Raw {
    fn into_node(self, source: &str) -> Node {
        let place = place(self.0.referenced, source);
        let written = || source[place.clone()].trim().to_owned();
        let value = match self.0.value {
            RawValue::Null => Value::Null,
            RawValue::Text(text) => Value::Text(text),
            RawValue::Number => Value::Number(written()),
            RawValue::Boolean => Value::Boolean(written()),
            RawValue::Sequence(items) => Value::Sequence(
                items
                    .into_iter()
                    .map(|item| item.into_node(source))
                    .collect(),
            ),
            RawValue::Mapping(entries) => Value::Mapping(
                entries
                    .into_iter()
                    .map(|(key, value)| (key.into_key(source), value.into_node(source)))
                    .collect(),
            ),
        };
        let plain = is_plain(&source[..place.start], &source[place.start..]);
        Node {
            place,
            plain,
            value,
        }
    }

    fn into_key(self, source: &str) -> Key {
        let node = self.into_node(source);
        let scalar = !matches!(
            node.value,
            Value::Null | Value::Sequence(_) | Value::Mapping(_)
        );
        let text = match node.value {
            Value::Text(text) | Value::Number(text) | Value::Boolean(text) => text,
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => {
                source[node.place.clone()].to_owned()
            }
        };
        Key {
            place: node.place,
            plain: node.plain,
            scalar,
            text,
        }
    }
}

/// The byte range of a location; at least one character wide where there is one.
fn place(location: Location, source: &str) -> Range<usize> {
    let span = location.span();
    let (Some(start), Some(length)) = (span.byte_offset(), span.byte_len()) else {
        return place_of_line(location, source);
    };
    let start = floor(source, usize::try_from(start).unwrap_or(source.len()));
    let end = start.saturating_add(usize::try_from(length).unwrap_or(0));
    let end = floor(source, end);
    if end > start {
        // A block scalar's span runs over its lines: its first line is enough to find it.
        let first_line = source[start..end].find('\n').unwrap_or(end - start);
        return start..floor(source, start + first_line.clamp(1, WIDEST));
    }
    let width = source[start..].chars().next().map_or(0, char::len_utf8);
    start..start + width
}

fn place_of_line(location: Location, source: &str) -> Range<usize> {
    let line = usize::try_from(location.line()).unwrap_or(1).max(1);
    let start: usize = source
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let length = source[start..].find('\n').unwrap_or(source.len() - start);
    start..floor(source, start + length.min(WIDEST))
}

fn floor(source: &str, offset: usize) -> usize {
    source.floor_char_boundary(offset.min(source.len()))
}

/// The library's error in our words.
fn finding(error: &serde_saphyr::Error, source: &str) -> Finding {
    use serde_saphyr::Error;
    use serde_saphyr::budget::BudgetBreach;
    let place = error
        .location()
        .map_or(0..0, |location| place(location, source));
    let (code, message, help) = match error {
        Error::Budget { breach, .. } => match breach {
            BudgetBreach::Anchors { .. } | BudgetBreach::Aliases { .. } => (
                "yaml-alias",
                "anchors and aliases are not taken".to_owned(),
                "write the value out at each place where it is needed",
            ),
            BudgetBreach::Depth { .. } => too_deep(),
            BudgetBreach::Documents { .. } => two_documents(),
            _ => (
                "yaml-too-large",
                "more values than a manifest can have".to_owned(),
                "is this the right file?",
            ),
        },
        Error::MultipleDocuments { .. } => two_documents(),
        Error::UnknownAnchor { .. } => (
            "yaml-alias",
            "anchors and aliases are not taken".to_owned(),
            "write the value out; put a text that starts with `*` in quotes",
        ),
        Error::UnsupportedTag { .. } => return tags_are_not_taken(place),
        Error::Eof { .. } => (
            "manifest-empty",
            "the manifest is empty".to_owned(),
            "`firstboot init` writes one to start from",
        ),
        _ if line_of(source, place.start).starts_with('\t') => (
            "yaml-tab",
            "a tab is used for indentation".to_owned(),
            "indent with spaces: YAML allows no tabs there",
        ),
        other if reason(other).contains("recursion limit") => too_deep(),
        other => (
            "yaml-syntax",
            format!("not valid YAML here: {}", reason(other)),
            "check the indentation, the brackets and the quotes on this line and above it",
        ),
    };
    Finding::error(code, place, message, help)
}

fn too_deep() -> (&'static str, String, &'static str) {
    (
        "yaml-too-deep",
        format!("nested more than {DEEPEST} levels deep"),
        "a manifest needs four levels; remove the brackets or the indentation",
    )
}

fn two_documents() -> (&'static str, String, &'static str) {
    (
        "yaml-documents",
        "a second document starts here".to_owned(),
        "one file holds one cluster: move it to a file of its own, or remove the `---`",
    )
}

/// The parser's own reason, in one line without a place (the report shows the place).
fn reason(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let end = line.find(" at line ").unwrap_or(line.len());
    line[..end].trim_end_matches('.').replace('`', "'")
}

fn line_of(source: &str, offset: usize) -> &str {
    let start = source[..offset]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    source[start..].lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(source: &str) -> Vec<(Key, Node)> {
        match parse(source).unwrap().value {
            Value::Mapping(entries) => entries,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_node_knows_its_place() {
        let source = "é: x\netcd:\n  version: 3.3\n  on: true # yes\nlist: [a, \"b c\"]\n";
        let entries = mapping(source);
        let Value::Mapping(etcd) = &entries[1].1.value else {
            panic!()
        };
        assert_eq!(&source[entries[0].0.place.clone()], "é");
        assert_eq!(&source[etcd[0].1.place.clone()], "3.3");
        assert!(matches!(&etcd[0].1.value, Value::Number(text) if text == "3.3"));
        assert!(matches!(&etcd[1].1.value, Value::Boolean(text) if text == "true"));
        let Value::Sequence(list) = &entries[2].1.value else {
            panic!()
        };
        assert_eq!(&source[list[1].place.clone()], "\"b c\"");
    }

    #[test]
    fn knows_what_stands_without_quotes() {
        let source = "a: yes\nb: 'yes'\nc: \"yes\"\nd: |\n  yes\ne: >-\n  yes\nf: |2- # so\n\n    yes\n'g':\n  0644\n";
        let entries = mapping(source);
        let seen: Vec<_> = entries.iter().map(|(_, node)| node.plain).collect();
        assert_eq!(seen, [true, false, false, false, false, false, true]);
        assert!(entries[0].0.plain && !entries[6].0.plain);
    }

    #[test]
    fn keeps_both_of_two_equal_keys() {
        assert_eq!(mapping("a: 1\nb: 2\na: 3\n").len(), 3);
    }

    #[test]
    fn refuses_what_could_explode() {
        let code = |source: &str| parse(source).unwrap_err().code;
        assert_eq!(code("a: &x 1\nb: *x\n"), "yaml-alias");
        assert_eq!(code(&"[".repeat(100_000)), "yaml-too-deep");
        assert_eq!(code("a: 1\n---\nb: 2\n"), "yaml-documents");
        assert_eq!(code("a:\n\tb: 1\n"), "yaml-tab");
        assert_eq!(code("a: !!python/object x\n"), "yaml-tag");
        assert_eq!(code("a: [1\n"), "yaml-syntax");
    }
}
