//! A document's bytes as each cloud counts them.

use crate::platform::{Document, Packed, Platform};
use crate::wire::decode::{Kind, Part};

/// One document on one cloud.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// The cloud.
    pub platform: Platform,
    /// The first form that fits there, else the smallest that survives.
    pub packed: Packed,
}

impl Size {
    /// Whether the cloud takes it so.
    pub fn fits(&self) -> bool {
        self.packed.bytes <= self.platform.limit().bytes
    }
}

/// The document on every cloud that limits it and hands it over in that form; largest share first.
/// Nothing for what is too large to be packed for a try.
pub fn sizes(part: &Part) -> Vec<Size> {
    const MOST: usize = 512 << 10;
    let document = match part.kind {
        Kind::Ignition(_) => Document::Ignition,
        Kind::CloudConfig(_)
        | Kind::Archive(_)
        | Kind::Multipart
        | Kind::Script
        | Kind::Boothook
        | Kind::Include(_)
        | Kind::PartHandler
        | Kind::JsonPatch => Document::CloudConfig,
        _ => return Vec::new(),
    };
    if part.text.expose().len() > MOST {
        return Vec::new();
    }
    let limited = |platform: &Platform| platform.limit().bytes != usize::MAX;
    let packed = Platform::pack_for_all(document, &part.text);
    let sizes = packed.into_iter().filter(|(platform, _)| limited(platform));
    sizes
        .map(|(platform, packed)| Size { platform, packed })
        .collect()
}
