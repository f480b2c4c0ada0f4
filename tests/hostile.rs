//! Promise 4: any string that the manifest accepts arrives on the machine as itself.
//!
//! Each string of a battery stands in each field in turn, and goes through each form on the
//! wire: it arrives, or it is refused at its place. To add a field, add a line to
//! `hostile::FIELDS`; to add a form, one to `FORMS`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/machine.rs"]
mod machine;

use firstboot::machine::{Layout, Machine, machines};
use firstboot::manifest::Manifest;
use firstboot::secret::Secret;
use firstboot::wire::{UserConfig, cloud_config, encoding};
use hostile::{Arrives, FIELDS, Field};
use std::io::Read;
use yaml_serde::Value;

/// A form on the wire: made, and unpacked to the cloud-config in it.
type Form = fn(&Machine, Option<&UserConfig>) -> Vec<u8>;

const FORMS: [(&str, Form); 2] = [
    ("cloud-config", |machine, user| {
        cloud_config::render(machine, user)
            .unwrap()
            .expose()
            .to_vec()
    }),
    ("gzip", |machine, user| {
        let document: Secret = cloud_config::render(machine, user).unwrap();
        let packed = encoding::gzip(&document).unwrap();
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed.expose())
            .read_to_end(&mut unpacked)
            .unwrap();
        unpacked
    }),
];

/// Whether the text arrived in every form (`Ok(true)`) or was refused as it must be
/// (`Ok(false)`); everything else is `Err`.
fn arrives_or_is_refused(field: &Field, text: &str) -> Result<bool, String> {
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
                .then_some(false)
                .ok_or(format!("refused elsewhere: {report:?}"));
        }
    };
    let user = manifest.cloud_config.as_ref().map(|own| &own.value.config);
    let cluster = hostile::cluster_of(&manifest);
    let mut machine = machines(&cluster, Layout::default()).remove(0);
    // The scripts hold nothing of the manifest, and take most of the time.
    machine
        .files
        .retain(|file| file.path.starts_with("/etc/etcd/"));
    for (form, render) in FORMS {
        let document = render(&machine, user);
        let value: Value = yaml_serde::from_slice(&document).map_err(|error| error.to_string())?;
        if !arrived(field, text, &value) {
            return Err(format!("changed as {form}"));
        }
    }
    Ok(true)
}

fn arrived(field: &Field, text: &str, document: &Value) -> bool {
    let files = document["write_files"].as_sequence().unwrap();
    let of = |path: &str| {
        files
            .iter()
            .find(|file| file["path"].as_str() == Some(path))
    };
    match &field.arrives {
        Arrives::Typed => true,
        Arrives::Name => {
            // `{name}` stands for the controller's, which is `a`.
            let name = text.rsplit('/').next().unwrap().replace("{name}", "a");
            of(&format!("/etc/etcd/{name}")).is_some()
        }
        Arrives::Line(key) => {
            let env = of("/etc/etcd/etcd.env").unwrap()["content"]
                .as_str()
                .unwrap();
            let line = format!("{key}{text}");
            env.lines().any(|found| found == line)
        }
        Arrives::Value(path) => {
            let mut value = document;
            for key in *path {
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
    }
}

#[test]
fn every_string_arrives_as_itself_or_is_refused_at_its_place() {
    let battery = hostile::battery();
    let mut wrong = Vec::new();
    for field in FIELDS {
        let mut arrived = 0;
        for text in &battery {
            match arrives_or_is_refused(field, text) {
                Ok(came) => arrived += usize::from(came),
                Err(why) => wrong.push(format!("{} {text:?}: {why}", field.name)),
            }
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
    assert!(
        wrong.is_empty(),
        "{} wrong, first: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(5)]
    );
}

proptest::proptest! {
    /// Keeps looking for the next one.
    #[test]
    fn any_string_arrives_or_is_refused(
        field in 0..FIELDS.len(),
        text in "[a-z\\PC\u{0}-\u{20}\u{7f}-\u{a0}\u{2028}\u{feff}'\"\\\\$%{}:#~-]{0,12}",
    ) {
        let outcome = arrives_or_is_refused(&FIELDS[field], &text);
        proptest::prop_assert!(outcome.is_ok(), "{}: {:?}", FIELDS[field].name, outcome);
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
            let source = hostile::manifest(&FIELDS[0], "c").0 + &entry;
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
    let source = hostile::manifest(&FIELDS[0], "c").0;
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
