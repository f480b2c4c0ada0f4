//! What stands on one controller: its files, and the command that starts them.
//!
//! The same whatever the cloud and however the files get there. To add a file, put it under
//! `templates/` and name it in [`machines`]; what is the same for every cluster with the same
//! etcd release is [`Layer::Image`], all else [`Layer::Boot`].

mod env;
mod file;
mod layout;
mod render;

use crate::cluster::{Cluster, HostName, Hostname, Member, Network};
use crate::release::Digest;
use std::net::IpAddr;

pub use env::EnvValue;
pub use file::{File, Layer, Mode};
pub use layout::{Layout, UnitWord};

const BOOTSTRAP: &str = include_str!("../../templates/bootstrap");
const INSTALL_ETCD: &str = include_str!("../../templates/install-etcd");

/// Where systemd looks for the units of a machine's administrator.
pub(crate) const UNITS: &str = "/etc/systemd/system";

/// Where the list of digests lies; bootstrap holds every other file against it.
const SHA256SUMS: &str = "/etc/firstboot/SHA256SUMS";

/// A command whose exit status is the verdict on the first boot.
pub const VERDICT: &str = "systemctl is-active --quiet firstboot.service";

/// One controller, as files and commands. Borrows the certificates from its [`Cluster`].
#[derive(Clone, Debug)]
pub struct Machine<'a> {
    /// The controller's name.
    pub name: HostName,
    /// The host name that the machine takes; `None` leaves it to the image or the cloud.
    pub hostname: Option<HostName>,
    /// The controller's address.
    pub address: IpAddr,
    /// The network that it must be told of; `None` leaves that to the image or the cloud.
    pub network: Option<Network>,
    /// Every file that is sent, in the order in which it should be written.
    pub files: Vec<File<'a>>,
    /// The digest of the list of digests: a name for exactly these files. bootstrap writes it to
    /// `/var/lib/firstboot/delivered` once it has seen them all.
    pub delivery: Digest,
    /// A shell text for cloud-init's `bootcmd`, which runs on every boot before files are
    /// written: cloud-init repeats a delivery that was cut short only because of it.
    pub early: String,
    /// The commands that start everything, each a list of arguments, in this order and after
    /// `files`. The last one returns with the verdict as its exit status; where others follow,
    /// [`VERDICT`] says it once more.
    pub start: Vec<Vec<String>>,
}

/// The machine of every controller, in the manifest's order, with our own files where this
/// layout has them. Pure.
pub fn machines(cluster: &Cluster, layout: Layout) -> Vec<Machine<'_>> {
    let image = image_files(cluster, layout);
    let machine = |member| machine(cluster, member, &image);
    cluster.members.iter().map(machine).collect()
}

/// The files that are the same on every controller of every cluster with this etcd release and
/// this layout.
fn image_files(cluster: &Cluster, layout: Layout) -> Vec<File<'static>> {
    let lib = |name: &str| format!("{}/{name}", layout.lib());
    let unit = |name: &str| format!("{UNITS}/{name}");
    vec![
        File::image(lib("bootstrap"), BOOTSTRAP),
        File::image(lib("install-etcd"), INSTALL_ETCD),
        File::image(lib("release.env"), render::release_env(&cluster.release)),
        File::image(unit("etcd.service"), render::etcd_service(layout)),
        File::image(unit("firstboot.service"), render::firstboot_service(layout)),
    ]
}

fn machine<'a>(cluster: &Cluster, member: &'a Member, image: &[File<'static>]) -> Machine<'a> {
    let mut files = image.to_vec();
    let pem_mode = |is_key| if is_key { Mode::SECRET } else { Mode::PUBLIC };
    let pems = member.tls.files();
    files.extend(
        pems.into_iter()
            .map(|(pem, is_key)| File::pem(pem, pem_mode(is_key))),
    );
    files.extend([
        File::boot("/etc/etcd/etcd.env", render::etcd_env(cluster, member)),
        File::boot(render::MEMBER_ENV, render::member_env(cluster, member)),
    ]);
    let sums = File::boot(SHA256SUMS, sha256sums(&files));
    let delivery = Digest::of(sums.bytes());
    files.push(sums);
    Machine {
        name: member.name.clone(),
        hostname: match member.hostname {
            Hostname::Controller => Some(member.name.clone()),
            Hostname::Keep => None,
        },
        address: member.address,
        network: cluster.network.clone(),
        files,
        delivery,
        early: render::early(delivery),
        start: vec![
            command(&["systemctl", "daemon-reload"]),
            command(&["systemctl", "enable", "--now", "firstboot.service"]),
        ],
    }
}

fn command(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// As `sha256sum` prints it. The last line is that of `member.env`: so bootstrap knows a list
/// that was cut short.
fn sha256sums(files: &[File]) -> String {
    let lines = files
        .iter()
        .map(|file| format!("{}  {}\n", Digest::of(file.bytes()), file.path));
    lines.collect()
}
