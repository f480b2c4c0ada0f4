//! A network namespace with the controllers' addresses, and real etcd members in it.
//!
//! The namespace lives as long as a shell in it, which ends when its standard input does; members
//! are killed with the thread that started them. So nothing outlives a test.

use crate::desk::{ADDRESSES, Desk};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// One etcd to try.
#[derive(Clone)]
pub(crate) struct Etcd {
    bin: PathBuf,
    pub(crate) version: String,
}

/// What stands in `FIRSTBOOT_TEST_ETCD`: directories, colons between them.
pub(crate) fn etcds() -> Vec<Etcd> {
    let list = std::env::var("FIRSTBOOT_TEST_ETCD")
        .expect("FIRSTBOOT_TEST_ETCD names no directories with an etcd");
    let found: Vec<_> = list
        .split(':')
        .map(|dir| Etcd::find(Path::new(dir)))
        .collect();
    assert!(!found.is_empty());
    found
}

impl Etcd {
    fn find(dir: &Path) -> Self {
        let mut bins = [dir.join("usr/bin"), dir.to_owned()].into_iter();
        let bin = bins.find(|bin| bin.join("etcd").exists());
        let bin = bin.unwrap_or_else(|| panic!("no etcd in {}", dir.display()));
        let output = Command::new(bin.join("etcd")).arg("--version").output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let first = text.lines().next().unwrap();
        Self {
            bin,
            version: first.rsplit(' ').next().unwrap().to_owned(),
        }
    }

    /// The directory of its programs.
    #[allow(dead_code, reason = "tests/console uses it")]
    pub(crate) fn bin(&self) -> &Path {
        &self.bin
    }

    /// Of the line 3.3: its own prefix, and no learners.
    pub(crate) fn is_3_3(&self) -> bool {
        self.version.starts_with("3.3.")
    }
}

pub(crate) struct Field {
    holder: Child,
    _leash: ChildStdin,
}

impl Drop for Field {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

impl Field {
    /// With the three controllers' addresses, all on this one interface.
    pub(crate) fn open() -> Self {
        let mut holder = Command::new("unshare")
            .args([
                "--net",
                "sh",
                "-c",
                "ip link set lo up; echo open; read end",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(holder.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "open\n", "no namespace: is this root?");
        let leash = holder.stdin.take().unwrap();
        let field = Self {
            holder,
            _leash: leash,
        };
        for address in ADDRESSES {
            field.ip(&format!("addr add {address}/32 dev lo"));
        }
        field
    }

    /// What stands before a command that shall run in there.
    pub(crate) fn way_in(&self) -> Vec<String> {
        let namespace = format!("--net=/proc/{}/ns/net", self.holder.id());
        [
            "nsenter",
            &namespace,
            "setpriv",
            "--pdeathsig",
            "KILL",
            "--",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    fn command(&self, program: &Path) -> Command {
        let way = self.way_in();
        let mut command = Command::new(&way[0]);
        command.args(&way[1..]).arg(program);
        command
    }

    pub(crate) fn ip(&self, words: &str) {
        let mut command = self.command(Path::new("ip"));
        let status = command.args(words.split_whitespace()).status().unwrap();
        assert!(status.success(), "ip {words}");
    }

    /// Takes a controller's address away, and drops what is sent there.
    pub(crate) fn swallow(&self, index: usize) {
        self.unplug(index);
        self.ip("link add hole type veth peer name far");
        self.ip("link set far up");
        self.ip("link set hole up");
        // A cable to somebody else: the far end is not who it is meant for.
        let address = ADDRESSES[index];
        self.ip(&format!("route add {address}/32 dev hole"));
        self.ip(&format!(
            "neigh replace {address} lladdr 02:00:00:00:00:99 dev hole"
        ));
    }

    /// Takes a controller's address away.
    pub(crate) fn unplug(&self, index: usize) {
        self.ip(&format!("addr del {}/32 dev lo", ADDRESSES[index]));
    }
}

/// What a member is told besides its place.
#[derive(Clone)]
pub(crate) struct Told<'a> {
    pub(crate) token: &'a str,
    pub(crate) state: &'a str,
    /// Who is in the cluster.
    pub(crate) of: &'a [usize],
    /// The name of the pair that it shows to clients.
    pub(crate) pair: &'a str,
    /// A directory of data for each life.
    pub(crate) life: usize,
}

/// As planned.
pub(crate) const PLANNED: Told = Told {
    token: "etcd-cluster-0",
    state: "new",
    of: &[0, 1, 2],
    pair: "kubernetes",
    life: 0,
};

/// A member, killed when dropped.
pub(crate) struct Member(Child);

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Member {
    pub(crate) fn start(
        etcd: &Etcd,
        field: &Field,
        desk: &Desk,
        index: usize,
        told: &Told,
    ) -> Self {
        let url = |index: usize, port: u16| format!("https://{}:{port}", ADDRESSES[index]);
        let (peer, client) = (url(index, 2380), url(index, 2379));
        let cluster: Vec<_> = told
            .of
            .iter()
            .map(|index| format!("controller-{index}={}", url(*index, 2380)))
            .collect();
        let (data, pair) = (format!("{index}-{}.etcd", told.life), told.pair);
        let fast = if etcd.is_3_3() {
            ""
        } else {
            "--unsafe-no-fsync"
        };
        let flags = format!(
            "--name controller-{index} --data-dir {data} --initial-cluster {} \
             --initial-cluster-token {} --initial-cluster-state {} \
             --listen-peer-urls {peer} --initial-advertise-peer-urls {peer} \
             --listen-client-urls {client} --advertise-client-urls {client} \
             --cert-file pki/{pair}.pem --key-file pki/{pair}-key.pem \
             --peer-cert-file pki/kubernetes.pem --peer-key-file pki/kubernetes-key.pem \
             --trusted-ca-file pki/ca.pem --peer-trusted-ca-file pki/ca.pem \
             --client-cert-auth --peer-client-cert-auth \
             --heartbeat-interval 50 --election-timeout 500 {fast}",
            cluster.join(","),
            told.token,
            told.state,
        );
        let log = File::options()
            .create(true)
            .append(true)
            .open(desk.path(&format!("{index}.log")))
            .unwrap();
        let child = field
            .command(&etcd.bin.join("etcd"))
            .args(flags.split_whitespace())
            .current_dir(desk.dir())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }
}

/// What this member's keys are, in a file: a snapshot.
pub(crate) fn snapshot(etcd: &Etcd, field: &Field, desk: &Desk, index: usize, file: &str) {
    let endpoint = format!("https://{}:2379", ADDRESSES[index]);
    let mut command = field.command(&etcd.bin.join("etcdctl"));
    command
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", &endpoint, "--cacert", "pki/ca.pem"])
        .args(["--cert", "pki/admin.pem", "--key", "pki/admin-key.pem"])
        .args(["snapshot", "save", file])
        .current_dir(desk.dir());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Makes a member's data out of a snapshot, for this life of it.
pub(crate) fn restore(etcd: &Etcd, desk: &Desk, index: usize, life: usize, file: &str) {
    let url = |index: usize| format!("https://{}:2380", ADDRESSES[index]);
    let cluster = [0, 1, 2].map(|index| format!("controller-{index}={}", url(index)));
    // etcdctl does it up to 3.5.
    let tool = etcd.bin.join("etcdutl");
    let tool = if tool.exists() {
        tool
    } else {
        etcd.bin.join("etcdctl")
    };
    let output = Command::new(tool)
        .env("ETCDCTL_API", "3")
        .args(["snapshot", "restore", file])
        .args(["--name", &format!("controller-{index}")])
        .args(["--data-dir", &format!("{index}-{life}.etcd")])
        .args(["--initial-cluster", &cluster.join(",")])
        .args(["--initial-cluster-token", PLANNED.token])
        .args(["--initial-advertise-peer-urls", &url(index)])
        .current_dir(desk.dir())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Asks a member's JSON gateway as an administrator, with curl.
pub(crate) fn post(etcd: &Etcd, field: &Field, desk: &Desk, index: usize, what: &str) -> String {
    let (path, body) = what.split_once(' ').unwrap();
    let prefix = if etcd.is_3_3() { "v3beta" } else { "v3" };
    let output = field
        .command(Path::new("curl"))
        .args([
            "-sS",
            "--http1.1",
            "--max-time",
            "10",
            "--cacert",
            "pki/ca.pem",
        ])
        .args(["--cert", "pki/admin.pem", "--key", "pki/admin-key.pem"])
        .args(["--data", body])
        .arg(format!("https://{}:2379/{prefix}/{path}", ADDRESSES[index]))
        .current_dir(desk.dir())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{what}: {output:?}");
    said
}
