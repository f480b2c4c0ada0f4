//! The keys `image` and `launch`: what the cloud's own client is told.

use super::fields::{Fields, Findings};
use super::yaml::{Node, Value};
use super::{At, bake, finding};
use crate::cluster::Mismatch;
use crate::platform::{Family, Image, Key, LaunchValue, LaunchValues, NotAValue, Platform};
use std::net::IpAddr;
use std::ops::Range;

/// `image`: a family, or a mapping. `None` where it could not be read, which has been reported.
pub(super) fn image(
    node: &Node,
    platform: Option<Platform>,
    findings: &Findings,
) -> Option<At<Image>> {
    let place = node.place.clone();
    let (family, id, mismatch) = if matches!(node.value, Value::Mapping(_)) {
        let fields = Fields::of(node, "image", findings)?;
        let family = fields.optional("family");
        let id = fields.optional("id");
        let mismatch = fields.optional("mismatch");
        fields.finish(&["family", "id", "mismatch"]);
        (family, id, mismatch)
    } else {
        (Some(node), None, None)
    };
    let before = findings.len();
    let image = Image {
        family: family.and_then(|node| self::family(node, platform, findings)),
        id: id.and_then(|node| value(node, "id", &LaunchValue::new, findings)),
        mismatch: mismatch.map_or_else(Mismatch::default, |node| bake::mismatch(node, findings)),
    };
    if let (Some(node), Some(platform)) = (id, platform.filter(|one| !one.takes_image())) {
        findings.push(finding::image_id_not_used(node.place.clone(), platform));
    }
    (findings.len() == before).then_some(At {
        value: image,
        place,
    })
}

fn family(node: &Node, platform: Option<Platform>, findings: &Findings) -> Option<Family> {
    let written = findings.text(node, "family")?;
    let family = Family::named(&written.value);
    let family = findings.keep(family.ok_or_else(|| finding::image_family(&written)))?;
    let fits = platform.map(|platform| {
        platform
            .documents(Some(family))
            .map_err(|why| (platform, why))
    });
    if let Some(Err((platform, why))) = fits {
        findings.push(finding::image_not_here(
            written.place,
            family,
            platform,
            why,
        ));
    }
    Some(family)
}

/// Whose `launch` it is.
pub(super) struct Of<'a> {
    /// How it is called in messages.
    pub(super) called: &'a str,
    /// Where the machines run, if that could be read.
    pub(super) platform: Option<Platform>,
    /// The address of the machine, or of the first one.
    pub(super) ip: Option<IpAddr>,
    /// Whether it is a controller's own, which may have its own image.
    pub(super) is_own: bool,
}

/// `launch`, at the top or under a controller. Which keys it may have is up to the platform; where
/// that could not be read, every platform's are taken.
pub(super) fn values(node: &Node, of: &Of, findings: &Findings) -> LaunchValues {
    let platform = of.platform;
    let mut values = LaunchValues::new();
    let Some(fields) = Fields::of(node, of.called, findings) else {
        return values;
    };
    let keys = |platform: Platform| platform.keys_of_one().filter(|key| of.takes(key));
    let here = |key: &str| platform.is_none_or(|here| keys(here).any(|found| found.name == key));
    let mut known = Vec::new();
    // Those of the platform first: a key of this name may be another thing elsewhere.
    let everywhere = platform.into_iter().chain(Platform::ALL);
    for key in everywhere.flat_map(Platform::keys_of_one) {
        if known.contains(&key.name) {
            continue;
        }
        known.push(key.name);
        let Some(node) = fields.optional(key.name) else {
            continue;
        };
        if let Some(platform) = platform.filter(|_| !here(key.name)) {
            findings.push(finding::launch_key(node.place.clone(), key.name, platform));
        } else if let Some(value) = value(node, key.name, &|text| key.value(text, of.ip), findings)
        {
            values.insert(key.name, value);
        }
    }
    known.retain(|key| here(key));
    fields.finish(&known);
    values
}

impl Of<'_> {
    fn takes(&self, key: &Key) -> bool {
        self.is_own || !key.is_image()
    }
}

/// A value of printable ASCII; a number is as good as a text (`vmid: 110`, an account's ID).
fn value(
    node: &Node,
    key: &str,
    read: &dyn Fn(&str) -> Result<LaunchValue, NotAValue>,
    findings: &Findings,
) -> Option<LaunchValue> {
    let place: Range<usize> = node.place.clone();
    let written = match &node.value {
        Value::Number(text) => At {
            value: text.clone(),
            place,
        },
        _ => findings.text(node, key)?,
    };
    let value = read(&written.value);
    findings.keep(value.map_err(|why| finding::launch_value(key, &written, why)))
}
