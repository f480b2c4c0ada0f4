//! What a rehearsal needs from this computer, and running it.

use super::error::{Doing as _, Error};
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Tools, each with the Debian package that brings it.
const TOOLS: [(&str, &str); 8] = [
    ("mmdebstrap", "mmdebstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("timeout", "coreutils"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mount", "mount"),
];

/// What this computer lacks for a rehearsal. Its text is one sentence with the cure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Debian packages to install, sorted, each once.
    pub packages: Vec<&'static str>,
    /// Whether the process is not root.
    pub root: bool,
}

impl Missing {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty() && !self.root
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packages = self.packages.join(" ");
        match (self.root, self.packages.is_empty()) {
            (true, true) => f.write_str("a rehearsal needs root; run it with `sudo`"),
            (true, false) => write!(
                f,
                "a rehearsal needs root and the packages {packages}; \
                 run `sudo apt-get install {packages}`, then rehearse with `sudo`"
            ),
            (false, false) => write!(
                f,
                "a rehearsal needs the packages {packages}; run `apt-get install {packages}`"
            ),
            (false, true) => f.write_str("a rehearsal lacks nothing here"),
        }
    }
}

/// What this computer lacks for a rehearsal.
pub fn missing() -> Missing {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Missing {
        packages: missing_packages(&path),
        root: !rustix::process::geteuid().is_root(),
    }
}

fn missing_packages(path: &OsStr) -> Vec<&'static str> {
    let found = |tool: &str| std::env::split_paths(path).any(|dir| dir.join(tool).is_file());
    let absent = TOOLS.into_iter().filter(|(tool, _)| !found(tool));
    let mut packages: Vec<_> = absent.map(|(_, package)| package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// Runs a tool to its end; when it fails, the last lines it wrote are in the error.
pub(super) fn run(command: &mut Command) -> Result<(), Error> {
    let tool = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .doing(|| format!("running `{tool}`"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Tool {
        tool,
        said: last_lines(&output.stderr),
    })
}

/// The same, and hands each line that it writes to standard error on while it runs.
pub(super) fn watch(command: &mut Command, on_line: &mut dyn FnMut(&str)) -> Result<(), Error> {
    let tool = command.get_program().to_string_lossy().into_owned();
    let running = || format!("running `{tool}`");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .doing(running)?;
    let mut said = Vec::new();
    let stderr = child.stderr.take().into_iter();
    for line in stderr.flat_map(|stderr| BufReader::new(stderr).split(b'\n')) {
        let Ok(line) = line else { break };
        on_line(&String::from_utf8_lossy(&line));
        said.extend(line);
        said.push(b'\n');
    }
    if child.wait().doing(running)?.success() {
        return Ok(());
    }
    Err(Error::Tool {
        said: last_lines(&said),
        tool,
    })
}

/// The end of what a tool said, on one line.
pub(super) fn last_lines(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(3)..].join("; ")
}

/// Writes a path the way messages show it.
pub(super) fn shown(path: &Path) -> String {
    crate::report::path(path)
}

/// A path to a file that is open, good even where what was mounted since hides its own.
pub(super) fn path_through(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_path_lacks_every_package_once() {
        let all = [
            "coreutils",
            "e2fsprogs",
            "iproute2",
            "mmdebstrap",
            "mount",
            "systemd-container",
            "util-linux",
        ];
        assert_eq!(missing_packages(OsStr::new("/nonexistent")), all);
    }

    #[test]
    fn the_sentence_names_the_cure() {
        let missing = Missing {
            packages: vec!["iproute2", "mmdebstrap"],
            root: true,
        };
        assert_eq!(
            missing.to_string(),
            "a rehearsal needs root and the packages iproute2 mmdebstrap; \
             run `sudo apt-get install iproute2 mmdebstrap`, then rehearse with `sudo`"
        );
        assert!(!missing.is_empty());
        assert!(Missing::default().is_empty());
    }

    #[test]
    fn a_failing_tool_is_quoted() {
        let error = run(Command::new("sh").args(["-c", "echo one >&2; echo two >&2; exit 3"]));
        assert_eq!(error.unwrap_err().to_string(), "`sh` failed: one; two");
    }

    #[test]
    fn lines_come_while_a_tool_runs() {
        let mut lines = Vec::new();
        let mut keep = |line: &str| lines.push(line.to_owned());
        watch(
            Command::new("sh").args(["-c", "echo one >&2; echo two >&2"]),
            &mut keep,
        )
        .unwrap();
        let error = watch(
            Command::new("sh").args(["-c", "echo three >&2; exit 3"]),
            &mut keep,
        );
        assert_eq!(error.unwrap_err().to_string(), "`sh` failed: three");
        assert_eq!(lines, ["one", "two", "three"]);
    }
}
