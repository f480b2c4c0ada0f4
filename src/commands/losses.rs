//! What a rendered cluster does when it loses a machine, in a sentence.

use crate::cluster::Cluster;
use crate::pki::calendar::moment;

/// A note for whoever is about to launch; `now` is in seconds since 1970 (UTC).
pub(super) fn note(cluster: &Cluster, now: i64) -> Option<String> {
    match (cluster.replace, cluster.genesis_until) {
        (None, _) => Some(NOBODY_ASKS.to_owned()),
        // The manifest's warning `no-genesis-window` has said it.
        (Some(_), None) => None,
        (Some(_), Some(until)) if now < until => {
            let until = moment(until);
            Some(format!(
                "\nnote: the cluster can begin until {until}: launch before, and replace no machine before\n"
            ))
        }
        (Some(_), Some(until)) => {
            let until = moment(until);
            Some(format!(
                "\nnote: since {until} machines join this cluster, and begin none; \
                 for a new one, run\n`firstboot pin --genesis-window 24h` and render again\n"
            ))
        }
    }
}

/// Without a lock a machine cannot tell its first boot from a loss.
const NOBODY_ASKS: &str = "
note: a machine that loses its disk waits for a person, and where no peer answers it begins an
empty cluster. Before real use run `firstboot pin`, and render again: then it asks, and joins
";
