//! What `launch` tells a cloud's client: every key of every platform, for all machines and for
//! one.
//!
//! A value changes nothing of the script but the words that it is, and a shell reads each of
//! these words as the value. That the words stand where a client is told them is proved with the
//! clients' stand-ins in `tests/platforms.rs`.

#![allow(
    clippy::format_push_string,
    reason = "a script and a manifest grow line by line"
)]

use crate::hostile::{cluster_of, frame, quoted};
use crate::machine::output;
use askama::filters::Escaper;
use firstboot::manifest::Manifest;
use firstboot::platform::{Delivery, Document, Form, Key, Packed, Platform, launch};
use firstboot::report::Finding;
use firstboot::wire::escape::ShellWord;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::Command;

/// The keys, as `known_keys` spells them.
pub(crate) fn keys() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for platform in Platform::ALL {
        keys.extend(slots(platform).into_iter().map(|(key, _)| key));
        // Numbers and addresses: `no_hostile_string_is_a_number_of_launch`.
        for place in ["launch", "controllers[].launch"] {
            let typed = platform.keys().filter(|key| !key.is_text());
            keys.extend(typed.map(|key| format!("{place}.{}", key.name)));
        }
    }
    keys
}

/// Every place for a text: its key, and what stands before it in the manifest.
fn slots(platform: Platform) -> Vec<(String, String)> {
    let mut slots = Vec::new();
    let slot = |place: &str, key: &Key| (format!("{place}.{}", key.name), key.name.to_owned());
    let shared = platform.keys().filter(|key| key.is_text());
    slots.extend(shared.map(|key| slot("launch", key)));
    let own = platform.keys_of_one().filter(|key| key.is_text());
    slots.extend(own.map(|key| slot("controllers[].launch", key)));
    if platform.takes_image() {
        slots.push(("image.id".to_owned(), "id".to_owned()));
    }
    slots
}

/// A manifest with these values, and where each of them stands.
fn manifest(platform: Platform, values: &[String]) -> (String, Vec<usize>) {
    let slots = slots(platform);
    let line = |place: &str| {
        let of = slots.iter().zip(values);
        let of = of.filter(|((key, _), _)| key.rsplit_once('.').unwrap().0 == place);
        let entries = of.map(|((_, name), value)| format!("{name}: {}", quoted(value)));
        entries.collect::<Vec<_>>().join(", ")
    };
    let mut source = frame("platform", &format!("platform: {platform}"));
    source = source.replace("controllers: [{ name: a, ip: 10.0.0.1 }]\n", "");
    source += &format!("launch: {{ {} }}\n", line("launch"));
    let own = line("controllers[].launch");
    source += &format!(
        "controllers: [{{ name: b, ip: 10.0.0.2 }}, {{ name: a, ip: 10.0.0.1, launch: {{ {own} }} }}]\n"
    );
    if platform.takes_image() {
        source += &format!("image: {{ {} }}\n", line("image"));
    }
    let mut from = 0;
    let places = values.iter().map(|value| {
        let value = format!(": {}", quoted(value));
        let at = source[from..].find(&value).map(|at| from + at + 2).unwrap();
        from = at;
        at
    });
    let places = places.collect();
    (source, places)
}

/// The script of a manifest that is right.
fn script(platform: Platform, values: &[String]) -> Result<String, String> {
    let (source, _) = manifest(platform, values);
    let manifest = Manifest::parse("cluster.yaml", source.as_bytes());
    let manifest = manifest.map_err(|report| format!("{platform}: {report:?}"))?;
    let mut cluster = crate::machine::cluster();
    cluster.name = cluster_of(&manifest).name;
    let packed = vec![Packed {
        document: Document::CloudConfig,
        form: Form::Plain,
        bytes: 0,
    }];
    let delivery = Delivery {
        files: Vec::new(),
        packed,
    };
    let deliveries = [delivery.clone(), delivery];
    let settings = manifest.settings(platform);
    Ok(launch(platform, &cluster, &settings, &deliveries))
}

fn word(text: &str) -> String {
    let mut word = String::new();
    ShellWord.write_escaped_str(&mut word, text).unwrap();
    word
}

/// Puts every string into every place.
pub(crate) fn battery(battery: &[String]) {
    let mut taken = BTreeSet::new();
    for platform in Platform::ALL {
        let slots = slots(platform).len();
        if slots == 0 {
            continue;
        }
        // In each place another one: so two places that are mixed up are seen.
        let turn = |number: usize, slot: usize| number + slot * 37;
        let right = accepted(platform, battery, &turn);
        taken.extend(right.iter().flatten().cloned());
        let marks: Vec<_> = (0..slots).map(|slot| format!("mark{slot}mark")).collect();
        let frame = script(platform, &marks).unwrap();
        for mark in &marks {
            assert!(frame.contains(mark.as_str()), "{platform}: {mark}\n{frame}");
        }
        let most = right.iter().map(Vec::len).max().unwrap();
        for number in 0..most {
            let of = |(slot, right): (usize, &Vec<String>)| {
                right[turn(number, slot) % right.len()].clone()
            };
            let values: Vec<String> = right.iter().enumerate().map(of).collect();
            let mut expected = frame.clone();
            for (mark, value) in marks.iter().zip(&values) {
                expected = expected.replace(mark.as_str(), &word(value));
            }
            assert_eq!(script(platform, &values).unwrap(), expected, "{values:?}");
        }
    }
    assert!(taken.len() > 100, "only {} are taken", taken.len());
    a_shell_reads(&taken);
}

/// Where a number or an address stands, nothing else is taken, and the refusal has its place.
pub(crate) fn typed(battery: &[String]) {
    let mut keys = 0;
    for platform in Platform::ALL {
        for key in platform.keys().filter(|key| !key.is_text()) {
            keys += 1;
            for text in battery {
                let mut source = frame("platform", &format!("platform: {platform}"));
                source += &format!("launch: {{ {}: {} }}\n", key.name, quoted(text));
                let place = source.rfind(&quoted(text)).unwrap();
                let report = Manifest::parse("cluster.yaml", source.as_bytes()).err();
                let number = text.parse::<u32>().is_ok() || text.parse::<IpAddr>().is_ok();
                let Some(report) = report else {
                    assert!(number, "{platform}: `{}` takes {text:?}", key.name);
                    continue;
                };
                let of = |finding: &Finding| finding.place.as_ref().unwrap().start == place;
                assert!(report.findings().iter().all(of), "{source}{report:?}");
            }
        }
    }
    assert!(keys > 5, "only {keys} keys have a type");
}

/// For each place the strings that it takes; the others are refused there and nowhere else.
fn accepted(
    platform: Platform,
    battery: &[String],
    turn: &dyn Fn(usize, usize) -> usize,
) -> Vec<Vec<String>> {
    let slots = slots(platform).len();
    let mut right = vec![Vec::new(); slots];
    for number in 0..battery.len() {
        let value = |slot| battery[turn(number, slot) % battery.len()].clone();
        let values: Vec<String> = (0..slots).map(value).collect();
        let (source, places) = manifest(platform, &values);
        let report = Manifest::parse("cluster.yaml", source.as_bytes()).err();
        let mut found: BTreeSet<usize> = report
            .iter()
            .flat_map(firstboot::report::Report::findings)
            .map(|finding| finding.place.clone().unwrap().start)
            .collect();
        for (slot, (value, place)) in values.into_iter().zip(places).enumerate() {
            if !found.remove(&place) {
                right[slot].push(value);
            }
        }
        assert!(found.is_empty(), "{platform}: refused elsewhere\n{source}");
    }
    right
}

/// Each as a value of a variable and as an argument of an option, as scripts have them.
fn a_shell_reads(taken: &BTreeSet<String>) {
    let mut source = "set -eu\n".to_owned();
    let mut expected = String::new();
    for text in taken {
        let word = word(text);
        source += &format!("V={word}\nprintf '%s\\n' \"$V\" --zone={word} {word}\n");
        expected += &format!("{text}\n--zone={text}\n{text}\n");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), source).unwrap();
    let said = output(Command::new("sh").arg(file.path()), "");
    assert!(said.success, "{}", said.text);
    assert_eq!(said.text, expected);
}
