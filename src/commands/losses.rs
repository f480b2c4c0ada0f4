//! What a rendered cluster does when it loses a machine, or gets one, in a sentence.

use crate::calendar::moment;
use crate::cluster::{Cluster, Genesis, Replace};

/// A note for whoever is about to launch; `now` is in seconds since 1970 (UTC).
pub(super) fn note(cluster: &Cluster, now: i64) -> Option<String> {
    match (cluster.replace, &cluster.genesis) {
        (None, _) => Some(NOBODY_ASKS.to_owned()),
        // That it runs needs no word where nobody joins or leaves.
        (_, Genesis::Over(since)) if since.joined.is_empty() && since.left.is_empty() => None,
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
            let anew = match since.began {
                Some(_) => format!(
                    "if it is to begin again, empty, run `firstboot pin --begin-again {}`",
                    cluster.name
                ),
                None => "if it has not begun, run `firstboot pin --genesis-window 24h`".to_owned(),
            };
            Some(format!(
                "\nnote: {since}{by_whom};\n{anew} and render again\n"
            ))
        }
    }
}

/// A note if machines that are all blank would wait for one another for ever.
fn too_late(cluster: &Cluster, now: i64) -> Option<String> {
    let until = cluster.begins_until().filter(|until| *until <= now)?;
    let until = moment(until);
    Some(format!(
        "\nnote: since {until} machines join this cluster, and begin none; \
         for a new one, run\n`firstboot pin --genesis-window 24h` and render again\n"
    ))
}

/// Lets machines that are all blank begin a cluster which has grown or shrunk, and says so.
pub(super) fn as_at_the_beginning(cluster: &mut Cluster, now: i64) -> Option<String> {
    let note = match &cluster.genesis {
        Genesis::Over(since) => format!(
            "\nnote: {since}: rehearsed as a cluster\nthat begins with the manifest's controllers, since nobody is there to be joined\n"
        ),
        _ => too_late(cluster, now)? + "(rehearsed as if it could still begin)\n",
    };
    cluster.begin_anew(now.saturating_add(REHEARSAL));
    Some(note)
}

/// Longer than a rehearsal lasts, in seconds.
const REHEARSAL: i64 = 86_400;

/// Without a lock a machine cannot tell its first boot from a loss.
const NOBODY_ASKS: &str = "
note: with `replace: never` and without a lock, a machine that loses its disk waits for an operator,
and begins an empty cluster where no peer answers. With a lock it asks first: `firstboot render --new`
for a new cluster
";
