//! What would change on which machine, in the words of who runs the cluster.
//!
//! Both sides are user-data, taken apart by [`crate::wire::decode`], so a live machine, what was
//! written and what a manifest would render compare alike. User-data is read on a first boot:
//! whatever differs comes to a machine only when that is made anew, and [`plan`] says in which
//! order. To add something that is told apart: a function in `compare`, and a case in
//! `tests/diff`.

mod certificates;
mod compare;
mod json;
mod machine;
mod plan;
mod text;

use std::collections::BTreeMap;

pub use json::document as to_json;
pub use machine::{Machine, NoController};
pub use plan::{Action, Plan, Step, plan, upgrade};
pub use text::text as to_text;

/// What differs between two states of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When it matters.
    pub matters: Matters,
    /// In one line, without a word that could be secret.
    pub text: String,
}

/// When a change matters to a machine that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matters {
    /// It runs otherwise than the manifest says.
    Now,
    /// It runs as well without it, until it is made anew or, for a certificate, the old one ends.
    Later,
    /// Only one that is blank: it is for whoever makes the machine anew anyway.
    WhenBlank,
}

/// One machine, on one side or on both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is the same.
    Same,
    /// It differs in this, and is alike in that.
    Changed(Vec<Change>, Vec<&'static str>),
    /// It is new.
    Added,
    /// It is not there any more.
    Removed,
}

/// The whole comparison.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Every machine by its name: new ones behind those that are there, removed ones last.
    pub machines: Vec<(String, Fate)>,
    /// What to do, and in which order.
    pub plan: Plan,
}

impl Difference {
    /// Whether nothing differs.
    pub fn is_same(&self) -> bool {
        self.machines.iter().all(|(_, fate)| *fate == Fate::Same)
    }
}

/// Compares what is there with what shall be, both in the cluster's order. `whole` says that
/// `before` is the whole cluster; otherwise only machines that are in it are looked at. `now` is
/// the moment in Unix seconds.
pub fn difference(before: &[Machine], after: &[Machine], whole: bool, now: i64) -> Difference {
    let old: BTreeMap<&str, &Machine> = before.iter().map(|one| (one.name(), one)).collect();
    let mut machines = Vec::new();
    for machine in after {
        let fate = match old.get(machine.name()) {
            Some(old) => compare::fate(old, machine, now),
            None if whole => Fate::Added,
            None => continue,
        };
        machines.push((machine.name().to_owned(), fate));
    }
    let is_kept = |name: &str| after.iter().any(|machine| machine.name() == name);
    let removed = before.iter().filter(|machine| !is_kept(machine.name()));
    machines.extend(removed.map(|machine| (machine.name().to_owned(), Fate::Removed)));
    let plan = plan(before, after, &machines, whole);
    let mut difference = Difference { machines, plan };
    for machine in before.iter().chain(after) {
        difference.hide(machine);
    }
    difference
}

impl Difference {
    /// The last net: whoever writes a line of a key where a value should be is not shown it.
    fn hide(&mut self, machine: &Machine) {
        let names = self.machines.iter_mut().map(|(name, _)| name);
        let steps = self.plan.steps.iter_mut().map(|step| &mut step.name);
        let mut shown: Vec<&mut String> = names.chain(steps).collect();
        shown.extend(self.plan.notes.iter_mut());
        hide(&mut shown, machine);
        for (_, fate) in &mut self.machines {
            if let Fate::Changed(changes, _) = fate {
                let mut shown: Vec<_> = changes.iter_mut().map(|change| &mut change.text).collect();
                hide(&mut shown, machine);
            }
        }
    }
}

fn hide(texts: &mut [&mut String], machine: &Machine) {
    for text in texts {
        for line in &machine.hidden {
            if text.contains(line.as_str()) {
                **text = text.replace(line.as_str(), "********");
            }
        }
    }
}
