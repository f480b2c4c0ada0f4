//! Commands inside a Debian image, which is left as it was.

use firstboot::rehearse::{Host, Interrupt, StandIn, Suite, default_cache, missing};
use firstboot::release::{Digest, Version};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The computer, with all that a rehearsal needs.
pub(crate) fn host() -> Host {
    check_host();
    Host {
        program: env!("CARGO_BIN_EXE_firstboot").into(),
        cache: default_cache(),
        interrupt: Interrupt::default(),
    }
}

/// The etcd of this line that can be had here: one that `tests/build-etcds` built if it is the
/// very release, or of a line that Debian has not, else what Debian's packages hold.
pub(crate) fn release(version: &str) -> StandIn {
    let wanted: Version = version.parse().unwrap();
    let same = |found: &StandIn| {
        found.version == wanted || (wanted.minor >= 6 && found.version.minor == wanted.minor)
    };
    let mut found = built().into_iter().filter(same);
    found.next().unwrap_or_else(|| {
        let debians = host().stand_in(wanted, &mut |_| {});
        debians.unwrap_or_else(|error| panic!("FIRSTBOOT_TEST_BUILT_ETCD has no such: {error}"))
    })
}

/// The release of this minor version that was built here.
pub(crate) fn newest(minor: u64) -> String {
    let mut found = built().into_iter().map(|release| release.version);
    let found = found.find(|version| version.minor == minor);
    found
        .unwrap_or_else(|| panic!("FIRSTBOOT_TEST_BUILT_ETCD names no etcd 3.{minor}"))
        .to_string()
}

/// What stands in `FIRSTBOOT_TEST_BUILT_ETCD`: directories, each beside the tarball of its name.
fn built() -> Vec<StandIn> {
    let list = std::env::var("FIRSTBOOT_TEST_BUILT_ETCD").unwrap_or_default();
    let directories = list.split(':').filter(|dir| !dir.is_empty());
    let release = |dir: &str| {
        let name = Path::new(dir).file_name().unwrap().to_str().unwrap();
        let mut words = name.split('-');
        let version = words.nth(1).unwrap().strip_prefix('v').unwrap();
        let arch = words.nth(1).unwrap();
        let tarball = PathBuf::from(format!("{dir}.tar.gz"));
        StandIn {
            version: version.parse().unwrap(),
            arch: arch.parse().unwrap(),
            digest: Digest::of(&fs::read(&tarball).unwrap()),
            tarball,
            origin: "built with Go".to_owned(),
            suite: Suite::Bookworm,
        }
    };
    directories.map(release).collect()
}

/// The image of a suite, built if the cache has none.
pub(crate) fn of(suite: Suite) -> PathBuf {
    host().image(suite, &mut |_| {}).unwrap()
}

/// A Debian sid with the newest cloud-init, to read with; built if the cache has none.
///
/// It boots nowhere here, since its systemd wants a newer layout of control groups, and so it is
/// no suite to rehearse on. Sid moves on, and the cache keeps the sid of the day it was built.
pub(crate) fn of_sid() -> PathBuf {
    check_host();
    let shelf = default_cache().join("readers");
    let image = shelf.join("sid-1");
    if image.exists() {
        return image;
    }
    fs::create_dir_all(&shelf).unwrap();
    let unfinished = tempfile::tempdir_in(&shelf).unwrap();
    let made = unfinished.path().join("made");
    let output = Command::new("mmdebstrap")
        .args(["--quiet", "--mode=root", "--variant=minbase"])
        // Mirrors may serve a sid whose index was to be renewed.
        .arg("--aptopt=Acquire::Check-Valid-Until \"false\"")
        .args(["--include=cloud-init,passwd", "sid"])
        .arg(&made)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "no image of sid: {said}");
    fs::rename(&made, &image).unwrap();
    image
}

fn check_host() {
    let lacking = missing();
    assert!(lacking.is_empty(), "this test cannot run here: {lacking}");
}

/// Runs a shell script inside an image. The files of `input` are in `/tmp/input`, the link-local
/// address of a cloud's metadata service is this machine's own and no other can be reached, and
/// whatever is written is gone afterwards.
pub(crate) fn run(image: &Path, input: &Path, script: &str) -> Output {
    const ENTER: &str = "
        all=$4
        mount -t tmpfs tmpfs \"$all\"
        mkdir \"$all/upper\" \"$all/work\" \"$all/root\"
        mount -t overlay -o \"lowerdir=$1,upperdir=$all/upper,workdir=$all/work\" overlay \"$all/root\"
        root=$all/root
        mount -t tmpfs tmpfs \"$root/tmp\"
        mount -t tmpfs tmpfs \"$root/run\"
        mount -t proc proc \"$root/proc\"
        mount --bind /dev \"$root/dev\"
        mount --rbind /sys \"$root/sys\"
        cp -r \"$2\" \"$root/tmp/input\"
        ip link set lo up
        ip address add 169.254.169.254/32 dev lo
        exec chroot \"$root\" /bin/sh -euc \"$3\"
    ";
    let scratch = tempfile::tempdir().unwrap();
    Command::new("unshare")
        .args(["--mount", "--net", "--propagation", "private"])
        .args(["/bin/sh", "-euc", ENTER, "enter"])
        .args([image, input])
        .arg(script)
        .arg(scratch.path())
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What the script printed; it must end well.
pub(crate) fn stdout(image: &Path, input: &Path, script: &str) -> String {
    let output = run(image, input, script);
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (shown(&output.stdout), shown(&output.stderr));
    assert!(
        output.status.success(),
        "in {}: {script}\n{out}\n{err}",
        image.display()
    );
    out
}
