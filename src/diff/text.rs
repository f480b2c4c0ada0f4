//! A comparison for people.

use super::{Action, Difference, Fate, Matters};
use crate::report::visible;
use std::fmt::Write as _;

/// The machines with what changes on each, the order, and what must be known before.
pub fn text(difference: &Difference) -> String {
    let mut out = String::new();
    let width = difference
        .machines
        .iter()
        .map(|(name, _)| visible(name).len())
        .max();
    for (name, fate) in &difference.machines {
        let name = format!("{:width$}", visible(name), width = width.unwrap_or(0));
        match fate {
            Fate::Same => drop(writeln!(out, "{name}  same")),
            Fate::Added => drop(writeln!(out, "{name}  is new")),
            Fate::Removed => drop(writeln!(out, "{name}  is gone")),
            Fate::Changed(changes, unchanged) => {
                for (at, change) in changes.iter().enumerate() {
                    let name = if at == 0 {
                        name.clone()
                    } else {
                        " ".repeat(name.len())
                    };
                    let later = match change.matters {
                        Matters::Now => "",
                        Matters::Later => " (later)",
                        Matters::WhenBlank => " (no machine that runs needs it)",
                    };
                    let _ = writeln!(out, "{name}  {}{later}", change.text);
                }
                if !unchanged.is_empty() {
                    let _ = writeln!(
                        out,
                        "{}  unchanged: {}",
                        " ".repeat(name.len()),
                        unchanged.join(", ")
                    );
                }
            }
        }
    }
    steps(difference, &mut out);
    out
}

fn steps(difference: &Difference, out: &mut String) {
    let plan = &difference.plan;
    if plan.steps.is_empty() {
        return;
    }
    for note in &plan.notes {
        let _ = writeln!(out, "\nnote: {note}");
    }
    out.push_str("\none machine at a time, each healthy before the next\n");
    let width = plan
        .steps
        .iter()
        .map(|step| visible(&step.name).len())
        .max()
        .unwrap_or(0);
    for (at, step) in plan.steps.iter().enumerate() {
        let action = match step.action {
            Action::Replace => "make it anew",
            Action::ReplaceLater => "make it anew when it suits: nothing hurries",
            Action::Add => "add it",
            Action::Remove => "`etcdctl member remove`, then delete it",
        };
        let _ = writeln!(
            out,
            "  {}. {:width$}  {action}",
            at + 1,
            visible(&step.name)
        );
    }
}
