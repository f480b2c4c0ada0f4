//! `render` on a computer that loses its power: each tree of `out` is the old one or the new one,
//! and what was said to be written is there.

use crate::hang;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A whole batch of those that are brought to the disk together, and a small one.
const CLUSTERS: usize = 70;

type Tree = BTreeMap<PathBuf, Vec<u8>>;

#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Once so many lines were printed.
    After(usize),
    At(Duration),
}

/// An ext4 of its own for `out`, and manifests beside it.
struct Computer(tempfile::TempDir);

impl Computer {
    fn new() -> Self {
        let computer = Self(tempfile::tempdir().unwrap());
        File::create(computer.path("disk.img"))
            .and_then(|file| file.set_len(256 << 20))
            .unwrap();
        fs::create_dir(computer.path("disk")).unwrap();
        computer.tool("mkfs.ext4", &["-q", "disk.img"]);
        computer.mount();
        computer
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn tool(&self, tool: &str, arguments: &[&str]) {
        let mut command = Command::new(tool);
        let output = command.args(arguments).current_dir(self.0.path()).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{tool} {arguments:?}: {said}");
    }

    fn mount(&self) {
        self.tool("mount", &["-o", "loop", "disk.img", "disk"]);
    }

    /// The power goes, and comes back: ext4 stops at once, and what is in memory alone is lost.
    fn cut(&self, running: Option<Child>) {
        self.tool("xfs_io", &["-x", "-c", "shutdown", "disk"]);
        if let Some(mut running) = running {
            let _ = running.kill();
            running.wait().unwrap();
        }
        // Who began a mount namespace meanwhile holds the dead file system for a while.
        let holds = || "somebody holds the disk".to_owned();
        hang::until(holds, || {
            self.tool("umount", &["disk"]);
            self.mount();
            fs::write(self.path("disk/alive"), "").ok()
        });
    }

    /// All clusters with this release of etcd, which changes a file of each machine.
    fn write_manifests(&self, etcd: &str) {
        for index in 0..CLUSTERS {
            let directory = self.path(&format!("fleet/{index:03}"));
            fs::create_dir_all(&directory).unwrap();
            let text = format!(
                "apiVersion: firstboot/v1\ncluster: etcd-{index:03}\nplatform: aws\n\
                 etcd: {{ version: {etcd} }}\ncontrollers:\n\
                 - {{ name: a, ip: 10.240.0.10 }}\n- {{ name: b, ip: 10.240.0.11 }}\n\
                 - {{ name: c, ip: 10.240.0.12 }}\n\
                 tls: {{ ca: pki/ca.pem, cert: pki/etcd.pem, key: pki/etcd-key.pem }}\nreplace: never\n"
            );
            fs::write(directory.join("cluster.yaml"), text).unwrap();
        }
    }

    fn firstboot(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_firstboot"))
            .args(arguments)
            .current_dir(self.0.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn render(&self, manifests: &str, out: &str) -> Child {
        self.firstboot(&["render", manifests, "--files-dir", "files", "-o", out])
    }

    /// Every cluster's files.
    fn trees(&self, out: &str) -> BTreeMap<String, Tree> {
        let mut trees = BTreeMap::new();
        for entry in fs::read_dir(self.path(out)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if !name.starts_with('.') {
                let mut tree = Tree::new();
                read(&entry.path(), &entry.path(), &mut tree);
                trees.insert(name, tree);
            }
        }
        trees
    }
}

impl Drop for Computer {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path("disk")).status();
    }
}

fn read(root: &Path, directory: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, tree);
        } else {
            let bytes = fs::read(&path).unwrap();
            tree.insert(path.strip_prefix(root).unwrap().to_path_buf(), bytes);
        }
    }
}

fn end(mut child: Child) {
    assert!(child.wait().unwrap().success());
}

/// The clusters that were said to be written, once there are so many of them.
fn said(child: &mut Child, count: usize) -> Vec<String> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let written = lines.map(Result::unwrap).take(count).map(|line| {
        assert!(line.contains(" written to "), "{line}");
        line.split(' ').next().unwrap().to_owned()
    });
    written.collect()
}

fn minted() -> Computer {
    let computer = Computer::new();
    computer.write_manifests("3.5.21");
    fs::create_dir(computer.path("files")).unwrap();
    let (from, to) = ("fleet/000/cluster.yaml", "files/cluster.yaml");
    fs::copy(computer.path(from), computer.path(to)).unwrap();
    end(computer.firstboot(&["pki", "mint", to]));
    computer
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_fleet_that_loses_power_leaves_old_and_new_trees() {
    let computer = minted();
    end(computer.render("fleet", "old"));
    computer.write_manifests("3.6.14");
    end(computer.render("fleet", "new"));
    let (old, new) = (computer.trees("old"), computer.trees("new"));
    assert_eq!((old.len(), new.len()), (CLUSTERS, CLUSTERS));
    let begin = Instant::now();
    end(computer.render("fleet", "disk/out"));
    let whole = begin.elapsed();
    let lines = [(1, false), (1, true), (65, true)];
    let lines = lines.map(|(lines, exists)| (Cut::After(lines), exists));
    let times = (8..15).map(|part| (Cut::At(whole * part / 10), true));
    for (cut, exists) in lines.into_iter().chain(times) {
        computer.tool("rm", &["-rf", "disk/out"]);
        if exists {
            computer.tool("cp", &["-a", "old", "disk/out"]);
        }
        computer.tool("sync", &["-f", "disk"]);
        let mut child = computer.render("fleet", "disk/out");
        let said = match cut {
            Cut::After(lines) => said(&mut child, lines),
            Cut::At(time) => {
                sleep(time);
                Vec::new()
            }
        };
        computer.cut(Some(child));

        let mut left = 0;
        for (name, tree) in computer.trees("disk/out") {
            let is_old = exists && tree == old[&name];
            assert!(is_old || tree == new[&name], "{name} is neither: {tree:?}");
            left += usize::from(is_old);
        }
        for name in &said {
            assert_eq!(computer.trees("disk/out")[name], new[name], "{name}");
        }
        println!("{cut:?}: {left} of {CLUSTERS} trees are old");
        end(computer.render("fleet", "disk/out"));
        assert_eq!(computer.trees("disk/out"), new);
        let all = fs::read_dir(computer.path("disk/out")).unwrap();
        assert_eq!(all.count(), CLUSTERS, "stages are left");
    }
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_cluster_that_was_written_outlives_a_power_cut() {
    let computer = minted();
    let one = "fleet/000/cluster.yaml";
    for etcd in ["3.5.21", "3.6.14"] {
        computer.write_manifests(etcd);
        let mut child = computer.render(one, "disk/out");
        assert_eq!(said(&mut child, 1), ["etcd-000"]);
        computer.cut(Some(child));
        end(computer.render(one, "expected"));
        assert_eq!(computer.trees("disk/out"), computer.trees("expected"));
    }
}

/// Keys that are lost after they were said to be written would be the end of a cluster.
#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn what_other_commands_wrote_outlives_a_power_cut() {
    let computer = Computer::new();
    let manifest = "disk/cluster/cluster.yaml";
    let commands: [&[&str]; 5] = [
        &["init", "disk/cluster"],
        &["pin", "--offline", "--genesis-window", "7d", manifest],
        &["pki", "renew", "--all", manifest],
        &["pki", "mint", "--force", manifest],
        &["bake", manifest, "-o", "disk/baked"],
    ];
    let mut before = Tree::new();
    for arguments in commands {
        end(computer.firstboot(arguments));
        let tree = || {
            let mut tree = Tree::new();
            read(&computer.path("disk"), &computer.path("disk"), &mut tree);
            tree.retain(|path, _| !path.ends_with("alive"));
            tree
        };
        let written = tree();
        assert_ne!(written, before, "{arguments:?} wrote nothing");
        computer.cut(None);
        let left = tree();
        for (path, bytes) in &written {
            assert_eq!(left.get(path), Some(bytes), "{arguments:?}: {path:?}");
        }
        before = left;
    }
}
