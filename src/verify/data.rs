//! Whether members hold the same data. Pure: compares what each has said of its own.
//!
//! Nobody has to stop writing for it, and who is only late is not taken for one that differs:
//!
//! - A revision is a function of the raft entries that a member has applied. One that has applied
//!   all that another had applied, and has a lower revision all the same, holds other data: it was
//!   restored from another snapshot, or began blank beside members that were restored.
//! - At one revision, and compacted at one revision, the hash of all keys is the same everywhere.

use std::cmp::Reverse;

/// What one member said of its data, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The etcd that it runs: what is hashed has changed between releases.
    pub version: String,
    /// Its revision.
    pub revision: u64,
    /// The last raft entry that it had applied right after that.
    pub applied: u64,
    /// Its revision after all members had said the two above.
    pub later: u64,
    /// The hash of its keys at a revision that all of its level have, or why there is none.
    pub hash: Result<Hash, String>,
}

/// The hash of all keys at one revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash {
    /// At which revision.
    pub revision: u64,
    /// What was compacted before.
    pub compacted: i64,
    /// The hash.
    pub value: u32,
}

/// What a comparison says; members are named by their index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// All hold the same.
    Same,
    /// They do not: who holds the same as whom. The largest group first, of two as large the one
    /// with the higher revision.
    Differ(Vec<Vec<usize>>),
    /// It cannot be said: whose fault that is, and why.
    Undecided(usize, String),
}

/// Those that are known by their revisions alone to hold other data than those of other levels;
/// the highest revision first.
pub(super) fn levels(said: &[(usize, &Sample)]) -> Vec<Vec<usize>> {
    let mut rest = said.to_vec();
    let mut levels = Vec::new();
    while let Some(highest) = highest(&rest) {
        let (behind, level): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|(_, one)| one.later < highest.revision && one.applied >= highest.applied);
        levels.push(level.into_iter().map(|(index, _)| index).collect());
        rest = behind;
    }
    levels
}

fn highest<'a>(said: &[(usize, &'a Sample)]) -> Option<&'a Sample> {
    let all = said.iter().map(|(_, one)| *one);
    all.max_by_key(|one| (one.revision, Reverse(one.applied)))
}

/// Compares members of one cluster.
pub(super) fn compare(said: &[(usize, &Sample)]) -> Comparison {
    let of = |index: &usize| said.iter().find(|(other, _)| other == index);
    let levels = levels(said);
    let (mut groups, mut undecided) = (Vec::new(), None);
    for level in &levels {
        let level: Vec<_> = level.iter().filter_map(of).copied().collect();
        match within(&level) {
            Ok(found) => groups.extend(found),
            Err(why) => {
                undecided.get_or_insert(why);
                groups.push(level.iter().map(|(index, _)| *index).collect());
            }
        }
    }
    match undecided {
        // Two levels differ, whatever is not known of one of them.
        _ if groups.len() > 1 => {
            groups.sort_by_key(|group: &Vec<usize>| Reverse(group.len()));
            Comparison::Differ(groups)
        }
        Some((index, why)) => Comparison::Undecided(index, why),
        None => Comparison::Same,
    }
}

/// Those of one level by their hashes.
fn within(level: &[(usize, &Sample)]) -> Result<Vec<Vec<usize>>, (usize, String)> {
    let all: Vec<usize> = level.iter().map(|(index, _)| *index).collect();
    if all.len() < 2 {
        return Ok(vec![all]);
    }
    let mut groups: Vec<(&Sample, Hash, Vec<usize>)> = Vec::new();
    for (index, one) in level {
        let hash = one.hash.clone().map_err(|why| (*index, why))?;
        match groups.iter_mut().find(|(_, known, _)| *known == hash) {
            Some((.., group)) => group.push(*index),
            None => groups.push((one, hash, vec![*index])),
        }
    }
    let (first, at, _) = &groups[0];
    let unlike = |other: &&(&Sample, Hash, Vec<usize>)| {
        (other.1.revision, other.1.compacted) != (at.revision, at.compacted)
    };
    if let Some((_, hash, group)) = groups.iter().find(unlike) {
        let why = format!(
            "it has compacted its data at revision {}, and others at {}",
            hash.compacted, at.compacted
        );
        return Err((group[0], why));
    }
    let other = |group: &&(&Sample, Hash, Vec<usize>)| group.0.version != first.version;
    if let Some((one, _, group)) = groups.iter().find(other) {
        let why = format!(
            "its hash is another one, but it runs etcd {}, and others {}, which may hash otherwise",
            one.version, first.version
        );
        return Err((group[0], why));
    }
    if groups.len() == 1
        && let Some(highest) = highest(level)
        && let Some((index, late)) = level.iter().find(|(_, one)| one.later < highest.revision)
    {
        let why = format!(
            "it lags behind: revision {} of {}",
            late.later, highest.revision
        );
        return Err((*index, why));
    }
    Ok(groups.into_iter().map(|(.., group)| group).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(revision: u64, applied: u64, later: u64, value: u32) -> Sample {
        let hash = Hash {
            revision: 10,
            compacted: -1,
            value,
        };
        Sample {
            version: "3.6.15".to_owned(),
            revision,
            applied,
            later,
            hash: Ok(hash),
        }
    }

    fn judged(said: &[Sample]) -> Comparison {
        compare(&said.iter().enumerate().collect::<Vec<_>>())
    }

    #[test]
    fn who_applied_all_and_has_less_is_another() {
        let blank = [
            sample(42, 50, 42, 1),
            sample(42, 50, 42, 1),
            sample(2, 50, 2, 1),
        ];
        assert_eq!(
            judged(&blank),
            Comparison::Differ(vec![vec![0, 1], vec![2]])
        );
        // Three snapshots: each is named.
        let three = [
            sample(20, 9, 20, 1),
            sample(42, 9, 42, 1),
            sample(30, 9, 30, 1),
        ];
        assert_eq!(
            judged(&three),
            Comparison::Differ(vec![vec![1], vec![2], vec![0]])
        );
    }

    #[test]
    fn who_is_late_is_not_another() {
        let late = [sample(42, 50, 43, 1), sample(30, 38, 30, 1)];
        let Comparison::Undecided(1, why) = judged(&late) else {
            panic!("{:?}", judged(&late))
        };
        assert_eq!(why, "it lags behind: revision 30 of 42");
        let caught_up = [sample(42, 50, 43, 1), sample(30, 38, 42, 1)];
        assert_eq!(judged(&caught_up), Comparison::Same);
        // Its keys are others all the same.
        let other = [sample(42, 50, 43, 1), sample(30, 38, 30, 2)];
        assert_eq!(judged(&other), Comparison::Differ(vec![vec![0], vec![1]]));
    }

    #[test]
    fn hashes_of_other_releases_or_compactions_prove_nothing() {
        let mut two = [sample(42, 50, 42, 1), sample(42, 50, 42, 2)];
        assert_eq!(judged(&two), Comparison::Differ(vec![vec![0], vec![1]]));
        two[1].version = "3.5.33".to_owned();
        assert!(matches!(judged(&two), Comparison::Undecided(1, _)));
        two[1] = sample(42, 50, 42, 2);
        if let Ok(hash) = &mut two[1].hash {
            hash.compacted = 7;
        }
        assert!(matches!(judged(&two), Comparison::Undecided(1, _)));
        two[1].hash = Err("no".to_owned());
        assert_eq!(judged(&two), Comparison::Undecided(1, "no".to_owned()));
        assert_eq!(judged(&two[..1]), Comparison::Same);
    }

    proptest! {
        /// One history of writes, seen by members that are late by any number of entries and are
        /// asked at any two moments: never taken for different.
        #[test]
        fn members_of_one_history_never_differ(
            writes in prop::collection::vec(any::<bool>(), 1..60),
            asked in prop::collection::vec((0_usize..60, 0_usize..60), 2..6),
        ) {
            // The revision after each entry; not each entry writes.
            let mut revisions = vec![1_u64];
            for write in &writes {
                revisions.push(revisions.last().unwrap() + u64::from(*write));
            }
            let at = |moment: usize| moment.min(writes.len());
            let said: Vec<_> = asked.iter().map(|(first, second)| {
                let (first, second) = (at(*first), at(*first + *second));
                sample(revisions[first], first as u64, revisions[second], 1)
            }).collect();
            prop_assert!(!matches!(judged(&said), Comparison::Differ(_)));
        }

        /// A member that was restored from an older snapshot has a lower revision after the same
        /// entries, however many follow, and is named as soon as it is not late.
        #[test]
        fn an_older_snapshot_is_always_named(
            writes in 0_u64..60, less in 1_u64..40, who in 0_usize..3,
        ) {
            let said: Vec<_> = (0..3).map(|index| {
                let own = 100 + writes - if index == who { less } else { 0 };
                sample(own, writes, own, 1)
            }).collect();
            let mut others: Vec<_> = (0..3).collect();
            others.remove(who);
            prop_assert_eq!(judged(&said), Comparison::Differ(vec![others, vec![who]]));
        }
    }
}
