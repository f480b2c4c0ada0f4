//! cloud-init's own code reads user-data, in every version that Debian has.

use crate::image;
use firstboot::cluster::HostName;
use firstboot::machine::Machine;
use firstboot::rehearse::Suite;
use firstboot::release::Digest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Makes or finds an image.
type Image = fn() -> PathBuf;

/// The lines of cloud-init, each with the image that has it.
pub(crate) const VERSIONS: [(&str, Image); 4] = [
    ("20.4", || image::of(Suite::Bullseye)),
    ("22.4", || image::of(Suite::Bookworm)),
    ("25.1", || image::of(Suite::Trixie)),
    ("26.", image::of_sid),
];

/// What a cloud's API holds of one machine.
pub(crate) struct Held {
    pub(crate) name: String,
    /// The class in cloud-init, without `DataSource`.
    pub(crate) datasource: &'static str,
    /// The value of the cloud's key for user-data.
    pub(crate) bytes: Vec<u8>,
    /// The keys beside it: metadata on GCE, guestinfo on `VMware`, files of a seed.
    pub(crate) companions: BTreeMap<String, String>,
}

/// What one version of cloud-init makes of one machine.
pub(crate) enum Made {
    /// This version has no such datasource.
    Absent,
    /// The datasource found user-data, and `write_files` wrote it.
    Read(Value),
}

/// Has one version read all of it, in one process; the answers are in the order of `held`.
pub(crate) fn read(version: &str, image: &Path, held: &[Held]) -> Vec<Made> {
    let dir = tempfile::tempdir().unwrap();
    let program = include_str!("read_as_datasource.py");
    fs::write(dir.path().join("read.py"), program).unwrap();
    let clouds = include_str!("played_clouds.py");
    fs::write(dir.path().join("played_clouds.py"), clouds).unwrap();
    let mut cases = Vec::new();
    for (number, one) in held.iter().enumerate() {
        fs::write(dir.path().join(number.to_string()), &one.bytes).unwrap();
        cases.push(json!({
            "name": one.name,
            "datasource": one.datasource,
            "held": format!("/tmp/input/{number}"),
            "companions": one.companions,
        }));
    }
    let cases = Value::from(cases).to_string();
    fs::write(dir.path().join("cases.json"), cases).unwrap();
    let script = "python3 /tmp/input/read.py < /tmp/input/cases.json";
    let said: Value = serde_json::from_str(&image::stdout(image, dir.path(), script)).unwrap();
    let real = said["version"].as_str().unwrap();
    assert!(
        real.starts_with(version),
        "cloud-init {version} is wanted, and this is {real}"
    );
    let answers = said["cases"].as_array().unwrap();
    assert_eq!(answers.len(), held.len());
    let made = |(answer, one): (&Value, &Held)| {
        let name = &one.name;
        assert_eq!(answer["name"], name.as_str());
        assert!(
            answer["error"].is_null(),
            "{name} in cloud-init {real}: {}",
            answer["error"].as_str().unwrap()
        );
        if answer["absent"] == true {
            Made::Absent
        } else {
            Made::Read(answer.clone())
        }
    };
    answers.iter().zip(held).map(made).collect()
}

/// Asserts that what was made is the machine, whole: the document's bytes, every file with its
/// mode and owner and nothing else, the host name, and the commands in their order.
pub(crate) fn check(made: &Value, document: &[u8], machine: &Machine, place: &str) {
    assert_eq!(made["kind"], "text/cloud-config", "{place}");
    let digest = Digest::of(document).to_string();
    assert_eq!(made["document"], digest, "{place}: another document");
    let files: BTreeMap<_, _> = machine
        .files
        .iter()
        .map(|file| {
            let digest = Digest::of(file.bytes()).to_string();
            let line = json!([file.mode.to_string(), "0:0", digest]);
            (file.path.as_str(), line)
        })
        .collect();
    assert_eq!(made["files"], json!(files), "{place}");
    let hostname = machine.hostname.as_ref().map(HostName::as_str);
    assert_eq!(made["hostname"], json!(hostname), "{place}");
    assert_eq!(made["runcmd"], json!(machine.start), "{place}");
    let script = made["script"].as_str().unwrap();
    assert!(
        script.contains(machine.early.trim_end()),
        "{place}: {script}"
    );
}
