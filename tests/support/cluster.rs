//! Two real etcd members on loopback addresses.

use super::Workshop;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Far longer than any cluster here needs, and any refusal.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

/// Makes OpenSSL, and so curl, take keys of any size and hashes of any age.
const LENIENT: &str = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n\
                       [c]\nCipherString = DEFAULT@SECLEVEL=0\n";

/// One etcd to try.
pub(crate) struct Etcd {
    bin: PathBuf,
    /// The Go that it was built with.
    pub(crate) go: u16,
    /// The prefix of its JSON gateway.
    gateway: &'static str,
    /// Whether it is a 3.3, whose `etcdctl` speaks API 2 unless told.
    flags: &'static [&'static str],
}

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
        // Go's own settings follow the language of the module, which Debian leaves behind.
        let binary = std::fs::read(bin.join("etcd")).unwrap();
        let lenient = b"x509negativeserial=1".as_slice();
        let is_lenient = binary
            .windows(lenient.len())
            .any(|window| window == lenient);
        let go: u16 = if is_lenient { go.min(22) } else { go };
        let is_3_3 = text.contains("etcd Version: 3.3.");
        Self {
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

    /// Starts two members with the set in `shop` and waits until they agree or one refuses.
    pub(crate) fn try_to_form(&self, shop: &Workshop) -> Outcome {
        let ports: Vec<u16> = free_ports();
        let peer = |at: usize| format!("https://127.77.0.{}:{}", at + 1, ports[at]);
        let client = |at: usize| format!("https://127.77.0.{}:{}", at + 1, ports[at + 2]);
        let cluster = format!("m0={},m1={}", peer(0), peer(1));
        let start = |at: usize| {
            let name = format!("m{at}");
            let log = std::fs::File::create(shop.path().join(format!("{name}.log"))).unwrap();
            Command::new(self.bin.join("etcd"))
                .current_dir(shop.path())
                .args(["--name", &name, "--data-dir", &format!("{name}.etcd")])
                .args([
                    "--listen-peer-urls",
                    &peer(at),
                    "--initial-advertise-peer-urls",
                    &peer(at),
                ])
                .args([
                    "--listen-client-urls",
                    &client(at),
                    "--advertise-client-urls",
                    &client(at),
                ])
                .args([
                    "--initial-cluster",
                    &cluster,
                    "--initial-cluster-token",
                    "t",
                ])
                .args(["--trusted-ca-file=ca.pem", "--peer-trusted-ca-file=ca.pem"])
                .args([
                    "--cert-file=kubernetes.pem",
                    "--peer-cert-file=kubernetes.pem",
                ])
                .args([
                    "--key-file=kubernetes-key.pem",
                    "--peer-key-file=kubernetes-key.pem",
                ])
                .args(["--client-cert-auth", "--peer-client-cert-auth"])
                .args(["--heartbeat-interval=20", "--election-timeout=200"])
                .args(self.flags)
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap()
        };
        let mut members = Members((0..2).map(start).collect());
        let endpoints = [client(0), client(1)];
        self.watch(shop, &mut members, &endpoints)
    }

    fn watch(&self, shop: &Workshop, members: &mut Members, endpoints: &[String; 2]) -> Outcome {
        let begin = Instant::now();
        let mut last = String::new();
        while begin.elapsed() < PATIENCE {
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
                    Err(line) if begin.elapsed() > PATIENCE / 4 => return Outcome::Failed(line),
                    Err(line) => last = line,
                }
            }
            std::thread::sleep(PAUSE);
        }
        panic!("neither formed nor refused: {last}\n{}", logs(shop));
    }

    fn healthy(&self, shop: &Workshop, endpoints: &[String; 2]) -> Result<(), String> {
        let output = Command::new(self.bin.join("etcdctl"))
            .current_dir(shop.path())
            .env("ETCDCTL_API", "3")
            .args([
                "--cacert=ca.pem",
                "--cert=kubernetes.pem",
                "--key=kubernetes-key.pem",
            ])
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
            Err(line) if line.contains("not for signing") => Outcome::Formed(strict),
            Err(line) => Outcome::Failed(line),
            Ok(()) => Outcome::Formed(strict),
        }
    }
}

fn curl(shop: &Workshop, command: &str) -> Result<(), String> {
    let pair = "--cert kubernetes.pem --key kubernetes-key.pem";
    let script = format!("{command} -sS --http1.1 --max-time 3 --data '{{}}' {pair} 2>&1 || true");
    let text = shop.run(&script);
    text.contains("\"members\"")
        .then_some(())
        .ok_or_else(|| format!("curl: {text}"))
}

fn free_ports() -> Vec<u16> {
    let held: Vec<_> = (0..4)
        .map(|at| TcpListener::bind(format!("127.77.0.{}:0", at % 2 + 1)).unwrap())
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
