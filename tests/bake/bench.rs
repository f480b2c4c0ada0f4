//! Where an image is baked in these tests.

use firstboot::release::Digest;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;

/// A directory with a manifest, a tarball of its release, and a root directory to bake.
pub(crate) struct Bench(tempfile::TempDir);

pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) text: String,
}

const ARCH: &str = if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    "amd64"
};

impl Bench {
    pub(crate) fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        let top = format!("etcd-v3.4.27-linux-{ARCH}");
        for program in ["etcd", "etcdctl"] {
            bench.program(&format!("{top}/{program}"));
        }
        bench.tool("tar", &["-czf", &format!("{top}.tar.gz"), &top]);
        bench.manifest("one", "10.1.0");
        for tool in ["curl", "tar", "gzip", "ip", "cksum", "systemctl"] {
            bench.write(&format!("root/usr/bin/{tool}"), "");
        }
        bench.program("root/usr/lib/systemd/systemd");
        bench.write("root/etc/passwd", "etcd:x:1:1::/:/sbin/nologin\n");
        bench.write("root/etc/shadow", "root:*:1::::::\n");
        bench
    }

    pub(crate) fn manifest(&self, name: &str, network: &str) {
        let tarball = fs::read(self.tarball()).unwrap();
        let digest = Digest::of(&tarball);
        let text = format!(
            "apiVersion: firstboot/v1\ncluster: {name}\nplatform: gce\n\
             etcd: {{ version: 3.4.27, sha256: {digest} }}\ncontrollers:\n\
             - {{ name: {name}-a, ip: {network}.10 }}\n- {{ name: {name}-b, ip: {network}.11 }}\n\
             - {{ name: {name}-c, ip: {network}.12 }}\n\
             tls: {{ ca: pki/ca.pem, cert: pki/etcd.pem, key: pki/etcd-key.pem }}\nreplace: never\n"
        );
        self.write(&format!("{name}.yaml"), &text);
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn tarball(&self) -> PathBuf {
        self.path(&format!("etcd-v3.4.27-linux-{ARCH}.tar.gz"))
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Any program for this processor.
    pub(crate) fn program(&self, path: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy("/bin/true", path).unwrap();
    }

    pub(crate) fn tool(&self, tool: &str, arguments: &[&str]) -> Said {
        let output = Command::new(tool)
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        Said {
            status: output.status.code().unwrap(),
            text: String::from_utf8(text).unwrap(),
        }
    }

    pub(crate) fn firstboot(&self, arguments: &[&str]) -> Said {
        self.tool(env!("CARGO_BIN_EXE_firstboot"), arguments)
    }

    pub(crate) fn good(&self, arguments: &[&str]) -> Said {
        let said = self.firstboot(arguments);
        assert_eq!(said.status, 0, "{arguments:?}: {}", said.text);
        said
    }

    pub(crate) fn bake_root(&self) -> Said {
        let tarball = self.tarball();
        self.firstboot(&[
            "bake",
            "one.yaml",
            "--root",
            "root",
            "--tarball",
            tarball.to_str().unwrap(),
        ])
    }

    /// The script's last part alone, as anybody may run it.
    pub(crate) fn check_root(&self) -> Said {
        self.good(&["bake", "one.yaml"]);
        self.tool("sh", &["out/one/image/provision", "root", "check"])
    }

    /// Every file below a directory: what is in it, and whether it was touched.
    pub(crate) fn tree(&self, directory: &str) -> BTreeMap<PathBuf, (Vec<u8>, u64, i64)> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![self.path(directory)];
        while let Some(path) = waiting.pop() {
            for entry in fs::read_dir(path).unwrap() {
                let entry = entry.unwrap();
                let about = entry.metadata().unwrap();
                if about.is_dir() {
                    waiting.push(entry.path());
                } else {
                    let bytes = fs::read(entry.path()).unwrap_or_default();
                    found.insert(entry.path(), (bytes, about.ino(), about.mtime_nsec()));
                }
            }
        }
        found
    }
}

/// What grep must find, and nobody may print.
pub(crate) const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\nMHc=\n-----END EC PRIVATE KEY-----\n";
