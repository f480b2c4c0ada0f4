//! Switching a machine on, and reaching into it while it runs.

use super::data_disk::DataDisk;
use super::error::{Doing as _, Error};
use super::event::CheckResult;
use super::machine_root::MachineRoot;
use super::plan::{Act, Check};
use super::{console, control_group};
use serde::Deserialize;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Enters the control group named first, lets go of all disks but the one of the root named
/// second, joins the two output streams, becomes the rest.
///
/// What `systemd-nspawn` sees when it starts stays mounted below the machine's own root for as
/// long as the machine runs: the disk of another one could not be taken away.
const ENTER: &str = r#"echo $$ > "$1/cgroup.procs" || exit
for disk in /run/machines/*/disk; do
  [ "$disk" = "${2%root}disk" ] || umount -l "$disk" "${disk%disk}root" 2>/dev/null
done
shift 2 && exec "$@" 2>&1"#;

/// A machine's environment as a login on its console would have it.
const ENVIRONMENT: [&str; 4] = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
    "TERM=dumb",
];

/// No check may take longer.
const LONGEST_COMMAND: Duration = Duration::from_secs(30);

/// How long a machine may take to write down the verdict that it has just printed.
const VERDICT_PATIENCE: Duration = Duration::from_secs(2);

/// How `systemd-nspawn --keep-unit` ends when the machine inside wants to boot again.
const REBOOT: i32 = 133;

/// Where a machine stands, in what it writes to `/run/firstboot/status.json`.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    pub(super) state: String,
    pub(super) member_id: String,
    pub(super) cluster_id: String,
}

/// What hears a machine: every console line as it arrives, and `None` when it went off by itself.
pub(super) type Ear = Arc<dyn Fn(Option<String>) + Send + Sync>;

/// A machine, on or off.
pub(super) struct Machine {
    root: MachineRoot,
    data_disk: Option<DataDisk>,
    namespace: PathBuf,
    group: PathBuf,
    ear: Ear,
    container: Arc<Mutex<Option<Child>>>,
    /// Follows the console while the machine is on.
    follower: Mutex<Option<JoinHandle<()>>>,
    /// Whether what ends now was ended from out here.
    is_cut: Arc<AtomicBool>,
}

impl Machine {
    /// A machine that is off, with these disks, network namespace and control group.
    pub(super) fn new(
        (root, data_disk): (MachineRoot, Option<DataDisk>),
        namespace: PathBuf,
        group: PathBuf,
        ear: Ear,
    ) -> Self {
        Self {
            root,
            data_disk,
            namespace,
            group,
            ear,
            container: Arc::default(),
            follower: Mutex::default(),
            is_cut: Arc::default(),
        }
    }

    /// Its file system.
    pub(super) fn root(&self) -> &MachineRoot {
        &self.root
    }

    /// Whether it runs.
    pub(super) fn is_on(&self) -> bool {
        locked(&self.container).is_some()
    }

    /// Boots it, unless it is on, and again each time that the machine inside reboots.
    pub(super) fn switch_on(&self) -> Result<(), Error> {
        if self.is_on() {
            return Ok(());
        }
        self.is_cut.store(false, Ordering::SeqCst);
        let mut nspawn = nspawn(&self.root.path(), &self.namespace, &self.group);
        if let Some(bound) = self.data_disk.as_ref().and_then(DataDisk::bound) {
            nspawn.arg(format!("--bind={bound}"));
        }
        let mut boot = move || {
            let mut container = nspawn.spawn()?;
            let console = container.stdout.take();
            let console = console.ok_or_else(|| std::io::Error::other("no console"))?;
            Ok((container, console))
        };
        let first: std::io::Result<_> = boot();
        let (first, mut console) = first.doing(|| "running `systemd-nspawn`".to_owned())?;
        *locked(&self.container) = Some(first);
        let (container, is_cut) = (Arc::clone(&self.container), Arc::clone(&self.is_cut));
        let ear = Arc::clone(&self.ear);
        let follower = std::thread::spawn(move || {
            loop {
                follow(&mut console, &ear);
                let mut container = locked(&container);
                let status = container.as_mut().and_then(|child| child.wait().ok());
                let wants_more = status.is_some_and(|status| status.code() == Some(REBOOT));
                *container = None;
                if is_cut.load(Ordering::SeqCst) {
                    return;
                }
                if !wants_more {
                    break;
                }
                let Ok((next, its)) = boot() else { break };
                (*container, console) = (Some(next), its);
            }
            ear(None);
        });
        *locked(&self.follower) = Some(follower);
        Ok(())
    }

    /// Cuts its power: it stops at once, and what was not synced is lost; or all since it was made.
    pub(super) fn cut(&self, for_good: bool) -> Result<(), Error> {
        self.is_cut.store(true, Ordering::SeqCst);
        if let (Some(disk), Some(pid)) = (&self.data_disk, self.first_process()) {
            disk.stop(pid)?;
        }
        let follower = locked(&self.follower).take();
        while follower
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
        {
            control_group::empty(&self.group);
            std::thread::sleep(Duration::from_millis(2));
        }
        control_group::empty(&self.group);
        if !for_good {
            return self.root.lose_power();
        }
        self.data_disk.as_ref().map_or(Ok(()), DataDisk::wipe)?;
        self.root.renew()
    }

    /// Attaches its data disk, now and at each boot.
    pub(super) fn attach_disk(&self) -> Result<(), Error> {
        let Some(disk) = &self.data_disk else {
            return Ok(());
        };
        let made = disk.attach()?;
        if self.is_on() {
            let (said, status) = self.shell(&format!("exec 2>&1; {made}"), &[], LONGEST_COMMAND);
            if status != Some(0) {
                let tool = "mknod".to_owned();
                return Err(Error::Tool { tool, said });
            }
        }
        Ok(())
    }

    /// The machine's process 1, as it is numbered out here; none before it started or after.
    fn first_process(&self) -> Option<u32> {
        let nspawn = locked(&self.container).as_ref()?.id();
        let children = format!("/proc/{nspawn}/task/{nspawn}/children");
        let children = std::fs::read_to_string(children).ok()?;
        let mut children = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok());
        children.find(|pid| is_first_in_its_namespace(*pid))
    }

    /// What the machine writes of its state; nothing while there is no such file.
    fn status(&self) -> Option<Status> {
        let pid = self.first_process()?;
        let text = std::fs::read(format!("/proc/{pid}/root/run/firstboot/status.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The state once it is `state`, or whatever it is when patience ends.
    pub(super) fn settled_status(&self, state: &str) -> Status {
        let end = Instant::now() + VERDICT_PATIENCE;
        loop {
            let status = self.status().unwrap_or_default();
            if status.state == state || Instant::now() > end || !self.is_on() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Runs a check inside.
    pub(super) fn run(&self, check: &Check) -> CheckResult {
        self.run_with(&check.command, &[], LONGEST_COMMAND, &check.expect)
    }

    /// Does what an act asks for; it is this machine's.
    pub(super) fn act(&self, act: &Act) -> CheckResult {
        self.run_with(&act.command, act.stdin.expose(), act.timeout, &act.expect)
    }

    fn run_with(
        &self,
        command: &str,
        stdin: &[u8],
        timeout: Duration,
        expect: &[String],
    ) -> CheckResult {
        let (output, status) = self.shell(&format!("exec 2>&1; {command}"), stdin, timeout);
        let absent = |text: &&String| !output.contains(text.as_str());
        CheckResult {
            command: command.to_owned(),
            missing: expect.iter().filter(absent).cloned().collect(),
            output,
            status,
        }
    }

    /// The machine's whole journal, with times since its kernel's start.
    pub(super) fn journal(&self) -> Option<String> {
        let (output, status) = self.shell(
            "exec journalctl --quiet --no-pager --output=short-precise",
            &[],
            LONGEST_COMMAND,
        );
        (status == Some(0)).then_some(output)
    }

    /// The beginning of a command that is run inside, as root; none while the machine is off.
    pub(super) fn inside(&self) -> Option<Vec<String>> {
        let pid = self.first_process()?.to_string();
        let nsenter = ["nsenter", "--all", "--target", &pid, "/usr/bin/env", "-i"];
        let words = nsenter.iter().chain(&ENVIRONMENT);
        Some(words.map(|&word| word.to_owned()).collect())
    }

    fn shell(&self, line: &str, stdin: &[u8], timeout: Duration) -> (String, Option<i32>) {
        let Some(inside) = self.inside() else {
            return ("the machine is off".to_owned(), None);
        };
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=1", &timeout.as_secs().max(1).to_string()])
            .args(inside)
            .args(["/bin/sh", "-c", line]);
        match output_of(&mut command, stdin) {
            Ok(output) => (
                String::from_utf8_lossy(&output.stdout).into_owned(),
                output.status.code(),
            ),
            Err(error) => (format!("running `nsenter`: {error}"), None),
        }
    }
}

fn nspawn(root: &Path, namespace: &Path, group: &Path) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private"])
        .args(["sh", "-c", ENTER, "sh"])
        .arg(group)
        .arg(root)
        .args(["systemd-nspawn", "--quiet", "--boot", "--settings=no"])
        // There is no systemd outside that could know of it, and there need not be.
        .args(["--register=no", "--keep-unit", "--link-journal=no"])
        // A cloud's own defaults: the machine must take its name from what it is sent.
        .args([
            "--hostname=localhost",
            "--resolv-conf=off",
            "--timezone=off",
        ])
        .arg("--console=read-only")
        .arg(concat_os("--network-namespace-path=", namespace))
        .arg("--directory")
        .arg(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// Runs a command that reads `input`, as far as it wants to.
fn output_of(command: &mut Command, input: &[u8]) -> std::io::Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let stdin = child.stdin.take();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output()
    })
}

fn concat_os(option: &str, path: &Path) -> std::ffi::OsString {
    let mut whole = std::ffi::OsString::from(option);
    whole.push(path);
    whole
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn follow(console: &mut impl std::io::Read, ear: &Ear) {
    let mut console = BufReader::new(console);
    let mut raw = Vec::new();
    while console
        .read_until(b'\n', &mut raw)
        .is_ok_and(|read| read > 0)
    {
        ear(Some(console::clean(&raw)));
        raw.clear();
    }
}

/// `NSpid` lists a process's number in every PID namespace that it is seen from, innermost last.
fn is_first_in_its_namespace(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let mut numbers = numbers.unwrap_or_default().split_whitespace();
    numbers.next().is_some() && numbers.next_back() == Some("1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_what_it_is_given_and_may_leave_it() {
        let sh = |line: &str, input: &[u8]| {
            let output = output_of(Command::new("sh").args(["-c", line]), input).unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let more_than_a_pipe_holds = vec![b'k'; 1 << 20];
        assert_eq!(sh("wc -c", &more_than_a_pipe_holds).trim(), "1048576");
        assert_eq!(sh("echo left", &more_than_a_pipe_holds), "left\n");
        assert_eq!(sh("cat", &[]), "");
    }
}
