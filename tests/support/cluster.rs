//! Two real etcd members on loopback addresses.

use super::Workshop;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Ends a hang: far longer than any cluster here needs, and any refusal.
const HANG: Duration = Duration::from_mins(10);
/// So often a client is refused by members that serve before that is their answer.
const REFUSALS: usize = 3;
const PAUSE: Duration = Duration::from_millis(20);

/// One CA for everything, and elections that are soon over.
const SETTINGS: &str = "--trusted-ca-file=ca.pem --peer-trusted-ca-file=ca.pem \
    --client-cert-auth --peer-client-cert-auth \
    --heartbeat-interval=20 --election-timeout=200";

/// Makes OpenSSL, and so curl, take keys of any size and hashes of any age.
const LENIENT: &str = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n\
                       [c]\nCipherString = DEFAULT@SECLEVEL=0\n";

/// One etcd to try.
pub(crate) struct Etcd {
    bin: PathBuf,
    /// The Go that it was built with.
    pub(crate) go: u16,
    /// Go's own settings follow the Go of the module, not the toolchain: the two differ in
    /// Debian's builds, never in upstream's.
    takes_negative_serials: bool,
    /// The prefix of its JSON gateway.
    gateway: &'static str,
    /// What makes it faster, where it knows the flag.
    flags: &'static [&'static str],
}

/// Where the two members are and what else they are told.
pub(crate) struct Plan {
    /// As dialled.
    pub(crate) hosts: [&'static str; 2],
    /// As listened on.
    pub(crate) addresses: [&'static str; 2],
    pub(crate) flags: &'static [&'static str],
    /// The names of their pairs, without `.pem` and `-key.pem`.
    pub(crate) pairs: [&'static str; 2],
}

const SHARED: [&str; 2] = ["kubernetes", "kubernetes"];

/// Two members on two addresses.
pub(crate) const BY_ADDRESS: Plan = Plan {
    hosts: ["127.77.0.1", "127.77.0.2"],
    addresses: ["127.77.0.1", "127.77.0.2"],
    flags: &[],
    pairs: SHARED,
};

/// Two members on one address under one name.
pub(crate) const BY_NAME: Plan = Plan {
    hosts: ["localhost", "localhost"],
    addresses: ["127.0.0.1", "127.0.0.1"],
    flags: &[],
    pairs: SHARED,
};

/// What became of a cluster.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Both members are healthy for a client, and the JSON gateway answers; with what curl says
    /// when it judges them by its own rules, as on a machine's first boot.
    Formed(Result<(), String>),
    /// It did not form; a line that says why.
    Failed(String),
}

/// The members, killed when dropped.
struct Members(Vec<Child>);

impl Drop for Members {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Etcd {
    pub(crate) fn find(dir: &Path) -> Self {
        let bin = [dir.join("usr/bin"), dir.to_owned()]
            .into_iter()
            .find(|bin| bin.join("etcd").exists())
            .unwrap_or_else(|| panic!("no etcd in {}", dir.display()));
        let output = Command::new(bin.join("etcd"))
            .arg("--version")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let go = text.split("Go Version: go1.").nth(1).unwrap();
        let go: u16 = go.split(['.', '\n']).next().unwrap().parse().unwrap();
        let binary = std::fs::read(bin.join("etcd")).unwrap();
        let setting = b"x509negativeserial=1".as_slice();
        let is_3_3 = text.contains("etcd Version: 3.3.");
        Self {
            takes_negative_serials: binary
                .windows(setting.len())
                .any(|window| window == setting),
            bin,
            go,
            gateway: if is_3_3 { "v3beta" } else { "v3" },
            flags: if is_3_3 {
                &[]
            } else {
                &["--unsafe-no-fsync=true"]
            },
        }
    }

    /// The Go whose verdict on this recipe it follows.
    pub(crate) fn go_for(&self, recipe: &str) -> u16 {
        let is_lenient = self.takes_negative_serials && recipe.contains("SERIAL=-");
        if is_lenient { self.go.min(22) } else { self.go }
    }

    /// Starts two members with the set in `shop` and waits until they agree or one refuses.
    pub(crate) fn try_to_form(&self, shop: &Workshop, plan: &Plan) -> Outcome {
        let ports = free_ports(plan);
        let peer = |hosts: [&str; 2], at: usize| format!("https://{}:{}", hosts[at], ports[at]);
        let client =
            |hosts: [&str; 2], at: usize| format!("https://{}:{}", hosts[at], ports[at + 2]);
        let cluster = format!("m0={},m1={}", peer(plan.hosts, 0), peer(plan.hosts, 1));
        let start = |at: usize| {
            let name = format!("m{at}");
            let log = std::fs::File::create(shop.path().join(format!("{name}.log"))).unwrap();
            let (peers, clients) = (peer(plan.hosts, at), client(plan.hosts, at));
            let flags = format!(
                "--name {name} --data-dir {name}.etcd --initial-cluster {cluster} \
                 --listen-peer-urls {} --initial-advertise-peer-urls {peers} \
                 --listen-client-urls {} --advertise-client-urls {clients} {SETTINGS} \
                 --cert-file={pair}.pem --key-file={pair}-key.pem \
                 --peer-cert-file={pair}.pem --peer-key-file={pair}-key.pem",
                peer(plan.addresses, at),
                client(plan.addresses, at),
                pair = plan.pairs[at],
            );
            Command::new(self.bin.join("etcd"))
                .current_dir(shop.path())
                .args(flags.split_whitespace())
                .args(self.flags)
                .args(plan.flags)
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap()
        };
        let mut members = Members((0..2).map(start).collect());
        let endpoints = [client(plan.hosts, 0), client(plan.hosts, 1)];
        shop.run(&format!(
            "ln -sf {0}.pem own.pem; ln -sf {0}-key.pem own-key.pem",
            plan.pairs[0]
        ));
        self.watch(shop, &mut members, &endpoints)
    }

    fn watch(&self, shop: &Workshop, members: &mut Members, endpoints: &[String; 2]) -> Outcome {
        let begin = Instant::now();
        let mut refusals = Vec::new();
        while begin.elapsed() < HANG {
            for child in &mut members.0 {
                if child.try_wait().unwrap().is_some() {
                    return Outcome::Failed(format!("exit: {}", reason(shop).unwrap_or_default()));
                }
            }
            if let Some(line) = reason(shop) {
                return Outcome::Failed(line);
            }
            if ready(shop) {
                match self.healthy(shop, endpoints) {
                    Ok(()) => return self.ask_all(shop, endpoints),
                    Err(line) => refusals.push(line),
                }
            }
            if refusals.len() == REFUSALS {
                return Outcome::Failed(refusals.concat());
            }
            std::thread::sleep(PAUSE);
        }
        panic!("neither formed nor refused: {refusals:?}\n{}", logs(shop));
    }

    fn healthy(&self, shop: &Workshop, endpoints: &[String; 2]) -> Result<(), String> {
        let output = Command::new(self.bin.join("etcdctl"))
            .current_dir(shop.path())
            .env("ETCDCTL_API", "3")
            .args(["--cacert=ca.pem", "--cert=own.pem", "--key=own-key.pem"])
            .args(["--dial-timeout=3s", "--command-timeout=3s"])
            .args(["--endpoints", &endpoints.join(","), "endpoint", "health"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        output
            .status
            .success()
            .then_some(())
            .ok_or_else(|| format!("etcdctl: {text}"))
    }

    /// Through the gateway, which dials its own member with the server's certificate, first
    /// with a curl that judges nothing, then as a machine does.
    fn ask_all(&self, shop: &Workshop, endpoints: &[String; 2]) -> Outcome {
        let path = format!("{}/cluster/member/list", self.gateway);
        shop.write("lenient.cnf", LENIENT);
        let lenient = curl(
            shop,
            &format!(
                "OPENSSL_CONF=lenient.cnf curl --insecure {}/{path}",
                endpoints[0]
            ),
        );
        let strict = endpoints.iter().try_for_each(|endpoint| {
            curl(shop, &format!("curl --cacert ca.pem {endpoint}/{path}"))
        });
        match lenient {
            // Not etcd's verdict: curl itself hung up.
            Err(line) if line.contains("not for signing") || line.contains("could not load") => {
                Outcome::Formed(strict)
            }
            Err(line) => Outcome::Failed(line),
            Ok(()) => Outcome::Formed(strict),
        }
    }
}

fn curl(shop: &Workshop, command: &str) -> Result<(), String> {
    let pair = "--cert own.pem --key own-key.pem";
    let script = format!("{command} -sS --http1.1 --max-time 3 --data '{{}}' {pair} 2>&1 || true");
    let text = shop.run(&script);
    text.contains("\"members\"")
        .then_some(())
        .ok_or_else(|| format!("curl: {text}"))
}

/// Two for peers, two for clients.
fn free_ports(plan: &Plan) -> Vec<u16> {
    let addresses = plan.addresses.iter().cycle().take(4);
    let held: Vec<_> = addresses
        .map(|address| TcpListener::bind((*address, 0)).unwrap())
        .collect();
    held.iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect()
}

fn logs(shop: &Workshop) -> String {
    ["m0", "m1"].iter().fold(String::new(), |mut all, name| {
        let text = std::fs::read(shop.path().join(format!("{name}.log"))).unwrap_or_default();
        let _ = writeln!(all, "{}", String::from_utf8_lossy(&text));
        all
    })
}

/// A line in which a member says that it will not speak with the other.
fn reason(shop: &Workshop) -> Option<String> {
    let signs = [
        "x509:",
        "tls:",
        "remote error",
        "bad certificate",
        "rejected connection",
    ];
    let harmless = ["connection refused", "EOF"];
    logs(shop)
        .lines()
        .find(|line| {
            signs.iter().any(|sign| line.contains(sign))
                && !harmless.iter().any(|sign| line.contains(sign))
        })
        .map(str::to_owned)
}

fn ready(shop: &Workshop) -> bool {
    logs(shop).matches("ready to serve client requests").count() >= 2
}
