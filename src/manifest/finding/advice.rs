//! Messages about the release itself: what is known to be wrong with it.

use super::super::At;
use crate::release::Version;
use crate::release::advice::{self, Kind};
use crate::report::Finding;

/// At most one warning of each kind, with the release that cures all of that kind.
pub(in super::super) fn advice(version: &At<Version>) -> Vec<Finding> {
    let all: Vec<_> = advice::of(version.value).collect();
    let of_kind = |kind: Kind| {
        let mut some: Vec<_> = all.iter().filter(|it| it.kind == kind).collect();
        some.sort_by_key(|it| it.cured);
        some
    };
    let ended = of_kind(Kind::Ended).first().map(|end| {
        let Version { major, minor, .. } = version.value;
        let message = format!(
            "etcd {major}.{minor} is past its end of life: its last release was {} of {}",
            end.cured, end.what
        );
        let help = "choose etcd 3.5, 3.6 or 3.7: what is found in an older one is not mended";
        Finding::warning("version-ended", version.place.clone(), message, help)
    });
    let faults = [
        (Kind::Corruption, "version-corrupts", "can lose data"),
        (
            Kind::Security,
            "version-insecure",
            "has known security holes",
        ),
    ];
    let faults = faults.into_iter().filter_map(|(kind, code, what)| {
        let some = of_kind(kind);
        let cured = some.last()?.cured;
        let each: Vec<_> = some.iter().map(|it| it.what).collect();
        let message = format!("etcd {} {what}: {}", version.value, each.join("; "));
        let help = format!(
            "take {cured} or later, which mends {}",
            match each.len() {
                1 => "it",
                _ => "them all",
            }
        );
        Some(Finding::warning(code, version.place.clone(), message, help))
    });
    ended.into_iter().chain(faults).collect()
}
