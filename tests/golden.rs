//! Every case in `tests/golden` renders to the very bytes beside it, wherever and whenever.
//!
//! `<case>/cluster.yaml` is the manifest, `<case>/out` what it renders to. After a change,
//! `SNAPSHOTS=overwrite cargo test --test golden` writes `out` anew: read the difference.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstboot::release::Digest;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir(golden())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = entries
        .filter(|path| path.join("cluster.yaml").is_file())
        .collect();
    cases.sort();
    assert!(cases.len() >= 3, "only {} cases", cases.len());
    cases
}

/// Renders a case into `out` below `dir`, in that time zone.
fn render(case: &Path, dir: &Path, zone: &str) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_firstboot"))
        .arg("render")
        .arg(case.join("cluster.yaml"))
        .arg("--files-dir")
        .arg(golden())
        .args(["--output", "out"])
        .current_dir(dir)
        .env("TZ", zone)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", case.display());
    output
}

/// A file as a person can read it: what is packed with gzip is kept unpacked, as `….gunzip`; of a
/// disk there is a list, with the digest of each file and of the disk itself.
fn readable((path, bytes): (PathBuf, Vec<u8>)) -> (PathBuf, Vec<u8>) {
    if path.extension().is_some_and(|extension| extension == "iso") {
        return (path.with_extension("iso.list"), listed(&bytes).into_bytes());
    }
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return (path, bytes);
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(bytes.as_slice())
        .read_to_end(&mut unpacked)
        .unwrap();
    (path.with_extension("gunzip"), unpacked)
}

/// `sha256sum`'s lines for a disk and what is in it.
fn listed(disk: &[u8]) -> String {
    let image = firstboot::wire::iso::read(disk).unwrap();
    let line = |name: &str, bytes: &[u8]| format!("{}  {name}\n", Digest::of(bytes));
    let files = image.files.iter().map(|(name, bytes)| line(name, bytes));
    files.collect::<String>() + &line(&format!("({} itself)", image.label), disk)
}

/// Every file below a directory, by its path, but what keeps the directory out of a repository:
/// here it would keep the goldens out of ours.
fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.file_name().unwrap() == ".gitignore" {
                assert_eq!(fs::read(&path).unwrap(), b"*\n");
            } else {
                files.insert(
                    path.strip_prefix(root).unwrap().to_owned(),
                    fs::read(path).unwrap(),
                );
            }
        }
    }
    files
}

#[test]
fn each_renders_to_the_bytes_beside_it() {
    let overwrite = std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite");
    for case in cases() {
        let dir = tempfile::tempdir().unwrap();
        render(&case, dir.path(), "UTC");
        let rendered: BTreeMap<_, _> = tree(&dir.path().join("out"))
            .into_iter()
            .map(readable)
            .collect();
        let expected = case.join("out");
        if overwrite {
            let _ = fs::remove_dir_all(&expected);
            for (path, bytes) in &rendered {
                let path = expected.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
        }
        let kept = tree(&expected);
        assert!(
            rendered.keys().eq(kept.keys()),
            "{}: other files",
            case.display()
        );
        for (path, bytes) in &rendered {
            let (got, want) = (
                String::from_utf8_lossy(bytes),
                String::from_utf8_lossy(&kept[path]),
            );
            snapbox::assert_data_eq!(
                got.into_owned(),
                snapbox::Data::text(want.into_owned()).raw()
            );
        }
    }
}

#[test]
fn two_directories_and_two_time_zones_give_the_same_bytes() {
    for case in cases() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        render(&case, one.path(), "Asia/Seoul");
        render(&case, two.path(), "America/St_Johns");
        assert_eq!(
            tree(&one.path().join("out")),
            tree(&two.path().join("out")),
            "{}",
            case.display()
        );
    }
}

#[test]
fn strangers_can_read_nothing_and_no_key_leaves_user_data() {
    use std::os::unix::fs::PermissionsExt;
    let key = fs::read_to_string(golden().join("pki/kubernetes-key.pem")).unwrap();
    let secrets: Vec<&str> = key
        .lines()
        .filter(|line| line.len() > 40 && !line.contains(' '))
        .collect();
    assert!(secrets.len() >= 2);
    let shows = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        secrets.iter().any(|secret| text.contains(secret))
    };
    let mut seen = 0;
    for case in cases() {
        let dir = tempfile::tempdir().unwrap();
        let output = render(&case, dir.path(), "UTC");
        assert!(
            !shows(&output.stdout) && !shows(&output.stderr),
            "{} prints a key",
            case.display()
        );
        let out = dir.path().join("out");
        for (path, bytes) in tree(&out) {
            let mode = fs::metadata(out.join(&path)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} is open to strangers", path.display());
            let may = ["user-data", "startup-script", "seed.iso"];
            if may.iter().any(|name| path.ends_with(name)) {
                seen += usize::from(shows(&bytes));
            } else {
                assert!(!shows(&bytes), "{} shows a key", path.display());
            }
        }
        let mode = fs::metadata(&out).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "out is open to strangers");
    }
    assert!(
        seen > 0,
        "no key was found where it must be: this test looks for the wrong thing"
    );
}

#[test]
fn the_second_render_touches_nothing() {
    let case = &cases()[0];
    let dir = tempfile::tempdir().unwrap();
    render(case, dir.path(), "UTC");
    let before: Vec<_> = modified(&dir.path().join("out"));
    let output = render(case, dir.path(), "UTC");
    assert!(String::from_utf8_lossy(&output.stdout).contains("unchanged"));
    assert_eq!(modified(&dir.path().join("out")), before);
}

fn modified(root: &Path) -> Vec<std::time::SystemTime> {
    let paths = tree(root).into_keys();
    paths
        .map(|path| fs::metadata(root.join(path)).unwrap().modified().unwrap())
        .collect()
}
