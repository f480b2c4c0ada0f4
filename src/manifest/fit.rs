//! Whether a manifest fits a platform: its own, or the one that a command names instead.

use super::{At, Manifest, finding};
use crate::platform::{Document, NotDelivered, Platform, Settings};
use crate::report::Finding;
use std::net::IpAddr;

impl Manifest {
    /// What the `launch` script of this platform is made of. `launch` and `image.id` are meant
    /// for the manifest's own platform: another gets none of them.
    pub fn settings(&self, platform: Platform) -> Settings {
        let image = self.image.as_ref().map(|image| image.value.clone());
        let mut image = image.unwrap_or_default();
        if platform != self.platform.value {
            image.id = None;
            return Settings {
                image,
                ..Settings::default()
            };
        }
        let own = self.controllers.iter().map(|one| one.launch.clone());
        Settings {
            image,
            shared: self.launch.clone(),
            own: own.collect(),
        }
    }

    /// What the machines of this platform read; the report's reason where they read nothing.
    pub fn documents(&self, platform: Platform) -> Result<Vec<Document>, Finding> {
        let image = self.image.as_ref();
        let family = image.and_then(|image| image.value.family);
        let documents = platform.documents(family);
        documents.map_err(|why| {
            let (family, image) = family
                .zip(image)
                .expect("without a family there is a document");
            finding::image_not_here(image.place.clone(), family, platform, why)
        })
    }

    /// What is unwise about these addresses on this platform.
    pub fn addresses_on(&self, platform: Platform) -> Vec<Finding> {
        let ips = self.controllers.iter().map(|controller| &controller.ip);
        let finding = |ip: &At<IpAddr>| {
            let why = platform.does_not_give(ip.value)?;
            Some(finding::address_not_given(ip, platform, why))
        };
        ips.filter_map(finding).collect()
    }

    /// The controller at this position is too large for the platform.
    pub fn not_delivered(&self, index: usize, platform: Platform, error: &NotDelivered) -> Finding {
        finding::not_delivered(&self.controllers[index].name, platform, error)
    }
}
