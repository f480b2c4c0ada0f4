//! Every platform's form, through that cloud's own datasource, in every version of cloud-init.

use crate::lab::{ALL_KEYS, Lab, MOST};
use crate::reader::{self, Held, Made, VERSIONS};
use firstboot::machine::machines;
use firstboot::platform::Form;
use firstboot::secret::Secret;
use firstboot::wire::{cloud_config, encoding};
use std::collections::BTreeMap;
use std::thread;

/// What the API does with the file that `launch` names before it holds it.
#[derive(Clone, Copy)]
enum Transport {
    /// Its bytes are kept; where a client encodes them for the wire, the API decodes them again.
    Bytes,
    /// The client or its user encodes it, and the API keeps that.
    Base64,
}
use Transport::{Base64, Bytes};

/// One platform, as cloud-init sees it.
struct Cloud {
    platform: &'static str,
    /// The class in cloud-init, without `DataSource`.
    datasource: &'static str,
    transport: Transport,
    forms: &'static [Form],
    /// The lines of cloud-init that do not have it yet.
    absent: &'static [&'static str],
}

const fn cloud(
    platform: &'static str,
    datasource: &'static str,
    transport: Transport,
    forms: &'static [Form],
) -> Cloud {
    Cloud {
        platform,
        datasource,
        transport,
        forms,
        absent: &[],
    }
}

const BINARY: &[Form] = &[Form::Plain, Form::Gzip];
const TEXT: &[Form] = &[Form::Plain, Form::GzipBase64];

/// To add a platform, add a line; its datasource must be in `read_as_datasource.py`.
const CLOUDS: [Cloud; 10] = [
    cloud("gce", "GCE", Bytes, TEXT),
    cloud("aws", "Ec2", Bytes, BINARY),
    cloud("azure", "Azure", Base64, BINARY),
    cloud("openstack", "OpenStack", Bytes, BINARY),
    cloud("hetzner", "Hetzner", Bytes, TEXT),
    cloud("digitalocean", "DigitalOcean", Bytes, &[Form::Plain]),
    cloud("oracle", "Oracle", Base64, BINARY),
    Cloud {
        absent: &["20.4"],
        ..cloud("vmware", "VMware", Base64, BINARY)
    },
    Cloud {
        absent: &["20.4", "22.4"],
        ..cloud("akamai", "Akamai", Base64, BINARY)
    },
    cloud("nocloud", "NoCloud", Bytes, BINARY),
];

impl Cloud {
    fn held(&self, name: String, document: &Secret, form: Form) -> Held {
        let gzip = || encoding::gzip(document).unwrap().expose().to_vec();
        let sent = match form {
            Form::Plain => document.expose().to_vec(),
            Form::Gzip => gzip(),
            Form::GzipBase64 => encoding::base64(&gzip()).into_bytes(),
        };
        let bytes = match self.transport {
            Bytes => sent,
            Base64 => encoding::base64(&sent).into_bytes(),
        };
        let companion = match (self.platform, form) {
            ("gce", Form::GzipBase64) => Some(("user-data-encoding", "base64")),
            ("vmware", Form::Plain) => Some(("userdata.encoding", "base64")),
            ("vmware", _) => Some(("userdata.encoding", "gzip+base64")),
            _ => None,
        };
        let companions = companion.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Held {
            name,
            datasource: self.datasource,
            bytes,
            companions: companions.into_iter().collect(),
        }
    }
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn every_datasource_of_every_version_delivers_every_machine() {
    let labs = ALL_KEYS.map(Lab::lab);
    let mut clusters = Vec::new();
    for lab in &labs {
        clusters.extend((1..=MOST).map(|members| (lab.keys, members, lab.cluster(members))));
    }
    let mut expected = Vec::new();
    let mut held = Vec::new();
    for (keys, members, cluster) in &clusters {
        for (index, machine) in machines(cluster).into_iter().enumerate() {
            let document = cloud_config::render(&machine).unwrap();
            // The last controller of each size on every cloud, the others on one.
            let here = |cloud: &&Cloud| index + 1 == *members || cloud.platform == "nocloud";
            for cloud in CLOUDS.iter().filter(here) {
                for form in cloud.forms {
                    let name = format!(
                        "{} of {members} with {keys:?} on {} as {form}",
                        machine.name, cloud.platform
                    );
                    held.push(cloud.held(name, &document, *form));
                    expected.push((cloud, machine.clone(), document.clone()));
                }
            }
        }
    }
    let images = VERSIONS.map(|(version, image)| (version, image()));
    let counts = thread::scope(|scope| {
        let running = images.each_ref().map(|(version, image)| {
            let (held, expected) = (&held, &expected);
            scope.spawn(move || {
                let mut absent = BTreeMap::<_, usize>::new();
                let made = reader::read(version, image, held);
                for ((made, held), (cloud, machine, document)) in
                    made.iter().zip(held).zip(expected)
                {
                    let place = format!("{} in cloud-init {version}", held.name);
                    match made {
                        Made::Absent => *absent.entry(cloud.platform).or_default() += 1,
                        Made::Read(made) => {
                            reader::check(made, document.expose(), machine, &place);
                        }
                    }
                }
                let lacking = CLOUDS.iter().filter(|cloud| cloud.absent.contains(version));
                let lacking: Vec<_> = lacking.map(|cloud| cloud.platform).collect();
                let mut found: Vec<_> = absent.keys().copied().collect();
                found.sort_by_key(|name| CLOUDS.iter().position(|cloud| cloud.platform == *name));
                assert_eq!(found, lacking, "what cloud-init {version} lacks");
                (held.len(), absent)
            })
        });
        running.map(|thread| thread.join().unwrap())
    });
    for ((version, _), (cases, absent)) in images.iter().zip(counts) {
        let lacking: usize = absent.values().sum();
        println!(
            "cloud-init {version}: {} deliveries read and written, {lacking} not possible there: \
             no datasource for {:?}",
            cases - lacking,
            absent.keys()
        );
    }
}
