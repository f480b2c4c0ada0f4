//! The machines' image: a bare Debian with systemd and cloud-init, and nothing of ours.
//!
//! To add a suite, add it to [`Suite`].

use super::cache;
use super::error::{Doing as _, Error};
use super::event::Event;
use super::plan::Suite;
use super::tools::{self, shown};
use crate::release::Digest;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a small cloud image carries. `libnss-myhostname` answers for the machine's own name, as
/// every cloud's resolver does; cloud-init takes `ssh-keygen` for granted, a data disk `mkfs.ext4`.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,udev,cloud-init,iproute2,curl,ca-certificates,\
                        openssl,sudo,libnss-myhostname,openssh-client,e2fsprogs";

/// What mmdebstrap takes over from this computer, and a cloud's image does not have.
const OF_THIS_COMPUTER: [&str; 2] = ["etc/hostname", "etc/resolv.conf"];

/// The parts of the work: by what in its lines mmdebstrap tells that one begins.
const STEPS: [(&str, &str); 5] = [
    ("running apt-get update", "reading Debian's package lists"),
    (
        "downloading packages with apt",
        "downloading the base system",
    ),
    ("extracting archives", "unpacking it"),
    ("installing essential packages", "installing it"),
    (
        "installing remaining packages",
        "downloading and installing systemd, cloud-init and the rest",
    ),
];

/// Where the image of a suite lies, whether it is there or not.
///
/// A change of the recipe changes the name, so that an image of an older recipe is never booted.
pub(super) fn path(suite: Suite, cache: &Path) -> PathBuf {
    let recipe = Digest::of(format!("{PACKAGES} without {OF_THIS_COMPUTER:?}").as_bytes());
    let recipe = recipe.to_string();
    cache
        .join("images")
        .join(format!("{suite}-{}", &recipe[..12]))
}

/// Makes the image, unless it is there. Needs Debian's packages, and so the network.
pub(super) fn build(suite: Suite, cache: &Path, say: &mut dyn FnMut(Event)) -> Result<(), Error> {
    cache::fill(&path(suite, cache), |made| {
        let mut last = 0;
        tools::watch(
            Command::new("mmdebstrap")
                .args(["--mode=root", "--variant=apt"])
                .arg(format!("--include={PACKAGES}"))
                .arg(suite.name())
                .arg(made),
            &mut |line| {
                let begun = STEPS.iter().position(|(sign, _)| line.contains(sign));
                if let Some(at) = begun.filter(|at| *at + 1 > last) {
                    last = at + 1;
                    say(Event::BuildingStep {
                        number: last,
                        of: STEPS.len(),
                        what: STEPS[at].1.to_owned(),
                    });
                }
            },
        )?;
        for name in OF_THIS_COMPUTER {
            let file = made.join(name);
            if file.exists() {
                std::fs::remove_file(&file).doing(|| format!("removing {}", shown(&file)))?;
            }
        }
        Ok(())
    })
}
