//! Scripts that run for real, in every shell that is here, with files in a scratch directory.
#![cfg(unix)]

use super::super::machine_with;
use super::*;
use crate::cluster::HostName;
use crate::machine::Mode;
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What stands in for the machine's file system, and what shadows its programs.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("tools")).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file of the machine, below a directory with a name that no shell likes.
    fn file(&self, name: &str, mode: Mode, bytes: &[u8]) -> File<'static> {
        let path = self.path("it's $HOME").join(name);
        File::of(path.to_str().unwrap().to_owned(), mode, bytes.to_vec())
    }

    /// A machine with these files; instead of a unit, it starts `touch`.
    fn machine(&self, files: Vec<File<'static>>) -> Machine<'static> {
        let started = self.path("started `id`").to_str().unwrap().to_owned();
        let mut machine = machine_with(files);
        machine.start = vec![vec!["touch".to_owned(), started]];
        machine
    }

    /// A program that takes the place of the system's own.
    fn tool(&self, name: &str, script: &str) {
        let path = self.path("tools").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, shell: &[&str], script: &[u8]) -> Output {
        let path = self.path("script");
        fs::write(&path, script).unwrap();
        let programs = std::env::var("PATH").unwrap();
        Command::new(shell[0])
            .args(&shell[1..])
            .arg(&path)
            .env(
                "PATH",
                format!("{}:{programs}", self.path("tools").display()),
            )
            .output()
            .unwrap()
    }

    fn run_well(&self, shell: &[&str], script: &Secret) {
        let output = self.run(shell, script.expose());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "{shell:?}: {said}"
        );
        assert!(self.path("started `id`").exists(), "{shell:?}: not started");
    }
}

/// `sh` everywhere, and which of the others there are.
fn shells() -> Vec<&'static [&'static str]> {
    let all: [&[&str]; 4] = [&["sh"], &["dash"], &["bash"], &["busybox", "sh"]];
    let is_here = |shell: &&[&str]| {
        let run = Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", ":"])
            .output();
        run.is_ok_and(|output| output.status.success())
    };
    let here: Vec<_> = all.into_iter().filter(is_here).collect();
    assert_eq!(here.first(), Some(&all[0]));
    here
}

fn assert_written(machine: &Machine) {
    for file in &machine.files {
        assert_eq!(fs::read(&file.path).unwrap(), file.bytes(), "{}", file.path);
        assert_eq!(
            mode_of(&file.path),
            u32::from(file.mode.bits()),
            "{}",
            file.path
        );
        let dir = Path::new(&file.path).parent().unwrap();
        assert_eq!(mode_of(dir), 0o755);
        assert!(!dir.join(".firstboot").exists());
    }
}

fn mode_of(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// Inode, and when it was last changed in any way.
fn state_of(machine: &Machine) -> Vec<(u64, i64, i64)> {
    let state = |file: &File| {
        let found = fs::metadata(&file.path).unwrap();
        (found.ino(), found.ctime(), found.ctime_nsec())
    };
    machine.files.iter().map(state).collect()
}

/// Files in which something goes wrong for a careless script.
fn hostile(scratch: &Scratch) -> Machine<'static> {
    let texts: [&[u8]; 14] = [
        b"",
        b"\n",
        b"a",
        b"a\n\n",
        b" a \n",
        b"END\n",
        b"END\nEND.\n",
        b"$(id) `id` ${x} \\\n",
        b"a\r\n",
        b"\0\n",
        b"\xff\xfe",
        "é\u{2028}\n".as_bytes(),
        b"\t'\"\\\n",
        b"a\nEND",
    ];
    let file = |(index, text): (usize, &&[u8])| {
        let mode = if index % 2 == 0 {
            Mode::SECRET
        } else {
            Mode::PUBLIC
        };
        scratch.file(&format!("{index}"), mode, text)
    };
    scratch.machine(texts.iter().enumerate().map(file).collect())
}

#[test]
fn the_second_run_changes_nothing() {
    for shell in shells() {
        let scratch = Scratch::new();
        let machine = hostile(&scratch);
        let script = render(&machine).unwrap();
        scratch.run_well(shell, &script);
        assert_written(&machine);
        let first = state_of(&machine);
        scratch.run_well(shell, &script);
        assert_eq!(state_of(&machine), first, "{shell:?}");
    }
}

#[test]
fn what_was_changed_is_mended() {
    for shell in shells() {
        let scratch = Scratch::new();
        let machine = hostile(&scratch);
        let script = render(&machine).unwrap();
        scratch.run_well(shell, &script);
        fs::write(&machine.files[2].path, "b").unwrap();
        fs::remove_file(&machine.files[3].path).unwrap();
        let open = fs::Permissions::from_mode(0o666);
        fs::set_permissions(&machine.files[4].path, open.clone()).unwrap();
        // Left behind by a power cut, and open to all.
        let rest = Path::new(&machine.files[0].path).with_file_name(".firstboot");
        fs::write(&rest, "rest").unwrap();
        fs::set_permissions(&rest, open).unwrap();
        scratch.run_well(shell, &script);
        assert_written(&machine);
    }
}

/// Before its mode is set, a file is open to nobody else.
#[test]
fn no_file_is_ever_open_to_others() {
    for shell in shells() {
        let scratch = Scratch::new();
        let log = scratch.path("log");
        let look = format!(
            "stat -c %a \"$2\" >>{}; exec /bin/chmod \"$@\"",
            log.display()
        );
        scratch.tool("chmod", &look);
        // busybox runs its own instead of what is in the path; its way is the same.
        if shell[0] == "busybox" {
            continue;
        }
        let machine = hostile(&scratch);
        scratch.run_well(shell, &render(&machine).unwrap());
        let modes = fs::read_to_string(&log).unwrap();
        assert_eq!(modes, "600\n".repeat(machine.files.len()), "{shell:?}");
    }
}

/// Wherever it ends, every file is whole or not there, and the next run heals the rest.
#[test]
fn a_run_that_was_cut_short_is_finished_by_the_next() {
    let scratch = Scratch::new();
    let machine = hostile(&scratch);
    let script = render(&machine).unwrap();
    for end_at in 0..machine.files.len() {
        let home = scratch.path("it's $HOME");
        if home.exists() {
            fs::remove_dir_all(&home).unwrap();
        }
        let count = scratch.path("count");
        fs::write(&count, "").unwrap();
        let mv = format!(
            "echo >>{0}; [ \"$(wc -l <{0})\" -le {end_at} ] && exec /bin/mv \"$@\"",
            count.display()
        );
        scratch.tool("mv", &mv);
        let _ = fs::remove_file(scratch.path("started `id`"));
        let output = scratch.run(&["sh"], script.expose());
        assert!(!output.status.success());
        assert!(!scratch.path("started `id`").exists());
        let written = machine
            .files
            .iter()
            .filter(|file| Path::new(&file.path).exists());
        assert_eq!(written.count(), end_at);
        fs::remove_file(scratch.path("tools/mv")).unwrap();
        scratch.run_well(&["sh"], &script);
        assert_written(&machine);
    }
}

/// A script of which only the beginning came does nothing at all.
#[test]
fn a_beginning_does_nothing() {
    for shell in shells() {
        let scratch = Scratch::new();
        let machine = hostile(&scratch);
        let script = render(&machine).unwrap();
        let text = String::from_utf8(script.expose().to_vec()).unwrap();
        let last = text.rfind("\nfi\n").unwrap();
        for cut in (0..last).step_by(97).chain([last]) {
            scratch.run(shell, &text.as_bytes()[..cut]);
            assert!(!scratch.path("it's $HOME").exists(), "{shell:?} at {cut}");
        }
    }
}

#[test]
fn what_was_changed_is_not_read_back() {
    let scratch = Scratch::new();
    let mut machine = hostile(&scratch);
    machine.hostname = HostName::new("controller-0").ok();
    let text = String::from_utf8(render(&machine).unwrap().expose().to_vec()).unwrap();
    let changes = [
        ("#!/bin/sh", "#!/bin/xx"),
        ("grep -qs ", "grep -qs 0"),
        ("put 0600", "put 0644"),
        ("put 0600", "cat 0600"),
        ("HOME/1'", "HOME/0'"),
        ("$(id)", "$(ip)"),
        ("END.\n", "END:\n"),
        ("|| hostnamectl", "&& hostnamectl"),
        ("sync\n", ""),
        ("\ntouch", "\ntrue"),
        ("base64 -d", "base64 -x"),
        ("put 0600", "put ~ 0600"),
    ];
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        let other = Secret::new(text.replacen(from, to, 1).into_bytes());
        assert!(read_back(&other, &machine).is_err(), "{from} -> {to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is in a file, every shell writes it.
    #[test]
    fn any_bytes_arrive(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        text in r#"([ \t]{0,2}[ -~]{0,9}(END[.]{0,2})?['"\\$`]{0,3}\n){0,4}(END)?"#,
        name in r"[ -.0-~]{1,9}x",
    ) {
        for shell in shells() {
            let scratch = Scratch::new();
            let machine = scratch.machine(vec![
                scratch.file("bytes", Mode::SECRET, &bytes),
                scratch.file(&name, Mode::PUBLIC, text.as_bytes()),
            ]);
            scratch.run_well(shell, &render(&machine).unwrap());
            assert_written(&machine);
        }
    }
}
