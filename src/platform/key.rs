//! What the `launch` script of a platform wants to know, and which values it takes for it.

use crate::release::Arch;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The key that stands in the manifest as `image.id`, or under a controller as `launch.image`.
pub(super) const IMAGE: &str = "image";
pub(super) const MACHINE_TYPE: &str = "machine_type";

/// One thing that a `launch` script wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in the manifest's `launch`.
    pub name: &'static str,
    /// What it is, for people: no character that a shell would touch.
    pub is: &'static str,
    pub(super) otherwise: Otherwise,
    kind: Kind,
}

/// What happens where neither the manifest nor a variable says it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Otherwise {
    /// The script asks for it and stops.
    Ask,
    /// This is taken; where the machine's architecture has none, the script asks.
    Take(Usual),
    /// The client's own configuration decides, or the cloud.
    LeaveOut,
}

/// What is taken where nobody says it, by what the machine is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Usual {
    /// The same for all.
    Any(&'static str),
    /// For amd64 alone.
    Amd64(&'static str),
    /// For amd64, and for arm64.
    Each(&'static str, &'static str),
}

/// Which values there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    /// A whole number from 1 on.
    Number,
    /// The length of a network's prefix.
    Prefix,
    /// An IP address.
    Address,
}

impl Usual {
    pub(super) const fn of(self, arch: Arch) -> Option<&'static str> {
        match (self, arch) {
            (Self::Any(value), _)
            | (Self::Amd64(value) | Self::Each(value, _), Arch::Amd64)
            | (Self::Each(_, value), Arch::Arm64) => Some(value),
            _ => None,
        }
    }
}

impl Key {
    const fn new(name: &'static str, is: &'static str, otherwise: Otherwise) -> Self {
        Self {
            name,
            is,
            otherwise,
            kind: Kind::Text,
        }
    }

    pub(super) const fn ask(name: &'static str, is: &'static str) -> Self {
        Self::new(name, is, Otherwise::Ask)
    }

    pub(super) const fn take(name: &'static str, is: &'static str, usual: Usual) -> Self {
        Self::new(name, is, Otherwise::Take(usual))
    }

    pub(super) const fn leave_out(name: &'static str, is: &'static str) -> Self {
        Self::new(name, is, Otherwise::LeaveOut)
    }

    pub(super) const fn number(mut self) -> Self {
        self.kind = Kind::Number;
        self
    }

    pub(super) const fn prefix(mut self) -> Self {
        self.kind = Kind::Prefix;
        self
    }

    pub(super) const fn address(mut self) -> Self {
        self.kind = Kind::Address;
        self
    }

    /// The shell variable that gives it where the manifest does not.
    ///
    /// ```
    /// use firstboot::platform::Platform;
    /// let mut keys = Platform::named("gce").unwrap().keys();
    /// assert!(keys.any(|key| key.variable() == "MACHINE_TYPE"));
    /// ```
    pub fn variable(&self) -> String {
        self.name.to_ascii_uppercase()
    }

    /// What is taken for a machine of this architecture where nobody says it.
    pub fn default(&self, arch: Arch) -> Option<&'static str> {
        match self.otherwise {
            Otherwise::Take(usual) => usual.of(arch),
            Otherwise::Ask | Otherwise::LeaveOut => None,
        }
    }

    /// Whether any text is a value, not only a number or an address.
    pub fn is_text(&self) -> bool {
        self.kind == Kind::Text
    }

    /// Whether it is the image, which for all machines is `image.id`.
    pub fn is_image(&self) -> bool {
        self.name == IMAGE
    }

    /// Whether machines of different architectures need different values.
    pub(super) fn follows_architecture(&self) -> bool {
        [IMAGE, MACHINE_TYPE].contains(&self.name)
    }

    /// Takes a text as its value, for a machine with an address of this kind.
    pub(crate) fn value(&self, text: &str, ip: Option<IpAddr>) -> Result<LaunchValue, NotAValue> {
        let longest = if ip.is_some_and(|ip| ip.is_ipv4()) {
            32
        } else {
            128
        };
        let number = |within: std::ops::RangeInclusive<u32>| {
            // Written as it is shown: `08` is no number to some readers.
            let number = text.parse().ok();
            number.is_some_and(|number: u32| within.contains(&number) && number.to_string() == text)
        };
        match self.kind {
            Kind::Text => {}
            Kind::Number if number(1..=u32::MAX) => {}
            Kind::Number => return Err(NotAValue("it must be a whole number, 1 or more")),
            Kind::Prefix if number(0..=longest) => {}
            Kind::Prefix if longest == 32 => {
                return Err(NotAValue("it must be a whole number from 0 to 32"));
            }
            Kind::Prefix => return Err(NotAValue("it must be a whole number from 0 to 128")),
            Kind::Address if text.parse::<IpAddr>().is_ok() => {}
            Kind::Address => return Err(NotAValue("it must be an IP address")),
        }
        LaunchValue::new(text)
    }
}

/// A value for a cloud's client: printable ASCII.
///
/// ```
/// use firstboot::platform::LaunchValue;
/// assert!(LaunchValue::new("projects/p/zones/us-west1-b").is_ok());
/// assert!(LaunchValue::new("VM Network").is_ok());
/// assert!(LaunchValue::new(" VM Network").is_err());
/// assert!(LaunchValue::new("--delete-all").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchValue(String);

/// Why a text is no such value, as the rest of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAValue(pub &'static str);

impl NotAValue {
    /// A client may take it, but not by way of the manifest.
    pub const CHARACTERS: Self =
        Self("only printable ASCII may stand in it, and no quotes and backslashes");
}

impl LaunchValue {
    /// OCIDs and resource paths are the longest that clouds have; none comes near this.
    const LONGEST: usize = 512;

    /// Takes 1 to 512 characters of printable ASCII without quotes, and blanks only inside.
    pub fn new(text: &str) -> Result<Self, NotAValue> {
        let allowed =
            |c: char| c == ' ' || c.is_ascii_graphic() && !matches!(c, '\'' | '"' | '`' | '\\');
        if text.is_empty() {
            Err(NotAValue("it is empty"))
        } else if text.len() > Self::LONGEST {
            Err(NotAValue("it has more than 512 characters"))
        } else if text.starts_with('-') {
            Err(NotAValue("a client would take it for an option"))
        } else if text.trim() != text {
            Err(NotAValue("a blank stands at its start or its end"))
        } else if !text.chars().all(allowed) {
            Err(NotAValue::CHARACTERS)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The manifest's `launch`, or that of one controller: values by the names of their keys.
pub type LaunchValues = BTreeMap<&'static str, LaunchValue>;
