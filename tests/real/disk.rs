//! The data disk on real block devices: real `blkid`, `mkfs` and `mount`, on loop devices of this
//! computer, in a mount namespace of their own.

use crate::rotate::cluster::{Pairs, Pki};
use firstboot::rehearse::Verdict;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Plays bootstrap for the script, which is the machine's own.
const BOOTSTRAP: &str = r#"set -eu
state=$WORK/state n=1 slept=0 ETCD_DATA_DIR=$WORK/etcd/data
mkdir -p $state
say() { echo "$1"; }
waiting() { say "waiting: $1"; "${ON_WAITING-false}"; slept=$((slept + 1)); }
fail() { say "failed: $1"; exit 1; }
keep() { echo "$2" >"$state/$1"; }
attach() { mv "$DISK.away" "$DISK"; }
. "$SCRIPT"
install -d -m 0700 "$ETCD_DATA_DIR"
echo kept >>"$ETCD_DATA_DIR/file"
echo "data: $(cat "$ETCD_DATA_DIR/file")"
umount "$WORK/etcd"
echo "below: $(stat -c '%U %a' "$WORK/etcd") $(ls "$WORK/etcd")"
"#;

/// A disk that is a file, attached for as long as a run of the script lasts.
struct Disk {
    dir: tempfile::TempDir,
    filesystem: &'static str,
}

impl Disk {
    fn blank(filesystem: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk = Self { dir, filesystem };
        let mib = if filesystem == "xfs" { 320 } else { 32 }; // mkfs.xfs takes no less than 300
        disk.file().set_len(mib << 20).unwrap();
        disk
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    fn file(&self) -> File {
        let mut options = File::options();
        let options = options.create(true).truncate(false).write(true);
        options.open(self.path()).unwrap()
    }

    fn boot(&self) -> String {
        self.boot_after("true")
    }

    /// What the machine says when it boots after something was done to the attached disk `$LOOP`.
    fn boot_after(&self, first: &str) -> String {
        let work = self.dir.path();
        fs::write(work.join("bootstrap"), BOOTSTRAP).unwrap();
        let script = "LOOP=$(losetup -f --show \"$WORK/disk\"); trap 'losetup -d $LOOP' EXIT
            ln -sf $LOOP $DISK
            FIRST; unshare -m sh \"$WORK/bootstrap\" 2>&1 || true; rm -f $DISK";
        let output = Command::new("sh")
            .args(["-euc", &script.replace("FIRST", first)])
            .env("WORK", work)
            .env("DISK", work.join("device"))
            .env("DISK_FILESYSTEM", self.filesystem)
            .env("DISK_LABEL", "etcd")
            .env(
                "SCRIPT",
                concat!(env!("CARGO_MANIFEST_DIR"), "/templates/disk"),
            )
            .env("lib", "/nowhere")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }

    /// A boot after which the disk holds what it held before.
    fn refuses_after(&self, first: &str, why: &str) {
        let sum = "echo sum $(sha256sum <$LOOP)";
        let said = self.boot_after(&format!("{first}; {sum}"));
        let after = self.boot_after(&format!("{sum}; exit 0"));
        assert!(said.contains(&format!(
            "failed: {}",
            self.dir.path().join("device").display()
        )));
        assert!(said.contains(why), "{said}");
        let sum = |said: &str| {
            said.lines()
                .find(|line| line.starts_with("sum "))
                .map(str::to_owned)
        };
        assert_eq!(sum(&said).unwrap(), sum(&after).unwrap());
        assert!(!said.contains("data: "), "{said}");
    }
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_blank_disk_is_formatted_once_and_a_returning_one_keeps_its_data() {
    for filesystem in ["ext4", "xfs"] {
        let disk = Disk::blank(filesystem);
        let first = disk.boot();
        assert!(first.contains("is blank: makes an"), "{first}");
        assert!(first.contains("data: kept\n"), "{first}");
        // While the disk is away, etcd's user can write nothing in its place.
        assert!(first.contains("below: root 755 \n"), "{first}");
        let again = disk.boot();
        assert!(again.contains("with what it held, is mounted"), "{again}");
        assert!(again.contains("data: kept\nkept\n"), "{again}");
        assert!(!again.contains("blank"), "{again}");
    }
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn what_is_not_blank_is_never_formatted() {
    let refuses = |first, why| Disk::blank("ext4").refuses_after(first, why);
    refuses("mkfs.ext4 -q -F -L other $LOOP", "LABEL=other TYPE=ext4");
    refuses("mkfs.ext4 -q -F $LOOP", "TYPE=ext4");
    Disk::blank("xfs").refuses_after("mkfs.ext4 -q -F -L etcd $LOOP", "LABEL=etcd TYPE=ext4");
    refuses("echo 'label: gpt' | sfdisk -q $LOOP", "PTTYPE=gpt");
    refuses("echo 'label: dos' | sfdisk -q $LOOP", "PTTYPE=dos");
    refuses("mkswap $LOOP >/dev/null", "TYPE=swap");
    refuses(
        "printf data | dd of=$LOOP bs=1 seek=1048572 2>/dev/null",
        "what no tool knows",
    );
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_format_that_a_power_cut_ended_is_begun_again() {
    let disk = Disk::blank("ext4");
    disk.file().write_all_at(b"half", 4096).unwrap();
    disk.refuses_after("true", "what no tool knows");
    let began = "mkdir -p $WORK/state; lsblk -bdno SIZE,SERIAL,WWN $LOOP >$WORK/state/formatting";
    let said = disk.boot_after(began);
    assert!(said.contains("data: kept\n"), "{said}");
    assert!(!disk.dir.path().join("state/formatting").exists());

    // The record of another disk counts for nothing, nor does any for what has a name.
    let disk = Disk::blank("ext4");
    disk.file().write_all_at(b"half", 4096).unwrap();
    let other = "mkdir -p $WORK/state; echo 1 >$WORK/state/formatting";
    disk.refuses_after(other, "what no tool knows");
    let disk = Disk::blank("ext4");
    disk.refuses_after(
        &format!("{began}; mkfs.ext4 -q -F -L other $LOOP"),
        "LABEL=other",
    );
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_disk_that_is_late_is_waited_for() {
    let disk = Disk::blank("ext4");
    let said = disk.boot_after("mv $DISK $DISK.away; export ON_WAITING=attach");
    assert!(said.contains("waiting: for "), "{said}");
    assert!(said.contains("attach the data disk"), "{said}");
    assert!(said.contains("data: kept\n"), "{said}");
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn data_on_the_root_disk_is_not_hidden() {
    let disk = Disk::blank("ext4");
    let said = disk.boot_after("mkdir -p $WORK/etcd/member");
    assert!(said.contains("/etcd/member is on the root disk"), "{said}");
}

/// A whole machine: etcd is not even unpacked while the disk is missing.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn without_its_disk_a_machine_waits_and_starts_no_etcd() {
    let pki = Pki::make_with(
        "3.4.27",
        Pairs::Shared,
        "replace: auto\ndata_disk: { device: /dev/disk/by-id/google-etcd }\n",
    );
    let host = crate::image::host();
    let release = host
        .stand_in("3.4.27".parse().unwrap(), &mut |_| {})
        .unwrap();
    let mut plan = pki.plan(&release, Vec::new());
    plan.machines.truncate(1);
    plan.background.clear();
    plan.timeout = Duration::from_secs(25);
    plan.journal = true;
    let outcome = host.rehearse(plan, &mut |_| {}).unwrap();
    let machine = &outcome.machines[0];
    let Verdict::Silent { waiting, .. } = &machine.verdict else {
        panic!("{:?}", machine.verdict)
    };
    let waiting = waiting.as_deref().unwrap_or_default();
    assert!(
        waiting.starts_with("for /dev/disk/by-id/google-etcd: attach the data disk ("),
        "{waiting}"
    );
    assert!(outcome.requests.is_empty(), "{:?}", outcome.requests);
    let journal = machine.journal.as_deref().unwrap();
    assert!(
        journal.contains("firstboot: [1/6] files: waiting: for /dev/disk"),
        "{journal}"
    );
    assert!(!journal.contains("etcd.service"), "{journal}");
}
