//! The file system that one machine boots from: the image, and over it what its cloud gives it.

use super::disk::{self, Disk};
use super::error::{Doing as _, Error};
use super::plan::Machine;
use super::tools::{path_through, shown};
use rustix::mount::{MountFlags, mount, mount_bind};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Where the image is seen inside; its path in the cache may hold what overlayfs reads as marks.
pub(super) const IMAGE: &str = "/run/image";
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
    /// Whether the machine is to lose power, or its disk to be full.
    pub(super) needs_disk: bool,
    /// Whether it is to be made again.
    pub(super) is_replaced: bool,
    /// Whether its clock is to be wrong.
    pub(super) has_false_clock: bool,
}

/// What `date` is where a clock is to be wrong: itself, by as many seconds off as a file says.
const DATE: &str = "\
#!/bin/sh
real=/usr/bin/date.real by=$(cat /etc/firstboot-rehearsal-clock 2>/dev/null)
case \"${by:-0} $*\" in
  '0 '* | *' -d '* | *--date*) exec $real \"$@\" ;;
esac
exec $real -d \"@$(($($real +%s) + by))\" \"$@\"
";

/// The file system of one machine, while it runs and between two boots.
pub(super) struct MachineRoot {
    disk: Disk,
    /// `/etc/hosts` with the release's hosts in it.
    hosts: String,
    /// What is shown inside, and where.
    media: Vec<(PathBuf, PathBuf)>,
}

impl MachineRoot {
    /// Where it is mounted.
    pub(super) fn path(&self) -> PathBuf {
        self.disk.root()
    }

    /// Loses what was not synced. No process of the machine may run any more.
    pub(super) fn lose_power(&self) -> Result<(), Error> {
        self.disk.lose_power()?;
        self.show_media()
    }

    /// Loses all that happened since its cloud made it; likewise.
    pub(super) fn renew(&self) -> Result<(), Error> {
        self.disk.renew()?;
        self.show_media()
    }

    /// Leaves no room, or gives it back.
    pub(super) fn fill(&self, full: bool) -> Result<(), Error> {
        if full {
            self.disk.fill()
        } else {
            self.disk.free()
        }
    }

    /// Makes the release's hosts known, or unknown.
    pub(super) fn know_hosts(&self, known: bool) -> Result<(), Error> {
        let hosts = if known { &self.hosts } else { LOCALHOST };
        disk::overwrite(&self.path().join("etc/hosts"), hosts.as_bytes())
    }

    /// Sets `date` off by so many seconds; 0 sets it right.
    pub(super) fn set_clock(&self, by: i64) -> Result<(), Error> {
        let file = self.path().join("etc/firstboot-rehearsal-clock");
        disk::overwrite(&file, by.to_string().as_bytes())
    }

    fn show_media(&self) -> Result<(), Error> {
        self.media.iter().try_for_each(|(file, at)| place(file, at))
    }
}

const LOCALHOST: &str = "127.0.0.1 localhost\n::1 localhost\n";

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
) -> Result<MachineRoot, Error> {
    let own = Path::new(MACHINES).join(index.to_string());
    let disk = Disk::lay(IMAGE, own, around.needs_disk)?;
    let root = disk.root();
    let seed = root.join("var/lib/cloud/seed/nocloud");
    create_dir(&seed)?;
    write_new(&seed.join("user-data"), machine.user_data.expose(), 0o600)?;
    write_new(&seed.join("meta-data"), machine.meta_data.as_bytes(), 0o600)?;
    let config = root.join("etc/cloud/cloud.cfg.d/99-firstboot-rehearsal.cfg");
    write_new(&config, CLOUD_CONFIG.as_bytes(), 0o644)?;
    let hosts = surround(&root, around)?;
    if around.has_false_clock {
        let (date, real) = (root.join("usr/bin/date"), root.join("usr/bin/date.real"));
        std::fs::copy(&date, &real).doing(|| format!("copying {}", shown(&date)))?;
        write_new(&date, DATE.as_bytes(), 0o755)?;
    }
    disk.sync()?;
    if around.is_replaced {
        disk.keep_new()?;
    }
    let media = around.media.iter().map(|path| {
        let at = root.join(path.strip_prefix("/").unwrap_or(path));
        (path_through(around.tarball), at)
    });
    let root = MachineRoot {
        hosts,
        media: media.collect(),
        disk,
    };
    root.show_media()?;
    root.disk.sync()?;
    Ok(root)
}

/// Shows a file at this place of a machine, without a copy in memory.
fn place(file: &Path, at: &Path) -> Result<(), Error> {
    write_new(at, b"", 0o644)?;
    mount_bind(file, at).doing(|| format!("mounting the tarball on {}", shown(at)))
}

/// Writes what tells of the surroundings, and returns `/etc/hosts`.
fn surround(root: &Path, around: &Surroundings<'_>) -> Result<String, Error> {
    let names = around.hosts.join(" ");
    let server = match names.as_str() {
        "" => String::new(),
        names => format!("{} {names}\n", around.server),
    };
    let hosts = format!("{LOCALHOST}{server}");
    write_new(&root.join("etc/hosts"), hosts.as_bytes(), 0o644)?;
    write_new(&root.join("etc/hostname"), b"localhost\n", 0o644)?;
    write_new(&root.join("etc/default/locale"), b"LANG=C.UTF-8\n", 0o644)?;
    // With no name server at all, a name that is not in `hosts` fails at once.
    write_new(&root.join("etc/resolv.conf"), b"", 0o644)?;
    // A login prompt hangs the console up as it begins, and with it goes what nobody had read yet:
    // with bad luck the verdict. It begins when nothing else is left to do, which is then.
    let prompt = root.join("etc/systemd/system/console-getty.service");
    std::os::unix::fs::symlink("/dev/null", &prompt)
        .doing(|| format!("linking {}", shown(&prompt)))?;
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
        .doing(|| format!("appending to {}", shown(&bundle)))?;
    Ok(hosts)
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
