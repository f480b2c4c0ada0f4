//! `render --report`, looked at in Chromium: `browser/look.py` says what it looks for.
//!
//! `FIRSTBOOT_TEST_BROWSER` is a directory with a `python` that has Playwright and axe, which
//! `tests/run` makes.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SHARED: &str = "{ ca: pki/ca.pem, cert: pki/kubernetes.pem, key: pki/kubernetes-key.pem }";
const EACH: &str = "{ ca: pki/ca.pem, cert: \"pki/{name}.pem\", key: \"pki/{name}-key.pem\" }";

/// A cluster, minted and rendered in a directory of its own: its page.
fn page(dir: &Path, top: &str, controllers: &[(&str, &str)], tls: &str) -> PathBuf {
    let mut manifest = format!("apiVersion: firstboot/v1\n{top}controllers:\n");
    for (name, ip) in controllers {
        let _ = writeln!(manifest, "  - {{ name: {name}, ip: '{ip}' }}");
    }
    let _ = writeln!(manifest, "tls: {tls}");
    fs::create_dir(dir).unwrap();
    fs::write(dir.join("cluster.yaml"), manifest).unwrap();
    for arguments in [&["pki", "mint"][..], &["render", "--new", "--report"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
            .args(arguments)
            .current_dir(dir)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
    }
    let mut clusters = fs::read_dir(dir.join("out")).unwrap();
    clusters.next().unwrap().unwrap().path().join("report.html")
}

#[test]
#[ignore = "needs root and Debian's packages: `make test`"]
fn a_report_page_is_good_in_a_browser() {
    let programs = env::var_os("FIRSTBOOT_TEST_BROWSER");
    let programs = programs.expect("FIRSTBOOT_TEST_BROWSER names no directory: run `make test`");
    let dir = tempfile::tempdir().unwrap();
    let one = page(
        &dir.path().join("one"),
        "cluster: solo\nplatform: hetzner\netcd: { version: 3.5.21 }\n",
        &[("controller-0", "10.240.0.10")],
        SHARED,
    );
    let five = ["10", "11", "12", "13", "14"].map(|end| format!("10.240.0.{end}"));
    let names = [0, 1, 2, 3, 4].map(|number| format!("controller-{number}"));
    let five: Vec<_> = names.iter().zip(&five).collect();
    let five: Vec<_> = five.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let five = page(
        &dir.path().join("five"),
        "cluster: five\nplatform: aws\netcd: { version: 3.6.14 }\n\
         launch: { region: '<script>alert(1)</script>', subnet: '<b>&lt;' }\n",
        &five,
        EACH,
    );
    // As long as each may be.
    let long = ["1", "2", "3", "4"].map(|end| {
        let name = format!(
            "{}-{end}",
            "controller-of-the-second-rack-".repeat(3).split_at(61).0
        );
        (name, format!("2001:db8:1234:5678:9abc:def0:1234:567{end}"))
    });
    let long: Vec<_> = long.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let name = "a".repeat(63);
    let long = page(
        &dir.path().join("long"),
        &format!("cluster: {name}\nplatform: gce\nimage: debian\netcd: {{ version: 3.3.9 }}\n"),
        &long,
        SHARED,
    );
    let output = Command::new(Path::new(&programs).join("python"))
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/real/browser/look.py"
        ))
        .arg("/usr/bin/chromium")
        .args([one, five, long])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complained}");
    assert!(said.contains("looked at 3 pages, 0 things"), "{said}");
}
