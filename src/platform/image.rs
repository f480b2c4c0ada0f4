//! Which image the machines are made of, and which document it reads.

use super::{Document, LaunchValue, Platform};
use crate::cluster::Mismatch;
use crate::machine::Layout;
use std::fmt;

/// The manifest's `image`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// `family`: whose image it is.
    pub family: Option<Family>,
    /// `id`: what the cloud's client is told.
    pub id: Option<LaunchValue>,
    /// `mismatch`: what a machine does whose image brings another etcd.
    pub mismatch: Mismatch,
}

/// A family of images that read the same document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    name: &'static str,
    reads: Reads,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    CloudInit,
    Ignition,
    /// Nothing of ours works there.
    Nothing,
}

/// Whether the cloud-init of a family's images takes a pattern for an interface's name: it does
/// where it configures netplan. The other renderers take the name as it is (cloud-init,
/// `net/network_state.py`, `handle_ethernets`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patterns {
    /// It does.
    Known,
    /// In some releases.
    Unsure,
    /// It writes the system's own files: sysconfig, or `NetworkManager`'s.
    Unknown,
}

/// Why machines of a family cannot be made on a platform, and the cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotHere {
    /// The rest of the sentence «`x` images …».
    pub why: &'static str,
    /// What to do.
    pub help: &'static str,
}

const fn family(name: &'static str, reads: Reads) -> Family {
    Family { name, reads }
}

impl Family {
    /// Every family, the forbidden ones too.
    pub const ALL: [Self; 14] = [
        family("ubuntu", Reads::CloudInit),
        family("debian", Reads::CloudInit),
        family("rhel", Reads::CloudInit),
        family("rocky", Reads::CloudInit),
        family("centos", Reads::CloudInit),
        family("almalinux", Reads::CloudInit),
        family("oracle-linux", Reads::CloudInit),
        family("fedora", Reads::CloudInit),
        family("amazon-linux", Reads::CloudInit),
        family("sles", Reads::CloudInit),
        family("opensuse", Reads::CloudInit),
        family("flatcar", Reads::Ignition),
        family("fedora-coreos", Reads::Ignition),
        family("cos", Reads::Nothing),
    ];

    /// Its name in the manifest.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The family of this name.
    ///
    /// ```
    /// use firstboot::platform::Family;
    /// assert!(Family::named("flatcar").unwrap().reads_ignition());
    /// assert_eq!(Family::named("windows"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name == name)
    }

    /// Where our own files lie on its machines.
    pub fn layout(self) -> Layout {
        match self.name {
            "flatcar" => Layout::Opt,
            _ => Layout::UsrLocal,
        }
    }

    /// Whether the machine can be told a pattern of interfaces.
    pub fn knows_patterns(self) -> Patterns {
        match self.name {
            "ubuntu" => Patterns::Known,
            // Debian 11 has ifupdown, Debian 12 netplan; Amazon Linux 2023 has networkd.
            "debian" | "amazon-linux" => Patterns::Unsure,
            _ => Patterns::Unknown,
        }
    }

    /// Whether its images read Ignition configs instead of cloud-config.
    pub fn reads_ignition(self) -> bool {
        self.reads == Reads::Ignition
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Platform {
    /// Which documents are written for images of this family: the one that `launch` uses first,
    /// then what other images need, where the manifest leaves that open.
    pub fn documents(self, family: Option<Family>) -> Result<Vec<Document>, NotHere> {
        match family.map(|family| family.reads) {
            Some(Reads::Nothing) => Err(NotHere {
                why: "lose `/etc` at every boot, and what is enabled there with it",
                help: "choose an image that keeps `/etc`, for example `ubuntu` or `flatcar`",
            }),
            Some(Reads::Ignition) if self.0.ignition.is_none() => Err(NotHere {
                why: "read an Ignition config, which this platform cannot hand to them",
                help: "choose a family with cloud-init, for example `ubuntu`, or another platform",
            }),
            Some(Reads::Ignition) => Ok(vec![Document::Ignition]),
            Some(Reads::CloudInit) | None => Ok(self.with_cloud_init(family)),
        }
    }

    fn with_cloud_init(self, family: Option<Family>) -> Vec<Document> {
        let Some(scripts) = self.0.startup_script else {
            return vec![Document::CloudConfig];
        };
        let is_in = |names: &[&str]| family.is_some_and(|family| names.contains(&family.name));
        if is_in(scripts.only) {
            vec![Document::StartupScript]
        } else if is_in(scripts.never) {
            vec![Document::CloudConfig]
        } else {
            vec![Document::CloudConfig, Document::StartupScript]
        }
    }
}
