//! What stands on one controller: its files, and the command that starts them.
//!
//! The same whatever the cloud and however the files get there. To add a file, put it under
//! `templates/` and name it in [`machines`]; what is the same for every cluster with this layout
//! is [`Layer::Image`], all else [`Layer::Boot`].

mod env;
mod file;
mod layout;
mod render;

use crate::cluster::{Cluster, HostName, Hostname, Member, Mismatch, Network, Release};
use crate::release::Digest;
use crc::{CRC_32_CKSUM, Crc};
use std::net::IpAddr;

pub use env::EnvValue;
pub use file::{File, Layer, Mode};
pub use layout::{Layout, UnitWord};

const BOOTSTRAP: &str = include_str!("../../templates/bootstrap");
const DISK: &str = include_str!("../../templates/disk");
const PEERS: &str = include_str!("../../templates/peers");
const INSTALL_ETCD: &str = include_str!("../../templates/install-etcd");

/// Where systemd looks for the units of a machine's administrator.
pub(crate) const UNITS: &str = "/etc/systemd/system";

/// Where the list of checksums lies; bootstrap holds every other file against it.
pub(crate) const SENT: &str = "/etc/firstboot/sent";

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
    /// A name for exactly these files, 16 hexadecimal digits. bootstrap writes it to
    /// `/var/lib/firstboot/delivered` once it has seen them all.
    pub delivery: String,
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
    let mut common = image_files(layout);
    common.push(release_file(&cluster.release, cluster.mismatch, layout));
    let lib = layout.lib();
    let more = more_scripts(cluster).into_iter();
    let file = |(name, text)| File::boot(&format!("{lib}/{name}"), without_comments(text));
    common.extend(more.map(file));
    let machine = |member| machine(cluster, member, &common);
    cluster.members.iter().map(machine).collect()
}

/// The files that an image may bring: the same for every cluster with this layout.
pub fn image_files(layout: Layout) -> Vec<File<'static>> {
    let lib = |name: &str| format!("{}/{name}", layout.lib());
    let unit = |name: &str| format!("{UNITS}/{name}");
    vec![
        File::image(lib("bootstrap"), without_comments(BOOTSTRAP)),
        File::image(lib("install-etcd"), without_comments(INSTALL_ETCD)),
        File::image(unit("etcd.service"), render::etcd_service(layout)),
        File::image(unit("firstboot.service"), render::firstboot_service(layout)),
    ]
}

/// The pinned release, which `install-etcd` reads beside itself. No image brings it: it is the
/// manifest's word, by which what the image brings is judged.
pub fn release_file(release: &Release, mismatch: Mismatch, layout: Layout) -> File<'static> {
    let path = format!("{}/release.env", layout.lib());
    File::boot(&path, render::release_env(release, mismatch))
}

/// The scripts with which bootstrap does more than it does by itself: names and texts. bootstrap
/// takes in the first one, and each the one after it.
///
/// No image brings them: an image is the same for all, and these go to those that ask for them.
fn more_scripts(cluster: &Cluster) -> Vec<(&'static str, &'static str)> {
    let disk = cluster.data_disk.as_ref().map(|_| ("disk", DISK));
    let peers = cluster.replace.map(|_| ("peers", PEERS));
    disk.into_iter().chain(peers).collect()
}

/// A script as it is sent: comments and indentation are for who changes it, and each byte counts
/// there. In these scripts a number sign after a blank begins a comment wherever it stands, and no
/// line of a text begins with a blank; a test has a shell compare the two.
fn without_comments(script: &str) -> String {
    let code = |line: &str| {
        let line = line.trim_start();
        let comment = line.find(" # ").unwrap_or(line.len());
        let is_comment = line.is_empty() || line.starts_with("# ");
        (!is_comment).then(|| format!("{}\n", line[..comment].trim_end()))
    };
    script.lines().filter_map(code).collect()
}

impl Machine<'_> {
    /// The same machine for an image that has the image's files already. What is listed as sent
    /// stays the whole list: bootstrap tells an image with other files.
    #[must_use]
    pub fn without_image(mut self) -> Self {
        self.files.retain(|file| file.layer == Layer::Boot);
        // The image starts it at each boot. To enable it once more is to reload systemd, which for
        // so long starts no etcd either.
        self.start = vec![command(&["systemctl", "start", "firstboot.service"])];
        self
    }
}

fn machine<'a>(cluster: &Cluster, member: &'a Member, common: &[File<'static>]) -> Machine<'a> {
    let mut files = common.to_vec();
    let pem_mode = |is_key| if is_key { Mode::SECRET } else { Mode::PUBLIC };
    let pems = member.tls.files();
    files.extend(
        pems.into_iter()
            .map(|(pem, is_key)| File::pem(pem, pem_mode(is_key))),
    );
    let etcd_env = render::etcd_env(cluster, member);
    files.push(File::boot("/etc/etcd/etcd.env", etcd_env));
    let delivery = delivery(&files);
    files.push(File::boot(SENT, sent(&files, &delivery)));
    Machine {
        name: member.name.clone(),
        hostname: match member.hostname {
            Hostname::Controller => Some(member.name.clone()),
            Hostname::Keep => None,
        },
        address: member.address,
        network: cluster.network.clone(),
        files,
        early: render::early(&delivery),
        delivery,
        // `enable` reloads systemd's own files by itself, whatever was enabled before (systemctl(1)).
        start: vec![command(&[
            "systemctl",
            "enable",
            "--now",
            "firstboot.service",
        ])],
    }
}

fn command(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Two lists of files that differ in any byte have different names.
fn delivery(files: &[File]) -> String {
    let lines = files
        .iter()
        .map(|file| format!("{}  {}\n", Digest::of(file.bytes()), file.path));
    let list: String = lines.collect();
    let mut name = Digest::of(list.as_bytes()).to_string();
    name.truncate(16);
    name
}

/// The files as `cksum` prints them: enough to find what a power cut left, and shorter than
/// digests. The delivery's name ends it: so bootstrap knows a list that was cut short.
fn sent(files: &[File], delivery: &str) -> String {
    let lines = files.iter().map(|file| {
        let bytes = file.bytes();
        format!("{} {} {}\n", cksum(bytes), bytes.len(), file.path)
    });
    let mut list: String = lines.collect();
    list.push_str("delivery ");
    list.push_str(delivery);
    list.push('\n');
    list
}

/// The checksum of POSIX's `cksum`: a CRC over the bytes and then over their number.
pub(crate) fn cksum(bytes: &[u8]) -> u32 {
    const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_CKSUM);
    let mut digest = CRC.digest();
    digest.update(bytes);
    let length = bytes.len().to_le_bytes();
    let significant = length.iter().rposition(|&byte| byte != 0);
    digest.update(&length[..significant.map_or(0, |last| last + 1)]);
    digest.finalize()
}
