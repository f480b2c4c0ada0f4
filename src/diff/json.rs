//! A comparison for programs: `firstboot/diff/v1`, whose shape `docs/inspect.md` has.

use super::{Action, Difference, Fate, Matters};
use crate::report::visible;
use serde_json::{Value, json};

/// The name of the shape; another number means that a key went or changed its meaning.
const FORMAT: &str = "firstboot/diff/v1";

/// The whole comparison as one document.
pub fn document(difference: &Difference) -> Value {
    let machines = difference.machines.iter().map(|(name, fate)| {
        let (changes, unchanged) = match fate {
            Fate::Changed(changes, unchanged) => (changes.as_slice(), unchanged.as_slice()),
            _ => (&[][..], &[][..]),
        };
        let changes = changes.iter().map(|change| {
            json!({
                "matters": match change.matters {
                    Matters::Now => "now",
                    Matters::Later => "later",
                    Matters::WhenBlank => "when-blank",
                },
                "text": change.text,
            })
        });
        json!({
            "name": visible(name),
            "state": match fate {
                Fate::Same => "same",
                Fate::Changed(..) => "changed",
                Fate::Added => "added",
                Fate::Removed => "removed",
            },
            "changes": changes.collect::<Vec<_>>(),
            "unchanged": unchanged,
        })
    });
    let steps = difference.plan.steps.iter().map(|step| {
        json!({
            "name": visible(&step.name),
            "action": match step.action {
                Action::Replace => "replace",
                Action::ReplaceLater => "replace-later",
                Action::Add => "add",
                Action::Remove => "remove",
            },
        })
    });
    json!({
        "format": FORMAT,
        "same": difference.is_same(),
        "machines": machines.collect::<Vec<_>>(),
        "steps": steps.collect::<Vec<_>>(),
        "notes": difference.plan.notes,
    })
}
