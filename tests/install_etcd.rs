//! `install-etcd` as it runs: in a scratch root, with a `curl` that answers from files; and with the
//! real one, against mirrors that behave as badly as they can.

#![allow(clippy::unwrap_used)]

#[path = "support/machine.rs"]
mod support;

use firstboot::cluster::Mismatch;
use firstboot::machine::{Layout, machines};
use firstboot::release::{Arch, Digest};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use support::{Output, cluster, output};
use tempfile::TempDir;

/// A root directory with the script in it, and two mirrors that answer as their files say.
struct Root {
    dir: TempDir,
}

/// Says what it is asked for, and answers with the file that is named after the URL's host.
const CURL: &str = r#"#!/bin/sh
while [ $# -gt 1 ]; do
  [ "$1" != -o ] || out=$2
  shift
done
host=${1#*//} host=${host%%/*}
echo "$1" >>"$MIRRORS/asked"
cat "$MIRRORS/$host" >"$out" 2>/dev/null || { echo "curl: (22) error: 503" >&2; exit 22; }
"#;

impl Root {
    /// The script pins the good tarball, for this machine's architecture.
    fn new() -> Self {
        Self::of(Mismatch::Install)
    }

    fn of(mismatch: Mismatch) -> Self {
        let root = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let tarball = root.tarball();
        root.pin(mismatch, &tarball, None);
        root.executable("tools/curl", CURL);
        fs::create_dir(root.path("mirrors")).unwrap();
        root
    }

    /// Writes what the machine is sent: this tarball is the pinned one.
    fn pin(&self, mismatch: Mismatch, tarball: &[u8], urls: Option<Vec<String>>) {
        let mut cluster = cluster();
        cluster.mismatch = mismatch;
        if let Some(urls) = urls {
            cluster.release.urls = urls;
        }
        let digest = Digest::of(tarball);
        cluster.release.tarballs = vec![(Arch::Amd64, digest), (Arch::Arm64, digest)];
        for file in &machines(&cluster, Layout::default())[0].files {
            if let Some(name) = file.path.strip_prefix("/usr/local/lib/firstboot/") {
                let path = self.path("usr/local/lib/firstboot").join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, file.bytes()).unwrap();
            }
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn executable(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A tarball as upstream makes it, with documents that nobody wants on a machine; for two
    /// architectures at once.
    fn tarball(&self) -> Vec<u8> {
        let tops = ["etcd-v3.3.9-linux-amd64", "etcd-v3.3.9-linux-arm64"];
        for top in tops {
            for (name, text) in [
                ("etcd", "server"),
                ("etcdctl", "client"),
                ("README", "text"),
            ] {
                self.executable(&format!("make/{top}/{name}"), text);
            }
        }
        let mut tar = Command::new("tar");
        tar.args(["-C", "make", "-czf", "good.tar.gz"])
            .args(tops)
            .current_dir(self.dir.path());
        assert!(output(&mut tar, "").success);
        fs::read(self.path("good.tar.gz")).unwrap()
    }

    fn mirror(&self, host: &str, answer: &[u8]) {
        fs::write(self.path("mirrors").join(host), answer).unwrap();
    }

    fn record(&self, text: &str) {
        fs::write(self.path("usr/local/lib/firstboot/installed"), text).unwrap();
    }

    fn good(&self) -> Vec<u8> {
        fs::read(self.path("good.tar.gz")).unwrap()
    }

    /// Runs the script as the machine does; says also with which code it ended.
    fn run(&self, shell: &str) -> (i32, String) {
        let script = self.path("usr/local/lib/firstboot/install-etcd");
        let path = format!("{}:/usr/bin:/bin", self.path("tools").display());
        let mut command = Command::new("env");
        command
            .env("PATH", path)
            .env("MIRRORS", self.path("mirrors"))
            .args(["sh", "-c", "\"$@\" 2>&1; echo \" -> $?\""])
            // What hangs is ended, and then has not ended as it should.
            .args(["sh", "timeout", "300"])
            .args(shell.split(' '))
            .arg(script)
            .arg(SECONDS);
        let Output { text, .. } = output(&mut command, "");
        let (said, code) = text.trim_end().rsplit_once(" -> ").unwrap();
        (code.parse().unwrap(), said.trim_end().to_owned())
    }

    fn installed(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path("usr/local/bin"))
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn asked(&self) -> usize {
        fs::read_to_string(self.path("mirrors/asked")).map_or(0, |text| text.lines().count())
    }
}

const GOOD: [&str; 2] = ["etcd", "etcdctl"];

/// How long the script gives each mirror here.
const SECONDS: &str = "3";

#[test]
fn installs_once_and_only_the_binaries() {
    for shell in ["dash", "bash"] {
        let root = Root::new();
        root.mirror("one.test", &root.good());
        assert_eq!(root.run(shell), (0, "3.3.9 from one.test".into()));
        assert_eq!(root.installed(), GOOD);
        let mode = fs::metadata(root.path("usr/local/bin/etcd")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o755);

        assert_eq!(root.run(shell), (0, "3.3.9 is here".into()));
        assert_eq!(root.asked(), 1);
    }
}

#[test]
fn takes_the_next_mirror_when_one_is_down() {
    let root = Root::new();
    root.mirror("two.test", &root.good());
    let said = "3.3.9 from two.test; one.test: error: 503";
    assert_eq!(root.run("sh"), (0, said.into()));
}

#[test]
fn never_unpacks_what_is_not_pinned() {
    let root = Root::new();
    let mut evil = root.good();
    *evil.last_mut().unwrap() ^= 1;
    root.mirror("one.test", &evil);
    let (code, said) = root.run("sh");
    assert_eq!(code, 75, "{said}"); // the other mirror may come back
    root.mirror("two.test", &evil);
    let (code, said) = root.run("sh");
    assert_eq!(code, 65, "{said}"); // nobody has it: if that stays so, a person is needed
    assert!(
        said.contains("one.test: not the pinned tarball; two.test: not the pinned"),
        "{said}"
    );
    assert!(root.installed().is_empty());

    root.mirror("two.test", &root.good());
    let said = "3.3.9 from two.test; one.test: not the pinned tarball";
    assert_eq!(root.run("sh"), (0, said.into()));
}

#[test]
fn half_a_tarball_is_not_the_pinned_one() {
    let root = Root::new();
    let good = root.good();
    root.mirror("one.test", &good[..good.len() / 2]);
    root.mirror("two.test", b"");
    assert_eq!(root.run("sh").0, 65);
    assert!(root.installed().is_empty());
}

#[test]
fn puts_right_what_a_power_cut_or_a_hand_left() {
    let root = Root::new();
    root.mirror("one.test", &root.good());
    root.run("sh");
    let etcd = root.path("usr/local/bin/etcd");

    fs::write(&etcd, "").unwrap(); // cut short
    assert_eq!(root.run("sh").1, "3.3.9 from one.test");
    assert_eq!(fs::read(&etcd).unwrap(), b"server");

    fs::remove_file(root.path("usr/local/lib/firstboot/installed")).unwrap();
    fs::create_dir(root.path("usr/local/bin/.firstboot")).unwrap();
    assert_eq!(root.run("sh").1, "3.3.9 from one.test");
    assert_eq!(root.installed(), GOOD);
}

/// Which an image brings that was baked with another release.
const OTHER: &str = "# etcd-v3.2.1-linux-amd64 0f0f0f\n";

#[test]
fn another_etcd_than_the_pinned_one_is_told_and_replaced() {
    let root = Root::new();
    root.mirror("one.test", &root.good());
    root.record(OTHER);
    let said = "3.3.9 from one.test; the image has etcd-v3.2.1-linux-amd64 0f0f0f";
    assert_eq!(root.run("sh"), (0, said.into()));
    assert_eq!(root.run("sh"), (0, "3.3.9 is here".into()));
}

#[test]
fn another_etcd_than_the_pinned_one_is_refused_if_the_manifest_says_so() {
    let root = Root::of(Mismatch::Refuse);
    root.mirror("one.test", &root.good());
    root.record(OTHER);
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let none = format!("no etcd-v3.3.9-linux-{arch} yet");
    let said = format!("{none}; the image has etcd-v3.2.1-linux-amd64 0f0f0f");
    assert_eq!(root.run("sh"), (78, said));
    fs::remove_file(root.path("usr/local/lib/firstboot/installed")).unwrap();
    assert_eq!(root.run("sh"), (78, none));
    assert_eq!(root.asked(), 0);
}

#[test]
fn an_architecture_without_a_digest_needs_a_person() {
    let root = Root::new();
    root.executable("tools/uname", "#!/bin/sh\necho riscv64\n");
    let (code, said) = root.run("sh");
    assert_eq!(code, 78);
    assert_eq!(
        said,
        "no digest of etcd-v3.3.9-linux-riscv64 is pinned; pin it and render again"
    );
    assert_eq!(root.asked(), 0);
}

#[test]
fn uname_chooses_the_tarball() {
    let root = Root::new();
    root.executable("tools/uname", "#!/bin/sh\necho aarch64\n");
    root.run("sh");
    let asked = fs::read_to_string(root.path("mirrors/asked")).unwrap();
    let first = asked.lines().next().unwrap();
    assert_eq!(
        first,
        "https://one.test/v3.3.9/etcd-v3.3.9-linux-arm64.tar.gz"
    );
}

/// One text for a mixed cluster: each machine takes its own digest and its own name for etcd.
#[test]
fn each_architecture_takes_its_own_of_one_text() {
    let root = Root::new();
    root.mirror("one.test", &root.good());
    let env = root.path("usr/local/lib/firstboot/arch.env");
    let read = || fs::read_to_string(&env).unwrap();
    let pins = |arm64: &str| {
        let path = root.path("usr/local/lib/firstboot/release.env");
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(|line| match line.split_once('=') {
            Some(("SHA256_arm64", _)) => format!("SHA256_arm64={arm64}\n"),
            _ => format!("{line}\n"),
        });
        let text: String = lines.collect();
        fs::write(path, text).unwrap();
    };
    for (machine, arm64, name, unsupported) in [
        ("x86_64", Digest::of(b"other"), "amd64", ""),
        (
            "aarch64",
            Digest::of(&root.good()),
            "arm64",
            "ETCD_UNSUPPORTED_ARCH=arm64\n",
        ),
    ] {
        root.executable("tools/uname", &format!("#!/bin/sh\necho {machine}\n"));
        pins(&arm64.to_string());
        let (code, said) = root.run("sh");
        assert_eq!(read(), unsupported, "{machine}");
        let asked = fs::read_to_string(root.path("mirrors/asked")).unwrap();
        let last = asked.lines().find(|line| line.contains(name)).unwrap();
        assert!(
            last.ends_with(&format!("etcd-v3.3.9-linux-{name}.tar.gz")),
            "{last}"
        );
        assert_eq!(code, 0, "{machine}: {said}");
        assert!(
            !said.contains("not the pinned tarball"),
            "{machine}: {said}"
        );
        fs::remove_dir_all(root.path("usr/local/bin")).unwrap();
    }
}

/// A mirror that answers whoever asks with what it is made to say, and counts what it says.
struct Rude {
    port: u16,
    asked: Arc<AtomicU64>,
    said: Arc<AtomicU64>,
}

/// How a mirror misbehaves; `false` ends the connection.
type Manner = fn(&mut Talk) -> bool;

struct Talk {
    stream: TcpStream,
    said: Arc<AtomicU64>,
    port: u16,
}

impl Talk {
    /// Whether they still listen.
    fn say(&mut self, bytes: &[u8]) -> bool {
        let said = self.stream.write_all(bytes).is_ok();
        if said {
            let length = u64::try_from(bytes.len()).unwrap();
            self.said.fetch_add(length, Ordering::Relaxed);
        }
        said
    }
}

impl Rude {
    fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, said) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (count, heard) = (Arc::clone(&asked), Arc::clone(&said));
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (count, said) = (Arc::clone(&count), Arc::clone(&heard));
                thread::spawn(move || {
                    let mut question = [0; 4096];
                    let _ = stream.read(&mut question);
                    count.fetch_add(1, Ordering::Relaxed);
                    let mut talk = Talk { stream, said, port };
                    while manner(&mut talk) {}
                });
            }
        });
        Self { port, asked, said }
    }
}

const MANNERS: [(&str, Manner); 8] = [
    ("an endless body", |talk| {
        talk.say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunk = format!("100000\r\n{}\r\n", "x".repeat(0x10_0000));
        while talk.say(chunk.as_bytes()) {}
        false
    }),
    ("an endless body without a length", |talk| {
        talk.say(b"HTTP/1.0 200 OK\r\n\r\n");
        while talk.say(&[b'x'; 0x10_0000]) {}
        false
    }),
    ("a body of a terabyte", |talk| {
        talk.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n");
        while talk.say(&[b'x'; 0x10_0000]) {}
        false
    }),
    ("endless headers", |talk| {
        talk.say(b"HTTP/1.1 200 OK\r\n");
        let header = format!("x: {}\r\n", "x".repeat(0x1000));
        while talk.say(header.as_bytes()) {}
        false
    }),
    ("a byte now and then", |talk| {
        talk.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
        while talk.say(b"x") {
            thread::sleep(Duration::from_millis(20));
        }
        false
    }),
    ("nothing", |talk| {
        thread::sleep(Duration::from_millis(20));
        talk.stream.peek(&mut [0]).is_err()
    }),
    ("half of what it promised", |talk| {
        talk.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf");
        false
    }),
    ("go elsewhere, for ever", |talk| {
        let to = format!("http://127.0.0.1:{}/again", talk.port);
        talk.say(format!("HTTP/1.1 302 X\r\nlocation: {to}\r\n\r\n").as_bytes());
        false
    }),
];

/// Whatever a mirror does, the next one is asked in its time, and the disk holds what it held.
#[test]
fn a_mirror_that_misbehaves_does_not_keep_the_next_one_unasked() {
    const MOST: u64 = 130_000_000; // the limit, and what lies in the network's buffers
    thread::scope(|scope| {
        for (says, manner) in MANNERS {
            scope.spawn(move || {
                let root = Root::new();
                fs::remove_file(root.path("tools/curl")).unwrap();
                let rude = Rude::start(manner);
                let good = format!("file://{}", root.path("release").display());
                let urls = vec![format!("http://127.0.0.1:{}", rude.port), good];
                let tarball = root.good();
                root.pin(Mismatch::Install, &tarball, Some(urls));
                fs::create_dir(root.path("release")).unwrap();
                for arch in ["amd64", "arm64"] {
                    let name = format!("release/etcd-v3.3.9-linux-{arch}.tar.gz");
                    fs::write(root.path(&name), &tarball).unwrap();
                }
                let (code, said) = root.run("sh");
                assert_eq!(code, 0, "{says}: {said}");
                let why = format!("; 127.0.0.1:{}: ", rude.port);
                let why = said.split_once(&why).map(|(_, why)| why);
                assert!(why.is_some_and(|why| why.len() > 5), "{says}: {said}");
                assert_eq!(root.installed(), GOOD, "{says}");
                let asked = rude.asked.load(Ordering::Relaxed);
                assert!((1..=51).contains(&asked), "{says}: asked {asked} times");
                let heard = rude.said.load(Ordering::Relaxed);
                assert!(heard < MOST, "{says}: {heard} bytes");
            });
        }
    });
}

/// A tarball that is pinned, and has something else in the place of a program.
#[test]
fn only_files_come_out_of_a_pinned_tarball() {
    for (what, make) in [
        (
            "a link to a file",
            "rm $top/etcd && ln -s $PWD/victim $top/etcd",
        ),
        (
            "a link to nothing",
            "rm $top/etcd && ln -s $PWD/none $top/etcd",
        ),
        ("a pipe", "rm $top/etcdctl && mkfifo $top/etcdctl"),
        (
            "a link in etcdutl's place",
            "ln -s $PWD/victim $top/etcdutl",
        ),
        ("a pipe in etcdutl's place", "mkfifo $top/etcdutl"),
        ("a directory", "rm $top/etcd && mkdir $top/etcd"),
        ("nothing", "rm $top/etcd"),
        (
            "a link to a directory",
            "mv $top $PWD/elsewhere && ln -s $PWD/elsewhere $top",
        ),
    ] {
        for shell in ["dash", "bash", "busybox sh"] {
            let root = Root::new();
            fs::write(root.path("victim"), "private").unwrap();
            fs::set_permissions(root.path("victim"), fs::Permissions::from_mode(0o600)).unwrap();
            let script = format!(
                "for top in make/etcd-v3.3.9-linux-*; do {make}; rm -rf moved
                 [ ! -e elsewhere ] || mv elsewhere moved; done
                 [ ! -e moved ] || mv moved elsewhere
                 cd make && tar -czf ../bad.tar.gz *"
            );
            let mut pack = Command::new("sh");
            pack.args(["-euc", &script]).current_dir(root.dir.path());
            let packed = output(&mut pack, "");
            assert!(packed.success, "{what}: {}", packed.text);
            let bad = fs::read(root.path("bad.tar.gz")).unwrap();
            root.pin(Mismatch::Install, &bad, None);
            root.mirror("one.test", &bad);
            let (code, said) = root.run(shell);
            if what.contains("etcdutl") {
                // Which not every release has: it is as if this one had none.
                assert_eq!(
                    (code, root.installed()),
                    (0, GOOD.map(str::to_owned).into())
                );
            } else {
                assert_eq!(code, 78, "{what}: {said}");
                assert!(said.contains("lacks files"), "{what}: {said}");
                assert!(root.installed().is_empty(), "{what}");
            }
            let mode = fs::metadata(root.path("victim"))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o7777, 0o600, "{what}");
        }
    }
}
