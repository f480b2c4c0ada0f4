//! The forms on the wire, each unpacked to what the machine has of it.

use crate::machine::output;
use base64::Engine;
use firstboot::machine::Machine;
use firstboot::secret::Secret;
use firstboot::wire::{
    UserConfig, cloud_config, encoding, ignition, network_config, startup_script,
};
use serde_yaml::Value;
use std::io::Read;
use std::process::Command;

/// What arrives.
pub(crate) struct Arrived {
    /// By their paths.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// The cloud-config itself, where it is one.
    pub(crate) document: Option<Value>,
}

/// A form: made, and unpacked. The user's own configuration travels in cloud-config alone.
pub(crate) type Form = fn(&Machine, Option<&UserConfig>) -> Option<Arrived>;

/// `startup-script` is not among them: see [`script`].
pub(crate) const FORMS: [(&str, Form); 2] = [
    ("cloud-config", |machine, user| {
        Some(cloud_config_of(plain(machine, user).expose()))
    }),
    ("ignition", |machine, user| {
        user.is_none().then(|| Arrived {
            files: ignition_files(ignition::render(machine).unwrap().expose()),
            document: None,
        })
    }),
];

/// Zopfli takes its time, and does not know what it packs: proved on a sample.
pub(crate) fn gzip(machine: &Machine, user: Option<&UserConfig>) -> bool {
    let document = plain(machine, user);
    let packed = encoding::gzip(&document).unwrap();
    gunzip(packed.expose()) == document.expose()
}

fn plain(machine: &Machine, user: Option<&UserConfig>) -> Secret {
    cloud_config::render(machine, user).unwrap()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(bytes);
    decoder.read_to_end(&mut unpacked).unwrap();
    unpacked
}

fn cloud_config_of(document: &[u8]) -> Arrived {
    let value: Value = serde_yaml::from_slice(document).unwrap();
    let files = value["write_files"].as_sequence().unwrap().iter();
    let text = |file: &Value, key| file[key].as_str().unwrap_or_default().to_owned();
    let files = files.map(|file| (text(file, "path"), text(file, "content").into_bytes()));
    Arrived {
        files: files.collect(),
        document: Some(value),
    }
}

fn ignition_files(config: &[u8]) -> Vec<(String, Vec<u8>)> {
    let config: serde_json::Value = serde_json::from_slice(config).unwrap();
    let files = config["storage"]["files"].as_array().unwrap().iter();
    let read = |file: &serde_json::Value| {
        let contents = &file["contents"];
        let source = contents["source"].as_str().unwrap();
        let bytes = match source.strip_prefix("data:;base64,") {
            Some(text) => base64::engine::general_purpose::STANDARD
                .decode(text)
                .unwrap(),
            None => percent_decoded(source.strip_prefix("data:,").unwrap()),
        };
        let bytes = match contents["compression"].as_str() {
            Some(form) => (form == "gzip").then(|| gunzip(&bytes)).unwrap(),
            None => bytes,
        };
        (file["path"].as_str().unwrap().to_owned(), bytes)
    };
    files.map(read).collect()
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(&part.as_bytes()[2..]);
    }
    bytes
}

/// The part of a startup script that writes files and starts units.
pub(crate) fn script(machine: &Machine) -> String {
    let script = startup_script::render(machine).unwrap();
    let text = std::str::from_utf8(script.expose()).unwrap();
    text[text.find("\nif ! grep").unwrap()..].to_owned()
}

/// What a shell gives of each script: all of them in one process, for there are thousands.
/// `put` says what it is told, and nothing else is a program.
pub(crate) fn run(scripts: &[String]) -> Vec<Arrived> {
    const HEAD: &str = "set -eu\nexport LC_ALL=C\ngrep() { return 1; }\n\
        hostnamectl() { :; }\nsync() { :; }\nsystemctl() { :; }\n\
        put() {\n  printf 'F%s\\n' \"$2\"\n\
        while IFS= read -r line; do printf '%s\\n' \"$line\"; done\n  printf '\\000'\n}\n";
    let bodies = scripts
        .iter()
        .map(|script| format!("{script}\nprintf 'E\\000'\n"));
    let source = HEAD.to_owned() + &bodies.collect::<String>();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), source).unwrap();
    let output = output(Command::new("sh").arg(file.path()), "");
    assert!(output.success, "{}", output.text);
    let mut machines = Vec::new();
    let mut files = Vec::new();
    for part in output.text.split_terminator('\0') {
        if let Some(part) = part.strip_prefix('F') {
            let (path, content) = part.split_once('\n').unwrap();
            files.push((path.to_owned(), content.as_bytes().to_vec()));
            continue;
        }
        assert_eq!(part, "E", "a shell said something else");
        let files = std::mem::take(&mut files);
        machines.push(Arrived {
            files,
            document: None,
        });
    }
    assert_eq!(machines.len(), scripts.len());
    machines
}

/// `network-config` as cloud-init reads it: the interface's name or pattern, and its part.
pub(crate) fn network(machine: &Machine) -> Option<(String, Value)> {
    let text = network_config::render(machine.network.as_ref()?, machine.address);
    let value: Value = serde_yaml::from_str(&text).unwrap();
    let (key, card) = value["ethernets"]
        .as_mapping()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    let name = card.get("match").map_or(key, |by| &by["name"]);
    Some((name.as_str().unwrap().to_owned(), card.clone()))
}
