//! `tests/inspect/NN_name.data`, samples of user-data of many makers, rewritten by hand; beside
//! each what `inspect` says of it.
//!
//! After a change, `SNAPSHOTS=overwrite cargo test --test inspect` writes `.expected` anew: read
//! the difference.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/hang.rs"]
mod hang;
#[path = "support/monsters.rs"]
mod monsters;

use base64::Engine as _;
use firstboot::inspect::{Inspection, inspect};
use firstboot::machine::{Layout, Machine, machines};
use firstboot::manifest::{Manifest, read_pem_files, resolve};
use firstboot::release::Lock;
use firstboot::secret::Secret;
use firstboot::wire::decode::MOST_BYTES;
use firstboot::wire::seed::Seed;
use firstboot::wire::{cloud_config, ignition, startup_script};
use snapbox::Assert;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// 2027-01-15, for which all samples are judged.
const NOW: i64 = 1_800_000_000;

fn samples() -> Vec<(PathBuf, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inspect");
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut samples: Vec<_> = entries
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "data")
        })
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

/// The lines of every key that stands in a sample or in what is rendered.
fn key_lines() -> Vec<String> {
    let pki = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pki");
    let keys = fs::read_dir(pki)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let keys = keys.filter(|path| path.to_string_lossy().contains("-key"));
    let lines: Vec<String> = keys
        .flat_map(|path| {
            let text = fs::read_to_string(path).unwrap();
            let lines = text
                .lines()
                .filter(|line| line.len() >= 12 && !line.contains(['-', ' ']));
            lines.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    assert!(lines.len() >= 6, "{}", lines.len());
    lines
}

fn shows_none(what: &str, seen: &Inspection, lines: &[String]) {
    let told = [
        seen.to_text(),
        seen.judgements_to_text(true),
        seen.to_json(),
    ]
    .concat();
    for line in lines {
        assert!(!told.contains(line.as_str()), "{what} shows a key");
    }
    assert!(
        !told.contains("PRIVATE KEY-----"),
        "{what} shows a key's frame"
    );
}

/// Every machine of every golden, as this program renders it for an image of either layout.
fn each_machine(mut visit: impl FnMut(&str, &Machine)) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut count = 0;
    for entry in fs::read_dir(&golden).unwrap() {
        let case = entry.unwrap().path();
        let Ok(text) = fs::read(case.join("cluster.yaml")) else {
            continue;
        };
        let manifest = Manifest::parse("cluster.yaml", &text).unwrap();
        let (files, _) = read_pem_files(&manifest, &golden);
        let lock = fs::read(case.join("cluster.lock")).ok();
        let lock = lock.map(|bytes| Lock::parse(&bytes).unwrap());
        let cluster = resolve(&manifest, &files, lock.as_ref(), NOW)
            .cluster
            .unwrap();
        for layout in Layout::ALL {
            for machine in machines(&cluster, layout) {
                count += 1;
                let name = format!("{} {}", case.file_name().unwrap().display(), machine.name);
                visit(&name, &machine);
            }
        }
    }
    assert!(count >= 20, "only {count} machines");
}

/// A document in every way in which it may come, and whether any of them is not to be had.
fn ways(document: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(document).unwrap();
    let gzip = packer.finish().unwrap();
    let text = String::from_utf8(document.to_vec()).unwrap();
    let item = |key: &str, value: &str| serde_json::json!({ "key": key, "value": value });
    let gce = |items: Vec<serde_json::Value>| {
        serde_json::json!({ "name": "m", "metadata": { "items": items } }).to_string()
    };
    let seed = Seed {
        user_data: Secret::new(gzip.clone()),
        meta_data: Secret::new(b"instance-id: i\n".to_vec()),
        network_config: None,
    };
    let aws = serde_json::json!({ "InstanceId": "i", "UserData": { "Value": base64(&gzip) } });
    vec![
        ("plain", document.to_vec()),
        ("base64", base64(document).into_bytes()),
        ("base64 of gzip", base64(&gzip).into_bytes()),
        ("gce", gce(vec![item("user-data", &text)]).into_bytes()),
        (
            "gce packed",
            gce(vec![
                item("user-data", &base64(&gzip)),
                item("user-data-encoding", "base64"),
            ])
            .into_bytes(),
        ),
        ("aws", aws.to_string().into_bytes()),
        (
            "seed",
            firstboot::wire::seed::render(&seed)
                .unwrap()
                .expose()
                .to_vec(),
        ),
        ("gzip", gzip),
    ]
}

#[test]
fn what_is_rendered_comes_back_whole_however_it_travels() {
    let lines = key_lines();
    each_machine(|name, machine| {
        let documents = [
            cloud_config::render(machine, None).unwrap(),
            startup_script::render(machine).unwrap(),
            ignition::render(machine).unwrap(),
        ];
        let mut sent: Vec<_> = machine
            .files
            .iter()
            .map(|file| {
                (
                    file.path.clone(),
                    u32::from(file.mode.bits()),
                    file.bytes().to_vec(),
                )
            })
            .collect();
        sent.sort();
        for document in documents {
            for (way, bytes) in ways(document.expose()) {
                let what = format!("{name}, {way}");
                let seen = inspect("sample", &bytes, NOW);
                let mut found: Vec<_> = seen
                    .part
                    .all()
                    .into_iter()
                    .flat_map(|part| &part.files)
                    .filter(|file| file.path != "/etc/hostname")
                    .map(|file| {
                        (
                            file.path.clone(),
                            file.mode.unwrap(),
                            file.bytes().unwrap().to_vec(),
                        )
                    })
                    .collect();
                found.sort();
                assert!(found == sent, "{what}: other files");
                let errors: Vec<_> = seen
                    .judgements
                    .iter()
                    .map(|judgement| judgement.code)
                    .collect();
                assert_eq!(errors, [""; 0], "{what}");
                if way == "plain" && name.ends_with("-0") {
                    shows_none(&what, &seen, &lines);
                }
            }
        }
    });
}

#[test]
fn no_line_of_a_key_is_ever_shown() {
    let lines = key_lines();
    for (path, bytes) in samples() {
        shows_none(
            &path.display().to_string(),
            &inspect("sample", &bytes, NOW),
            &lines,
        );
    }
    // Where a name should be.
    let pem = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pki/kubernetes-key.pem"),
    )
    .unwrap();
    let line = pem.lines().nth(5).unwrap_or_default().to_owned();
    let line = lines
        .iter()
        .find(|known| pem.contains(known.as_str()))
        .unwrap_or(&line);
    let block = format!("    {}\n", pem.trim_end().replace('\n', "\n    "));
    let hostile = format!(
        "#cloud-config\n{line}: x\nwrite_files:\n- path: /etc/{line}\n  owner: {line}\n  encoding: {line}\n  content: |\n{block}\
         - path: /etc/etcd/etcd.env\n  content: |\n    ETCD_NAME={line}\n"
    );
    shows_none(
        "a key for a name",
        &inspect("sample", hostile.as_bytes(), NOW),
        std::slice::from_ref(line),
    );
    let escaped = serde_json::json!({ "name": line, "metadata": { "items": [{ "key": "user-data", "value": hostile }] } });
    shows_none(
        "a key in JSON",
        &inspect("sample", escaped.to_string().as_bytes(), NOW),
        std::slice::from_ref(line),
    );
}

/// Small inputs that want to become large, wide or deep ones.
#[test]
fn nothing_costs_more_than_it_may() {
    let too_large = ("too large", vec![b'a'; MOST_BYTES + 1]);
    let inputs = monsters::USER_DATA.map(|monster| (monster.name, (monster.of)(1)));
    for (name, bytes) in inputs.into_iter().chain([too_large]) {
        let is_judged = hang::work(name, move || {
            let seen = inspect("sample", &bytes, NOW);
            let _ = seen.to_text().len() + seen.to_json().len();
            !seen.judgements.is_empty()
        });
        let is_told = is_judged || name == "here-documents";
        assert!(is_told, "{name}: nobody is told");
    }
}
