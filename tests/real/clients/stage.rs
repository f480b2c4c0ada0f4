//! A network of its own with servers that play a cloud, and a directory that was rendered.

use crate::lab::Lab;
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A namespace whose only interface is loopback: no client can reach anything else from it.
pub(crate) struct Stage {
    dir: tempfile::TempDir,
    /// The first keeps the namespace, the others serve; killed when dropped.
    children: Vec<Child>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        let mut keeper = Command::new("unshare");
        keeper.args([
            "--net",
            "sh",
            "-euc",
            "ip link set lo up; echo ready; exec sleep infinity",
        ]);
        Self {
            dir: tempfile::tempdir().unwrap(),
            children: vec![until_ready(&mut keeper)],
        }
    }

    /// Where the servers keep what they saw.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A program inside the namespace.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        let keeper = self.children[0].id();
        command.arg(format!("--net=/proc/{keeper}/ns/net"));
        command.arg("--").arg(program);
        command
    }

    /// Starts a server whose first line on stdout says that it listens.
    pub(crate) fn serve(&mut self, command: &mut Command) {
        self.children.push(until_ready(command));
    }

    /// Starts a server that somebody else waits for.
    pub(crate) fn start(&mut self, command: &mut Command) {
        let log = fs::File::create(self.path().join("log")).unwrap();
        command.stdout(Stdio::null()).stderr(log);
        self.children.push(command.spawn().unwrap());
    }

    /// What the API is to refuse from now on.
    pub(crate) fn refuse(&self, names: &str) {
        fs::write(self.path().join("refused"), names).unwrap();
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.path().join("requests")).unwrap_or_default();
        let parse = |line| serde_json::from_str(line).unwrap();
        log.lines().map(parse).collect()
    }
}

fn until_ready(command: &mut Command) -> Child {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let stdout = child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut said).unwrap();
    assert_eq!(said, "ready\n", "{command:?} does not start");
    child
}

/// Renders the cluster with that many controllers, and returns its directory.
pub(crate) fn rendered(lab: &Lab, members: usize, arguments: &[&str]) -> PathBuf {
    let manifest = lab.manifest(members);
    let mut all = vec!["render", manifest.to_str().unwrap()];
    all.extend(arguments);
    let output = lab.firstboot(&all);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    lab.path().join("out/etcd-cluster-0")
}

/// What a run of `launch` said, for messages.
pub(crate) fn said(output: &Output) -> String {
    let shown = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}", shown(&output.stdout), shown(&output.stderr))
}
