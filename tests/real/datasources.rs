//! Every platform's form, through that cloud's own datasource, in every version of cloud-init.

use crate::lab::{ALL_KEYS, Lab, MOST};
use crate::reader::{self, Held, Made, VERSIONS};
use firstboot::machine::{Layout, Machine, machines};
use firstboot::platform::{Compress, Delivery, Document, Form, Platform, deliver};
use firstboot::secret::Secret;
use firstboot::wire::{cloud_config, encoding};
use std::collections::BTreeMap;
use std::thread;

/// What becomes of the file between `launch` and the cloud's metadata.
#[derive(Clone, Copy)]
enum Transport {
    /// Its bytes are kept; where the client makes base64 of them, the API undoes that.
    Kept,
    /// The client makes base64 of them, and cloud-init is the one that undoes it.
    Encoded,
}
use Transport::{Encoded, Kept};

/// One platform, as cloud-init sees it.
struct Cloud {
    platform: &'static str,
    /// The class in cloud-init, without `DataSource`.
    datasource: &'static str,
    transport: Transport,
}

const fn cloud(platform: &'static str, datasource: &'static str, transport: Transport) -> Cloud {
    Cloud {
        platform,
        datasource,
        transport,
    }
}

/// To add a platform, add a line; its datasource must be in `played_clouds.py`.
const CLOUDS: [Cloud; Platform::ALL.len()] = [
    cloud("gce", "GCE", Kept),
    cloud("aws", "Ec2", Kept),
    cloud("azure", "Azure", Encoded),
    cloud("openstack", "OpenStack", Kept),
    cloud("hetzner", "Hetzner", Kept),
    cloud("digitalocean", "DigitalOcean", Kept),
    cloud("oracle", "Oracle", Encoded),
    cloud("vmware", "VMware", Kept),
    cloud("akamai", "Akamai", Kept),
    cloud("nocloud", "NoCloud", Kept),
    cloud("libvirt", "NoCloud", Kept),
    cloud("proxmox", "NoCloud", Kept),
];

/// Which lines of cloud-init have no such datasource yet.
const LACKING: [(&str, &[&str]); 4] = [
    ("20.4", &["Akamai", "VMware"]),
    ("22.4", &["Akamai"]),
    ("25.1", &[]),
    ("26.", &[]),
];

impl Cloud {
    /// Each packing that the platform allows, the other one where both are the same.
    fn deliveries(&self, machine: &Machine, document: &Secret) -> Vec<Delivery> {
        let platform = Platform::named(self.platform).unwrap();
        let documents = [(Document::CloudConfig, document.clone())];
        let deliver = |compress| deliver(platform, machine, &documents, compress);
        let compressed = deliver(Compress::Always).unwrap_or_else(|_| {
            panic!("{} does not fit on {}", machine.name, self.platform);
        });
        let plain = deliver(Compress::Never).ok(); // RSA is too large for some
        let plain = plain.filter(|plain| plain.first().form != compressed.first().form);
        plain.into_iter().chain([compressed]).collect()
    }

    /// What the API then holds: the files as they are written, and what `launch` adds.
    fn held(&self, name: String, delivery: &Delivery) -> Held {
        let mut companions = BTreeMap::new();
        let mut add = |key: &str, value: &str| companions.insert(key.to_owned(), value.to_owned());
        match (self.platform, delivery.first().form) {
            ("gce", Form::GzipBase64) => add("user-data-encoding", "base64"),
            ("vmware", Form::Base64) => add("userdata.encoding", "base64"),
            ("vmware", Form::GzipBase64) => add("userdata.encoding", "gzip+base64"),
            _ => None,
        };
        for file in &delivery.files[1..] {
            let (_, name) = file.path.split_once('/').unwrap();
            if name == "seed.iso" {
                continue; // the same files, as `seed.rs` reads them
            }
            let text = str::from_utf8(file.bytes.expose()).unwrap();
            if self.platform == "vmware" {
                assert_eq!(name, "meta-data");
                add("metadata", text);
                add("metadata.encoding", "base64");
            } else {
                add(name, text);
            }
        }
        let sent = delivery.files[0].bytes.expose();
        Held {
            name,
            datasource: self.datasource,
            bytes: match self.transport {
                Kept => sent.to_vec(),
                Encoded => encoding::base64(sent).into_bytes(),
            },
            companions,
        }
    }
}

/// One delivery, and what must come of it.
struct Case<'a> {
    machine: Machine<'a>,
    document: Secret,
}

/// What one version of cloud-init made of all of it: how many it read, and how many it cannot.
struct Count {
    read: usize,
    lacking: BTreeMap<&'static str, usize>,
}

fn check(version: &str, made: &[Made], held: &[Held], cases: &[Case]) -> Count {
    let mut count = Count {
        read: 0,
        lacking: BTreeMap::new(),
    };
    for ((made, held), case) in made.iter().zip(held).zip(cases) {
        let place = format!("{} in cloud-init {version}", held.name);
        match made {
            Made::Absent => *count.lacking.entry(held.datasource).or_default() += 1,
            Made::Read(made) => {
                count.read += 1;
                reader::check(made, case.document.expose(), &case.machine, &place);
            }
        }
    }
    let used = |name: &&&str| CLOUDS.iter().any(|cloud| cloud.datasource == **name);
    let (_, lacking) = LACKING.iter().find(|(line, _)| *line == version).unwrap();
    let lacking: Vec<_> = lacking.iter().filter(used).copied().collect();
    let found: Vec<_> = count.lacking.keys().copied().collect();
    assert_eq!(found, lacking, "what cloud-init {version} lacks");
    count
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn every_datasource_of_every_version_delivers_every_machine() {
    let named: Vec<_> = CLOUDS.iter().map(|cloud| cloud.platform).collect();
    let mut all = Platform::ALL.map(Platform::name).to_vec();
    all.retain(|name| !named.contains(name));
    assert_eq!(all, Vec::<&str>::new(), "platforms that have no line here");

    let labs = ALL_KEYS.map(Lab::plain);
    let sizes = labs
        .iter()
        .flat_map(|lab| (1..=MOST).map(move |members| (lab, members)));
    let clusters: Vec<_> = sizes
        .map(|(lab, members)| (lab.keys, members, lab.cluster(members)))
        .collect();
    let (mut held, mut cases) = (Vec::new(), Vec::new());
    for (keys, members, cluster) in &clusters {
        for (index, machine) in machines(cluster, Layout::default()).into_iter().enumerate() {
            let document = cloud_config::render(&machine, None).unwrap();
            // The last controller of each size on every cloud, the others on one.
            let here = |cloud: &&Cloud| index + 1 == *members || cloud.platform == "nocloud";
            for cloud in CLOUDS.iter().filter(here) {
                for delivery in cloud.deliveries(&machine, &document) {
                    let form = delivery.first().form;
                    let name = format!(
                        "{} of {members} with {keys:?} on {} as {form}",
                        machine.name, cloud.platform
                    );
                    held.push(cloud.held(name, &delivery));
                    cases.push(Case {
                        machine: machine.clone(),
                        document: document.clone(),
                    });
                }
            }
        }
    }
    let images = VERSIONS.map(|(version, image)| (version, image()));
    let counts = thread::scope(|scope| {
        let running = images.each_ref().map(|(version, image)| {
            let (held, cases) = (&held, &cases);
            scope.spawn(move || check(version, &reader::read(version, image, held), held, cases))
        });
        running.map(|thread| thread.join().unwrap())
    });
    for ((version, _), count) in images.iter().zip(counts) {
        let lacking: usize = count.lacking.values().sum();
        println!(
            "cloud-init {version}: {} deliveries read and written, {lacking} not possible there: \
             no datasource for {:?}",
            count.read,
            count.lacking.keys()
        );
    }
}
