//! In which order machines are made anew, so that a majority stands at every moment.

use super::machine::Machine;
use super::{Change, Fate, Matters};
use crate::release::Version;
use crate::report::visible;

/// What is done with a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Made anew from the new user-data.
    Replace,
    /// The same, but whenever it suits: nothing that runs is otherwise than it should be.
    ReplaceLater,
    /// Added to the cluster and made.
    Add,
    /// Taken out of the cluster.
    Remove,
}

/// One step; the next begins when every member is healthy again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which machine.
    pub name: String,
    /// What is done with it.
    pub action: Action,
}

/// The steps, and what must be known before the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One machine at a time, in this order.
    pub steps: Vec<Step>,
    /// Cautions, each in a line.
    pub notes: Vec<String>,
}

/// Orders the steps: what must change first, then what joins, what goes, and last what only
/// matters later; of one or two members, what joins comes before all.
pub fn plan(before: &[Machine], after: &[Machine], fates: &[(String, Fate)], whole: bool) -> Plan {
    let action = |fate: &Fate| match fate {
        Fate::Same => None,
        Fate::Added => Some(Action::Add),
        Fate::Removed => Some(Action::Remove),
        Fate::Changed(changes, _) => {
            let is_for_blank = |change: &Change| change.matters == Matters::WhenBlank;
            if changes.iter().all(is_for_blank) {
                return None;
            }
            let now = changes.iter().any(|change| change.matters == Matters::Now);
            Some(if now {
                Action::Replace
            } else {
                Action::ReplaceLater
            })
        }
    };
    let mut steps: Vec<Step> = fates
        .iter()
        .filter_map(|(name, fate)| {
            Some(Step {
                name: name.clone(),
                action: action(fate)?,
            })
        })
        .collect();
    // Of one or two members none can be spared: a third comes first.
    let is_small = whole && before.len() <= 2;
    steps.sort_by_key(|step| match step.action {
        Action::Remove if heir(before, after, &step.name).is_some() => 0,
        Action::Add if is_small => 1,
        Action::Replace => 2,
        Action::Add => 3,
        Action::Remove => 4,
        Action::ReplaceLater => 5,
    });
    let notes = if steps.is_empty() {
        Vec::new()
    } else {
        notes(before, after, &steps, whole)
    };
    Plan { steps, notes }
}

/// The new machine that has the address of the one of this name, which goes.
fn heir<'a>(before: &[Machine], after: &'a [Machine], name: &str) -> Option<&'a Machine> {
    let gone = before.iter().find(|old| old.name() == name)?;
    let address = gone.variable("ADDRESS")?;
    let is_new = |new: &Machine| before.iter().all(|old| old.name() != new.name());
    after
        .iter()
        .find(|new| is_new(new) && new.variable("ADDRESS") == Some(address))
}

fn notes(before: &[Machine], after: &[Machine], steps: &[Step], whole: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let pairs = || {
        after.iter().filter_map(|new| {
            let old = before.iter().find(|old| old.name() == new.name())?;
            Some((old, new))
        })
    };
    let differs = |name: &str| pairs().any(|(old, new)| old.variable(name) != new.variable(name));
    if differs("ETCD_INITIAL_CLUSTER_TOKEN") {
        notes.push(
            "the token differs: this is another cluster, and no order keeps the data; take a snapshot, or change `cluster` back"
                .to_owned(),
        );
        return notes;
    }
    match fewest(before, steps, whole) {
        Some(1) => notes.push(
            "the one member holds all the data: take a snapshot before it goes, or add members first".to_owned(),
        ),
        Some(2) => notes.push(
            "of two members both are needed for a quorum: add a third before one of them goes".to_owned(),
        ),
        _ => {}
    }
    if steps
        .iter()
        .any(|step| matches!(step.action, Action::Replace | Action::ReplaceLater))
    {
        notes.push(
            "a machine that is made anew has an empty disk: where `replace` is `auto`, as with a `cluster.lock`, it takes its old place by itself (docs/replace.md), elsewhere by hand (docs/machine.md, «A controller that lost its disk»)"
                .to_owned(),
        );
    }
    if differs("MEMBER_ID") {
        notes.push(
            "a machine with another address is another member, and finds the others by the manifest that it was made from: add it under a name of its own, then remove the old one, one at a time (docs/day-two.md, «Another address»)"
                .to_owned(),
        );
    }
    for step in steps.iter().filter(|step| step.action == Action::Remove) {
        if let Some(heir) = heir(before, after, &step.name) {
            notes.push(format!(
                "{} has the address of {}, which goes first",
                visible(heir.name()),
                visible(&step.name)
            ));
        }
    }
    notes.extend(pairs().find_map(|(old, new)| upgrade(version(old)?, version(new)?)));
    if pairs().any(|(old, new)| trusts_others(old, new)) {
        notes.push(
            "members that share no CA refuse each other: rotate it in three steps with `firstboot pki rotate-ca`"
                .to_owned(),
        );
    }
    notes.extend(changes_size(before, after, steps));
    notes
}

/// A cluster that runs keeps the ID with which it began, and takes in only who knows it.
fn changes_size(before: &[Machine], after: &[Machine], steps: &[Step]) -> Vec<String> {
    let has = |action: Action| steps.iter().any(|step| step.action == action);
    let (adds, removes) = (has(Action::Add), has(Action::Remove));
    if !adds && !removes {
        return Vec::new();
    }
    let id = |machines: &[Machine]| {
        let first = machines.first()?;
        first.variable("CLUSTER_ID").map(str::to_owned)
    };
    if id(before) != id(after) {
        return vec![
            "a cluster that runs keeps the ID with which it began, and these machines are of another one: they do not join it. Run `firstboot pin` before controllers are added or removed, with the manifest as it was (docs/day-two.md, «Grow»)"
                .to_owned(),
        ];
    }
    let mut notes = Vec::new();
    if adds {
        let never = |one: &Machine| one.variable("REPLACE") == Some("never");
        let who = if after.iter().any(never) {
            "once a person has run the `etcdctl member add` that it says"
        } else {
            "by itself, and gets a vote when it has caught up"
        };
        notes.push(format!("who is added joins the cluster that runs, {who}"));
    }
    if removes {
        notes.push(
            "who leaves is first taken out by a person, `etcdctl member remove`, and its machine deleted after that (docs/day-two.md, «Shrink»)"
                .to_owned(),
        );
    }
    notes
}

/// How few members there are at a step that makes one anew; `None` where no step does.
fn fewest(before: &[Machine], steps: &[Step], whole: bool) -> Option<usize> {
    if !whole {
        return Some(members(before));
    }
    let mut size = before.len();
    let mut fewest: Option<usize> = None;
    for step in steps {
        match step.action {
            Action::Add => size += 1,
            Action::Remove => size = size.saturating_sub(1),
            Action::Replace | Action::ReplaceLater => {
                fewest = Some(fewest.map_or(size, |fewest| fewest.min(size)));
            }
        }
    }
    fewest
}

/// The members of the cluster of which only some machines are here.
fn members(before: &[Machine]) -> usize {
    let lists = before
        .iter()
        .filter_map(|one| one.variable("ETCD_INITIAL_CLUSTER"));
    lists.map(|list| list.split(',').count()).max().unwrap_or(0)
}

fn version(machine: &Machine) -> Option<Version> {
    let mut files = machine.files.iter();
    let (_, file) = files.find(|(path, _)| path.ends_with("/lib/firstboot/release.env"))?;
    let text = String::from_utf8_lossy(file.bytes.expose()).into_owned();
    super::machine::variables(&text)
        .get("VERSION")?
        .parse()
        .ok()
}

/// What to know before a cluster of one release becomes one of another: etcd is upgraded one minor
/// version at a time, and never goes back.
pub fn upgrade(from: Version, to: Version) -> Option<String> {
    let is_back = (to.major, to.minor) < (from.major, from.minor);
    let leaps = to.major != from.major || to.minor > from.minor + 1;
    if is_back {
        return Some(format!(
            "etcd does not go back from {from} to {to} with its data: restore a snapshot instead"
        ));
    }
    leaps.then(|| {
        format!("from etcd {from} to {to} is more than one minor version: go there one at a time")
    })
}

fn trusts_others(old: &Machine, new: &Machine) -> bool {
    const CA: &str = "ETCD_PEER_TRUSTED_CA_FILE";
    let of = |machine: &Machine| -> Vec<String> {
        let file = machine
            .variable(CA)
            .and_then(|path| machine.files.get(path));
        let certificates = file.map(|file| file.certificates.iter());
        certificates
            .into_iter()
            .flatten()
            .map(|facts| facts.digest.to_string())
            .collect()
    };
    let (old, new) = (of(old), of(new));
    !old.is_empty() && !new.is_empty() && !old.iter().any(|one| new.contains(one))
}
