//! Messages about what a platform takes and what its client is told.

use super::listed;
use crate::manifest::{At, Remedies};
use crate::platform::{Family, NotAValue, NotDelivered, NotHere, Platform};
use crate::report::{Finding, closest, quoted};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::ops::Range;

type Place = Range<usize>;

pub(in crate::manifest) fn image_family(value: &At<String>) -> Finding {
    let names = Family::ALL.map(Family::name);
    let help = match closest(&value.value, names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("known: {}", listed(&names)),
    };
    let message = format!("{} is no family of images", quoted(&value.value));
    Finding::error("image-family", value.place.clone(), message, help)
}

pub(in crate::manifest) fn image_not_here(
    place: Place,
    family: Family,
    platform: Platform,
    why: NotHere,
) -> Finding {
    let message = format!(
        "`{family}` images cannot be used on {platform}: they {}",
        why.why
    );
    Finding::error("image-not-here", place, message, why.help)
}

pub(in crate::manifest) fn image_id_not_used(place: Place, platform: Platform) -> Finding {
    Finding::error(
        "image-id-not-used",
        place,
        format!("on {platform} nothing is made of an image: `id` has no use"),
        "remove it; `image: ubuntu` alone says what the machines read",
    )
}

pub(in crate::manifest) fn launch_key(place: Place, key: &str, platform: Platform) -> Finding {
    let keys: Vec<_> = platform.keys().map(|key| key.name).collect();
    let help = match keys.as_slice() {
        _ if key == "image" && platform.takes_image() => {
            "write `image: { id: … }` at the top; a controller's own `launch` may have one"
                .to_owned()
        }
        [] => format!("remove it: `launch` on {platform} needs nothing"),
        keys => format!("on {platform} there are {}", listed(keys)),
    };
    let message = match key {
        "image" if platform.takes_image() => "`launch` has no `image` for all machines".to_owned(),
        key => format!("{} has no use on {platform}", quoted(key)),
    };
    Finding::error("launch-key", place, message, help)
}

pub(in crate::manifest) fn launch_value(key: &str, value: &At<String>, why: NotAValue) -> Finding {
    let message = format!(
        "{} is no value for `{key}`: {}",
        quoted(&value.value),
        why.0
    );
    let variable = match key {
        "id" => "IMAGE".to_owned(),
        key => key.to_ascii_uppercase(),
    };
    let help = match why {
        NotAValue::CHARACTERS => {
            format!("leave it out, and set the variable `{variable}` when you run `launch`")
        }
        _ => "write it as the cloud's own client takes it".to_owned(),
    };
    Finding::error("launch-value", value.place.clone(), message, help)
}

pub(in crate::manifest) fn cloud_config_unread(
    place: Place,
    family: Family,
    platform: Platform,
) -> Finding {
    Finding::error(
        "cloud-config-unread",
        place,
        format!("`{family}` images on {platform} have no cloud-init: nobody would read this"),
        "remove it, or choose a family with cloud-init, for example `ubuntu`",
    )
}

pub(in crate::manifest) fn addresses_from_nobody(place: Place, platform: Platform) -> Finding {
    Finding::warning(
        "address-not-given",
        place,
        format!("on {platform} nobody gives the machines the addresses of `controllers`"),
        "write `network`, or let the DHCP server there give them: a machine waits until it has its own",
    )
}

pub(in crate::manifest) fn address_not_given(
    ip: &At<IpAddr>,
    platform: Platform,
    why: &str,
) -> Finding {
    Finding::warning(
        "address-not-given",
        ip.place.clone(),
        format!(
            "`launch` cannot give {} to the machine: on {platform} {why}",
            ip.value
        ),
        "the machine waits until it has that address: see to it yourself, or choose another platform",
    )
}

pub(in crate::manifest) fn not_delivered(
    controller: &At<crate::cluster::HostName>,
    platform: Platform,
    error: &NotDelivered,
    remedies: Remedies,
) -> Finding {
    let NotDelivered {
        document,
        form,
        bytes,
        limit,
        eaters,
    } = error;
    let message = format!(
        "`{}` is too large for {platform}: its {} counts {bytes} bytes as {form}, and {} holds {}",
        controller.value,
        document.file(),
        limit.of,
        limit.bytes
    );
    Finding::error(
        "too-large",
        controller.place.clone(),
        message,
        remedies.words(),
    )
    .with_note(table(eaters))
}

impl Remedies {
    /// One sentence of what applies.
    fn words(self) -> String {
        let all = [
            (self.compress, "allow `--compress auto`"),
            (self.cloud_config, "shorten `cloud_config`"),
            (
                self.shared,
                "give each controller a certificate of its own without the other controllers' names",
            ),
            (self.rsa, "take EC keys instead of RSA"),
            (true, "choose a platform that takes more"),
            (self.plain_image, "bake the image"),
        ];
        let words: Vec<_> = all
            .iter()
            .filter(|(fits, _)| *fits)
            .map(|(_, words)| *words)
            .collect();
        match words.as_slice() {
            [] => String::new(),
            [one] => (*one).to_owned(),
            [some @ .., last] => format!("{}, or {last}", some.join(", ")),
        }
    }
}

/// Who eats the bytes, the largest first.
fn table(eaters: &[(String, usize)]) -> String {
    const SHOWN: usize = 8;
    let total: usize = eaters.iter().map(|(_, bytes)| bytes).sum();
    let (shown, others) = eaters.split_at(eaters.len().min(SHOWN));
    let mut table = format!("{total:>7} bytes before they are packed:");
    for (path, bytes) in shown {
        let _ = write!(table, "\n{bytes:>7}  {path}");
    }
    if !others.is_empty() {
        let bytes: usize = others.iter().map(|(_, bytes)| bytes).sum();
        let _ = write!(table, "\n{bytes:>7}  {} others", others.len());
    }
    table
}
