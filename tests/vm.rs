//! A whole virtual machine: its own kernel, its own disk, and the seed disk as `render` wrote it.
//!
//! Nothing tells it that there is a seed, or what its address is: cloud-init finds the disk by its
//! label, the kernel mounts it, netplan takes the address out of it, and etcd comes from a server
//! that the machine takes for the release's own. `make test-vm` runs this; all is emulated, so it
//! needs minutes, but no right to a hypervisor.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "what a test prints is cargo's to show")]

use firstboot::rehearse::{Host, Interrupt, StandIn, default_cache};
use firstboot::release::{Digest, tarball_name, upstream_urls};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// What a cloud's Debian image has of all this.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,udev,cloud-init,netplan.io,iproute2,curl,\
    ca-certificates,openssl,openssh-client,e2fsprogs,linux-image-cloud-amd64,initramfs-tools";

/// What a cloud configures in it; nothing of it concerns the seed or the network.
const CONFIG: &str = "apt: {preserve_sources_list: true}
ssh_genkeytypes: [ed25519]
locale: false
";

/// An address in the machine's network behind which qemu puts our server.
const RELEASES: &str = "10.240.0.100";

/// From power-on to the verdict. On two cores 150 s were measured, 250 s while they were busy with
/// other work, and 77 s for the second boot.
const PATIENCE: Duration = Duration::from_mins(8);

/// Ends a program when the test ends, whichever way.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory with a rendered cluster of one, a disk, and the releases' certificate.
struct Bench {
    dir: tempfile::TempDir,
    hosts: Vec<String>,
    /// What `render` said of the cluster.
    rendered: Value,
    base: PathBuf,
}

fn run(command: &mut Command) -> Vec<u8> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("running {name}: {error}; `make test-vm` installs it"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
    output.stdout
}

/// The root of a Debian 12 with a kernel, built if the cache has none: about two minutes.
fn base(cache: &Path) -> PathBuf {
    let recipe = format!("{PACKAGES}\n{CONFIG}");
    let digest = Digest::of(recipe.as_bytes()).to_string();
    let path = cache.join("vm").join(format!("bookworm-{}", &digest[..12]));
    if path.exists() {
        return path;
    }
    let half = path.with_extension("half");
    let _ = fs::remove_dir_all(&half);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let config = tempfile::NamedTempFile::new().unwrap();
    fs::write(config.path(), CONFIG).unwrap();
    let upload = format!(
        "upload {} /etc/cloud/cloud.cfg.d/90-vm.cfg",
        config.path().display()
    );
    run(Command::new("mmdebstrap")
        .args(["--variant=apt", &format!("--include={PACKAGES}")])
        .arg(format!("--customize-hook={upload}"))
        .arg("--customize-hook=chroot \"$1\" systemctl enable systemd-networkd")
        .arg("bookworm")
        .arg(&half));
    fs::rename(&half, &path).unwrap();
    path
}

impl Bench {
    fn new() -> Self {
        let cache = default_cache();
        let host = Host {
            program: env!("CARGO_BIN_EXE_firstboot").into(),
            cache: cache.clone(),
            interrupt: Interrupt::default(),
        };
        let release = host
            .stand_in("3.4.27".parse().unwrap(), &mut |_| {})
            .unwrap();
        let urls = upstream_urls(&release.version);
        let host = |url: &String| url.split('/').nth(2).unwrap().to_owned();
        let mut bench = Self {
            dir: tempfile::tempdir().unwrap(),
            hosts: urls.iter().map(host).collect(),
            rendered: Value::Null,
            base: base(&cache),
        };
        bench.render(&release);
        bench.offer(&release, &urls[0]);
        bench.lay_disk();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Without gateway and name servers; which card it is, nobody says.
    fn render(&mut self, release: &StandIn) {
        let manifest = format!(
            "apiVersion: firstboot/v1\ncluster: one\nplatform: nocloud\n\
             etcd: {{ version: {}, sha256: {} }}\n\
             controllers: [{{ name: controller-0, ip: 10.240.0.10 }}]\n\
             network: {{ prefix: 24 }}\n\
             tls: {{ ca: pki/ca.pem, cert: pki/etcd.pem, key: pki/etcd-key.pem }}\n",
            release.version, release.digest
        );
        fs::write(self.path("cluster.yaml"), manifest).unwrap();
        let firstboot = |arguments: &[&str]| {
            run(Command::new(env!("CARGO_BIN_EXE_firstboot"))
                .args(arguments)
                .current_dir(self.dir.path()))
        };
        firstboot(&["pki", "mint"]);
        let said = firstboot(&["render", "--new", "--format", "json"]);
        self.rendered = serde_json::from_slice(&said).unwrap();
    }

    /// The tarball under the path that it has on the release's own host.
    fn offer(&self, release: &StandIn, url: &str) {
        let path = url.splitn(4, '/').nth(3).unwrap();
        let dir = self.path("releases").join(path);
        fs::create_dir_all(&dir).unwrap();
        let name = tarball_name(&release.version, release.arch);
        fs::copy(&release.tarball, dir.join(name)).unwrap();
        let names: Vec<_> = self
            .hosts
            .iter()
            .map(|host| format!("DNS:{host}"))
            .collect();
        run(Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-subj", "/CN=x"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"])
            .args(["-keyout", "server-key.pem", "-out", "server.pem"])
            .args(["-addext", &format!("subjectAltName={}", names.join(","))])
            .current_dir(self.dir.path()));
    }

    /// The machine's own disk; of our server it knows the address and the certificate.
    fn lay_disk(&self) {
        let bundle = "etc/ssl/certs/ca-certificates.crt";
        let mut certificates = fs::read(self.base.join(bundle)).unwrap();
        certificates.extend(fs::read(self.path("server.pem")).unwrap());
        fs::write(self.path("bundle"), certificates).unwrap();
        let hosts = format!("127.0.0.1 localhost\n{RELEASES} {}\n", self.hosts.join(" "));
        fs::write(self.path("hosts"), hosts).unwrap();
        let disk = self.path("disk.img");
        File::create(&disk).unwrap().set_len(2 << 30).unwrap();
        run(Command::new("mkfs.ext4")
            .args(["-q", "-F", "-d"])
            .args([&self.base, &disk]));
        for (file, place) in [("hosts", "etc/hosts"), ("bundle", bundle)] {
            for request in [format!("rm /{place}"), format!("write {file} /{place}")] {
                run(Command::new("debugfs")
                    .args(["-w", "-R", &request])
                    .arg(&disk)
                    .current_dir(self.dir.path()));
            }
        }
    }

    /// The server, and its port on this computer's loopback interface.
    fn serve(&self) -> (Running, u16) {
        let mut server = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-WWW"])
            .args(["-cert", "../server.pem", "-key", "../server-key.pem"])
            .current_dir(self.path("releases"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = lines(server.stdout.take().unwrap());
        let server = Running(server);
        let deadline = Instant::now() + Duration::from_secs(10);
        let line = wait(&lines, deadline, "ACCEPT 127.0.0.1:").unwrap();
        (server, line.rsplit(':').next().unwrap().parse().unwrap())
    }

    /// Powers the machine on, with its seed disk or without; it reaches nothing but the server.
    fn power_on(&self, with_seed: bool, port: u16) -> (Running, Receiver<String>) {
        let boot = |name: &str| {
            let mut files = fs::read_dir(self.base.join("boot")).unwrap();
            let found = files.find_map(|entry| {
                let entry = entry.unwrap();
                let matches = entry.file_name().to_string_lossy().starts_with(name);
                matches.then(|| entry.path())
            });
            found.unwrap_or_else(|| panic!("no {name}"))
        };
        let drive = |name: &str| format!("file={name},format=raw,if=virtio");
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args(["-accel", "tcg,thread=multi", "-smp", "2", "-m", "1024"])
            .args(["-nodefaults", "-no-reboot", "-display", "none"])
            .args(["-serial", "stdio", "-append"])
            .arg("root=/dev/vda rw console=ttyS0")
            .args([Path::new("-kernel"), &boot("vmlinuz-")])
            .args([Path::new("-initrd"), &boot("initrd.img-")])
            .args(["-drive", &format!("{},cache=unsafe", drive("disk.img"))]);
        if with_seed {
            let seed = drive("out/one/controller-0/seed.iso");
            qemu.args(["-drive", &format!("{seed},readonly=on")]);
        }
        let network = format!(
            "user,id=n,net=10.240.0.0/24,restrict=on,guestfwd=tcp:{RELEASES}:443-tcp:127.0.0.1:{port}"
        );
        qemu.args(["-netdev", &network, "-device", "virtio-net-pci,netdev=n"])
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut qemu = qemu.spawn().unwrap();
        let console = lines(qemu.stdout.take().unwrap());
        (Running(qemu), console)
    }
}

/// What a program prints, line by line, without the bytes that are no text.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(text).is_err() {
                break;
            }
            line.clear();
        }
    });
    receiver
}

/// The first line that holds this; else the last lines that there were, after patience or the end.
fn wait(lines: &Receiver<String>, deadline: Instant, needle: &str) -> Result<String, String> {
    let mut seen = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(line) = lines.recv_timeout(left) else {
            let last = seen.len().saturating_sub(60);
            return Err(format!("no `{needle}` in\n{}", seen[last..].join("\n")));
        };
        if line.contains(needle) {
            return Ok(line);
        }
        assert!(!line.contains("firstboot: failed"), "{line}");
        seen.push(line);
    }
}

#[test]
#[ignore = "needs root, qemu and minutes: `make test-vm`"]
fn a_virtual_machine_becomes_a_member_from_its_seed_disk() {
    let bench = Bench::new();
    let (_server, port) = bench.serve();
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    let healthy = format!(
        "firstboot: healthy: controller-0 {} in cluster {}",
        id(&bench.rendered["controllers"][0]["memberId"]),
        id(&bench.rendered["clusterId"])
    );
    let boot = |with_seed: bool, expect: &[&str]| {
        let start = Instant::now();
        let (_machine, console) = bench.power_on(with_seed, port);
        for needle in expect {
            let line = wait(&console, start + PATIENCE, needle);
            let line = line.unwrap_or_else(|last| panic!("{last}"));
            println!("{:5.1} s  {line}", start.elapsed().as_secs_f64());
        }
        // Dropped here: the power is cut.
    };
    boot(
        true,
        &[
            "[2/6] address: 10.240.0.10",
            "[5/6] start: new",
            &healthy,
            "Datasource DataSourceNoCloud [seed=/dev/vd",
        ],
    );
    // All that it needs is its own by now; nobody has to keep keys on a second drive.
    boot(false, &["[5/6] start: existing", &healthy]);
}
