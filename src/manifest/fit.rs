//! Whether a manifest fits a platform: its own, or the one that a command names instead.

use super::{At, Manifest, finding};
use crate::cluster::Mismatch;
use crate::platform::{Document, Family, LaunchValue, NotDelivered, Patterns, Platform, Settings};
use crate::report::Finding;
use std::net::IpAddr;

/// What would make a document smaller; what is so already is not advised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a remedy of its own")]
pub struct Remedies {
    /// A form that is smaller was not allowed.
    pub compress: bool,
    /// The manifest has a `cloud_config`.
    pub cloud_config: bool,
    /// Controllers share a certificate, which names them all.
    pub shared: bool,
    /// A key is one of RSA.
    pub rsa: bool,
    /// The image brings nothing of ours.
    pub plain_image: bool,
}

impl Manifest {
    /// What the `launch` script of this platform is made of. `launch` and `image.id` are meant
    /// for the manifest's own platform: another gets none of them.
    pub fn settings(&self, platform: Platform) -> Settings {
        let image = self.image.as_ref().map(|image| image.value.clone());
        let mut image = image.unwrap_or_default();
        let (mut shared, mut own) = Default::default();
        if platform == self.platform.value {
            shared = self.launch.clone();
            own = self
                .controllers
                .iter()
                .map(|one| one.launch.clone())
                .collect();
        } else {
            image.id = None;
        }
        for (key, value) in self.network_values() {
            if platform.keys().any(|known| known.name == key) {
                shared.entry(key).or_insert(value);
            }
        }
        Settings { image, shared, own }
    }

    /// What `network` says that a client could be told, too.
    fn network_values(&self) -> Vec<(&'static str, LaunchValue)> {
        let Some(network) = self.network.as_ref().map(|network| &network.value) else {
            return Vec::new();
        };
        let gateway = network.gateway.map(|gateway| gateway.to_string());
        let values = [
            ("prefix", Some(network.prefix.to_string())),
            ("gateway", gateway),
        ];
        let values = values
            .into_iter()
            .filter_map(|(key, text)| Some((key, text?)));
        values
            .map(|(key, text)| {
                (
                    key,
                    LaunchValue::new(&text).expect("numbers and addresses are values"),
                )
            })
            .collect()
    }

    /// What a machine does whose image brings another etcd than the pinned one.
    pub fn mismatch(&self) -> Mismatch {
        let image = self.image.as_ref().map(|image| &image.value);
        image.map_or_else(Mismatch::default, |image| image.mismatch)
    }

    /// Whose images the machines are made of, if the manifest says it.
    pub fn image_family(&self) -> Option<Family> {
        self.image.as_ref()?.value.family
    }

    /// What the machines of this platform read; the report's reason where they read nothing.
    pub fn documents(&self, platform: Platform) -> Result<Vec<Document>, Finding> {
        let (family, image) = (self.image_family(), self.image.as_ref());
        let documents = platform.documents(family);
        documents.map_err(|why| {
            let (family, image) = family
                .zip(image)
                .expect("without a family there is a document");
            finding::image_not_here(image.place.clone(), family, platform, why)
        })
    }

    /// Why the machines' image cannot be one that `firstboot bake` made, if so.
    pub fn not_baked(&self) -> Option<Finding> {
        let family = self
            .image_family()
            .filter(|family| family.reads_ignition())?;
        let place = self.image.as_ref()?.place.clone();
        Some(finding::not_baked(place, family))
    }

    /// Why `cloud_config` would reach no machine, if it is there.
    pub fn cloud_config_unread(
        &self,
        platform: Platform,
        documents: &[Document],
    ) -> Option<Finding> {
        let own = self.cloud_config.as_ref()?;
        if documents.contains(&Document::CloudConfig) {
            return None;
        }
        let family = self.image_family()?;
        let place = own.place.clone();
        Some(finding::cloud_config_unread(place, family, platform))
    }

    /// What is wrong or unwise about addresses and network on this platform.
    pub fn network_on(&self, platform: Platform) -> Vec<Finding> {
        let Some(network) = self.network.as_ref() else {
            return self.addresses_on(platform);
        };
        let place = network.place.clone();
        let family = self.image_family();
        if !platform.needs_network() {
            let mut findings = self.addresses_on(platform);
            findings.push(finding::network_unused(place, platform));
            return findings;
        }
        if family.is_some_and(Family::reads_ignition) {
            return self.addresses_on(platform);
        }
        let interface = &network.value.interface;
        let knows = family.map_or(Patterns::Known, Family::knows_patterns);
        match family {
            Some(family) if interface.is_pattern() && knows != Patterns::Known => {
                let unsure = knows == Patterns::Unsure;
                vec![finding::network_pattern(place, interface, family, unsure)]
            }
            _ => Vec::new(),
        }
    }

    /// Whether the machines have their addresses from anybody but the manifest's `network`.
    fn addresses_on(&self, platform: Platform) -> Vec<Finding> {
        if platform.leaves_addresses() {
            let place = self.platform.place.clone();
            return vec![finding::addresses_from_nobody(place, platform)];
        }
        let ips = self.controllers.iter().map(|controller| &controller.ip);
        let finding = |ip: &At<IpAddr>| {
            let why = platform.does_not_give(ip.value)?;
            Some(finding::address_not_given(ip, platform, why))
        };
        ips.filter_map(finding).collect()
    }

    /// The controller at this position is too large for the platform.
    /// What the manifest tells of the remedies is filled in.
    pub fn not_delivered(
        &self,
        index: usize,
        platform: Platform,
        error: &NotDelivered,
        known: Remedies,
    ) -> Finding {
        let controllers = self.controllers.iter().map(|one| &one.tls);
        let own = &self.controllers[index].tls;
        let shared = controllers.filter(|tls| tls.server.cert.value == own.server.cert.value);
        let remedies = Remedies {
            cloud_config: self.cloud_config.is_some(),
            shared: shared.count() > 1,
            ..known
        };
        finding::not_delivered(&self.controllers[index].name, platform, error, remedies)
    }
}
