//! What a controller's scripts say and do beside real members: on the console where certificates
//! are refused, and with its files where user etcd would be root.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../verify/desk.rs"]
#[allow(dead_code, reason = "each test uses its own part")]
mod desk;
#[path = "../verify/field.rs"]
#[allow(dead_code, reason = "each test uses its own part")]
mod field;
#[path = "../support/hang.rs"]
mod hang;

use desk::{ADDRESSES, Desk, now};
use field::{Etcd, etcds};
use firstboot::cluster::{Cluster, Genesis, Replace};
use firstboot::machine::{Layout, machines};
use firstboot::manifest::{self, Manifest};
use firstboot::pki::mint::{Authority, Leaf, Minted, Validity};
use firstboot::secret::Secret;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;

/// What is wrong with the machine's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Authority,
    Address,
    Expired,
    NotForClients,
    NotForServers,
}

/// Words that a person can search for; one of them has to be in the line.
const FAULTS: [(Fault, &[&str]); 5] = [
    (
        Fault::Authority,
        &["unable to get local issuer certificate", "unknown ca"],
    ),
    (
        Fault::Address,
        &[
            "no alternative certificate subject name matches",
            "IP address mismatch",
        ],
    ),
    (Fault::Expired, &["certificate has expired"]),
    (
        Fault::NotForClients,
        &[
            "certificate specifies an incompatible key usage",
            "certificate purpose",
        ],
    ),
    (Fault::NotForServers, &["certificate purpose"]),
];

/// A desk, and the files of its first machine.
struct Stage {
    etcd: Etcd,
    desk: Desk,
}

impl Stage {
    fn new(etcd: &Etcd) -> Self {
        let desk = Desk::new(&etcd.version);
        for index in 1..3 {
            let url = |index: usize, port: u16| format!("https://{}:{port}", ADDRESSES[index]);
            let all = [0, 1, 2].map(|index| format!("controller-{index}={}", url(index, 2380)));
            let (peer, client) = (url(index, 2380), url(index, 2379));
            let pair = "cert-file=pki/kubernetes.pem --KINDkey-file=pki/kubernetes-key.pem \
                        --KINDtrusted-ca-file=pki/ca.pem --KINDclient-cert-auth";
            let sides = ["", "peer-"].map(|kind| format!("--{kind}{}", pair.replace("KIND", kind)));
            let command = format!(
                "exec \"$BIN/etcd\" --name controller-{index} --data-dir {index}.etcd \
                 --initial-cluster {} --initial-cluster-token etcd-cluster-0 \
                 --listen-peer-urls {peer} --initial-advertise-peer-urls {peer} \
                 --listen-client-urls {client} --advertise-client-urls {client} {}\n",
                all.join(","),
                sides.join(" "),
            );
            desk.write(&format!("peer-{index}"), &command);
        }
        fs::create_dir(desk.path("scratch")).unwrap();
        Self {
            etcd: etcd.clone(),
            desk,
        }
    }

    fn cluster(&self) -> Cluster {
        let parsed = Manifest::parse("lab", self.desk.read("cluster.yaml").as_bytes());
        let manifest = parsed.unwrap_or_else(|_| panic!("the manifest is refused"));
        let (files, findings) = manifest::read_pem_files(&manifest, self.desk.dir());
        assert_eq!(findings.len(), 0);
        let resolved = manifest::resolve(&manifest, &files, None, now());
        resolved.cluster.expect("it resolves")
    }

    /// Writes what the machine is sent, with a lock or without.
    fn send(&self, lock: bool) {
        let mut cluster = self.cluster();
        cluster.replace = lock.then_some(Replace::Auto);
        if lock {
            cluster.genesis = Genesis::Until(now() + 86_400);
        }
        let machine = &machines(&cluster, Layout::default())[0];
        for file in &machine.files {
            let path = self.machine(&file.path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, file.bytes()).unwrap();
            let mode = if file.secret { "0600" } else { "0644" };
            let status = Command::new("chmod").arg(mode).arg(&path).status();
            assert!(status.unwrap().success());
        }
    }

    fn machine(&self, path: &str) -> PathBuf {
        self.desk.path("machine").join(path.trim_start_matches('/'))
    }

    /// Gives the machine a pair that its peers do not take.
    fn spoil(&self, fault: Fault) {
        let validity = Validity::days(now(), 30);
        let key = Secret::new(self.desk.read("pki/ca-key.pem").into_bytes());
        let ours = Authority::read(self.desk.read("pki/ca.pem").as_bytes(), &key).unwrap();
        let (other, _) = Authority::mint("etcd-cluster-0 CA", validity).unwrap();
        let addresses = match fault {
            Fault::Address => vec!["10.9.9.9", "127.0.0.1"],
            _ => [&ADDRESSES[..], &["127.0.0.1"]].concat(),
        };
        let addresses: Vec<_> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        let leaf = Leaf {
            common_name: "etcd",
            addresses: &addresses,
            names: &[],
            validity: match fault {
                Fault::Expired => Validity {
                    not_before: now() - 2000,
                    not_after: now() - 1000,
                },
                _ => validity,
            },
            server: fault != Fault::NotForServers,
            client: fault != Fault::NotForClients,
        };
        let authority = if fault == Fault::Authority {
            &other
        } else {
            &ours
        };
        let Minted { certificate, key } = authority.issue(&leaf).unwrap();
        fs::write(self.machine("/etc/etcd/kubernetes.pem"), certificate).unwrap();
        fs::write(self.machine("/etc/etcd/kubernetes-key.pem"), key.expose()).unwrap();
    }

    /// Runs this script on the machine.
    fn run(&self, script: &str) -> Running {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/console");
        let child = Command::new("unshare")
            .args([
                "--mount",
                "--net",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ])
            .args(["setpriv", "--pdeathsig", "KILL", "sh"])
            .arg(root.join("machine.sh"))
            .env("BIN", self.etcd.bin())
            .env("FILES", self.desk.path("machine"))
            .env("SCRATCH", self.desk.path("scratch"))
            .env("THEN", root.join(script))
            .current_dir(self.desk.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        Running(child.unwrap())
    }
}

/// Ends when it is dropped, with all that it has started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn lines(&mut self) -> impl Iterator<Item = String> {
        let out = BufReader::new(self.0.stdout.take().unwrap());
        out.lines().map(Result::unwrap)
    }
}

/// The cause stands on the machine's own console, in words that a person can search for.
#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn a_refused_certificate_is_named_on_the_console() {
    for etcd in etcds() {
        let missing = Mutex::new(String::new());
        thread::scope(|scope| {
            for (lock, (fault, words)) in [false, true]
                .into_iter()
                .flat_map(|lock| FAULTS.map(|fault| (lock, fault)))
            {
                let (etcd, missing) = (&etcd, &missing);
                scope.spawn(move || {
                    let said = said_until(etcd, lock, fault, words);
                    if let Err(said) = said {
                        let which = format!("{} lock {lock} {fault:?}", etcd.version);
                        let _ = writeln!(missing.lock().unwrap(), "{which}:\n{said}");
                    }
                });
            }
        });
        assert_eq!(missing.into_inner().unwrap(), "");
    }
}

/// What the machine says it waits for, until one of these words is in it; an error is what it says
/// instead. A line comes at once, after five seconds, and then less and less often.
fn said_until(etcd: &Etcd, lock: bool, fault: Fault, words: &[&str]) -> Result<(), String> {
    let stage = Stage::new(etcd);
    stage.send(lock);
    stage.spoil(fault);
    let mut running = stage.run("boot.sh");
    let mut said = String::new();
    let waiting = running.lines().filter(|line| line.contains(": waiting: "));
    for line in waiting.take(4) {
        if words.iter().any(|words| line.contains(words)) {
            return Ok(());
        }
        said = format!("{said}{line}\n");
    }
    Err(said)
}

/// Keys alone are etcd's, and whatever it does there, the next boot does not do it as root.
#[test]
#[ignore = "needs root and real etcds: `make test`"]
fn user_etcd_is_not_root_at_the_next_boot() {
    let etcd = &etcds()[0];
    for lock in [false, true] {
        let stage = Stage::new(etcd);
        stage.send(lock);
        let mut running = stage.run("owners.sh");
        let said: Vec<_> = running.lines().collect();
        assert_eq!(
            said,
            [
                "shadow: root",
                "etcd writes: /etc/etcd/kubernetes-key.pem ",
                "etcd owns: /etc/etcd/kubernetes-key.pem ",
                "data: ",
            ],
            "lock {lock}"
        );
    }
}
