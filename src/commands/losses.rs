//! What a rendered cluster does when it loses a machine, or gets one, in a sentence.

use crate::calendar::moment;
use crate::cluster::{Cluster, Genesis, Replace};

/// A note for whoever is about to launch; `now` is in seconds since 1970 (UTC).
pub(super) fn note(cluster: &Cluster, now: i64) -> Option<String> {
    match (cluster.replace, &cluster.genesis) {
        (None, _) => Some(NOBODY_ASKS.to_owned()),
        // The manifest's warning `no-genesis-window` has said it.
        (Some(_), Genesis::Always) => None,
        (Some(_), Genesis::Until(until)) => too_late(cluster, now).or_else(|| {
            let until = moment(*until);
            Some(format!(
                "\nnote: the cluster can begin until {until}: launch before, and replace no machine before\n"
            ))
        }),
        (Some(replace), Genesis::Over(since)) => {
            let by_whom = match replace {
                Replace::Never if !since.joined.is_empty() => ", once a person has added it",
                Replace::Auto | Replace::Never => "",
            };
            Some(format!(
                "\nnote: {since}{by_whom};\nif it has not begun, or is to begin anew, run `firstboot pin --genesis-window 24h` and render again\n"
            ))
        }
    }
}

/// A note if machines that are all blank would wait for one another for ever.
pub(super) fn too_late(cluster: &Cluster, now: i64) -> Option<String> {
    let until = cluster.begins_until().filter(|until| *until <= now)?;
    let until = moment(until);
    Some(format!(
        "\nnote: since {until} machines join this cluster, and begin none; \
         for a new one, run\n`firstboot pin --genesis-window 24h` and render again\n"
    ))
}

/// Lets machines that are all blank begin a cluster which has grown or shrunk, and says so.
pub(super) fn as_at_the_beginning(cluster: &mut Cluster, now: i64) -> Option<String> {
    let Genesis::Over(since) = &cluster.genesis else {
        return None;
    };
    let note = format!(
        "\nnote: {since}: rehearsed as a cluster\nthat begins with the manifest's controllers, since nobody is there to be joined\n"
    );
    cluster.begin_anew(now.saturating_add(REHEARSAL));
    Some(note)
}

/// Longer than a rehearsal lasts, in seconds.
const REHEARSAL: i64 = 86_400;

/// Without a lock a machine cannot tell its first boot from a loss.
const NOBODY_ASKS: &str = "
note: a machine that loses its disk waits for a person, and where no peer answers it begins an
empty cluster. Before real use run `firstboot pin`, and render again: then it asks, and joins
";
