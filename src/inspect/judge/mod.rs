//! Everything that is wrong with user-data by the rules of who reads it.
//!
//! The rules are cloud-init's own code and measurements with its versions 19.3 to 26.2, the
//! clouds' documentation and Ignition's specification; each says where it matters.

mod cloud_config;
mod files;
mod forms;
mod layers;
mod modes;

use super::Judgement;
use crate::report::Severity;
use crate::wire::decode::Part;

/// More of the same says nothing new.
const MOST: usize = 500;

/// What is said of one part.
struct Said<'a> {
    part: &'a Part,
    judgements: &'a mut Vec<Judgement>,
}

impl Said<'_> {
    fn error(&mut self, code: &'static str, at: At, message: impl Into<String>, help: &str) {
        self.say(Severity::Error, code, at, message.into(), help);
    }

    fn warning(&mut self, code: &'static str, at: At, message: impl Into<String>, help: &str) {
        self.say(Severity::Warning, code, at, message.into(), help);
    }

    fn say(&mut self, severity: Severity, code: &'static str, at: At, message: String, help: &str) {
        if self.judgements.len() < MOST {
            self.judgements.push(Judgement {
                severity,
                code,
                part: self.part.name.clone(),
                line: at.line,
                at: at.key,
                message,
                help: help.to_owned(),
            });
        }
    }
}

/// Where in a part.
#[derive(Clone, Default)]
struct At {
    line: Option<usize>,
    key: Option<String>,
}

impl At {
    /// The part as a whole.
    const PART: Self = Self {
        line: None,
        key: None,
    };

    fn line(line: usize) -> Self {
        Self {
            line: Some(line),
            key: None,
        }
    }

    fn key(line: usize, key: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            key: Some(key.into()),
        }
    }
}

/// The judgements on a part and all within it.
pub(super) fn judge(part: &Part, now: i64) -> Vec<Judgement> {
    let mut judgements = Vec::new();
    for part in part.all() {
        let mut said = Said {
            part,
            judgements: &mut judgements,
        };
        layers::judge(&mut said);
        forms::judge(&mut said);
        cloud_config::judge(&mut said);
        files::judge(&mut said, now);
    }
    judgements
}
