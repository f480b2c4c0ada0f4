//! A user's desk: a manifest, the real binary, and everything that it printed.

use super::Workshop;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::Command;

pub(crate) const SHARED: &str =
    "tls: { ca: pki/ca.pem, cert: pki/kubernetes.pem, key: pki/kubernetes-key.pem }";
pub(crate) const EACH: &str =
    "tls: { ca: pki/ca.pem, cert: \"pki/{name}.pem\", key: \"pki/{name}-key.pem\" }";

/// A directory with a manifest of three controllers; everything that was ever printed in it.
pub(crate) struct Desk {
    pub(crate) shop: Workshop,
    printed: String,
}

pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    pub(crate) fn new(tls: &str) -> Self {
        let shop = Workshop::new();
        let controllers = [0, 1, 2]
            .map(|n| format!("  - {{ name: controller-{n}, ip: 10.240.0.1{n} }}\n"))
            .concat();
        shop.write(
            "cluster.yaml",
            format!(
                "apiVersion: firstboot/v1\ncluster: main\nplatform: gce\n\
                 etcd: {{ version: 3.3.9 }}\ncontrollers:\n{controllers}{tls}\n"
            ),
        );
        Self {
            shop,
            printed: String::new(),
        }
    }

    pub(crate) fn minted(tls: &str) -> Self {
        let mut desk = Self::new(tls);
        desk.good("mint");
        desk
    }

    pub(crate) fn run(&mut self, arguments: &str) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
            .arg("pki")
            .args(arguments.split_whitespace())
            .current_dir(self.shop.path())
            .output()
            .unwrap();
        let said = Said {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        self.printed.push_str(&said.out);
        self.printed.push_str(&said.err);
        said
    }

    pub(crate) fn good(&mut self, arguments: &str) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.status, 0, "{arguments}\n{}{}", said.out, said.err);
        said
    }

    pub(crate) fn bad(&mut self, arguments: &str, status: i32, parts: &[&str]) {
        let before = self.state();
        let said = self.run(arguments);
        let all = format!("{}{}", said.out, said.err);
        assert_eq!(said.status, status, "{arguments}\n{all}");
        for part in parts {
            assert!(all.contains(part), "{arguments}: {part} in\n{all}");
        }
        assert_eq!(self.state(), before, "{arguments} changed files");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.shop.path().join(name)
    }

    /// Every file with what tells whether it was touched.
    pub(crate) fn state(&self) -> BTreeSet<(PathBuf, u64, i64)> {
        let Ok(entries) = fs::read_dir(self.path("pki")) else {
            return BTreeSet::new();
        };
        entries
            .map(|entry| {
                let entry = entry.unwrap();
                let about = entry.metadata().unwrap();
                (entry.path(), about.ino(), about.mtime_nsec())
            })
            .collect()
    }

    pub(crate) fn verifies(&self, leaf: &str, purposes: &[&str]) {
        for purpose in purposes {
            self.shop.run(&format!(
                "openssl verify -x509_strict -purpose {purpose} -CAfile pki/ca.pem pki/{leaf}.pem"
            ));
        }
        self.shop.run(&format!(
            "diff <(openssl x509 -in pki/{leaf}.pem -noout -pubkey) <(openssl pkey -in pki/{leaf}-key.pem -pubout)"
        ));
    }

    /// Whether the next CA, and not the one from before, signed this certificate.
    pub(crate) fn signed_by_next(&self, leaf: &str) -> bool {
        let verified = self.shop.run(&format!(
            "openssl verify -CAfile pki/ca-next.pem pki/{leaf}.pem >/dev/null 2>&1 && echo yes || echo no"
        ));
        verified == "yes\n"
    }

    /// A pair that openssl signs, good for so many days.
    pub(crate) fn openssl_leaf(&self, name: &str, days: u32, sans: &str) {
        self.shop.run(&format!(
            "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=old-name \
               -keyout pki/{name}-key.pem -out pki/{name}.csr 2>/dev/null
             openssl x509 -req -in pki/{name}.csr -CA pki/ca.pem -CAkey pki/ca-key.pem -days {days} \
               -out pki/{name}.pem -extfile <(printf 'subjectAltName={sans}\\nextendedKeyUsage=serverAuth,clientAuth') 2>/dev/null
             rm pki/{name}.csr"
        ));
    }
}

/// No line of any key was ever printed, and every key is the owner's alone.
impl Drop for Desk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for (path, ..) in self.state() {
            let text = fs::read_to_string(&path).unwrap();
            if !text.contains("PRIVATE KEY") {
                continue;
            }
            let lines = text.lines().filter(|line| !line.starts_with("-----"));
            for line in lines {
                assert!(
                    !self.printed.contains(line),
                    "{} was printed",
                    path.display()
                );
            }
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
        assert!(!self.printed.contains("PRIVATE KEY"));
    }
}

pub(crate) const BOTH: &[&str] = &["sslserver", "sslclient"];
