//! cloud-config and archives of it: the files that cloud-init would write.
//!
//! Encodings as `cloudinit/config/cc_write_files.py` knows them (`canonicalize_extraction`), and
//! what an archive's items are from `cloudinit/user_data.py` (`_explode_archive`).

use super::budget::Budget;
use super::{
    Carrier, Content, Found, Kind, Node, NotRead, Part, Stopped, Value, part, peel, sniff, yaml,
};
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
        let content = content.unwrap_or_default();
        // Without a type its first bytes decide, and without a header it is a cloud-config.
        let untyped = if sniff::has_header(content) {
            "text/plain"
        } else {
            "text/cloud-config"
        };
        let declared = declared.unwrap_or_else(|| untyped.to_owned());
        let bytes = content.as_bytes();
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
        mode: entry.get("permissions").map_or(Some(DEFAULT_MODE), mode),
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

/// What cloud-init makes of `permissions` (`decode_perms`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permissions {
    /// A number to YAML, taken as it is.
    Number(u32),
    /// A text, read as octal.
    Octal(u32),
    /// Neither: 0644 is taken.
    Neither,
    /// A number that Python cannot make whole, or no file can have: cloud-init stops at this file.
    Stops,
}

const MODE_BITS: u32 = 0o7777;
const DEFAULT_MODE: u32 = 0o644;

impl Permissions {
    pub(crate) fn of(node: &Node) -> Self {
        let Some(text) = node.text() else {
            return Self::Neither;
        };
        if node.is_null() {
            return Self::Octal(DEFAULT_MODE);
        }
        let bits = |value: i64| u32::try_from(value).ok().map(|bits| bits & MODE_BITS);
        match node.plain.then(|| number(text)).flatten() {
            Some(value) => bits(value).map_or(Self::Stops, Self::Number),
            None if node.plain && is_infinite(text) => Self::Stops,
            None => match octal(text) {
                Some(value) => bits(value).map_or(Self::Stops, Self::Octal),
                None => Self::Neither,
            },
        }
    }
}

/// The bits with which cloud-init writes a file.
fn mode(node: &Node) -> Option<u32> {
    match Permissions::of(node) {
        Permissions::Number(bits) | Permissions::Octal(bits) => Some(bits),
        Permissions::Neither => Some(DEFAULT_MODE),
        Permissions::Stops => None,
    }
}

fn is_infinite(text: &str) -> bool {
    let text = text.trim_start_matches(['+', '-']);
    [".inf", ".Inf", ".INF"].contains(&text)
}

/// The number that `PyYAML` reads here (`yaml/resolver.py`, `yaml/constructor.py`), as Python's
/// `int()` cuts it off.
fn number(text: &str) -> Option<i64> {
    if ["true", "yes", "on"].iter().any(|yes| is_word(text, yes)) {
        return Some(1);
    }
    if ["false", "no", "off"].iter().any(|no| is_word(text, no)) {
        return Some(0);
    }
    let (sign, digits) = match text.split_at_checked(1) {
        Some(("-", digits)) => (-1, digits),
        Some(("+", digits)) => (1, digits),
        _ => (1, text),
    };
    let bare: String = digits.chars().filter(|c| *c != '_').collect();
    let value = if let Some(bits) = bare.strip_prefix("0b") {
        i64::from_str_radix(bits, 2).ok()?
    } else if let Some(hex) = bare.strip_prefix("0x") {
        i64::from_str_radix(hex, 16).ok()?
    } else if bare.contains('.') {
        float(&bare)?
    } else if bare.contains(':') && !bare.starts_with('0') {
        sixtieths(&bare)?
    } else if bare.len() > 1 && bare.starts_with('0') {
        i64::from_str_radix(&bare, 8).ok()?
    } else if digits.starts_with(|c: char| c.is_ascii_digit()) {
        bare.parse().ok()?
    } else {
        return None;
    };
    Some(sign * value)
}

/// A word in one of the three ways that YAML 1.1 knows it.
fn is_word(text: &str, word: &str) -> bool {
    let first = word[..1].to_ascii_uppercase() + &word[1..];
    text == word || text == first || text == word.to_ascii_uppercase()
}

/// `1:30` is 90.
fn sixtieths(text: &str) -> Option<i64> {
    text.split(':').try_fold(0_i64, |sum, part| {
        let part: i64 = part.parse().ok().filter(|part| *part >= 0)?;
        sum.checked_mul(60)?.checked_add(part)
    })
}

fn float(text: &str) -> Option<i64> {
    let is_float = |c: char| c.is_ascii_digit() || ".eE+-".contains(c);
    // An exponent has a sign in YAML 1.1.
    let has_sign = text
        .split_once(['e', 'E'])
        .is_none_or(|(_, exponent)| exponent.starts_with(['+', '-']));
    if !text.chars().all(is_float) || !has_sign {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    #[allow(
        clippy::cast_possible_truncation,
        reason = "it is cut off, as Python does"
    )]
    Some(value as i64)
}

/// Python's `int(text, 8)`.
fn octal(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = match text.split_at_checked(1) {
        Some(("-", digits)) => (-1, digits),
        Some(("+", digits)) => (1, digits),
        _ => (1, text),
    };
    let digits = digits
        .strip_prefix("0o")
        .or(digits.strip_prefix("0O"))
        .unwrap_or(digits);
    let is_placed = !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__");
    let digits: String = digits.chars().filter(|c| *c != '_').collect();
    let is_octal = is_placed && digits.bytes().all(|digit| (b'0'..b'8').contains(&digit));
    let value = i64::from_str_radix(&digits, 8).ok().filter(|_| is_octal)?;
    Some(sign * value)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Measured: `util.load_yaml` and `decode_perms` of cloud-init 22.4.2.
    #[test]
    fn permissions_are_what_cloud_init_makes_of_them() {
        use Permissions::{Neither, Number, Octal, Stops};
        for (text, expected) in [
            ("420", Number(0o644)),
            ("384", Number(0o600)),
            ("493", Number(0o755)),
            ("0x1a4", Number(0o644)),
            ("600.", Number(0o1130)),
            ("0b110", Number(0o6)),
            ("600", Number(0o1130)),
            ("644", Number(0o1204)),
            ("0644", Number(0o644)),
            ("0o644", Octal(0o644)),
            ("'0644'", Octal(0o644)),
            ("'644'", Octal(0o644)),
            ("'0o644'", Octal(0o644)),
            ("'0x1a4'", Neither),
            ("'384'", Neither),
            ("'420'", Octal(0o420)),
            ("'0b110'", Neither),
            ("0800", Neither),
            ("6:00", Number(0o550)),
            ("yes", Number(1)),
            ("True", Number(1)),
            ("y", Neither),
            ("~", Octal(0o644)),
            ("", Octal(0o644)),
            ("'06_44'", Octal(0o644)),
            ("06_44", Number(0o644)),
            ("6_44", Number(0o1204)),
            ("-1", Stops),
            ("+420", Number(0o644)),
            ("'+644'", Octal(0o644)),
            ("'-644'", Stops),
            ("' 644 '", Octal(0o644)),
            (".5e+3", Number(0o764)),
            ("6.0e+2", Number(0o1130)),
            ("6e2", Neither),
            (".inf", Stops),
            (".nan", Neither),
            ("'rw-r--r--'", Neither),
            ("u=rw", Neither),
            ("[0644]", Neither),
            ("00644", Number(0o644)),
            ("'100644'", Octal(0o644)),
            ("0xFFFF", Number(0o7777)),
            ("1.", Number(1)),
            ("2020-01-01", Neither),
            ("'0O644'", Octal(0o644)),
            ("0O644", Octal(0o644)),
            ("0X1A4", Neither),
            ("1_0:00", Number(0o1130)),
        ] {
            let tree = yaml::parse(&format!("p: {text}\n")).unwrap();
            assert_eq!(Permissions::of(tree.get("p").unwrap()), expected, "{text}");
        }
    }
}
