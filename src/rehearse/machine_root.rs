//! The file system that one machine boots from: the image, and over it what its cloud gives it.

use super::error::{Doing as _, Error};
use super::plan::Machine;
use super::tools::{path_through, shown};
use rustix::mount::{MountFlags, mount, mount_bind};
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Where the image is seen inside; its path in the cache may hold what overlayfs reads as marks.
const IMAGE: &str = "/run/image";
const MACHINES: &str = "/run/machines";

/// What any cloud configures in its images. Nothing here changes what user-data does: no network,
/// for it is there already, no apt sources, for they reach nowhere, and one host key instead of four.
const CLOUD_CONFIG: &str = "\
# firstboot rehearse: what this cloud knows of its images
datasource_list: [NoCloud]
network: {config: disabled}
apt: {preserve_sources_list: true}
ssh_genkeytypes: [ed25519]
";

/// What a machine must know of its surroundings.
pub(super) struct Surroundings<'a> {
    /// The hosts that the release server answers for.
    pub(super) hosts: &'a [String],
    /// Its address.
    pub(super) server: IpAddr,
    /// The certificate authority that signed for them, as PEM.
    pub(super) authority: &'a str,
    /// The release's tarball, and where it lies in the image.
    pub(super) tarball: &'a File,
    pub(super) media: &'a [PathBuf],
}

/// Hides this computer's `/run`, and makes it the memory that machines write to.
///
/// Also shows control groups as the one hierarchy that every systemd of today knows.
pub(super) fn prepare(image: &Path) -> Result<(), Error> {
    // Looked at first: hiding `/run` may hide the way to it.
    let image = File::open(image).doing(|| format!("opening {}", shown(image)))?;
    let tmpfs = |dir: &str| mount("tmpfs", dir, "tmpfs", MountFlags::empty(), c"mode=0755");
    tmpfs("/run").doing(|| "mounting a tmpfs on /run".to_owned())?;
    let groups = super::control_group::ROOT;
    mount("cgroup2", groups, "cgroup2", MountFlags::empty(), None)
        .doing(|| format!("mounting control groups on {groups}"))?;
    create_dir(Path::new(IMAGE))?;
    mount_bind(path_through(&image), IMAGE).doing(|| format!("mounting the image on {IMAGE}"))
}

/// Lays the file system of the machine with this index in the plan.
pub(super) fn lay(
    index: usize,
    machine: &Machine,
    around: &Surroundings<'_>,
) -> Result<PathBuf, Error> {
    let root = overlay(index)?;
    let seed = root.join("var/lib/cloud/seed/nocloud");
    create_dir(&seed)?;
    write_new(&seed.join("user-data"), machine.user_data.expose(), 0o600)?;
    write_new(&seed.join("meta-data"), machine.meta_data.as_bytes(), 0o600)?;
    let config = root.join("etc/cloud/cloud.cfg.d/99-firstboot-rehearsal.cfg");
    write_new(&config, CLOUD_CONFIG.as_bytes(), 0o644)?;
    surround(&root, around)?;
    for path in around.media {
        place(
            around.tarball,
            &root.join(path.strip_prefix("/").unwrap_or(path)),
        )?;
    }
    Ok(root)
}

/// Shows a file at this place of a machine, without a copy in memory.
fn place(file: &File, at: &Path) -> Result<(), Error> {
    write_new(at, b"", 0o644)?;
    mount_bind(path_through(file), at).doing(|| format!("mounting the tarball on {}", shown(at)))
}

fn overlay(index: usize) -> Result<PathBuf, Error> {
    let own = Path::new(MACHINES).join(index.to_string());
    for part in ["upper", "work", "root"] {
        create_dir(&own.join(part))?;
    }
    let own = shown(&own);
    let options = format!("lowerdir={IMAGE},upperdir={own}/upper,workdir={own}/work");
    let options = CString::new(options).doing(|| "naming an overlay".to_owned())?;
    let root = format!("{own}/root");
    mount(
        "overlay",
        root.as_str(),
        "overlay",
        MountFlags::empty(),
        options.as_c_str(),
    )
    .doing(|| format!("mounting an overlay on {root}"))?;
    Ok(root.into())
}

fn surround(root: &Path, around: &Surroundings<'_>) -> Result<(), Error> {
    let names = around.hosts.join(" ");
    let server = match names.as_str() {
        "" => String::new(),
        names => format!("{} {names}\n", around.server),
    };
    let hosts = format!("127.0.0.1 localhost\n::1 localhost\n{server}");
    write_new(&root.join("etc/hosts"), hosts.as_bytes(), 0o644)?;
    write_new(&root.join("etc/hostname"), b"localhost\n", 0o644)?;
    write_new(&root.join("etc/default/locale"), b"LANG=C.UTF-8\n", 0o644)?;
    // With no name server at all, a name that is not in `hosts` fails at once.
    write_new(&root.join("etc/resolv.conf"), b"", 0o644)?;
    let authority = around.authority.as_bytes();
    // Where `update-ca-certificates` would take it from, should the machine run it …
    let ours = root.join("usr/local/share/ca-certificates/firstboot-rehearsal.crt");
    write_new(&ours, authority, 0o644)?;
    // … and where it would put it.
    let bundle = root.join("etc/ssl/certs/ca-certificates.crt");
    let mut file = OpenOptions::new().append(true).open(&bundle);
    file.as_mut()
        .map_err(|error| std::io::Error::from(error.kind()))
        .and_then(|file| file.write_all(authority))
        .doing(|| format!("appending to {}", shown(&bundle)))
}

fn create_dir(dir: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(dir).doing(|| format!("creating {}", shown(dir)))
}

/// Writes a file that has its mode from its first byte on.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let doing = || format!("writing {}", shown(path));
    if let Some(dir) = path.parent() {
        create_dir(dir)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).doing(doing)?,
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .doing(doing)?;
    file.write_all(bytes).doing(doing)
}
