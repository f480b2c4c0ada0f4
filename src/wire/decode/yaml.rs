//! YAML as a tree that keeps what a judge must know: lines, quotes, keys that stand twice.
//!
//! `granit-parser`, which reads the manifest under `serde-saphyr`, is here used by itself: its
//! events say whether a value is quoted, and nothing is dropped. Anchors are followed as `PyYAML`
//! follows them, but counted.

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use zeroize::Zeroizing;

/// A document with more values is no cloud-config.
const MOST_NODES: usize = 50_000;
const MOST_BYTES: usize = 4 << 20;
const DEEPEST: usize = 40;

/// One value and where it stands.
#[derive(Clone)]
pub struct Node {
    /// Its line, from 1.
    pub line: usize,
    /// Whether it stands without quotes, so that its reader finds out what it means.
    pub plain: bool,
    /// Whether its tag says that it is base64 (`!!binary`).
    pub binary: bool,
    /// What it is.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone)]
pub enum Value {
    /// One value, as written.
    Scalar(Zeroizing<String>),
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order of the text; a key may stand in it twice.
    Mapping(Vec<(Node, Node)>),
}

/// Why a text is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRead {
    /// At which line, from 1.
    pub line: usize,
    /// In a few words, without a word of the text.
    pub why: &'static str,
}

/// Shape only: what is in it may be secret.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Scalar(text) => write!(f, "{} bytes", text.len()),
            Value::List(items) => write!(f, "{} items", items.len()),
            Value::Mapping(entries) => write!(f, "{} entries", entries.len()),
        }
    }
}

impl Node {
    /// The one value, as written.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; none of anything else.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a mapping; none of anything else.
    pub fn entries(&self) -> &[(Self, Self)] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key; of two the last, as `PyYAML` has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let mut entries = self.entries().iter().rev();
        entries.find_map(|(found, value)| (found.text() == Some(key)).then_some(value))
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        self.plain
            && self
                .text()
                .is_some_and(|text| ["", "~", "null", "Null", "NULL"].contains(&text))
    }

    /// Whether `PyYAML` reads false, or nothing.
    pub fn is_no(&self) -> bool {
        let no = |text: &str| {
            ["false", "no", "off"]
                .iter()
                .any(|no| text.eq_ignore_ascii_case(no))
        };
        self.is_null() || self.plain && self.text().is_some_and(no)
    }
}

/// Reads the one document of a text.
pub(super) fn parse(text: &str) -> Result<Node, NotRead> {
    if text.len() > MOST_BYTES {
        return Err(NotRead {
            line: 1,
            why: "it is too large",
        });
    }
    printable(text)?;
    let mut tree = Tree::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| not_read(&error))?;
        tree.take(event, span)?;
    }
    match tree.root {
        Some(node) => {
            accepted(text, tree.aliases)?;
            Ok(node)
        }
        None => Ok(scalar(1, String::new())),
    }
}

/// `PyYAML` refuses a whole document with another character in it (`yaml/reader.py`,
/// `NON_PRINTABLE`).
fn printable(text: &str) -> Result<(), NotRead> {
    let is_printable = |c: char| {
        matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}'
            | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
    };
    match text.find(|c| !is_printable(c)) {
        None => Ok(()),
        Some(at) => Err(NotRead {
            line: text[..at].matches('\n').count() + 1,
            why: "it holds a control character, which YAML does not allow",
        }),
    }
}

/// libyaml, whose grammar is `PyYAML`'s, has the last word; but it would write aliases out.
fn accepted(text: &str, aliases: usize) -> Result<(), NotRead> {
    if aliases > 0 {
        return Ok(());
    }
    match serde_yaml::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(NotRead {
            line: error.location().map_or(1, |location| location.line()),
            why: "it is no valid YAML",
        }),
    }
}

fn not_read(error: &ScanError) -> NotRead {
    NotRead {
        line: error.marker().line(),
        why: "it is no valid YAML",
    }
}

fn scalar(line: usize, text: String) -> Node {
    Node {
        line,
        plain: true,
        binary: false,
        value: Value::Scalar(Zeroizing::new(text)),
    }
}

/// A list or a mapping that is not closed yet.
struct Open {
    line: usize,
    anchor: usize,
    is_mapping: bool,
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Tree {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    bytes: usize,
    aliases: usize,
}

impl Tree {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), NotRead> {
        let line = span.start.line();
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = Node {
                    line,
                    plain: style == ScalarStyle::Plain && tag.is_none(),
                    binary: is_binary(tag.as_ref()),
                    value: Value::Scalar(Zeroizing::new(text.into_owned())),
                };
                self.put(node, anchor, 1)
            }
            Event::SequenceStart(_, anchor, _) => self.open(line, anchor, false),
            Event::MappingStart(_, anchor, _) => self.open(line, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => self.close(line),
            Event::Alias(id) => {
                let known = self.anchors.get(&id).cloned();
                let why = "an alias has no anchor";
                let (node, size) = known.ok_or(NotRead { line, why })?;
                self.aliases += 1;
                self.bytes += weight(&node);
                self.put(node, 0, size)
            }
            Event::DocumentStart(..) if self.root.is_some() => Err(NotRead {
                line,
                why: "a second document starts there, which cloud-init does not take",
            }),
            _ => Ok(()),
        }
    }

    fn open(&mut self, line: usize, anchor: usize, is_mapping: bool) -> Result<(), NotRead> {
        if self.open.len() >= DEEPEST {
            let why = "it is nested too deeply";
            return Err(NotRead { line, why });
        }
        self.open.push(Open {
            line,
            anchor,
            is_mapping,
            nodes: Vec::new(),
        });
        Ok(())
    }

    fn close(&mut self, line: usize) -> Result<(), NotRead> {
        let Some(open) = self.open.pop() else {
            return Err(NotRead {
                line,
                why: "it is no valid YAML",
            });
        };
        let size = 1 + open.nodes.iter().map(size).sum::<usize>();
        let value = if open.is_mapping {
            Value::Mapping(merged(open.nodes))
        } else {
            Value::List(open.nodes)
        };
        let node = Node {
            line: open.line,
            plain: false,
            binary: false,
            value,
        };
        // Its nodes were counted when they were put.
        self.nodes = self.nodes.saturating_sub(size - 1);
        self.put(node, open.anchor, size)
    }

    fn put(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), NotRead> {
        self.nodes += size;
        self.bytes += if anchor == 0 { 0 } else { weight(&node) };
        if self.nodes > MOST_NODES || self.bytes > MOST_BYTES {
            return Err(NotRead {
                line: node.line,
                why: "it holds too many values",
            });
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut() {
            Some(open) => open.nodes.push(node),
            None => self.root = Some(node),
        }
        Ok(())
    }
}

fn is_binary(tag: Option<&Cow<'_, Tag>>) -> bool {
    tag.is_some_and(|tag| {
        let suffix = tag.suffix_in_namespace("tag:yaml.org,2002:");
        suffix.as_deref() == Some("binary")
    })
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(_) => 1,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Mapping(entries) => {
            1 + entries
                .iter()
                .map(|(key, value)| size(key) + size(value))
                .sum::<usize>()
        }
    }
}

/// The bytes of all that is in it.
fn weight(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(text) => text.len(),
        Value::List(items) => items.iter().map(weight).sum(),
        Value::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| weight(key) + weight(value))
            .sum(),
    }
}

/// Keys and values in pairs; what `<<` brings stands behind, unless the mapping has it itself.
fn merged(nodes: Vec<Node>) -> Vec<(Node, Node)> {
    let mut entries = Vec::with_capacity(nodes.len() / 2);
    let mut brought = Vec::new();
    let mut nodes = nodes.into_iter();
    while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
        if key.plain && key.text() == Some("<<") {
            brought.push(value);
        } else {
            entries.push((key, value));
        }
    }
    let mut known: HashSet<String> = entries
        .iter()
        .filter_map(|(key, _)| key.text().map(str::to_owned))
        .collect();
    for value in brought {
        let sources = match value.value {
            Value::List(items) => items,
            _ => vec![value],
        };
        for source in sources {
            for (key, value) in source.entries() {
                if key.text().is_some_and(|key| known.insert(key.to_owned())) {
                    entries.push((key.clone(), value.clone()));
                }
            }
        }
    }
    entries
}
