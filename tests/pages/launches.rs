//! The quick starts: each platform's manifest renders, and its `launch` lacks nothing.

#[path = "../support/on_platforms.rs"]
mod on_platforms;

use super::blocks::warnings_are_spoken_of;
use super::page::Page;
use super::sandbox::Sandbox;
use firstboot::platform::Platform;
use on_platforms::{CLIENT, CLIENTS};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// With stand-ins for the clouds' clients: what the page says is all that `launch` wants.
#[test]
fn each_platform_is_launched_by_its_quick_start() {
    let page = Page::read("docs/quick-start.md");
    let blocks = page.blocks();
    let manifests = blocks.iter().filter(|block| block.language == "yaml");
    let mut seen = Vec::new();
    for manifest in manifests.filter(|block| block.text.contains("\nplatform: ")) {
        let place = page.place(manifest.line);
        let (_, platform) = manifest.text.split_once("\nplatform: ").unwrap();
        seen.push(platform.split_whitespace().next().unwrap());
        let sandbox = Sandbox::new();
        sandbox.write("cluster.yaml", &manifest.text);
        sandbox.output("firstboot pki mint cluster.yaml", &place);
        let said = sandbox.output("firstboot render --new cluster.yaml", &place);
        warnings_are_spoken_of(&page, &said, &place);
        for client in CLIENTS {
            let path = format!("bin/{client}");
            sandbox.write(&path, CLIENT);
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(sandbox.path().join(path), mode).unwrap();
        }
        let same = blocks
            .iter()
            .filter(|block| block.section == manifest.section);
        let launches: Vec<_> = same
            .flat_map(|block| block.text.lines())
            .filter(|line| line.contains("sh out/etcd/launch"))
            .collect();
        assert_eq!(launches.len(), 1, "{place}: how is it launched?");
        let script = format!("export LOG=$PWD/log HOME=$PWD\n{}", launches[0]);
        sandbox.output(&script, &place);
    }
    let mut all: Vec<_> = Platform::ALL
        .iter()
        .map(|platform| platform.name())
        .collect();
    all.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, all, "docs/quick-start.md has each platform once");
}
