//! The disk that holds a machine's data, and nothing else.

use std::fmt;

/// One disk of each machine; its name there is the same everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDisk {
    /// Where the machine finds it.
    pub device: Device,
    /// What it is formatted as while it is blank.
    pub filesystem: Filesystem,
    /// The file system's label, by which a machine tells its disk from another one.
    pub label: Label,
}

/// The path of a block device: `/dev/disk/by-id/google-etcd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device(String);

/// A file system that etcd's data may lie on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Filesystem {
    /// ext4
    #[default]
    Ext4,
    /// XFS
    Xfs,
}

/// A file system's label, short enough for each [`Filesystem`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(String);

/// Why a text is no [`Device`] or [`Label`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotADisk(pub &'static str);

impl Device {
    /// Takes a path below `/dev/` of letters, digits and `/._:+@-`, without `.`, `..` and empty parts.
    ///
    /// ```
    /// use firstboot::cluster::Device;
    /// assert!(Device::new("/dev/disk/by-id/google-etcd").is_ok());
    /// assert!(Device::new("/dev/../etc/passwd").is_err());
    /// assert!(Device::new("sdb").is_err());
    /// ```
    pub fn new(text: &str) -> Result<Self, NotADisk> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/._:+@-".contains(c);
        let Some(path) = text.strip_prefix("/dev/") else {
            return Err(NotADisk("it must begin with `/dev/`"));
        };
        if text.len() > 255 {
            Err(NotADisk("it has more than 255 characters"))
        } else if !path.chars().all(allowed) {
            Err(NotADisk(
                "only letters, digits, `/`, `.`, `_`, `:`, `+`, `@` and `-` may stand in it",
            ))
        } else if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            Err(NotADisk("an empty part, `.` or `..` stands in it"))
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl Filesystem {
    /// The one of this name, as `mkfs.NAME` and `mount -t NAME` know it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ext4" => Some(Self::Ext4),
            "xfs" => Some(Self::Xfs),
            _ => None,
        }
    }
}

impl Label {
    /// XFS takes 12 characters (`mkfs.xfs(8)`), ext4 16 (`mke2fs(8)`): the fewer count.
    const LONGEST: usize = 12;

    /// Takes 1 to 12 letters, digits, `_` and `-`, which `blkid` prints as they are.
    ///
    /// ```
    /// use firstboot::cluster::Label;
    /// assert!(Label::new("etcd").is_ok());
    /// assert!(Label::new("etcd data").is_err());
    /// ```
    pub fn new(text: &str) -> Result<Self, NotADisk> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if text.is_empty() {
            Err(NotADisk("it is empty"))
        } else if text.len() > Self::LONGEST {
            Err(NotADisk("it has more than 12 characters"))
        } else if !text.chars().all(allowed) || text.starts_with('-') {
            Err(NotADisk(
                "only letters, digits, `_` and `-` may stand in it, and it begins with no `-`",
            ))
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl Default for Label {
    fn default() -> Self {
        Self("etcd".to_owned())
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Filesystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
