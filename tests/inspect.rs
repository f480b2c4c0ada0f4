//! `tests/inspect/NN_name.data`, samples of user-data of many makers, rewritten by hand; beside
//! each what `inspect` says of it.
//!
//! After a change, `SNAPSHOTS=overwrite cargo test --test inspect` writes `.expected` anew: read
//! the difference.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstboot::inspect::inspect;
use snapbox::Assert;
use std::fs;
use std::path::{Path, PathBuf};

/// 2026-11-21, for which all samples are judged.
const NOW: i64 = 1_795_219_200;

fn samples() -> Vec<(PathBuf, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inspect");
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut samples: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "data"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    samples.sort();
    assert!(samples.len() >= 40, "only {} samples", samples.len());
    samples
}

#[test]
fn each_sample_is_told_as_beside_it() {
    let snapshots = Assert::new().action_env("SNAPSHOTS");
    for (path, bytes) in samples() {
        let seen = inspect("sample", &bytes, NOW);
        let told = format!("{}\n{}", seen.to_text(), seen.judgements_to_text(false));
        let expected = snapbox::Data::read_from(&path.with_extension("expected"), None);
        snapshots.eq(told, expected.raw());
    }
}
