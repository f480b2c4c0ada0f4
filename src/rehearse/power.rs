//! Switching a machine on, and reaching into it while it runs.

use super::console;
use super::error::{Doing as _, Error};
use super::event::CheckResult;
use super::plan::{Act, Check};
use serde::Deserialize;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Enters the control group named first, joins the two output streams, becomes the rest.
const ENTER_GROUP: &str = "echo $$ > \"$1/cgroup.procs\" && shift && exec \"$@\" 2>&1";

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

/// A machine that was switched on.
pub(super) struct Machine {
    container: Arc<Mutex<Child>>,
}

impl Machine {
    /// Boots the file system `root` in this network namespace and control group, and again each
    /// time that the machine inside reboots.
    ///
    /// `on_line` gets every console line as it arrives, and `None` when the machine is off.
    pub(super) fn switch_on(
        root: &Path,
        namespace: &Path,
        group: &Path,
        mut on_line: impl FnMut(Option<String>) + Send + 'static,
    ) -> Result<Self, Error> {
        let mut nspawn = nspawn(root, namespace, group);
        let mut boot = move || {
            let mut container = nspawn.spawn()?;
            let console = container.stdout.take();
            let console = console.ok_or_else(|| std::io::Error::other("no console"))?;
            Ok((container, console))
        };
        let first: std::io::Result<_> = boot();
        let (container, mut console) = first.doing(|| "running `systemd-nspawn`".to_owned())?;
        let container = Arc::new(Mutex::new(container));
        let machine = Self {
            container: Arc::clone(&container),
        };
        std::thread::spawn(move || {
            loop {
                follow(&mut console, &mut on_line);
                let mut container = container.lock().unwrap_or_else(PoisonError::into_inner);
                let wants_more = |status: ExitStatus| status.code() == Some(REBOOT);
                if !container.wait().is_ok_and(wants_more) {
                    break;
                }
                let Ok(next) = boot() else { break };
                (*container, console) = next;
            }
            on_line(None);
        });
        Ok(machine)
    }

    /// The machine's process 1, as it is numbered out here; none before it started or after.
    fn first_process(&self) -> Option<u32> {
        let container = self.container.lock();
        let nspawn = container.unwrap_or_else(PoisonError::into_inner).id();
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
            if status.state == state || Instant::now() > end {
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
    let mut command = Command::new("sh");
    command
        .args(["-c", ENTER_GROUP, "sh"])
        .arg(group)
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

fn follow(console: &mut impl std::io::Read, on_line: &mut impl FnMut(Option<String>)) {
    let mut console = BufReader::new(console);
    let mut raw = Vec::new();
    while console
        .read_until(b'\n', &mut raw)
        .is_ok_and(|read| read > 0)
    {
        on_line(Some(console::clean(&raw)));
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
