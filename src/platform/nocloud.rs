//! A seed for cloud-init's `NoCloud` datasource: the files `user-data`, `meta-data` and, where the
//! manifest has a `network`, `network-config`; and the same as a disk, `seed.iso`.
//!
//! They are files on a disk or in an image, so nothing limits them. The instance ID follows the
//! contents: other user-data is another instance to cloud-init, which then runs again.

use super::launch::Script;
use super::{Cloud, Companions, Counts, Document, Form, Gives, Limit};
use crate::cluster::HostName;
use crate::machine::Machine;
use crate::secret::Secret;
use crate::wire::network_config;
use crate::wire::seed::{self, Seed};
use askama::Template;

/// Files have no limit worth a check.
pub(super) const FILES: Limit = Limit {
    bytes: usize::MAX,
    counts: Counts::Bytes,
    of: "a file",
};

pub(super) const CLOUD: Cloud = Cloud {
    name: "nocloud",
    limit: FILES,
    forms: &[Form::Plain, Form::Gzip],
    // Ignition has no such datasource.
    ignition: None,
    startup_script: None,
    gives: Gives::Elsewhere,
    keys: &[],
    images: &[],
    clients: &[],
    companions,
    tells_network: true,
    script: |script| Launch { script }.render(),
};

#[derive(Template)]
#[template(path = "launch/nocloud.sh")]
struct Launch<'a> {
    script: &'a Script<'a>,
}

/// The file `meta-data` of one machine.
pub fn meta_data(machine: &Machine) -> String {
    let template = MetaData {
        instance_id: format!("{}-{}", machine.name, &machine.delivery[..12]),
        hostname: machine.hostname.as_ref(),
    };
    let text = template.render();
    text.expect("text is written to memory") + "\n"
}

/// By a template, whose escaper keeps a name a text: `0644`, `true` and `1e3` are host names, and
/// numbers or truths to YAML, of which cloud-init dies.
#[derive(Template)]
#[template(path = "meta-data.yaml")]
struct MetaData<'a> {
    instance_id: String,
    hostname: Option<&'a HostName>,
}

/// What a seed has beside its user-data, and all of it as a disk.
fn companions(machine: &Machine, _: Document, user_data: &Secret) -> Companions {
    let mut files = seed_files(machine);
    let find = |name| files.iter().find(|(file, _)| *file == name);
    let seed = Seed {
        user_data: user_data.clone(),
        meta_data: find(seed::META_DATA).expect("every seed has it").1.clone(),
        network_config: find(seed::NETWORK_CONFIG).map(|(_, bytes)| bytes.clone()),
    };
    let disk = seed::render(&seed).expect("a seed of this program reads back");
    files.push(("seed.iso", disk));
    files
}

/// What tells a machine who it is, and its network where the manifest has one.
pub(super) fn seed_files(machine: &Machine) -> Companions {
    let text = |text: String| Secret::new(text.into_bytes());
    let network = machine.network.as_ref();
    let network = network.map(|network| network_config::render(network, machine.address));
    let mut files = vec![(seed::META_DATA, text(meta_data(machine)))];
    files.extend(network.map(|network| (seed::NETWORK_CONFIG, text(network))));
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn read(hostname: &HostName) -> BTreeMap<String, serde_yaml::Value> {
        let template = MetaData {
            instance_id: format!("{hostname}-0123456789ab"),
            hostname: Some(hostname),
        };
        serde_yaml::from_str(&template.render().unwrap()).unwrap()
    }

    fn arrives(name: &str) {
        let hostname = HostName::new(name).unwrap();
        let read = read(&hostname);
        let text = |key: &str| read[key].as_str().map(str::to_owned);
        assert_eq!(text("local-hostname").as_deref(), Some(name));
        assert_eq!(text("instance-id"), Some(format!("{name}-0123456789ab")));
        // YAML 1.1, by which cloud-init reads, knows more numbers than this parser.
        let template = MetaData {
            instance_id: "i".to_owned(),
            hostname: Some(&hostname),
        };
        let written = template.render().unwrap();
        let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic());
        assert!(
            is_word || written.contains(&format!("\"{name}\"")),
            "{written}"
        );
    }

    #[test]
    fn names_that_yaml_takes_for_something_else_arrive_as_themselves() {
        for name in [
            "0644",
            "123",
            "true",
            "0x1f",
            "1e3",
            "0b11",
            "0o17",
            "on",
            "y",
            "n",
            "null",
            "no",
            "nan",
            "2026-12-01",
            "1-30",
            "e",
            "0",
        ] {
            arrives(name);
        }
    }

    proptest! {
        #[test]
        fn any_name_arrives_as_itself(name in "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?") {
            arrives(&name);
        }
    }
}
