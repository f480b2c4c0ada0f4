//! The seed that `render` writes for `NoCloud`, as its files.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstboot::wire::seed;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const CASE: &str = "tests/golden/static_network_by_seed/cluster.yaml";

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn render(&self, manifest: &str, arguments: &[&str]) -> Output {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        fs::write(self.0.path().join("cluster.yaml"), manifest).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
            .args(["render", "cluster.yaml", "--files-dir"])
            .arg(golden)
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        output
    }

    fn machine(&self) -> PathBuf {
        self.0.path().join("out/own-rack/controller-1")
    }
}

fn manifest() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(CASE)).unwrap()
}

#[test]
fn the_disk_holds_the_files_beside_it() {
    let desk = Desk::new();
    desk.render(&manifest(), &[]);
    let read = |name: &str| fs::read(desk.machine().join(name)).unwrap();
    let image = read("seed.iso");
    let seed = seed::decode(&image).unwrap();
    assert_eq!(seed.user_data.expose(), read(seed::USER_DATA));
    assert_eq!(seed.meta_data.expose(), read(seed::META_DATA));
    let network = read(seed::NETWORK_CONFIG);
    assert_eq!(seed.network_config.unwrap().expose(), network);
    assert!(
        String::from_utf8(network)
            .unwrap()
            .contains("10.240.0.11/24")
    );
}

#[test]
fn a_seed_with_a_network_gives_way_to_one_without() {
    let desk = Desk::new();
    desk.render(&manifest(), &[]);
    let text = manifest();
    let (before, behind) = (text.find("network:").unwrap(), text.find("tls:").unwrap());
    desk.render(&format!("{}{}", &text[..before], &text[behind..]), &[]);
    assert!(!desk.machine().join(seed::NETWORK_CONFIG).exists());
    let image = fs::read(desk.machine().join("seed.iso")).unwrap();
    assert_eq!(seed::decode(&image).unwrap().network_config, None);
}

#[test]
fn on_a_cloud_a_network_is_warned_of() {
    let desk = Desk::new();
    let text = manifest().replace("platform: nocloud", "platform: gce");
    let said = desk.render(&text, &[]).stderr;
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("warning[network-unused]"), "{said}");
    assert!(!desk.machine().join("seed.iso").exists());
    let quiet = desk.render(&manifest(), &[]).stderr;
    assert!(!String::from_utf8(quiet).unwrap().contains("network-unused"));
}
