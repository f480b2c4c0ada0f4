//! One small file per cloud: how it takes user-data, how much of it, and how it is launched.
//!
//! To add a cloud: a file beside these with a [`Cloud`], its line in [`Platform::ALL`], its
//! template in `templates/launch`, a row in `docs/platforms.md`. What is true of all of them is
//! tested for all of them in `tests/platforms.rs`.

mod akamai;
mod aws;
mod azure;
mod deliver;
mod digitalocean;
mod gce;
mod hetzner;
mod image;
mod key;
mod launch;
mod libvirt;
mod nocloud;
mod openstack;
mod oracle;
mod proxmox;
mod vmware;

use std::fmt;
use std::net::IpAddr;

pub use deliver::{Compress, Delivery, NotDelivered, Packed, Sizes, deliver};
pub use image::{Family, Image, NotHere, Patterns};
pub use key::{Key, KeyKind, LaunchValue, LaunchValues, NotAValue};
pub use launch::{Settings, asked, cluster_id, launch, launch_one, lineage};
pub use nocloud::meta_data;

use crate::machine::Machine;
use crate::secret::Secret;
use key::Usual;
use launch::Script;

/// Files beside a document, by their names.
type Companions = Vec<(&'static str, Secret)>;

/// Where the machines run.
#[derive(Clone, Copy)]
pub struct Platform(&'static Cloud);

/// What there is to know of one cloud.
struct Cloud {
    /// Its name in the manifest and on the command line.
    name: &'static str,
    /// How much it takes.
    limit: Limit,
    /// Which forms of cloud-config survive on the way, in the order of preference.
    forms: &'static [Form],
    /// Which forms of an Ignition config survive; `None` where Ignition does not look.
    ignition: Option<&'static [Form]>,
    /// Which images read a start-up script; `None` where there is none.
    startup_script: Option<StartupScripts>,
    /// Which private addresses `launch` gives to a machine as they are chosen.
    gives: Gives,
    /// What `launch` wants to know, in the order in which it asks.
    keys: &'static [Key],
    /// For image families that the cloud's own client knows by name: what it is told.
    images: &'static [(&'static str, Usual)],
    /// The programs that `launch` runs, and what each is.
    clients: &'static [(&'static str, &'static str)],
    /// What lies beside the document of a machine.
    companions: fn(&Machine, Document, &Secret) -> Companions,
    /// Whether the machine can be told its network, because nothing there may do it.
    tells_network: bool,
    /// The `launch` script.
    script: fn(&Script) -> askama::Result<String>,
}

/// How much user-data a cloud takes.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The most bytes, counted as that cloud counts.
    pub bytes: usize,
    /// How it counts.
    pub counts: Counts,
    /// What is counted, for messages.
    pub of: &'static str,
}

/// How a cloud counts the bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// As they are.
    Bytes,
    /// The base64 that the client makes of them.
    Base64,
}

impl Counts {
    /// What a file of so many bytes counts.
    ///
    /// ```
    /// use firstboot::platform::Counts;
    /// assert_eq!(Counts::Base64.of(49_149), 65_532);
    /// assert_eq!(Counts::Base64.of(49_150), 65_536);
    /// ```
    pub const fn of(self, bytes: usize) -> usize {
        match self {
            Self::Bytes => bytes,
            Self::Base64 => bytes.div_ceil(3) * 4,
        }
    }
}

/// What a machine reads on its first boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// cloud-config, for cloud-init.
    CloudConfig,
    /// A script that the cloud's own agent runs on every boot.
    StartupScript,
    /// An Ignition config.
    Ignition,
}

impl Document {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::CloudConfig, Self::StartupScript, Self::Ignition];

    /// The name of its file.
    pub const fn file(self) -> &'static str {
        match self {
            Self::CloudConfig => "user-data",
            Self::StartupScript => "startup-script",
            Self::Ignition => "config.ign",
        }
    }
}

/// How a document is packed for its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is, readable.
    Plain,
    /// gzip.
    Gzip,
    /// base64.
    Base64,
    /// base64 of gzip.
    GzipBase64,
}

impl Form {
    const fn is_compressed(self) -> bool {
        matches!(self, Self::Gzip | Self::GzipBase64)
    }
}

/// Which images have an agent that runs a start-up script, and which have cloud-init.
#[derive(Clone, Copy)]
struct StartupScripts {
    /// Families that have no cloud-init.
    only: &'static [&'static str],
    /// Families that have it.
    never: &'static [&'static str],
}

/// Which private addresses can be chosen when a machine is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gives {
    /// IPv4 and IPv6.
    Both,
    /// IPv4 alone.
    V4,
    /// None: the cloud decides.
    Nothing,
    /// Whoever runs the network does: the script makes no machine, or only its disk.
    Elsewhere,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 12] = [
        Self(&gce::CLOUD),
        Self(&aws::CLOUD),
        Self(&azure::CLOUD),
        Self(&openstack::CLOUD),
        Self(&hetzner::CLOUD),
        Self(&digitalocean::CLOUD),
        Self(&oracle::CLOUD),
        Self(&vmware::CLOUD),
        Self(&akamai::CLOUD),
        Self(&nocloud::CLOUD),
        Self(&libvirt::CLOUD),
        Self(&proxmox::CLOUD),
    ];

    /// Its name in the manifest and on the command line.
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// The platform of this name.
    ///
    /// ```
    /// use firstboot::platform::Platform;
    /// assert_eq!(Platform::named("gce").unwrap().name(), "gce");
    /// assert_eq!(Platform::named("GCE"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|platform| platform.name() == name)
    }

    /// Whether nothing there may tell machines their network, so that the manifest can.
    pub const fn needs_network(self) -> bool {
        self.0.tells_network
    }

    /// How much it takes.
    pub const fn limit(self) -> Limit {
        self.0.limit
    }

    /// What may stand in the manifest's `launch` for it. The image has a key of its own.
    pub fn keys(self) -> impl Iterator<Item = &'static Key> {
        self.0.keys.iter().filter(|key| key.name != key::IMAGE)
    }

    /// What may stand in a controller's own `launch`: the image, too.
    pub fn keys_of_one(self) -> impl Iterator<Item = &'static Key> {
        self.0.keys.iter()
    }

    /// Whether its `launch` makes machines of an image, so that `image.id` is of use.
    pub fn takes_image(self) -> bool {
        self.0.keys.iter().any(|key| key.name == key::IMAGE)
    }

    /// Which forms survive on the way, in the order of preference.
    fn forms(self, document: Document) -> &'static [Form] {
        match document {
            Document::CloudConfig => self.0.forms,
            Document::StartupScript => &[Form::Plain],
            Document::Ignition => self.0.ignition.unwrap_or_default(),
        }
    }

    /// Whether `launch` leaves it to others which addresses the machines have.
    pub fn leaves_addresses(self) -> bool {
        self.0.gives == Gives::Elsewhere
    }

    /// Why a machine will not have the address that the manifest gives it unless somebody else
    /// sees to it; `None` where `launch` does.
    pub fn does_not_give(self, address: IpAddr) -> Option<&'static str> {
        match (self.0.gives, address) {
            (Gives::Both | Gives::Elsewhere, _) | (Gives::V4, IpAddr::V4(_)) => None,
            (Gives::V4, IpAddr::V6(_)) => Some("no private IPv6 address can be chosen there"),
            (Gives::Nothing, _) => Some("no private address can be chosen there"),
        }
    }
}

impl PartialEq for Platform {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Platform {}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain text",
            Self::Gzip => "gzip",
            Self::Base64 => "base64",
            Self::GzipBase64 => "gzip in base64",
        })
    }
}

/// Nothing lies beside the document.
fn alone(_: &Machine, _: Document, _: &Secret) -> Companions {
    Vec::new()
}
