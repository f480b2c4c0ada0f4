//! Machines with one file tree, network and list of processes each, on a bridge that leads nowhere.
//!
//! Everything on them is what `machines` renders, put where it belongs over this computer's own
//! root, and everything that runs is real but systemd: of that there is what the scripts call.
//! A machine's processes end with the first one of them, and that one when its standard input does;
//! so nothing outlives a test.

use crate::machine::cluster_named;
use firstboot::cluster::settings::Settings;
use firstboot::cluster::{
    Cluster, FileName, Genesis, Identity, MemberId, Pair, PemFile, Replace, Tls,
};
use firstboot::machine::{Layout, machines};
use firstboot::pki::mint::{Authority, Leaf, Minted, Validity};
use firstboot::release::{Arch, Digest};
use firstboot::secret::Secret;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Far longer than anything here takes.
const LIMIT: Duration = Duration::from_mins(3);
const PAUSE: Duration = Duration::from_millis(100);

/// How many keys a snapshot holds.
pub(crate) const KEYS: usize = 20;

/// One etcd to try.
#[derive(Clone)]
pub(crate) struct Etcd {
    bin: PathBuf,
    pub(crate) version: String,
}

/// What stands in `FIRSTBOOT_TEST_ETCD`.
pub(crate) fn etcds() -> Vec<Etcd> {
    let list = std::env::var("FIRSTBOOT_TEST_ETCD")
        .expect("FIRSTBOOT_TEST_ETCD names no directories with an etcd");
    let found: Vec<_> = list
        .split(':')
        .map(|dir| Etcd::find(dir.as_ref()))
        .collect();
    assert!(!found.is_empty());
    found
}

/// Runs a test on each etcd, one after the other, and says on which.
pub(crate) fn on_each(test: impl Fn(&Etcd)) {
    for etcd in etcds() {
        println!("etcd {}", etcd.version);
        test(&etcd);
    }
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
            bin: bin.canonicalize().unwrap(),
            version: first.rsplit(' ').next().unwrap().to_owned(),
        }
    }

    /// Its programs; etcdutl came with 3.5.
    fn programs(&self) -> Vec<PathBuf> {
        let all = ["etcd", "etcdctl", "etcdutl"].map(|name| self.bin.join(name));
        all.into_iter().filter(|path| path.exists()).collect()
    }
}

/// systemd, as far as the scripts call it: one unit, its settings from the same files, and started
/// again whenever it ends.
const SYSTEMCTL: &str = r#"#!/bin/sh
unit=/run/unit
ready() {
  . /etc/etcd/etcd.env
  curl -so /dev/null -m 2 --cacert "$ETCD_TRUSTED_CA_FILE" --cert "$ETCD_CERT_FILE" \
    --key "$ETCD_KEY_FILE" https://127.0.0.1:2379/version
}
runs() { [ -e $unit/supervisor ] && kill -0 "$(cat $unit/supervisor)" 2>/dev/null; }
case $* in
  start*)
    mkdir -p $unit
    runs || {
      rm -f $unit/stopped
      setsid /stub/supervise >>$unit/log 2>&1 </dev/null &
      echo $! >$unit/supervisor
    }
    case $* in *--no-block*) ;; *) until ready; do sleep 0.5; done ;; esac
    ;;
  stop*)
    touch $unit/stopped
    ! runs || kill "$(cat $unit/supervisor)"
    if etcd=$(cat $unit/etcd 2>/dev/null); then
      kill -9 "$etcd" 2>/dev/null
      while grep -qs '^State:.[^Z]' "/proc/$etcd/status"; do sleep 0.1; done
    fi
    rm -f $unit/supervisor $unit/etcd
    ;;
  show*)
    if ! runs || ! kill -0 "$(cat $unit/etcd)" 2>/dev/null; then echo SubState=auto-restart
    elif ready; then echo SubState=running
    else echo SubState=start; fi
    ;;
esac
"#;

const SUPERVISE: &str = r#"#!/bin/sh
while [ ! -e /run/unit/stopped ]; do
  (
    for file in /etc/etcd/etcd.env /usr/local/lib/firstboot/arch.env \
      /var/lib/firstboot/initial-cluster-state.env; do
      set -a
      [ ! -e "$file" ] || . "$file"
    done
    exec /usr/local/bin/etcd
  ) &
  echo $! >/run/unit/etcd
  wait $!
  rm -f /run/unit/etcd
  sleep 1
done
"#;

const JOURNALCTL: &str = "#!/bin/sh\ntail -n \"$2\" /run/unit/log 2>/dev/null\n";

/// The bridge, and what all machines have in common.
pub(crate) struct Lab {
    pub(crate) etcd: Etcd,
    pub(crate) cluster: Cluster,
    dir: tempfile::TempDir,
    bridge: Holder,
    machines: Vec<Option<Machine>>,
}

/// A first process that holds namespaces open.
struct Holder {
    child: Child,
    _leash: ChildStdin,
    pid: u32,
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Holder {
    fn open(flags: &[&str], script: &str) -> Self {
        let mut child = Command::new("unshare")
            .args(flags)
            .args(["--pid", "--fork", "--kill-child", "--net", "--mount"])
            .args(["sh", "-euc", &format!("{script}\necho open; read end")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "open\n", "no namespaces: is this root?");
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        let pid = fs::read_to_string(children)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        Self {
            _leash: child.stdin.take().unwrap(),
            child,
            pid,
        }
    }

    /// A command inside.
    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("nsenter");
        let pid = self.pid.to_string();
        command.args([
            "-t", &pid, "-n", "-m", "-p", "-r", "-w", "sh", "-euc", script,
        ]);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, script: &str) -> String {
        let output = self.command(script).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(output.status.success(), "{script}\n{text}");
        text
    }
}

/// A machine that has power.
struct Machine {
    holder: Holder,
    boot: Option<Child>,
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mut boot) = self.boot.take() {
            let _ = boot.kill();
            let _ = boot.wait();
        }
    }
}

fn address(index: usize) -> String {
    format!("10.240.0.{}", index + 10)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

impl Lab {
    /// Machines without power, of a cluster that may begin for an hour and replaces by itself.
    pub(crate) fn new(etcd: &Etcd, count: usize) -> Self {
        let addresses: Vec<_> = (0..count).map(address).collect();
        let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
        let mut cluster = cluster_named("main", &addresses);
        let (authority, ca) = Authority::mint("main", Validity::days(now(), 30)).unwrap();
        let ca = pem("ca.pem", ca.certificate.into_bytes());
        let tls = tls(&ca, issue(&authority, &addresses));
        for member in &mut cluster.members {
            member.tls = tls.clone();
            member.tls.not_before = now() - 3600;
        }
        cluster.release.version = etcd.version.parse().unwrap();
        cluster.release.tarballs = vec![(arch(), Digest::of(b"tarball"))];
        cluster.settings = Settings::of(cluster.release.version, |_| None);
        cluster.replace = Some(Replace::Auto);
        cluster.genesis = Genesis::Until(now() + 3600);
        let bridge = "ip link set lo up; ip link add br0 type bridge forward_delay 0 stp_state 0
            ip link set br0 up";
        Self {
            etcd: etcd.clone(),
            cluster,
            dir: tempfile::tempdir().unwrap(),
            bridge: Holder::open(&[], bridge),
            machines: (0..count).map(|_| None).collect(),
        }
    }

    /// Gives the machine a pair of its own: what the authority of another cluster issues.
    pub(crate) fn distrust(&mut self, index: usize) {
        let (other, _) = Authority::mint("other", Validity::days(now(), 30)).unwrap();
        let address = address(index);
        let own = &mut self.cluster.members[index].tls;
        *own = tls(&own.peer.ca, issue(&other, &[&address]));
        own.not_before = now() - 3600;
    }

    /// Another token, and with it another cluster's ID.
    pub(crate) fn rename(&mut self, name: &str) {
        self.cluster.name = firstboot::cluster::ClusterName::new(name).unwrap();
        for member in &mut self.cluster.members {
            member.id = Some(MemberId::at(member.address, name));
        }
        let ids = self.cluster.members.iter().filter_map(|member| member.id);
        self.cluster.id = firstboot::cluster::ClusterId::of(ids);
    }

    /// Switches a new machine on, with blank disks and today's files; nothing runs yet.
    pub(crate) fn create(&mut self, index: usize) {
        self.machines[index] = None;
        let tree = self.dir.path().join(format!("m{index}"));
        let holder = Holder::open(
            &[],
            &format!(
                "mkdir -p {tree}; mount -t tmpfs tmpfs {tree}; cd {tree}; mkdir up work root
                 mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work root
                 mount -t proc proc root/proc; mount --rbind /dev root/dev
                 mount -t tmpfs run root/run; mount -t tmpfs tmp root/tmp
                 rm -rf root/etc/etcd root/etc/firstboot root/var/lib/etcd root/var/lib/firstboot
                 for program in {programs}; do
                   touch root/usr/local/bin/${{program##*/}}
                   mount --bind $program root/usr/local/bin/${{program##*/}}
                 done
                 ip link set lo up
                 exec chroot root sh -c 'echo open; read end'",
                tree = tree.display(),
                programs = self.programs()
            ),
        );
        let pid = holder.pid;
        self.bridge.run(&format!(
            "ip link del v{index} 2>/dev/null || true
             ip link add v{index} type veth peer name eth0; ip link set v{index} master br0 up"
        ));
        let way = format!("ip link set eth0 netns {pid}");
        let moved = Command::new("nsenter")
            .args(["-t", &self.bridge.pid.to_string(), "-n", "sh", "-euc", &way])
            .status()
            .unwrap();
        assert!(moved.success());
        holder.run(&format!(
            "ip addr add {}/24 dev eth0; ip link set eth0 up; mkdir -p /stub /run/unit
             until ip -o link show eth0 | grep -q 'state UP'; do sleep 0.1; done",
            address(index)
        ));
        self.machines[index] = Some(Machine { holder, boot: None });
        self.deliver(index);
    }

    /// The paths of etcd's programs, with a blank between.
    fn programs(&self) -> String {
        let all = self.etcd.programs();
        let all: Vec<_> = all.iter().map(|path| path.to_string_lossy()).collect();
        all.join(" ")
    }

    /// Puts everything there that belongs there.
    fn deliver(&self, index: usize) {
        let put = |path: &str, bytes: &[u8], mode: u32| {
            let path = self.root(index).join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        for (name, text) in [
            ("systemctl", SYSTEMCTL),
            ("supervise", SUPERVISE),
            ("journalctl", JOURNALCTL),
        ] {
            put(&format!("/stub/{name}"), text.as_bytes(), 0o755);
        }
        let lib = "/usr/local/lib/firstboot";
        for file in &machines(&self.cluster, Layout::default())[index].files {
            put(&file.path, file.bytes(), 0o644);
        }
        let mut record = format!("# tarball {}\n", Digest::of(b"tarball"));
        for program in self.etcd.programs() {
            let name = program.file_name().unwrap().to_string_lossy().into_owned();
            let bytes = fs::read(&program).unwrap();
            record = format!("{record}{}  {name}\n", Digest::of(&bytes));
        }
        put(&format!("{lib}/installed"), record.as_bytes(), 0o644);
    }

    fn root(&self, index: usize) -> PathBuf {
        let pid = self.machine(index).holder.pid;
        format!("/proc/{pid}/root").into()
    }

    fn machine(&self, index: usize) -> &Machine {
        self.machines[index].as_ref().expect("it has no power")
    }

    /// Takes the machine away, disks and all.
    pub(crate) fn delete(&mut self, index: usize) {
        self.machines[index] = None;
    }

    /// Runs a script on the machine, which must succeed.
    pub(crate) fn run(&self, index: usize, script: &str) -> String {
        let script = format!("export PATH=/stub:/usr/local/bin:$PATH\n{script}");
        self.machine(index).holder.run(&script)
    }

    /// Runs the bootstrap, as systemd does at each boot.
    pub(crate) fn boot(&mut self, index: usize) {
        let script = "export PATH=/stub:/usr/local/bin:$PATH
            echo $$ >/run/bootstrap
            exec sh /usr/local/lib/firstboot/bootstrap >>/run/console 2>&1";
        let machine = self.machines[index].as_mut().expect("it has no power");
        machine.boot = Some(machine.holder.command(script).spawn().unwrap());
    }

    pub(crate) fn create_and_boot(&mut self, index: usize) {
        self.create(index);
        self.boot(index);
    }

    /// Ends its bootstrap and its etcd, as a reboot does.
    pub(crate) fn shut_down(&self, index: usize) {
        let end = "kill -9 $(cat /run/bootstrap) 2>/dev/null || true; systemctl stop etcd";
        self.run(index, end);
    }

    /// A copy of the data, as a disk that outlives its machine has it; etcd must not run.
    pub(crate) fn copy_disk(&self, index: usize) -> PathBuf {
        let copy = self.dir.path().join("disk");
        copy_data(&self.root(index).join("var/lib/etcd"), &copy);
        copy
    }

    pub(crate) fn attach_disk(&self, index: usize, copy: &Path) {
        copy_data(copy, &self.root(index).join("var/lib/etcd"));
    }

    /// All that the machine has said.
    pub(crate) fn console(&self, index: usize) -> String {
        let console = fs::read(self.root(index).join("run/console")).unwrap_or_default();
        String::from_utf8_lossy(&console).into_owned()
    }

    /// Waits until the machine has said this, and returns all that it said.
    pub(crate) fn says(&self, index: usize, text: &str) -> String {
        self.says_one_of(index, &[text])
    }

    /// Waits until the machine has said one of these, and returns all that it said.
    pub(crate) fn says_one_of(&self, index: usize, texts: &[&str]) -> String {
        let start = Instant::now();
        loop {
            let console = self.console(index);
            if texts.iter().any(|text| console.contains(text)) {
                return console;
            }
            let log = || fs::read_to_string(self.root(index).join("run/unit/log"));
            assert!(
                start.elapsed() < LIMIT,
                "{}: machine {index} never says {texts:?}\n{console}\n{}",
                self.etcd.version,
                log().unwrap_or_default()
            );
            std::thread::sleep(PAUSE);
        }
    }

    /// Its own etcdctl, which asks this machine's member alone.
    pub(crate) fn ctl(&self, index: usize, words: &str) -> String {
        self.run(index, &format!("{CTL}\nctl {words}"))
    }

    /// How many of the snapshot's keys this member itself reads, once it knows all that a
    /// majority does.
    pub(crate) fn keys(&self, index: usize) -> usize {
        let read = self.ctl(index, "get --prefix key- --keys-only");
        read.lines().filter(|line| line.starts_with("key-")).count()
    }

    /// A snapshot of [`KEYS`] keys from a cluster of one, after these further writes.
    pub(crate) fn snapshot(&self, more: &[&str]) -> PathBuf {
        let more = more.join(" ");
        let path = self.dir.path().join(format!("snapshot {more}.db"));
        let script = format!(
            "cd {dir}; export ETCDCTL_API=3
             rm -rf old; {bin}/etcd --data-dir old >old.log 2>&1 & etcd=$!
             until {bin}/etcdctl endpoint health >/dev/null 2>&1; do sleep 0.1; done
             for key in $(seq 1 {KEYS}); do {bin}/etcdctl put key-$key $key >/dev/null; done
             for value in {more}; do {bin}/etcdctl put more $value >/dev/null; done
             {bin}/etcdctl snapshot save '{path}' >/dev/null 2>&1
             kill $etcd; wait $etcd || true",
            dir = self.dir.path().display(),
            bin = self.etcd.bin.display(),
            path = path.display(),
        );
        self.bridge.run(&script);
        path
    }

    /// Restores the snapshot on a machine, as docs/day-two.md says.
    pub(crate) fn restore(&self, index: usize, snapshot: &Path) {
        fs::copy(snapshot, self.root(index).join("tmp/snapshot.db")).unwrap();
        self.run(
            index,
            r#". /etc/etcd/etcd.env
            tool=$(command -v etcdutl || command -v etcdctl)
            ETCDCTL_API=3 "$tool" snapshot restore /tmp/snapshot.db --data-dir /tmp/restored \
              --name "$ETCD_NAME" --initial-cluster "$ETCD_INITIAL_CLUSTER" \
              --initial-cluster-token "$ETCD_INITIAL_CLUSTER_TOKEN" \
              --initial-advertise-peer-urls "$ETCD_INITIAL_ADVERTISE_PEER_URLS"
            mkdir -p "$ETCD_DATA_DIR"
            mv /tmp/restored/member "$ETCD_DATA_DIR""#,
        );
    }
}

fn copy_data(from: &Path, to: &Path) {
    let mut copy = Command::new("cp");
    let status = copy
        .args(["-a", "--sparse=always"])
        .args([from, to])
        .status();
    assert!(status.unwrap().success());
}

const CTL: &str = r#". /etc/etcd/etcd.env
ctl() {
  ETCDCTL_API=3 /usr/local/bin/etcdctl --cacert "$ETCD_TRUSTED_CA_FILE" --cert "$ETCD_CERT_FILE" \
    --key "$ETCD_KEY_FILE" --endpoints https://127.0.0.1:2379 --command-timeout 20s "$@" 2>/run/ctl ||
    { cat /run/ctl; exit 1; }
}"#;

fn arch() -> Arch {
    match std::env::consts::ARCH {
        "x86_64" => Arch::Amd64,
        "aarch64" => Arch::Arm64,
        other => panic!("no etcd for {other}"),
    }
}

fn pem(name: &str, bytes: Vec<u8>) -> PemFile {
    PemFile {
        name: FileName::new(name).unwrap(),
        bytes: Secret::new(bytes),
    }
}

fn issue(authority: &Authority, addresses: &[&str]) -> Minted {
    let mut all: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    all.push("127.0.0.1".parse().unwrap());
    let leaf = Leaf {
        common_name: "etcd",
        addresses: &all,
        names: &[],
        validity: Validity::days(now(), 30),
        server: true,
        client: true,
    };
    authority.issue(&leaf).unwrap()
}

/// One pair for everything.
fn tls(ca: &PemFile, minted: Minted) -> Tls {
    let pair = Pair {
        certificate: pem("etcd.pem", minted.certificate.into_bytes()),
        key: pem("etcd-key.pem", minted.key.expose().to_vec()),
    };
    let side = Identity {
        pair: pair.clone(),
        ca: ca.clone(),
    };
    Tls {
        server: side.clone(),
        peer: side,
        client: pair,
        peer_allowed_cn: None,
        not_before: 0,
    }
}
