//! The user's own part of a cloud-config: values as they were written, and how they stand beside
//! ours.
//!
//! cloud-init reads YAML 1.1 with `PyYAML`, the manifest is read as YAML 1.2: what `yes`, `0644`
//! or `1:30` mean is not for us to say. So whatever could be more than a text travels as it was
//! written, without quotes, and everything else so that it is a text to any parser.

use super::cloud_config::{block, literal};
use super::escape::Yaml;
use crate::machine::VERDICT;
use crate::secret::Secret;
use askama::filters::Escaper;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;
use zeroize::Zeroizing;

/// A part of a cloud-config, for [`super::cloud_config::render`].
///
/// `bootcmd`, `write_files` and `runcmd` follow ours; ours hold none of `others`.
#[derive(Clone, Debug, Default)]
pub struct UserConfig {
    /// Items of `bootcmd`.
    pub bootcmd: Vec<Item>,
    /// Items of `write_files`.
    pub write_files: Vec<Item>,
    /// Items of `runcmd`.
    pub runcmd: Vec<Item>,
    /// All other keys, in the user's order.
    pub others: Vec<(Scalar, Item)>,
}

/// A YAML value.
#[derive(Clone, Debug)]
pub enum Item {
    /// One value.
    Scalar(Scalar),
    /// A list.
    List(Vec<Item>),
    /// A mapping in the user's order; its keys differ.
    Mapping(Vec<(Scalar, Item)>),
}

/// One value. It may be a password: `Debug` does not show it.
#[derive(Clone)]
pub struct Scalar {
    text: Zeroizing<String>,
    plain: bool,
}

impl Scalar {
    /// A text, whatever it looks like.
    pub fn text(text: &str) -> Self {
        Self {
            text: Zeroizing::new(text.to_owned()),
            plain: false,
        }
    }

    /// What stood without quotes: where a YAML 1.1 parser could take it for more than a text, it
    /// stays without.
    pub fn plain(text: &str) -> Self {
        Self {
            plain: may_be_more_than_text(text),
            ..Self::text(text)
        }
    }

    /// Whether its meaning is left to its reader.
    pub fn is_more_than_text(&self) -> bool {
        self.plain
    }

    /// The text, or what stood without quotes.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scalar({} bytes)", self.text.len())
    }
}

/// Whether `PyYAML` may read this as nothing, a boolean or a number: it holds all that its
/// resolver knows (`yaml/resolver.py`) but dates, `=` and `<<`, which nobody may hand over, and
/// more, which does no harm. All of it means the same anywhere in a block.
fn may_be_more_than_text(text: &str) -> bool {
    const WORDS: [&str; 8] = ["~", "null", "yes", "no", "true", "false", "on", "off"];
    let is_word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let goes_on = |c: char| c.is_ascii_alphanumeric() || "_.:+-".contains(c);
    // Alone, or at the end, these are signs of the block's own.
    let is_sign = text == "-" || text.ends_with(':');
    is_word || (starts && !is_sign && text.chars().all(goes_on))
}

/// The four places in the template where something of the user's is added, each with a newline
/// in front, or empty.
#[derive(Default)]
pub(super) struct Added {
    pub(super) bootcmd: Zeroizing<String>,
    pub(super) write_files: Zeroizing<String>,
    pub(super) runcmd: Zeroizing<String>,
    pub(super) others: Zeroizing<String>,
}

impl Added {
    pub(super) fn of(user: &UserConfig) -> Result<Self, fmt::Error> {
        let mut added = Self::default();
        for (items, out) in [
            (&user.bootcmd, &mut added.bootcmd),
            (&user.write_files, &mut added.write_files),
            (&commands(user), &mut added.runcmd),
        ] {
            list(items, 0, out)?;
        }
        mapping(&user.others, 0, &mut added.others)?;
        Ok(added)
    }

    pub(super) fn len(&self) -> usize {
        let parts = [&self.bootcmd, &self.write_files, &self.runcmd, &self.others];
        parts.iter().map(|part| part.len()).sum()
    }
}

/// The user's commands behind ours. Together they are one script, whose exit status would be that
/// of the last command: a trap keeps it ours, however that script ends.
fn commands(user: &UserConfig) -> Vec<Item> {
    if user.runcmd.is_empty() {
        return Vec::new();
    }
    let trap = Scalar::text(&format!("trap '{VERDICT}; exit $?' EXIT"));
    let trap = std::iter::once(Item::Scalar(trap));
    trap.chain(user.runcmd.iter().cloned()).collect()
}

fn list(items: &[Item], depth: usize, out: &mut String) -> fmt::Result {
    for item in items {
        new_line(depth, out);
        out.push('-');
        match item {
            Item::Scalar(scalar) => value(scalar, depth + 2, out)?,
            other => {
                // Its first line stands behind the dash.
                let start = out.len();
                nested(other, depth + 2, out)?;
                if out[start..].starts_with('\n') {
                    out.replace_range(start..start + depth + 2, "");
                }
            }
        }
    }
    Ok(())
}

fn mapping(entries: &[(Scalar, Item)], depth: usize, out: &mut String) -> fmt::Result {
    for (key, item) in entries {
        new_line(depth, out);
        one_line(key, out)?;
        out.push(':');
        match item {
            Item::Scalar(scalar) => value(scalar, depth + 2, out)?,
            other => nested(other, depth + 2, out)?,
        }
    }
    Ok(())
}

fn nested(item: &Item, depth: usize, out: &mut String) -> fmt::Result {
    match item {
        Item::List(items) if items.is_empty() => out.push_str(" []"),
        Item::Mapping(entries) if entries.is_empty() => out.push_str(" {}"),
        Item::List(items) => list(items, depth, out)?,
        Item::Mapping(entries) => mapping(entries, depth, out)?,
        Item::Scalar(scalar) => value(scalar, depth, out)?,
    }
    Ok(())
}

fn new_line(depth: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', depth));
}

/// Several lines as a literal block where a person can read it, all else on one line.
fn value(scalar: &Scalar, depth: usize, out: &mut String) -> fmt::Result {
    match literal(scalar.text.as_bytes()).filter(|_| !scalar.plain) {
        Some(text) if text.trim_end().contains('\n') => {
            out.push_str(" |\n");
            out.push_str(&block(text, depth));
            Ok(())
        }
        _ => {
            out.push(' ');
            one_line(scalar, out)
        }
    }
}

fn one_line(scalar: &Scalar, out: &mut String) -> fmt::Result {
    if scalar.plain {
        out.push_str(&scalar.text);
        return Ok(());
    }
    Yaml.write_escaped_str(out, &scalar.text)
}

/// What a parser made of a document.
#[derive(PartialEq)]
enum Seen {
    Text(Zeroizing<String>),
    /// No text; which one is the parser's opinion.
    Other,
    List(Vec<Seen>),
    Mapping(Vec<(Seen, Seen)>),
}

impl Seen {
    fn of(document: &Secret) -> Result<Vec<(Self, Self)>, String> {
        match serde_yaml::from_slice(document.expose()) {
            Ok(Self::Mapping(entries)) => Ok(entries),
            // The parser's words could quote a line.
            _ => Err("no valid YAML with `cloud_config` in it".to_owned()),
        }
    }

    fn is(&self, item: &Item) -> bool {
        match (self, item) {
            // libyaml's core schema knows fewer words than YAML 1.1.
            (Self::Other, Item::Scalar(scalar)) => scalar.plain,
            (Self::Text(text), Item::Scalar(scalar)) => *text == scalar.text,
            (Self::List(seen), Item::List(items)) => are(seen, items),
            (Self::Mapping(seen), Item::Mapping(entries)) => {
                seen.len() == entries.len()
                    && seen
                        .iter()
                        .zip(entries)
                        .all(|((key, value), (name, item))| {
                            key.is(&Item::Scalar(name.clone())) && value.is(item)
                        })
            }
            _ => false,
        }
    }
}

fn are(seen: &[Seen], items: &[Item]) -> bool {
    seen.len() == items.len() && seen.iter().zip(items).all(|(seen, item)| seen.is(item))
}

/// Compares a document with the user's part in it with the same one without. The reason names
/// keys of ours, never values.
pub(super) fn read_back(ours: &Secret, whole: &Secret, user: &UserConfig) -> Result<(), String> {
    let ours = Seen::of(ours)?;
    let whole = Seen::of(whole)?;
    let commands = commands(user);
    let (same, added) = whole
        .split_at_checked(ours.len())
        .ok_or("keys of ours are missing")?;
    for ((key, was), (same_key, is)) in ours.iter().zip(same) {
        let more = match key {
            Seen::Text(key) if **key == "bootcmd" => &user.bootcmd,
            Seen::Text(key) if **key == "write_files" => &user.write_files,
            Seen::Text(key) if **key == "runcmd" => &commands,
            _ => &Vec::new(),
        };
        let as_meant = match (was, is) {
            (Seen::List(was), Seen::List(is)) => is
                .split_at_checked(was.len())
                .is_some_and(|(first, rest)| first == was && are(rest, more)),
            (was, is) => was == is,
        };
        if key != same_key || !as_meant {
            return Err(
                "`bootcmd`, `write_files` or `runcmd` with `cloud_config` in it".to_owned(),
            );
        }
    }
    let others = added.len() == user.others.len()
        && added
            .iter()
            .zip(&user.others)
            .all(|((key, value), (name, item))| {
                key.is(&Item::Scalar(name.clone())) && value.is(item)
            });
    others
        .then_some(())
        .ok_or_else(|| "the keys of `cloud_config`".to_owned())
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Seen, E> {
        Ok(Seen::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Seen, E> {
        Ok(Seen::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Seen, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Seen::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Seen, A::Error> {
        let mut mapping = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            mapping.push(entry);
        }
        Ok(Seen::Mapping(mapping))
    }
}
