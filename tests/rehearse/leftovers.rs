//! However a rehearsal ends, nothing of it is left: no process, mount, network or control group.

use crate::{alone, host, rehearse, stub};
use firstboot::manifest::Manifest;
use firstboot::rehearse::Suite;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Lines};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use tempfile::TempDir;

const LAB: &str = include_str!("../../examples/lab/cluster.yaml");

/// Namespaces of mounts and of the network in which nobody else starts or ends anything.
struct Yard {
    holder: Child,
    _leash: ChildStdin,
}

impl Yard {
    fn open() -> Self {
        let text = "mkdir -p /run/netns; mount -t tmpfs tmpfs /run/netns; echo open; read end";
        let mut holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "--net", "sh", "-c"])
            .arg(text)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(holder.stdout.take().unwrap()).lines().next();
        assert_eq!(said.unwrap().unwrap(), "open");
        let leash = holder.stdin.take().unwrap();
        Self {
            holder,
            _leash: leash,
        }
    }

    /// The program, in there.
    fn firstboot(&self, dir: &TempDir, arguments: &[&str]) -> Command {
        let holder = format!("/proc/{}/ns", self.holder.id());
        let mut command = Command::new("nsenter");
        // `cd` inside: a directory that was opened before is in another mount. It becomes the
        // program itself.
        command
            .args([
                format!("--mount={holder}/mnt"),
                format!("--net={holder}/net"),
            ])
            .args(["--", "sh", "-c", "cd \"$0\" && exec \"$@\""])
            .arg(dir.path())
            .arg(env!("CARGO_BIN_EXE_firstboot"))
            .args(arguments)
            .arg("cluster.yaml");
        command
    }

    fn traces(&self) -> Traces {
        let holder = format!("/proc/{}", self.holder.id());
        let read = |name: &str| std::fs::read_to_string(format!("{holder}/{name}")).unwrap();
        let links = read("net/dev");
        let name = |line: &str| line.split_once(':').map(|(name, _)| name.trim().to_owned());
        Traces {
            mounts: read("mountinfo"),
            links: links.lines().filter_map(name).collect(),
            networks: entries(&format!("{holder}/root/run/netns")),
        }
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Ends a hang: a process that was told to end is waited for.
const HANG: Timespec = Timespec {
    tv_sec: 600,
    tv_nsec: 0,
};

/// What of the yard a rehearsal could have changed.
#[derive(Debug, PartialEq)]
struct Traces {
    mounts: String,
    links: BTreeSet<String>,
    networks: BTreeSet<PathBuf>,
}

fn entries(dir: &str) -> BTreeSet<PathBuf> {
    std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect()
}

/// A rehearsal of the lab on the command line, at the moment when a machine has just booted.
struct Running {
    outermost: Child,
    said: Lines<BufReader<ChildStderr>>,
    _dir: TempDir,
    /// Every process of it, each with its name and a handle that survives the re-use of its number.
    processes: Vec<(String, std::os::fd::OwnedFd)>,
    unshare: Pid,
    group: PathBuf,
}

impl Running {
    fn start(yard: &Yard) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cluster.yaml"), LAB).unwrap();
        let minted = yard.firstboot(&dir, &["pki", "mint"]).output().unwrap();
        assert!(minted.status.success(), "{minted:?}");
        let mut outermost = yard
            .firstboot(&dir, &["rehearse"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(outermost.stderr.take().unwrap()).lines();
        assert!(
            said.any(|line| line.unwrap().contains("[1/6]")),
            "no machine booted"
        );
        let pids = descendants(outermost.id());
        let find = |name: &str| {
            pids.iter()
                .copied()
                .find(|pid| name_of(*pid) == name)
                .unwrap()
        };
        let group = group_of(find("systemd-nspawn"));
        assert!(group.is_dir());
        Self {
            outermost,
            said,
            _dir: dir,
            unshare: pid(find("unshare")),
            processes: pids.iter().filter_map(|pid| handle(*pid)).collect(),
            group,
        }
    }

    /// Waits until every process of it is gone.
    fn vanish(&mut self) -> ExitStatus {
        let status = self.outermost.wait().unwrap();
        assert!(self.processes.len() > 10, "{:?}", self.processes);
        for (name, handle) in &self.processes {
            let mut ended = [PollFd::new(handle, PollFlags::IN)];
            let count = poll(&mut ended, Some(&HANG)).unwrap();
            assert_eq!(count, 1, "`{name}` still runs");
        }
        status
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap()).unwrap()
}

fn handle(number: u32) -> Option<(String, std::os::fd::OwnedFd)> {
    // It may have ended since it was listed.
    let handle = pidfd_open(pid(number), PidfdFlags::empty()).ok()?;
    Some((name_of(number), handle))
}

fn name_of(pid: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim().to_owned()
}

/// All processes under this one, at all depths.
fn descendants(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let lists = tasks.map(|task| std::fs::read_to_string(task.path().join("children")));
    let lists: Vec<String> = lists.map(Result::unwrap_or_default).collect();
    let children = lists.iter().flat_map(|list| list.split_whitespace());
    let children: Vec<u32> = children.map(|child| child.parse().unwrap()).collect();
    let below = children.iter().flat_map(|child| descendants(*child));
    below.chain(children.iter().copied()).collect()
}

/// The directory of the control group that holds all of a rehearsal's machines.
fn group_of(nspawn: u32) -> PathBuf {
    let groups = std::fs::read_to_string(format!("/proc/{nspawn}/cgroup")).unwrap();
    let unified = groups
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .unwrap();
    let whole = Path::new(unified).components().next().unwrap();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let mount = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some("cgroup2"))
        .unwrap();
    Path::new(mount.split(' ').nth(1).unwrap()).join(whole)
}

/// The yard has no network to build from.
fn build() {
    let host = host();
    host.image(Suite::Bookworm, &mut |_| {}).unwrap();
    let of_the_lab = Manifest::parse("lab", LAB.as_bytes())
        .unwrap()
        .etcd
        .version
        .value;
    let release = host.stand_in(of_the_lab, &mut |_| {}).unwrap();
    host.image(release.suite, &mut |_| {}).unwrap();
}

fn leaves_nothing_after(end: impl FnOnce(&Running)) -> (ExitStatus, String) {
    let _alone = alone();
    build();
    let yard = Yard::open();
    let before = yard.traces();
    let mut running = Running::start(&yard);
    end(&running);
    let status = running.vanish();
    assert!(
        !running.group.exists(),
        "{} is left",
        running.group.display()
    );
    assert_eq!(yard.traces(), before);
    let said: Vec<_> = running.said.map(Result::unwrap).collect();
    (status, said.join("\n"))
}

fn is_told(signal: Signal) -> impl FnOnce(&Running) {
    move |running| kill_process(pid(running.outermost.id()), signal).unwrap()
}

fn says_that_it_was_interrupted(signal: Signal) {
    let (status, said) = leaves_nothing_after(is_told(signal));
    assert_eq!(status.code(), Some(2));
    assert!(
        said.ends_with("interrupted; nothing is left running"),
        "{said}"
    );
    assert!(!said.contains("went off"), "{said}");
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn nothing_after_ctrl_c() {
    says_that_it_was_interrupted(Signal::INT);
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn nothing_after_a_polite_end() {
    says_that_it_was_interrupted(Signal::TERM);
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn nothing_after_a_kill() {
    let (status, _) = leaves_nothing_after(is_told(Signal::KILL));
    assert_eq!(status.signal(), Some(Signal::KILL.as_raw()));
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn nothing_after_a_normal_end() {
    let (status, said) = leaves_nothing_after(|_| {});
    assert!(status.success(), "{said}");
}

/// The one thing that the kernel does not take back by itself.
#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn what_a_kill_inside_leaves_is_swept_by_the_next_rehearsal() {
    let _alone = alone();
    build();
    let yard = Yard::open();
    let before = yard.traces();
    let mut running = Running::start(&yard);
    // The process inside dies with it, and so cannot tidy up.
    kill_process(running.unshare, Signal::KILL).unwrap();
    running.vanish();
    assert_eq!(yard.traces(), before);
    assert!(
        running.group.is_dir(),
        "the kernel removes control groups by now: sweep no more"
    );
    rehearse(
        &host(),
        stub::plan_of_scripts(&["echo 'firstboot: failed: enough'"]),
    );
    assert!(
        !running.group.exists(),
        "{} is left",
        running.group.display()
    );
}
