//! Asks members of one cluster what they hold, all at once and again, until it can be compared.

use super::conversation::Target;
use super::data::{self, Comparison, Sample};
use super::grpc::{Channel, Mark};
use super::observation::{Held, Observation};
use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// Between two rounds; who is late catches up meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// Writes into `seen` what those hold who can be compared: at least two voters of one cluster.
pub(super) async fn compare(targets: &[Target], seen: &mut [Observation], timeout: Duration) {
    let mut clusters: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, one) in seen.iter().enumerate() {
        // A learner answers neither question.
        if let Some(status) = one.status.as_ref().filter(|status| !status.learner) {
            let members = clusters.entry(status.cluster.to_string()).or_default();
            members.push(index);
        }
    }
    for members in clusters.into_values().filter(|members| members.len() > 1) {
        let versions = members.iter().map(|index| seen[*index].version.clone());
        let versions: Vec<_> = versions.map(Option::unwrap_or_default).collect();
        let targets = members.iter().map(|index| targets[*index].clone());
        let held = ask(targets.collect(), &versions, timeout).await;
        for (index, held) in members.into_iter().zip(held) {
            seen[index].held = Some(held);
        }
    }
}

async fn ask(targets: Vec<Target>, versions: &[String], timeout: Duration) -> Vec<Held> {
    let end = Instant::now() + timeout;
    let open = targets
        .into_iter()
        .map(|target| async move { Channel::open(&target).await });
    let channels = all(open, timeout).await;
    let mut before: Option<Comparison> = None;
    loop {
        let held = round(&channels, versions, timeout).await;
        let found = compared(&held);
        // What one round finds may have met a member between a write and the count of it.
        let settled = match &found {
            Comparison::Same => true,
            Comparison::Differ(_) => before.as_ref() == Some(&found),
            // Who does not answer at all does not in the next round.
            Comparison::Undecided(index, _) => matches!(held[*index], Held::Silent(_)),
        };
        if settled {
            return held;
        }
        if Instant::now() + PAUSE > end {
            return match found {
                Comparison::Differ(_) => {
                    let why = "what it holds changed while it was asked";
                    let silent = |_| Held::Silent(why.to_owned());
                    held.into_iter().map(silent).collect()
                }
                _ => held,
            };
        }
        before = Some(found);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Compares what those hold of whom it is known; who says nothing keeps the others from being as
/// planned, not from differing.
pub(super) fn compared(held: &[Held]) -> Comparison {
    let samples = held
        .iter()
        .enumerate()
        .filter_map(|(index, one)| match one {
            Held::Said(sample) => Some((index, sample)),
            Held::Silent(_) => None,
        });
    let found = data::compare(&samples.collect::<Vec<_>>());
    let silent = held.iter().enumerate().find_map(|(index, one)| match one {
        Held::Said(_) => None,
        Held::Silent(why) => Some((index, why)),
    });
    match (found, silent) {
        (found @ Comparison::Differ(_), _) | (found, None) => found,
        (_, Some((index, why))) => Comparison::Undecided(index, why.clone()),
    }
}

/// Each says its revision and what it has applied; then its revision once more; then the hash at
/// the highest revision that all of its level have.
async fn round(
    channels: &[Result<Channel, String>],
    versions: &[String],
    timeout: Duration,
) -> Vec<Held> {
    let marks = || async {
        let marks = channels.iter().cloned().map(|channel| async move {
            match channel {
                Ok(channel) => channel.mark().await,
                Err(why) => Err(why),
            }
        });
        all(marks, timeout).await
    };
    let first: Vec<Result<Mark, String>> = marks().await;
    let later = marks().await;
    let pairs = first.into_iter().zip(later).zip(versions);
    let mut held: Vec<_> = pairs
        .map(|((first, later), version)| match (first, later) {
            (Ok(first), Ok(later)) => Held::Said(Sample {
                version: version.clone(),
                revision: first.revision,
                applied: first.applied,
                later: later.revision,
                hash: Err("it was not asked".to_owned()),
            }),
            (Err(why), _) | (_, Err(why)) => Held::Silent(why),
        })
        .collect();
    let samples = held
        .iter()
        .enumerate()
        .filter_map(|(index, one)| match one {
            Held::Said(sample) => Some((index, sample)),
            Held::Silent(_) => None,
        });
    let samples: Vec<_> = samples.collect();
    let mut questions = Vec::new();
    for level in data::levels(&samples) {
        let own = samples.iter().filter(|(index, _)| level.contains(index));
        if let Some(revision) = own.map(|(_, one)| one.later).min() {
            questions.extend(level.iter().map(|index| (*index, revision)));
        }
    }
    let ask = questions.iter().map(|(index, revision)| {
        let (channel, revision) = (channels[*index].clone(), *revision);
        async move {
            match channel {
                Ok(channel) => channel.hash(revision).await,
                Err(why) => Err(why),
            }
        }
    });
    let hashes = all(ask, timeout).await;
    for ((index, _), hash) in questions.into_iter().zip(hashes) {
        if let Held::Said(sample) = &mut held[index] {
            sample.hash = hash;
        }
    }
    held
}

/// Does all of it at once, each for no longer than this.
async fn all<T: Send + 'static>(
    each: impl Iterator<Item = impl Future<Output = Result<T, String>> + Send + 'static>,
    timeout: Duration,
) -> Vec<Result<T, String>> {
    let tasks: Vec<_> = each
        .map(|one| tokio::spawn(tokio::time::timeout(timeout, one)))
        .collect();
    let mut done = Vec::with_capacity(tasks.len());
    for task in tasks {
        done.push(match task.await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err("it timed out".to_owned()),
            Err(error) => Err(error.to_string()),
        });
    }
    done
}
