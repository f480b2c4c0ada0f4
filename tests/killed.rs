//! `init`, `pki mint`, `pki renew` and `pki rotate-ca`, killed (kill −9) at every rename, `fsync`
//! and removal that they make, and with a full disk at every write: the same command, run again,
//! goes on, or all is as before. What is not ours is there still.
//!
//! strace does it: it knows every one of these calls, and counts them. `tests/run` installs it,
//! and says so where it cannot.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and says what it counted"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const BINARY: &str = env!("CARGO_BIN_EXE_firstboot");

/// Whatever changes a disk, or makes sure of it.
const CALLS: &[&str] = &[
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "fsync",
    "fdatasync",
    "mkdir",
    "write",
];

/// What a user keeps where we write: called almost as we call things.
const THEIRS: &[&str] = &[
    ".firstboot-README",
    ".firstboot-notes.txt",
    ".firstboot-abc123.tmp",
    ".firstboot-0123456789abcdef.journal.bak",
    "pki/.firstboot-README",
    "pki/.firstboot-0123456789abcdef",
    "pki/.prod.bak/user-data",
];

fn firstboot(directory: &Path, arguments: &str) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(arguments.split_whitespace())
        .current_dir(directory);
    command
}

fn good(directory: &Path, arguments: &str) -> String {
    let output = firstboot(directory, arguments).output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    assert!(output.status.success(), "{arguments}\n{out}{err}");
    out
}

/// The command under strace, which does this to a call.
fn under(directory: &Path, arguments: &str, inject: &str) -> Output {
    Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", inject, BINARY])
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// How often an undisturbed run makes each call.
fn counted(directory: &Path, arguments: &str) -> BTreeMap<&'static str, usize> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let status = Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(log.path())
        .args(["-e", &format!("trace={}", CALLS.join(",")), BINARY])
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .output()
        .unwrap()
        .status;
    assert!(status.success(), "{arguments}");
    let log = fs::read_to_string(log.path()).unwrap();
    let count = |call: &&'static str| {
        let lines = log.lines();
        let name = format!(" {call}(");
        (*call, lines.filter(|line| line.contains(&name)).count())
    };
    CALLS.iter().map(count).collect()
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    let status = Command::new("cp")
        .arg("-a")
        .arg(from.join("."))
        .arg(to.path())
        .status()
        .unwrap();
    assert!(status.success());
    to
}

/// Every file below, with its bytes.
fn tree(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![directory.to_path_buf()];
    while let Some(path) = waiting.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_path_buf();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// What is called as we call what has no name yet.
fn unfinished(directory: &Path) -> Vec<PathBuf> {
    let is_ours = |path: &&PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let theirs = THEIRS.iter().any(|one| Path::new(one) == path.as_path());
        name.starts_with(".firstboot-") && !theirs
    };
    let tree = tree(directory);
    tree.keys().filter(is_ours).cloned().collect()
}

/// A command that changes files, and how it is seen that it is done.
struct Scene<'a> {
    name: &'a str,
    base: &'a Path,
    command: &'a str,
    /// Called on a directory in which the command has come to its end.
    done: &'a dyn Fn(&Path),
}

impl Scene<'_> {
    /// Disturbs the command at each of its calls in turn; how many there were of each kind.
    fn play(&self) -> BTreeMap<&'static str, usize> {
        let clean = copy(self.base);
        let counts = counted(clean.path(), self.command);
        (self.done)(clean.path());
        assert_eq!(unfinished(clean.path()), Vec::<PathBuf>::new());
        for (call, count) in &counts {
            for at in 1..=*count {
                self.disturb(call, at, "signal=KILL");
                match *call {
                    "write" => self.disturb(call, at, "error=ENOSPC"),
                    "fsync" | "fdatasync" => self.disturb(call, at, "error=EIO"),
                    _ => self.disturb(call, at, "error=EDQUOT"),
                }
            }
        }
        counts
    }

    fn disturb(&self, call: &str, at: usize, how: &str) {
        let scene = format!("{}: {call} {at} {how}", self.name);
        let directory = copy(self.base);
        let directory = directory.path();
        let before = tree(directory);
        let output = under(
            directory,
            self.command,
            &format!("inject={call}:{how}:when={at}"),
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !said.contains("PRIVATE KEY") && !said.contains("panicked"),
            "{scene}\n{said}"
        );
        // The set is there, or is as it was; keys are nobody else's in between.
        for (path, bytes) in tree(directory) {
            if bytes.starts_with(b"-----BEGIN PRIVATE KEY") {
                let mode = fs::metadata(directory.join(&path)).unwrap().permissions();
                assert_eq!(mode.mode() & 0o077, 0, "{scene}: {}", path.display());
            }
        }
        self.goes_on(directory, &before, &scene);
        for theirs in THEIRS {
            let path = Path::new(theirs);
            if let Some(bytes) = before.get(path) {
                let now = fs::read(directory.join(path));
                assert_eq!(now.ok().as_ref(), Some(bytes), "{scene}: {theirs}");
            }
        }
    }

    /// The same command again; where it had come to its end but for the last words, it may say so.
    fn goes_on(&self, directory: &Path, before: &BTreeMap<PathBuf, Vec<u8>>, scene: &str) {
        let stands = tree(directory);
        let again = firstboot(directory, self.command).output().unwrap();
        if !again.status.success() {
            let said = String::from_utf8_lossy(&again.stderr).into_owned();
            let is_done = unfinished(directory).is_empty() && stands != *before;
            assert!(is_done, "{scene}: the next run does not go on\n{said}");
            assert!(
                said.contains("exist") || said.contains("is not due"),
                "{scene}\n{said}"
            );
            assert_eq!(tree(directory), stands, "{scene}\n{said}");
        }
        (self.done)(directory);
        let left = unfinished(directory);
        assert!(left.is_empty(), "{scene}: left behind: {left:?}");
    }
}

fn needs_strace() {
    let found = Command::new("strace").arg("-V").output();
    assert!(
        found.is_ok(),
        "there is no strace here: apt-get install strace"
    );
}

/// A directory of a user's, with what is theirs in it.
fn desk() -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    for theirs in THEIRS {
        let path = desk.path().join(theirs);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "theirs").unwrap();
    }
    fs::set_permissions(desk.path().join("pki"), fs::Permissions::from_mode(0o700)).unwrap();
    desk
}

/// What every set must pass, whoever made it.
fn is_whole(directory: &Path) {
    good(directory, "pki audit --strict");
}

fn report(scene: &str, counts: &BTreeMap<&'static str, usize>) {
    let all: usize = counts.values().sum();
    eprintln!("{scene}: {all} calls, each killed and failed: {counts:?}");
    assert!(counts["rename"] > 0 && counts["fsync"] > 0 && counts["write"] > 0);
}

#[test]
#[ignore = "strace, some minutes"]
fn init_goes_on() {
    needs_strace();
    let desk = desk();
    let scene = Scene {
        name: "init",
        base: desk.path(),
        command: "init --controllers 1",
        done: &|directory| {
            assert!(directory.join("cluster.yaml").is_file());
            is_whole(directory);
        },
    };
    report("init", &scene.play());
}

/// A desk with a manifest and its certificates, which says what a set of its own is.
fn made() -> tempfile::TempDir {
    let desk = desk();
    good(desk.path(), "init --controllers 2");
    desk
}

#[test]
#[ignore = "strace, some minutes"]
fn mint_goes_on() {
    needs_strace();
    let base = made();
    let pki = base.path().join("pki");
    for entry in fs::read_dir(&pki).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "pem") {
            fs::remove_file(path).unwrap();
        }
    }
    let scene = Scene {
        name: "mint",
        base: base.path(),
        command: "pki mint",
        done: &is_whole,
    };
    report("mint", &scene.play());

    good(base.path(), "pki mint");
    let scene = Scene {
        name: "mint --client",
        base: base.path(),
        command: "pki mint --client admin",
        done: &|directory| {
            assert!(directory.join("pki/admin.pem").is_file());
            is_whole(directory);
        },
    };
    report("mint --client", &scene.play());
}

#[test]
#[ignore = "strace, some minutes"]
fn renew_goes_on() {
    needs_strace();
    let base = made();
    good(base.path(), "pki mint --client admin");
    fs::remove_file(base.path().join("pki/controller-0.pem")).unwrap();
    let scene = Scene {
        name: "renew",
        base: base.path(),
        command: "pki renew --all",
        done: &is_whole,
    };
    report("renew", &scene.play());
}

#[test]
#[ignore = "strace, some minutes"]
fn rotate_ca_goes_on() {
    needs_strace();
    let base = made();
    good(base.path(), "pki mint --client admin");
    for step in 1..=3 {
        let command = format!("pki rotate-ca --unverified --step {step}");
        let due = format!("{}  due", step % 3 + 1);
        let scene = Scene {
            name: &command,
            base: base.path(),
            command: &command,
            done: &|directory| {
                let said = good(directory, "pki rotate-ca");
                assert!(said.contains(&due), "{said}");
                is_whole(directory);
            },
        };
        report(&command, &scene.play());
        good(base.path(), &command);
    }
    is_whole(base.path());
}
