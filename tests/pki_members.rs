//! `pki rotate-ca` asks the members whether they have the step before: three ports that show what
//! their machines were last given, openssl's in every run, and real etcd's where there is one.
//!
//! ```text
//! FIRSTBOOT_TEST_ETCD=/path/to/3.4:/path/to/3.5 cargo test --test pki_members -- --ignored
//! ```

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::desk::{Desk, EACH};

const NAMES: [&str; 3] = ["controller-0", "controller-1", "controller-2"];

/// Three machines, each with the files that it was last given, and with what serves them.
struct Machines {
    root: PathBuf,
    /// Of clients, and of peers.
    ports: [[u16; 2]; 3],
    running: [Option<Child>; 3],
    /// The directory of an etcd; without one, openssl serves.
    etcd: Option<PathBuf>,
}

impl Machines {
    fn new(desk: &Desk, etcd: Option<PathBuf>) -> Self {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let open = [0, 1, 2].map(|_| [listen(), listen()]);
        let port = |it: &TcpListener| it.local_addr().unwrap().port();
        let mut machines = Self {
            root: desk.path(""),
            ports: open.each_ref().map(|both| both.each_ref().map(port)),
            running: [None, None, None],
            etcd,
        };
        drop(open);
        for machine in 0..3 {
            machines.roll(machine);
        }
        machines
    }

    /// Gives a machine today's files and starts it anew.
    fn roll(&mut self, machine: usize) {
        self.stop(machine);
        let own = self.root.join(format!("machine-{machine}"));
        fs::create_dir_all(&own).unwrap();
        for entry in fs::read_dir(self.root.join("pki")).unwrap() {
            let from = entry.unwrap().path();
            fs::copy(&from, own.join(from.file_name().unwrap())).unwrap();
        }
        let mut command = match &self.etcd {
            Some(etcd) => self.etcd(etcd, machine),
            None => self.openssl(machine),
        };
        let log = fs::File::create(own.join("log")).unwrap();
        let child = command
            .current_dir(&own)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.running[machine] = Some(child);
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.ports[machine][0])).is_err() {
            assert!(
                begin.elapsed() < Duration::from_mins(1),
                "it never listened"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(&mut self, machine: usize) {
        if let Some(mut child) = self.running[machine].take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn openssl(&self, machine: usize) -> Command {
        let name = NAMES[machine];
        let mut command = Command::new("openssl");
        command.args(["s_server", "-quiet", "-www", "-Verify", "2"]);
        command.args(["-verify_return_error", "-CAfile", "ca.pem", "-accept"]);
        command.arg(format!("127.0.0.1:{}", self.ports[machine][0]));
        command.args(["-cert", &format!("{name}.pem")]);
        command.args(["-key", &format!("{name}-key.pem")]);
        command
    }

    fn etcd(&self, etcd: &Path, machine: usize) -> Command {
        let name = NAMES[machine];
        let url = |port: u16| format!("https://127.0.0.1:{port}");
        let [client, peer] = self.ports[machine].map(url);
        let all = NAMES.iter().zip(&self.ports);
        let all: Vec<_> = all
            .map(|(name, [_, peer])| format!("{name}={}", url(*peer)))
            .collect();
        let (cert, key) = (format!("{name}.pem"), format!("{name}-key.pem"));
        let mut command = Command::new(etcd.join("etcd"));
        for (flag, value) in [
            ("name", name),
            ("data-dir", "data"),
            ("initial-cluster", &all.join(",")),
            ("listen-peer-urls", &peer),
            ("initial-advertise-peer-urls", &peer),
            ("listen-client-urls", &client),
            ("advertise-client-urls", &client),
            ("trusted-ca-file", "ca.pem"),
            ("peer-trusted-ca-file", "ca.pem"),
            ("cert-file", &cert),
            ("key-file", &key),
            ("peer-cert-file", &cert),
            ("peer-key-file", &key),
        ] {
            command.arg(format!("--{flag}={value}"));
        }
        command.args(["--client-cert-auth", "--peer-client-cert-auth"]);
        command
    }

    /// How the command is told where they are.
    fn at(&self) -> String {
        let all = NAMES.iter().zip(&self.ports);
        let all = all.map(|(name, [port, _])| format!(" --at {name}=127.0.0.1:{port}"));
        all.collect()
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        for machine in 0..3 {
            self.stop(machine);
        }
    }
}

/// Refused, with these controllers named and no other; nothing is written.
fn refused(desk: &mut Desk, command: &str, named: &[usize], words: &str) {
    let before = desk.state();
    let said = desk.run(command);
    assert_eq!(said.status, 2, "{command}\n{}{}", said.out, said.err);
    assert_eq!(desk.state(), before);
    for (number, name) in NAMES.iter().enumerate() {
        let is_named = said.err.contains(&format!("\n  {name}, port "));
        assert_eq!(is_named, named.contains(&number), "{name}\n{}", said.err);
    }
    assert!(said.err.contains(words), "{words} in\n{}", said.err);
    assert!(said.err.contains("`--unverified`"), "{}", said.err);
}

fn no_step_comes_too_early(etcd: Option<PathBuf>) {
    let mut desk = Desk::minted(EACH);
    let mut machines = Machines::new(&desk, etcd);
    let step = |number: u8, machines: &Machines| {
        let at = machines.at();
        format!("rotate-ca --timeout 30s --step {number}{at}")
    };
    // The first asks nobody: nothing comes before it.
    desk.good(&step(1, &machines));
    let refuses = "it refuses a client of the next CA";
    refused(&mut desk, &step(2, &machines), &[0, 1, 2], refuses);
    machines.roll(0);
    machines.roll(2);
    refused(&mut desk, &step(2, &machines), &[1], refuses);
    machines.roll(1);
    machines.stop(0);
    let gone = "controller-0, port ";
    refused(&mut desk, &step(2, &machines), &[0], gone);
    machines.roll(0);
    desk.good(&step(2, &machines));

    let shows = "its certificate: it is signed by `CN=main etcd CA`";
    refused(&mut desk, &step(3, &machines), &[0, 1, 2], shows);
    machines.roll(1);
    refused(&mut desk, &step(3, &machines), &[0, 2], shows);
    machines.roll(0);
    machines.roll(2);
    desk.good(&step(3, &machines));
    desk.good("audit --strict");
    desk.bad("rotate-ca", 0, &["no replacement is under way"]);
}

#[test]
fn no_step_comes_before_every_member_has_the_last() {
    no_step_comes_too_early(None);
}

#[test]
fn who_cannot_be_asked_is_named_and_can_be_passed_over() {
    let mut desk = Desk::minted(EACH);
    desk.good("rotate-ca --step 1");
    // Nobody has these addresses here.
    let ask = "rotate-ca --timeout 1s --step 2 --at controller-0=127.0.0.1:9 \
               --at controller-1=127.0.0.1:9 --at controller-2=127.0.0.1:9";
    refused(
        &mut desk,
        ask,
        &[0, 1, 2],
        "not reached: nobody listens there",
    );
    desk.bad(
        "rotate-ca --step 2 --at nobody=127.0.0.1",
        1,
        &["the manifest has no such controller"],
    );
    let said = desk.good("rotate-ca --step 2 --unverified");
    assert!(said.err.contains("no member was asked"), "{}", said.err);
}

/// After each step a pair is lost, is another's, is damaged, or belongs to a controller that is
/// new; or a file of the next CA is lost. The command that `rotate-ca` names then goes on.
#[test]
#[ignore = "some 500 commands: `make test`"]
fn whatever_is_lost_wrong_or_new_the_next_command_goes_on() {
    let troubles = [
        "true",
        "rm pki/controller-1.pem",
        "rm pki/controller-1-key.pem",
        "rm pki/controller-1.pem pki/controller-1-key.pem",
        "cp pki/controller-0.pem pki/controller-1.pem",
        "cp pki/controller-0-key.pem pki/controller-1-key.pem",
        "cp pki/controller-0.pem pki/controller-1.pem; cp pki/controller-0-key.pem pki/controller-1-key.pem",
        "cp 0/controller-1.pem pki/; cp 0/controller-1-key.pem pki/",
        "head -c 300 0/controller-1.pem >pki/controller-1.pem",
        ": >pki/controller-1.pem",
        "rm pki/controller-*.pem",
        "cp 0/controller-*.pem pki/",
        "cp 0/ca.pem pki/ca.pem",
        "rm -f pki/ca-next.pem",
        "rm -f pki/ca-next.pem pki/ca-next-key.pem",
        "rm -f pki/admin.pem",
        "cp 0/admin.pem 0/admin-key.pem pki/",
        "sed -i 's/^tls/  - { name: controller-3, ip: 10.240.0.13 }\\ntls/' cluster.yaml",
    ];
    let scenes: Vec<_> = (0..=2)
        .flat_map(|after| troubles.map(|trouble| (after, trouble)))
        .collect();
    support::in_parallel(&scenes, |(after, trouble)| goes_on(*after, trouble));
}

fn goes_on(after: u8, trouble: &str) {
    let mut desk = Desk::minted(EACH);
    desk.good("mint --client admin");
    desk.shop.run("cp -r pki 0");
    for step in 1..=after {
        desk.good(&format!("rotate-ca --unverified --step {step}"));
    }
    desk.shop.run(trouble);
    let scene = format!("after step {after}: {trouble}");
    // Six commands at most, each the one that the last has named.
    let mut steps = Vec::new();
    loop {
        let said = desk.run("rotate-ca");
        assert_eq!(said.status, 0, "{scene}\n{}{}", said.out, said.err);
        if said.out.contains("no replacement is under way") && steps.last() == Some(&3) {
            break;
        }
        let step = said.out.split("--step ").nth(1).unwrap();
        let step: u8 = step[..1].parse().unwrap();
        steps.push(step);
        assert!(steps.len() <= 6, "{scene}: {steps:?}");
        let said = desk.run(&format!("rotate-ca --unverified --step {step}"));
        assert_eq!(
            said.status, 0,
            "{scene}, {steps:?}\n{}{}",
            said.out, said.err
        );
    }
    let said = desk.run("audit");
    assert_eq!(said.status, 0, "{scene}\n{}", said.err);
    assert!(!desk.path("pki/ca-next.pem").exists(), "{scene}");
    assert!(!desk.path("pki/ca-next-key.pem").exists(), "{scene}");
    desk.good("renew --all");
}

#[test]
#[ignore = "real etcds: `make test`"]
fn real_members_are_asked() {
    let list = std::env::var("FIRSTBOOT_TEST_ETCD")
        .expect("FIRSTBOOT_TEST_ETCD names no directories with an etcd");
    for directory in list.split(':').map(PathBuf::from) {
        let bins = [directory.join("usr/bin"), directory];
        let bin = bins.into_iter().find(|bin| bin.join("etcd").exists());
        no_step_comes_too_early(Some(bin.unwrap()));
    }
}
