//! One machine as the text that a cloud hands to it, and back again.
//!
//! To add a form: a file here with a `render` that reads back what it rendered, and compares.

pub mod cloud_config;
pub mod decode;
pub mod encoding;
pub mod escape;
pub mod ignition;
pub mod iso;
pub mod network_config;
pub mod seed;
pub mod startup_script;
mod user_config;

pub use user_config::{Item, Scalar, UserConfig};

use std::fmt;

/// The rendered document does not say what it should: a defect of this program.
#[derive(Debug)]
pub struct NotReadBack(String);

impl fmt::Display for NotReadBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the rendered document does not read back as what was meant: {}",
            self.0
        )
    }
}

impl std::error::Error for NotReadBack {}

/// That a rendered document is not what was meant here. `what` names a place, never contents.
fn differs<T>(what: &str) -> Result<T, NotReadBack> {
    Err(NotReadBack(what.to_owned()))
}

/// A machine with these files, for tests of the forms.
#[cfg(test)]
fn machine_with(files: Vec<crate::machine::File<'static>>) -> crate::machine::Machine<'static> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect();
    crate::machine::Machine {
        name: crate::cluster::HostName::new("controller-0").unwrap(),
        hostname: None,
        address: std::net::Ipv4Addr::new(10, 240, 0, 10).into(),
        network: None,
        files,
        delivery: "0123456789abcdef".to_owned(),
        early: String::new(),
        start: vec![words("systemctl enable --now firstboot.service")],
    }
}
