//! Reads mappings key by key and remembers everything that is wrong on the way.

use super::At;
use super::finding;
use super::schema::Mapping;
use super::yaml::{Key, Node, Value};
use crate::report::{Finding, closest};
use std::cell::{Cell, RefCell};
use std::ops::Range;

/// What was found so far, for all mappings of one manifest.
#[derive(Default)]
pub(super) struct Findings(RefCell<Vec<Finding>>);

impl Findings {
    /// Keeps a finding; what was said once of a place is not said again.
    pub(super) fn push(&self, finding: Finding) {
        let mut findings = self.0.borrow_mut();
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.0.into_inner()
    }

    /// The value, or `None` and one more finding.
    pub(super) fn keep<T>(&self, result: Result<T, Finding>) -> Option<T> {
        result.map_err(|finding| self.push(finding)).ok()
    }

    /// The text of a node; what YAML reads as something else must be quoted.
    pub(super) fn text(&self, node: &Node, key: &str) -> Option<At<String>> {
        let place = node.place.clone();
        match &node.value {
            Value::Text(text) => Some(At {
                value: text.clone(),
                place,
            }),
            other => {
                self.push(finding::not_text_value(key, place, other));
                None
            }
        }
    }
}

/// One mapping whose keys are asked for one by one; dropping it is not enough, see
/// [`Fields::finish`].
pub(super) struct Fields<'a> {
    /// Its name in messages: `etcd`, `controllers[1]`.
    name: &'a str,
    place: Range<usize>,
    entries: Vec<(&'a Key, &'a Node, Cell<bool>)>,
    /// Required keys that are not there, each with its example.
    missing: RefCell<Vec<(String, String)>>,
    /// What the reader asked for, and whether it must be there.
    asked: RefCell<Vec<(String, bool)>>,
    findings: &'a Findings,
}

impl<'a> Fields<'a> {
    /// The node as a mapping; duplicate keys are reported, the first one counts.
    pub(super) fn of(node: &'a Node, name: &'a str, findings: &'a Findings) -> Option<Self> {
        let Value::Mapping(entries) = &node.value else {
            findings.push(finding::not_a_mapping(name, node));
            return None;
        };
        let mut fields = Self {
            name,
            place: node.place.clone(),
            entries: Vec::new(),
            missing: RefCell::default(),
            asked: RefCell::default(),
            findings,
        };
        for (key, value) in entries {
            match fields
                .entries
                .iter()
                .find(|(first, ..)| first.text == key.text)
            {
                Some((first, ..)) => findings.push(finding::duplicate_key(key, first)),
                None => fields.entries.push((key, value, Cell::new(false))),
            }
        }
        Some(fields)
    }

    /// The value of a key that may be absent.
    pub(super) fn optional(&self, key: &str) -> Option<&'a Node> {
        self.ask(key, false)
    }

    fn ask(&self, key: &str, required: bool) -> Option<&'a Node> {
        self.asked.borrow_mut().push((key.to_owned(), required));
        let (_, node, asked) = self.entries.iter().find(|(found, ..)| found.text == key)?;
        asked.set(true);
        Some(node)
    }

    /// Every key and its value: for a mapping whose keys are not known here.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'a Key, &'a Node)> {
        let all = self.entries.iter();
        all.map(|(key, node, asked)| {
            asked.set(true);
            (*key, *node)
        })
    }

    /// The value of a key that must be there; `example` shows how it could look.
    pub(super) fn required(&self, key: &str, example: &str) -> Option<&'a Node> {
        let node = self.ask(key, true);
        if node.is_none() {
            self.missing
                .borrow_mut()
                .push((key.to_owned(), example.to_owned()));
        }
        node
    }

    /// Reports what is unknown or missing; the known keys are those of the table.
    ///
    /// Where reader and table know different keys, editors would mark what is right, or not mark
    /// what is wrong: a build with debug assertions ends there.
    pub(super) fn finish(self, mapping: &Mapping) {
        if cfg!(debug_assertions) {
            let asked = self.asked.borrow();
            let known = mapping.names();
            for (key, _) in asked.iter() {
                assert!(known.contains(&key.as_str()), "no table has `{key}`");
            }
            for key in &known {
                let asks = asked.iter().any(|(asked, _)| asked == key);
                assert!(asks, "nobody reads `{key}`");
            }
            for key in mapping.required() {
                let asks = asked.contains(&(key.to_owned(), true));
                assert!(asks, "`{key}` is not required");
            }
        }
        self.finish_with(&mapping.names());
    }

    /// Reports every key that nobody asked for, with the known key that was perhaps meant, and
    /// every required key that is missing and was not meant by one of those.
    pub(super) fn finish_with(self, known: &[&str]) {
        let mut missing = self.missing.into_inner();
        for (key, _, asked) in &self.entries {
            if !asked.get() {
                let meant = closest(&key.text, known.iter().copied());
                missing.retain(|(key, _)| Some(key.as_str()) != meant);
                self.findings
                    .push(finding::unknown_key(self.name, key, meant, known));
            }
        }
        for (key, example) in missing {
            let place = self.place.clone();
            self.findings
                .push(finding::missing_key(self.name, &key, place, &example));
        }
    }
}
