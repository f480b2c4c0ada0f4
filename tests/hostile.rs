//! Promise 4: any string that the manifest accepts arrives on the machine as itself.
//!
//! Each string of a battery stands in each field in turn, and goes through each form on the
//! wire: it arrives, or it is refused at its place. To add a field, add a line to
//! `hostile::FIELDS`; to add a form, one to `FORMS`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/battery.rs"]
mod battery;
#[path = "support/hostile_forms.rs"]
mod forms;
#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/hostile_launch.rs"]
mod launch;
#[path = "support/machine.rs"]
mod machine;

use firstboot::machine::{Layout, machines};
use firstboot::manifest::Manifest;
use forms::{Arrived, FORMS};
use hostile::{Arrives, Field};
use serde_yaml::Value;
use std::collections::BTreeSet;

/// One of so many goes through what packs bytes, whatever they are, and takes its time: gzip, and
/// Ignition where a whole file is packed.
const SAMPLE: usize = 100;

/// What became of a text so far.
enum Came {
    /// It was refused as it must be.
    Refused,
    /// It arrived; where there is a startup script, this is it: let a shell say it for that.
    Came(Option<String>),
}

/// Whether the text arrived in every form or was refused as it must be; everything else is `Err`.
fn arrives_or_is_refused(field: &Field, text: &str, packed: bool) -> Result<Came, String> {
    let (source, place) = hostile::manifest(field, text);
    let manifest = match Manifest::parse("cluster.yaml", source.as_bytes()) {
        Ok(manifest) => manifest,
        Err(report) => {
            let at_its_place = report.findings().iter().any(|finding| {
                finding
                    .place
                    .as_ref()
                    .is_some_and(|found| place.contains(&found.start))
            });
            let refused = report.has_errors() && at_its_place;
            return refused
                .then_some(Came::Refused)
                .ok_or(format!("refused elsewhere: {report:?}"));
        }
    };
    let user = manifest.cloud_config.as_ref().map(|own| &own.value.config);
    let cluster = hostile::cluster_of(&manifest);
    let mut machine = machines(&cluster, Layout::default()).remove(0);
    // Only what the text is in, and the unit that is started: the rest takes most of the time.
    let is_name = matches!(field.arrives, Arrives::Name);
    machine.files.retain(|file| match file.path.as_str() {
        "/etc/etcd/etcd.env" => !is_name,
        path => path.starts_with("/etc/etcd/") && is_name || path.ends_with("/firstboot.service"),
    });
    if matches!(field.arrives, Arrives::Network(_)) {
        let came = arrived_in_network(field, text, &machine);
        return came
            .then_some(Came::Came(None))
            .ok_or("changed as network-config".to_owned());
    }
    for (form, arrives) in FORMS {
        if form == "ignition" && !is_name && !packed {
            continue;
        }
        let here = arrives(&machine, user);
        if here.is_some_and(|here| !arrived(field, text, &here)) {
            return Err(format!("changed as {form}"));
        }
    }
    if packed && !forms::gzip(&machine, user) {
        return Err("changed as gzip".to_owned());
    }
    machine
        .files
        .retain(|file| !file.path.ends_with(".service"));
    Ok(Came::Came(user.is_none().then(|| forms::script(&machine))))
}

fn arrived(field: &Field, text: &str, here: &Arrived) -> bool {
    let of = |path: &str| here.files.iter().find(|(found, _)| found == path);
    match field.arrives {
        Arrives::Typed | Arrives::Network(_) => false,
        Arrives::Name => {
            // `{name}` stands for the controller's, which is `a`.
            let name = text.rsplit('/').next().unwrap().replace("{name}", "a");
            of(&format!("/etc/etcd/{name}")).is_some()
        }
        Arrives::Line(key) => {
            let (_, env) = of("/etc/etcd/etcd.env").unwrap();
            let mut lines = std::str::from_utf8(env).unwrap().lines();
            lines.any(|line| {
                line.strip_prefix(key)
                    .is_some_and(|value| unquoted(value) == text)
            })
        }
        // Only cloud-config has it.
        Arrives::Value(path) => here
            .document
            .as_ref()
            .is_none_or(|document| at(document, path, text)),
    }
}

/// A value as systemd and a shell read it; `machine::env` has both to judge.
fn unquoted(value: &str) -> String {
    let inside = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(plain) = inside('\'') {
        return plain.to_owned();
    }
    let Some(escaped) = inside('"') else {
        return value.to_owned();
    };
    let mut characters = escaped.chars();
    let mut text = String::new();
    while let Some(character) = characters.next() {
        text.extend(match character {
            '\\' => characters.next(),
            other => Some(other),
        });
    }
    text
}

/// Whether the text stands at that path.
fn at(document: &Value, path: &[&str], text: &str) -> bool {
    let mut value = document;
    for key in path {
        value = match (value, *key) {
            (Value::Sequence(items), "-1") => items.last().unwrap(),
            (Value::Sequence(items), index) => &items[index.parse::<usize>().unwrap()],
            (Value::Mapping(entries), "HERE") => {
                let (key, _) = entries.iter().next().unwrap();
                return entries.len() == 1 && key.as_str() == Some(text);
            }
            (value, key) => &value[key],
        };
    }
    value.as_str() == Some(text)
}

fn arrived_in_network(field: &Field, text: &str, machine: &firstboot::machine::Machine) -> bool {
    let (name, card) = forms::network(machine).unwrap();
    match field.arrives {
        Arrives::Network([]) => name == text,
        Arrives::Network(path) => at(&card, path, text),
        _ => false,
    }
}

#[test]
fn every_string_arrives_as_itself_or_is_refused_at_its_place() {
    let battery = battery::battery();
    let fields = hostile::fields();
    let mut wrong = Vec::new();
    let mut scripts = Vec::new();
    let mut of_scripts = Vec::new();
    for field in &fields {
        let mut arrived = 0;
        for (number, text) in battery.iter().enumerate() {
            match arrives_or_is_refused(field, text, number % SAMPLE == 0) {
                Ok(Came::Refused) => continue,
                Ok(Came::Came(None)) => {}
                Ok(Came::Came(Some(script))) => {
                    scripts.push(script);
                    of_scripts.push((field, text));
                }
                Err(why) => wrong.push(format!("{} {text:?}: {why}", field.name)),
            }
            arrived += 1;
        }
        // A field that takes nothing, or one that refuses nothing it should, is no test.
        let takes_any = field.name.starts_with("cloud_config");
        assert_eq!(
            takes_any,
            arrived > battery.len() * 9 / 10,
            "{}: {arrived}",
            field.name
        );
    }
    for ((field, text), here) in of_scripts.into_iter().zip(forms::run(&scripts)) {
        if !self::arrived(field, text, &here) {
            wrong.push(format!(
                "{} {text:?}: changed as startup-script",
                field.name
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong, first: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(5)]
    );
}

/// The next key cannot be forgotten.
#[test]
fn every_key_of_the_manifest_is_put_to_the_test() {
    let known = hostile::known_keys();
    let mut tested: BTreeSet<String> = launch::keys();
    for field in hostile::fields() {
        tested.extend(field.name.split(' ').next().map(str::to_owned));
    }
    let forgotten: Vec<_> = known.difference(&tested).collect();
    assert!(forgotten.is_empty(), "no hostile string for {forgotten:?}");
    // What is both a word and a mapping is only found as a mapping.
    let gone: Vec<_> = tested.difference(&known).collect();
    assert_eq!(gone, ["etcd.sha256", "image"], "these are keys no more");
}

#[test]
fn every_string_is_one_word_of_launch_or_refused_at_its_place() {
    launch::battery(&battery::battery());
}

#[test]
fn no_hostile_string_is_a_number_of_launch() {
    launch::typed(&battery::battery());
}

proptest::proptest! {
    /// Keeps looking for the next one.
    #[test]
    fn any_string_arrives_or_is_refused(
        field in proptest::sample::select(hostile::fields()),
        text in "[a-z\\PC\u{0}-\u{20}\u{7f}-\u{a0}\u{2028}\u{feff}'\"\\\\$%{}:#~-]{0,12}",
    ) {
        match arrives_or_is_refused(&field, &text, false) {
            Ok(Came::Came(Some(script))) => {
                let here = forms::run(&[script]).remove(0);
                proptest::prop_assert!(arrived(&field, &text, &here), "{}: a shell", field.name);
            }
            Ok(_) => {}
            Err(why) => proptest::prop_assert!(false, "{}: {why}", field.name),
        }
    }
}

/// What bootstrap and cloud-init rely on is out of reach for `write_files`, as is any file of ours.
#[test]
fn no_file_of_ours_can_be_written_twice() {
    let cluster = machine::cluster();
    let ours = machines(&cluster, Layout::default()).remove(0).files;
    assert!(ours.len() > 8);
    for file in ours {
        for path in [
            file.path.clone(),
            file.path.replace('/', "//"),
            format!("/etc/../{}", file.path),
        ] {
            let entry =
                format!("cloud_config: {{ write_files: [{{ path: {path}, content: a }}] }}\n");
            let source = hostile::manifest(&hostile::fields()[0], "c").0 + &entry;
            let report = Manifest::parse("cluster.yaml", source.as_bytes()).unwrap_err();
            let codes: Vec<_> = report
                .findings()
                .iter()
                .map(|finding| finding.code)
                .collect();
            assert_eq!(codes, ["cloud-config-clash"], "{path}");
        }
    }
}

/// What the user hands over may be a password.
#[test]
fn no_value_is_in_a_message_or_a_debug_text() {
    let secret = "NEVERSHOWN";
    let source = hostile::manifest(&hostile::fields()[0], "c").0;
    let wrong = format!(
        "{source}cloud_config:\n  runcmd:\n    - echo {secret}; exit\n    - [reboot, {secret}]\n  \
         write_files:\n    - {{ path: {secret}, content: a, permissions: {secret} }}\n"
    );
    let report = Manifest::parse("cluster.yaml", wrong.as_bytes()).unwrap_err();
    assert_eq!(report.count(firstboot::report::Severity::Error), 4);
    for finding in report.findings() {
        assert!(!format!("{} {}", finding.message, finding.help).contains(secret));
    }
    let right = format!("{source}cloud_config: {{ password: {secret} }}\n");
    let manifest = Manifest::parse("cluster.yaml", right.as_bytes()).unwrap();
    assert!(!format!("{manifest:?}").contains(secret));
}
