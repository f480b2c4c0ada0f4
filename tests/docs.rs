//! The examples of the documentation are good ones.
//!
//! That its commands run is seen to in `tests/pages`.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the documentation shows is no bad example: not even a warning.
#[test]
fn the_documented_cloud_config_is_taken_in_silence() {
    let docs = fs::read_to_string(root().join("docs/manifest.md")).unwrap();
    let section = docs.split("\n## `cloud_config`\n").nth(1).unwrap();
    let block = section.split("```yaml\n").nth(1).unwrap();
    let block = block.split("```").next().unwrap();
    assert!(block.contains("[sh, -c, "), "{block}");
    let dir = tempfile::tempdir().unwrap();
    let manifest = fs::read_to_string(root().join("examples/lab/cluster.yaml")).unwrap();
    let two = "  - { name: controller-1, ip: 10.240.0.11 }\n";
    let three = format!("{two}  - {{ name: controller-2, ip: 10.240.0.12 }}\n");
    let manifest = manifest
        .replace("version: 3.3.9", "version: 3.6.14")
        .replace(two, &three);
    let manifest = format!("image: ubuntu\n{manifest}\n{block}");
    fs::write(dir.path().join("cluster.yaml"), manifest).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
            .args(arguments)
            .current_dir(dir.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}\n{said}");
        said
    };
    run(&["pki", "mint"]);
    let said = run(&["render", "--strict", "--check", "--new"]);
    assert!(!said.contains("warning["), "{said}");
}

#[test]
fn the_example_is_the_readme_s() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let example = fs::read_to_string(root().join("examples/lab/cluster.yaml")).unwrap();
    let keys = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.split('#').next().unwrap().trim_end().to_owned())
            .collect()
    };
    let shown = readme
        .split("```yaml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    assert_eq!(keys(shown), keys(&example));
}
