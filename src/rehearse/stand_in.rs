//! A release tarball made from Debian's own etcd packages, for where upstream cannot be reached.
//!
//! It is a real etcd of the same release line, laid out as upstream lays out its tarball.

use super::cache;
use super::error::{Doing as _, Error};
use super::plan::{StandIn, Suite};
use super::tools::{self, shown};
use crate::release::{self, Arch, Digest, Version};
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What upstream's tarball holds of programs; etcdutl came with 3.5.
const PROGRAMS: [&str; 3] = ["etcd", "etcdctl", "etcdutl"];

/// Where the stand-in of a suite lies: a directory with the tarball and a note of its origin.
pub(super) fn path(suite: Suite, cache: &Path) -> PathBuf {
    cache.join("releases").join(format!("stand-in-{suite}"))
}

/// The suite that carries etcd of the same line as `wanted`.
pub(super) fn suite_for(wanted: Version) -> Result<Suite, Error> {
    Suite::for_release_line(wanted.minor).ok_or(Error::NoStandIn(wanted))
}

/// This computer's architecture, which is also that of its Debian packages and its machines.
pub(super) fn native_arch() -> Result<Arch, Error> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(Arch::Amd64),
        "aarch64" => Ok(Arch::Arm64),
        "powerpc64" if cfg!(target_endian = "little") => Ok(Arch::Ppc64le),
        "s390x" => Ok(Arch::S390x),
        _ => Err(Error::Architecture),
    }
}

/// Makes the stand-in, unless it is there. Needs Debian's packages, and so the network.
pub(super) fn build(suite: Suite, cache: &Path) -> Result<(), Error> {
    let arch = native_arch()?;
    cache::fill(&path(suite, cache), |made| {
        let tree = made.with_extension("tree");
        tools::run(
            Command::new("mmdebstrap")
                .args(["--quiet", "--mode=root", "--variant=extract"])
                .arg("--include=etcd-server,etcd-client")
                .arg(suite.name())
                .arg(&tree),
        )?;
        let package = package_version(&tree)?;
        std::fs::create_dir(made).doing(|| format!("creating {}", shown(made)))?;
        let upstream = upstream_part(&package);
        let top = format!("etcd-v{upstream}-linux-{arch}");
        pack(
            &tree.join("usr/bin"),
            &top,
            &made.join(format!("{top}.tar.gz")),
        )?;
        let origin = format!("Debian {suite}'s etcd-server and etcd-client {package}, repacked");
        let note = made.join("origin");
        std::fs::write(&note, origin).doing(|| format!("writing {}", shown(&note)))
    })
}

/// Reads what [`build`] made.
pub(super) fn read(wanted: Version, suite: Suite, cache: &Path) -> Result<StandIn, Error> {
    let dir = path(suite, cache);
    let note = dir.join("origin");
    let origin = std::fs::read_to_string(&note).doing(|| format!("reading {}", shown(&note)))?;
    let arch = native_arch()?;
    let tarball = find_tarball(&dir)?;
    let name = tarball
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let version = name
        .strip_prefix("etcd-v")
        .and_then(|rest| rest.split('-').next())
        .and_then(|text| text.parse().ok())
        .filter(|found: &Version| (found.major, found.minor) == (wanted.major, wanted.minor))
        .filter(|found| release::tarball_name(found, arch) == name)
        .ok_or(Error::WrongStandIn {
            wanted,
            found: name,
        })?;
    let bytes = std::fs::read(&tarball).doing(|| format!("reading {}", shown(&tarball)))?;
    Ok(StandIn {
        version,
        arch,
        digest: Digest::of(&bytes),
        tarball,
        origin,
        suite,
    })
}

fn find_tarball(dir: &Path) -> Result<PathBuf, Error> {
    let doing = || format!("listing {}", shown(dir));
    for entry in std::fs::read_dir(dir).doing(doing)? {
        let path = entry.doing(doing)?.path();
        if path.extension().is_some_and(|extension| extension == "gz") {
            return Ok(path);
        }
    }
    Err(std::io::Error::from(std::io::ErrorKind::NotFound)).doing(doing)
}

/// The package's version, from the first line of its changelog: `etcd (3.3.25+dfsg-6) unstable; …`.
fn package_version(tree: &Path) -> Result<String, Error> {
    let path = tree.join("usr/share/doc/etcd-server/changelog.Debian.gz");
    let doing = || format!("reading {}", shown(&path));
    let file = File::open(&path).doing(doing)?;
    let mut line = String::new();
    BufReader::new(GzDecoder::new(file))
        .read_line(&mut line)
        .doing(doing)?;
    let version = line
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'));
    let version = version.map(|(version, _)| version.to_owned());
    version
        .ok_or_else(|| std::io::Error::other("it names no version"))
        .doing(doing)
}

/// What of a Debian version is upstream's: no epoch, no revision, no mark of repacking.
fn upstream_part(package: &str) -> &str {
    let rest = package.split_once(':').map_or(package, |(_, rest)| rest);
    rest.split(['+', '-', '~']).next().unwrap_or(rest)
}

/// Packs the programs found in `bin` under the directory `top`: same programs, same bytes.
fn pack(bin: &Path, top: &str, tarball: &Path) -> Result<(), Error> {
    let doing = || format!("writing {}", shown(tarball));
    let file = BufWriter::new(File::create_new(tarball).doing(doing)?);
    // No time and no file name in the gzip header, and never the name of this system.
    let gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(file, Compression::default());
    let mut tar = tar::Builder::new(gzip);
    append(&mut tar, &format!("{top}/"), tar::EntryType::Directory, &[]).doing(doing)?;
    for program in PROGRAMS {
        let path = bin.join(program);
        if path.exists() {
            let bytes = std::fs::read(&path).doing(|| format!("reading {}", shown(&path)))?;
            let name = format!("{top}/{program}");
            append(&mut tar, &name, tar::EntryType::Regular, &bytes).doing(doing)?;
        }
    }
    let gzip = tar.into_inner().doing(doing)?;
    gzip.finish().doing(doing)?.flush().doing(doing)
}

fn append<W: std::io::Write>(
    tar: &mut tar::Builder<W>,
    name: &str,
    kind: tar::EntryType,
    bytes: &[u8],
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, name, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debian_version_yields_upstreams() {
        assert_eq!(upstream_part("3.3.25+dfsg-6"), "3.3.25");
        assert_eq!(upstream_part("3.4.23-4+b4"), "3.4.23");
        assert_eq!(upstream_part("1:3.5.16~rc1-4"), "3.5.16");
    }

    #[test]
    fn lines_that_debian_lacks_are_refused_with_the_cure() {
        let wanted: Version = "3.6.14".parse().unwrap();
        assert_eq!(
            suite_for(wanted).unwrap_err().to_string(),
            "no Debian release carries etcd 3.6, so no stand-in for 3.6.14 can be built; \
             name the release's own with `--tarball etcd-v3.6.14-linux-amd64.tar.gz`, \
             which `firstboot pin --vendor DIR` fetches"
        );
        assert_eq!(
            suite_for("3.4.1".parse().unwrap()).unwrap(),
            Suite::Bookworm
        );
    }

    #[test]
    fn packing_twice_gives_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::fs::write(bin.join("etcdctl"), "ctl").unwrap();
        std::fs::write(bin.join("etcd"), "server").unwrap();
        let once = dir.path().join("once.tar.gz");
        pack(&bin, "etcd-v3.3.25-linux-amd64", &once).unwrap();
        // Neither time, mode nor order of creation may show.
        std::fs::remove_file(bin.join("etcd")).unwrap();
        std::fs::write(bin.join("etcd"), "server").unwrap();
        let past = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(5);
        File::open(bin.join("etcdctl"))
            .unwrap()
            .set_modified(past)
            .unwrap();
        let again = dir.path().join("again.tar.gz");
        pack(&bin, "etcd-v3.3.25-linux-amd64", &again).unwrap();
        assert_eq!(
            std::fs::read(&once).unwrap(),
            std::fs::read(&again).unwrap()
        );

        let mut archive = tar::Archive::new(GzDecoder::new(File::open(&once).unwrap()));
        let names: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        let top = "etcd-v3.3.25-linux-amd64";
        assert_eq!(
            names,
            [
                format!("{top}/"),
                format!("{top}/etcd"),
                format!("{top}/etcdctl")
            ]
        );
    }
}
