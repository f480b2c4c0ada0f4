//! What is legal but unwise: settings and releases, as `render` reports them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

/// Exit status and each finding as `code: source line`, for a cluster of this version.
fn render(version: &str, settings: &[&str], flags: &[&str]) -> (i32, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let lines: String = settings
        .iter()
        .map(|line| ["    ", line, "\n"].concat())
        .collect();
    let manifest = format!(
        "apiVersion: firstboot/v1\ncluster: c\nplatform: gce\n\
         etcd:\n  version: {version}\n  settings:\n    strict-reconfig-check: true\n{lines}\
         controllers:\n  - {{ name: controller-0, ip: 10.240.0.10 }}\n\
         \x20 - {{ name: controller-1, ip: 10.240.0.11 }}\n\
         \x20 - {{ name: controller-2, ip: 10.240.0.12 }}\n\
         tls: {{ ca: pki/ca.pem, cert: pki/kubernetes.pem, key: pki/kubernetes-key.pem }}\n"
    );
    let path = dir.path().join("cluster.yaml");
    std::fs::write(&path, &manifest).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
        .args([
            "render",
            "--check",
            "--new",
            "--format",
            "json",
            "--files-dir",
        ])
        .arg(golden)
        .args(flags)
        .arg(&path)
        .output()
        .unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap().iter();
    let source: Vec<_> = manifest.lines().collect();
    let said = findings.map(|finding| {
        let line = finding["line"].as_u64().unwrap();
        let line = source[usize::try_from(line).unwrap() - 1].trim();
        format!("{}: {line}", finding["code"].as_str().unwrap())
    });
    (output.status.code().unwrap(), said.collect())
}

#[test]
fn unwise_settings_are_warned_of_at_their_place() {
    for (version, line, code) in [
        ("3.6.14", "quota-backend-bytes: 9GiB", Some("quota-large")),
        ("3.6.14", "quota-backend-bytes: 8GiB", None),
        ("3.6.14", "quota-backend-bytes: 8", Some("quota-small")),
        ("3.6.14", "quota-backend-bytes: 0", None),
        ("3.6.14", "max-request-bytes: 11MiB", Some("requests-large")),
        ("3.6.14", "max-request-bytes: 10MiB", None),
        (
            "3.6.14",
            "auto-compaction-retention: null",
            Some("history-kept"),
        ),
        (
            "3.6.14",
            "auto-compaction-retention: 0s",
            Some("history-kept"),
        ),
        ("3.6.14", "auto-compaction-retention: 1h", None),
        ("3.6.14", "initial-corrupt-check: true", None),
        (
            "3.6.14",
            "cipher-suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_RSA_WITH_RC4_128_SHA]",
            Some("cipher-weak"),
        ),
        (
            "3.6.14",
            "cipher-suites: TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            None,
        ),
    ] {
        let (status, said) = render(version, &[line], &[]);
        let expected: Vec<_> = code.iter().map(|code| format!("{code}: {line}")).collect();
        assert_eq!((status, said), (0, expected), "{line}");
    }
}

/// The lab's etcd asks its peers without TLS.
#[test]
fn a_check_that_cannot_work_is_warned_of() {
    for (line, warned) in [
        ("initial-corrupt-check: true", true),
        ("initial-corrupt-check: false", false),
        ("corrupt-check-time: 1h", true),
        ("corrupt-check-time: 0s", false),
    ] {
        let (_, said) = render("3.3.9", &[line], &[]);
        let is_said = said.contains(&format!("check-without-tls: {line}"));
        assert_eq!(is_said, warned, "{line}: {said:?}");
    }
}

#[test]
fn faulty_releases_are_warned_of_and_refused_when_asked() {
    for (version, codes) in [
        ("3.3.9", &["version-ended", "version-corrupts"][..]),
        (
            "3.4.27",
            &["version-ended", "version-corrupts", "version-insecure"],
        ),
        ("3.5.21", &["version-corrupts", "version-insecure"]),
        ("3.6.14", &[]),
    ] {
        let expected: Vec<_> = codes
            .iter()
            .map(|code| format!("{code}: version: {version}"))
            .collect();
        let (status, said) = render(version, &[], &[]);
        assert_eq!((status, said), (0, expected.clone()), "{version}");
        let (status, said) = render(version, &[], &["--strict"]);
        assert_eq!(
            (status, said),
            (i32::from(!codes.is_empty()), expected),
            "{version}"
        );
    }
}
