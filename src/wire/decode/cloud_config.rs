//! cloud-config and archives of it: the files that cloud-init would write.
//!
//! Encodings as `cloudinit/config/cc_write_files.py` knows them (`canonicalize_extraction`), and
//! what an archive's items are from `cloudinit/user_data.py` (`_explode_archive`).

use super::budget::Budget;
use super::{Carrier, Content, Found, Kind, Node, NotRead, Part, Stopped, Value, part, peel, yaml};
use crate::report::quoted;
use crate::secret::Secret;

/// Reads the document; `first` is the line of the part in which it begins, from 0.
pub(super) fn read(into: &mut Part, body: &str, first: usize, budget: &mut Budget) -> Kind {
    let tree = parse(body, first);
    if let Ok(tree) = &tree {
        for entry in tree.get("write_files").map(Node::items).unwrap_or_default() {
            let Some(found) = file(entry, into.jinja, budget) else {
                continue;
            };
            if !budget.file(found.len()) {
                into.stopped = Some(Stopped::TooMuch("files"));
                break;
            }
            into.files.push(found);
        }
    }
    Kind::CloudConfig(tree)
}

/// The parts of an archive.
pub(super) fn archive(into: &mut Part, body: &str, first: usize, budget: &mut Budget) -> Kind {
    let tree = match parse(body, first) {
        Ok(tree) => tree,
        Err(error) => return Kind::Archive(Err(error)),
    };
    for item in tree.items() {
        let text = |key: &str| item.get(key).and_then(Node::text);
        let content = item.text().or_else(|| text("content"));
        let name = match text("filename") {
            Some(file) => format!("{} {}", into.child(), quoted(file)),
            None => into.child(),
        };
        let declared = text("type").map(|kind| kind.trim().to_ascii_lowercase());
        // Without a type its first bytes decide, as in a message.
        let declared = declared.unwrap_or_else(|| "text/plain".to_owned());
        let bytes = content.unwrap_or_default().as_bytes();
        let child = part(&name, Carrier::Within, bytes, Some(declared), budget);
        let over = matches!(child.stopped, Some(Stopped::TooMuch("parts" | "levels")));
        into.parts.push(child);
        if over {
            break;
        }
    }
    Kind::Archive(Ok(()))
}

fn parse(body: &str, first: usize) -> Result<Node, NotRead> {
    let moved = |line: usize| line + first;
    match yaml::parse(body) {
        Ok(mut tree) => {
            if first > 0 {
                shift(&mut tree, first);
            }
            Ok(tree)
        }
        Err(NotRead { line, why }) => Err(NotRead {
            line: moved(line),
            why,
        }),
    }
}

fn shift(node: &mut Node, by: usize) {
    node.line += by;
    match &mut node.value {
        Value::Scalar(_) => {}
        Value::List(items) => items.iter_mut().for_each(|item| shift(item, by)),
        Value::Mapping(entries) => {
            for (key, value) in entries {
                shift(key, by);
                shift(value, by);
            }
        }
    }
}

fn file(entry: &Node, jinja: bool, budget: &mut Budget) -> Option<Found> {
    let text = |key: &str| entry.get(key).and_then(Node::text);
    let is = |key: &str| entry.get(key).is_some_and(|node| !node.is_no());
    let path = text("path")?.to_owned();
    let content = match (entry.get("content"), source(entry)) {
        (None, Some(from)) => Content::Elsewhere(from),
        (content, _) => bytes(content, text("encoding"), budget),
    };
    let note = match () {
        () if jinja => Some("a template: values are filled in on the machine"),
        () if is("defer") => Some("written last, after users are made"),
        () => None,
    };
    Some(Found {
        path,
        mode: entry.get("permissions").map_or(Some(0o644), mode),
        owner: text("owner").map(str::to_owned),
        content,
        append: is("append"),
        note,
        line: Some(entry.line),
    })
}

fn source(entry: &Node) -> Option<String> {
    let uri = entry.get("source")?.get("uri")?.text()?;
    Some(uri.to_owned())
}

/// The bits that cloud-init sets (`decode_perms`): a number is taken as it is, and YAML 1.1 reads
/// a leading zero as octal; a text is read as octal.
pub(crate) fn mode(node: &Node) -> Option<u32> {
    const MOST: u32 = 0o7777;
    let text = node.text()?.trim();
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let is_decimal = node.plain && !text.starts_with('0');
    let radix = if is_decimal { 10 } else { 8 };
    let bits = u32::from_str_radix(digits, radix).ok()?;
    Some(bits & MOST)
}

fn bytes(content: Option<&Node>, encoding: Option<&str>, budget: &mut Budget) -> Content {
    let Some(content) = content else {
        return Content::Bytes(Secret::new(Vec::new()));
    };
    let Some(text) = content.text() else {
        return Content::Damaged("it is a list or a mapping");
    };
    let plain = if content.binary {
        peel::base64(text.as_bytes())
    } else {
        Some(Secret::new(text.as_bytes().to_vec()))
    };
    match plain {
        Some(plain) => peel::content(plain, encodings(encoding.unwrap_or_default()), budget),
        None => Content::Damaged(peel::NO_BASE64),
    }
}

/// Whether an encoding's name says base64, and whether gzip.
pub(crate) fn encodings(name: &str) -> (bool, bool) {
    let name = name.trim().to_ascii_lowercase();
    let is_base64 = name.ends_with("b64") || name.ends_with("base64");
    (is_base64, name.starts_with("gz"))
}

impl Found {
    /// How many bytes are in it, as far as they are here.
    pub fn len(&self) -> usize {
        match &self.content {
            Content::Bytes(bytes) => bytes.expose().len(),
            Content::Elsewhere(_) | Content::Damaged(_) => 0,
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
