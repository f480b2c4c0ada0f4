//! The disk from which cloud-init's `NoCloud` datasource reads a machine: label `cidata`, files
//! `user-data`, `meta-data` and, if asked for, `network-config`.
//!
//! cloud-init takes the label in lower or in upper case, and needs the first two files
//! (its documentation, datasource `NoCloud`).

use super::iso::{self, Damaged, Entry};
use crate::secret::Secret;
use std::fmt;

/// The label by which cloud-init finds the disk.
pub const LABEL: &str = "cidata";
/// The names of the files, which are the same in a seed directory.
pub const USER_DATA: &str = "user-data";
/// See [`USER_DATA`].
pub const META_DATA: &str = "meta-data";
/// See [`USER_DATA`].
pub const NETWORK_CONFIG: &str = "network-config";

/// What a seed holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// What the machine shall become.
    pub user_data: Secret,
    /// Who it is.
    pub meta_data: Secret,
    /// How it reaches its network, where that does not tell it by itself.
    pub network_config: Option<Secret>,
}

/// Why bytes are no seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotASeed {
    /// No image can be read.
    Image(Damaged),
    /// Its label is another one: cloud-init would not look at it.
    Label,
    /// It lacks this file, without which cloud-init ignores it.
    Lacks(&'static str),
    /// The image does not hold what was put in: a defect of this program.
    Differs,
}

impl fmt::Display for NotASeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(damaged) => damaged.fmt(f),
            Self::Label => write!(f, "the volume label is not `{LABEL}`"),
            Self::Lacks(name) => write!(f, "it has no file `{name}`"),
            Self::Differs => f.write_str("the image does not read back as what was put in"),
        }
    }
}

impl std::error::Error for NotASeed {}

/// The seed as a disk image, the same bytes every time; read back before anybody gets it.
///
/// ```
/// use firstboot::secret::Secret;
/// use firstboot::wire::seed::{self, Seed};
/// let text = |text: &str| Secret::new(text.as_bytes().to_vec());
/// let seed = Seed {
///     user_data: text("#cloud-config\n"),
///     meta_data: text("instance-id: controller-0\n"),
///     network_config: None,
/// };
/// let image = seed::render(&seed).unwrap();
/// assert_eq!(seed::decode(image.expose()).unwrap(), seed);
/// ```
pub fn render(seed: &Seed) -> Result<Secret, NotASeed> {
    let named = [
        (USER_DATA, Some(&seed.user_data)),
        (META_DATA, Some(&seed.meta_data)),
        (NETWORK_CONFIG, seed.network_config.as_ref()),
    ];
    let entries: Vec<_> = named
        .into_iter()
        .filter_map(|(name, secret)| {
            let bytes = secret?.expose();
            Some(Entry { name, bytes })
        })
        .collect();
    let image = iso::write(LABEL, &entries);
    if decode(image.expose())? == *seed {
        Ok(image)
    } else {
        Err(NotASeed::Differs)
    }
}

/// The files of a seed, whoever made it; what else is on the disk is left out.
pub fn decode(image: &[u8]) -> Result<Seed, NotASeed> {
    let image = iso::read(image).map_err(NotASeed::Image)?;
    if !image.label.eq_ignore_ascii_case(LABEL) {
        return Err(NotASeed::Label);
    }
    let file = |name: &'static str| {
        let mut files = image.files.iter();
        let (_, bytes) = files.find(|(found, _)| found == name)?;
        Some(Secret::new(bytes.to_vec()))
    };
    let needed = |name| file(name).ok_or(NotASeed::Lacks(name));
    Ok(Seed {
        user_data: needed(USER_DATA)?,
        meta_data: needed(META_DATA)?,
        network_config: file(NETWORK_CONFIG),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(network_config: Option<&str>) -> Seed {
        let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
        Seed {
            user_data: secret("#cloud-config\n"),
            meta_data: secret("instance-id: i\n"),
            network_config: network_config.map(secret),
        }
    }

    #[test]
    fn comes_back_with_and_without_a_network() {
        for network in [None, Some(""), Some("version: 2\n")] {
            let seed = seed(network);
            let image = render(&seed).unwrap();
            assert_eq!(decode(image.expose()).unwrap(), seed);
        }
    }

    #[test]
    fn what_cloud_init_would_ignore_is_no_seed() {
        let entry = |name| Entry { name, bytes: b"x" };
        let of = |label, entries: &[Entry]| decode(iso::write(label, entries).expose());
        let both = [entry(USER_DATA), entry(META_DATA)];
        assert!(of("CIDATA", &both).is_ok());
        assert_eq!(of("config-2", &both), Err(NotASeed::Label));
        assert_eq!(of(LABEL, &both[..1]), Err(NotASeed::Lacks(META_DATA)));
        assert_eq!(of(LABEL, &both[1..]), Err(NotASeed::Lacks(USER_DATA)));
        assert!(matches!(decode(b""), Err(NotASeed::Image(_))));
    }
}
