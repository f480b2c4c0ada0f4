//! However a rehearsal ends, nothing of it is left: no process, mount, network or control group.

use crate::{alone, host, rehearse, stub};
use firstboot::rehearse::{Error, Event};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Lines};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// Tells the helper below to work, and whether it takes signals as the command line does.
const ROLE: &str = "FIRSTBOOT_TEST_ROLE";
const BOOTED: &str = "the machine has booted";

/// No helper may need longer to vanish.
const PATIENCE: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

/// What of this computer a rehearsal could have changed.
#[derive(Debug, PartialEq)]
struct Traces {
    mounts: String,
    links: BTreeSet<PathBuf>,
    networks: BTreeSet<PathBuf>,
}

impl Traces {
    fn now() -> Self {
        Self {
            mounts: std::fs::read_to_string("/proc/self/mountinfo").unwrap(),
            links: entries("/sys/class/net"),
            networks: entries("/run/netns"),
        }
    }
}

fn entries(dir: &str) -> BTreeSet<PathBuf> {
    std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect()
}

/// A rehearsal in a process of its own, whose machine has booted and goes on for ever.
struct Running {
    outermost: Child,
    /// What it says; a closed pipe would be one more way to end.
    _said: Lines<BufReader<ChildStdout>>,
    /// Every process of it, each with its name and a handle that survives the re-use of its number.
    processes: Vec<(String, std::os::fd::OwnedFd)>,
    unshare: Pid,
    group: PathBuf,
}

impl Running {
    fn start(role: &str) -> Self {
        let mut outermost = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "leftovers::helper_that_rehearses",
            ])
            .env(ROLE, role)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(outermost.stdout.take().unwrap()).lines();
        assert!(
            said.any(|line| line.unwrap().contains(BOOTED)),
            "the helper did not boot"
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
            _said: said,
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
            let count = poll(&mut ended, Some(&PATIENCE)).unwrap();
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

/// Not a test: the outermost process of the tests below, which start it with a role.
#[test]
#[ignore = "started by the tests of what is left"]
fn helper_that_rehearses() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let host = host();
    if role == "takes signals" {
        let interrupt = host.interrupt.clone();
        ctrlc::set_handler(move || interrupt.stop()).unwrap();
    }
    let plan = stub::plan_of_scripts(&["echo 'firstboot: [1/6] files: x'; exec sleep infinity"]);
    let end = host.rehearse(plan, &mut |event| {
        if matches!(event, Event::Stage { .. }) {
            println!("{BOOTED}");
        }
    });
    match (role.as_str(), end) {
        ("takes signals", Err(Error::Interrupted)) | (_, Err(Error::Vanished(_))) => {}
        (_, end) => panic!("{end:?}"),
    }
}

fn leaves_nothing_after(signal: Signal, role: &str) {
    let _alone = alone();
    host();
    let before = Traces::now();
    let mut running = Running::start(role);
    kill_process(pid(running.outermost.id()), signal).unwrap();
    let status = running.vanish();
    let killed_by = (role == "takes none").then_some(signal.as_raw());
    assert_eq!(status.signal(), killed_by);
    assert_eq!(
        status.code(),
        killed_by.is_none().then_some(0),
        "see what the helper printed"
    );
    assert!(
        !running.group.exists(),
        "{} is left",
        running.group.display()
    );
    assert_eq!(Traces::now(), before);
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn nothing_after_ctrl_c() {
    leaves_nothing_after(Signal::INT, "takes signals");
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn nothing_after_a_polite_end() {
    leaves_nothing_after(Signal::TERM, "takes signals");
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn nothing_after_a_signal_that_nobody_takes() {
    leaves_nothing_after(Signal::INT, "takes none");
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn nothing_after_a_kill() {
    leaves_nothing_after(Signal::KILL, "takes none");
}

#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn nothing_after_a_normal_end() {
    let _alone = alone();
    let before = Traces::now();
    rehearse(
        &host(),
        stub::plan_of_scripts(&["echo 'firstboot: failed: enough'"]),
    );
    assert_eq!(Traces::now(), before);
    assert!(descendants(std::process::id()).is_empty());
}

/// The one thing that the kernel does not take back by itself.
#[test]
#[ignore = "boots machines: needs root and mmdebstrap, systemd-container, iproute2"]
fn what_a_kill_inside_leaves_is_swept_by_the_next_rehearsal() {
    let _alone = alone();
    host();
    let before = Traces::now();
    let mut running = Running::start("takes none");
    // The process inside dies with it, and so cannot tidy up.
    kill_process(running.unshare, Signal::KILL).unwrap();
    running.vanish();
    assert_eq!(Traces::now(), before);
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
