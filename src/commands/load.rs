//! From the command line to a resolved cluster: the reading end that commands share.

use super::{Failure, ManifestArguments};
use crate::cluster::{Cluster, Release};
use crate::input;
use crate::manifest::{self, Manifest};
use crate::release::Lock;
use crate::report::{Finding, Report, Severity, reason};
use crate::secret::Secret;
use crate::wire::UserConfig;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A manifest that was read and found right in itself.
pub(super) struct Loaded {
    pub(super) manifest: Manifest,
    /// Where its paths start.
    pub(super) root: PathBuf,
    /// Its lock, which may not be there: `cluster.lock` for `cluster.yaml`.
    pub(super) lock_path: PathBuf,
    name: String,
    source: String,
}

impl Loaded {
    /// The user's own cloud-config, for the wire.
    pub(super) fn cloud_config(&self) -> Option<&UserConfig> {
        let own = self.manifest.cloud_config.as_ref();
        own.map(|own| &own.value.config)
    }

    /// Whether the manifest came by standard input.
    pub(super) fn is_from_stdin(&self) -> bool {
        self.name == "stdin"
    }

    pub(super) fn report(&self, findings: Vec<Finding>) -> Report {
        Report::new(self.name.as_str(), &self.source, findings)
    }
}

/// Reads and checks the manifest alone.
pub(super) fn manifest(arguments: &ManifestArguments) -> Result<Loaded, Failure> {
    let path = &arguments.manifest;
    let bytes = read(path).map_err(|error| unreadable(path, &error))?;
    let name = if is_stdin(path) {
        "stdin".to_owned()
    } else {
        crate::report::path(path)
    };
    let here = || path.parent().map(Path::to_path_buf).unwrap_or_default();
    let root = arguments.files_dir.clone().unwrap_or_else(here);
    parsed(path, name, root, bytes.expose())
}

/// The same for a manifest that is not on the disk yet.
pub(super) fn text(path: &Path, root: &Path, text: &[u8]) -> Result<Loaded, Failure> {
    parsed(path, crate::report::path(path), root.to_path_buf(), text)
}

fn parsed(path: &Path, name: String, root: PathBuf, bytes: &[u8]) -> Result<Loaded, Failure> {
    let manifest = Manifest::parse(&name, bytes).map_err(Failure::Input)?;
    let lock_path = if is_stdin(path) {
        root.join("cluster.lock")
    } else {
        path.with_extension("lock")
    };
    Ok(Loaded {
        manifest,
        root,
        lock_path,
        name,
        source: String::from_utf8_lossy(bytes).into_owned(),
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let (code, message, cure) = match error.kind() {
        io::ErrorKind::NotFound => (
            "manifest-missing",
            "there is no such file".to_owned(),
            "name the manifest, go to its directory, or start one with `firstboot init`",
        ),
        io::ErrorKind::IsADirectory => (
            "manifest-missing",
            "this is a directory".to_owned(),
            "name the manifest in it, for example `cluster.yaml`",
        ),
        _ => (
            "manifest-unreadable",
            format!("the file cannot be read: {}", reason(error)),
            "let the user who runs this command read it",
        ),
    };
    let finding = Finding::of_file(code, message, cure);
    Failure::Input(Report::new(crate::report::path(path), "", vec![finding]))
}

/// Reads the PEM files and resolves the cluster; the report holds its warnings, and what the command
/// has `found` itself.
pub(super) fn cluster_with(
    loaded: &Loaded,
    found: Vec<Finding>,
    strict: bool,
) -> Result<(Cluster, Report), Failure> {
    resolved(loaded, lock(loaded)?.as_ref().into(), found, strict)
}

/// The lock by which a manifest is resolved; it need not be on the disk yet.
#[derive(Clone, Copy)]
pub(super) enum Locked<'a> {
    /// This one.
    By(&'a Lock),
    /// There is none. Where the manifest needs one, that is refused with all else that is wrong: to
    /// make a lock is to say that the cluster is new, which nobody can know but the user.
    Missing,
    /// One was to be made, and the manifest is why it could not be: that is told instead.
    Unmade,
}

impl<'a> From<Option<&'a Lock>> for Locked<'a> {
    fn from(lock: Option<&'a Lock>) -> Self {
        lock.map_or(Self::Missing, Self::By)
    }
}

/// The same by this lock.
pub(super) fn resolved(
    loaded: &Loaded,
    locked: Locked<'_>,
    found: Vec<Finding>,
    strict: bool,
) -> Result<(Cluster, Report), Failure> {
    let (files, mut findings) = manifest::read_pem_files(&loaded.manifest, &loaded.root);
    findings.extend(found);
    let lock = match locked {
        Locked::By(lock) => Some(lock),
        Locked::Missing | Locked::Unmade => None,
    };
    if lock.is_some_and(|lock| lock.authorities.is_some()) {
        // A set that is minted now would be of another CA than the lock knows.
        let mints = |finding: &&mut Finding| finding.help.contains("`firstboot pki mint`");
        for finding in findings.iter_mut().filter(mints) {
            "put the files back, from a backup: the lock knows their CA, and machines that run \
             trust no other one"
                .clone_into(&mut finding.help);
        }
    }
    let resolved = manifest::resolve(&loaded.manifest, &files, lock, now());
    findings.extend(resolved.findings);
    if matches!(locked, Locked::Missing) && loaded.manifest.needs_lock() {
        findings.push(loaded.manifest.lock_missing(&loaded.lock_path));
    }
    if strict {
        for finding in &mut findings {
            finding.severity = Severity::Error;
        }
    }
    let report = loaded.report(findings);
    match resolved.cluster {
        Some(cluster) if !report.has_errors() => Ok((cluster, report)),
        _ => Err(Failure::Input(report)),
    }
}

/// The manifest's lock; `None` if there is none.
pub(super) fn lock(loaded: &Loaded) -> Result<Option<Lock>, Failure> {
    let path = &loaded.lock_path;
    let bytes = match input::read_start(path, Lock::MOST_BYTES + 1) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::reading(path, &error)),
        Ok(bytes) => bytes,
    };
    Lock::parse(bytes.expose()).map(Some).map_err(|error| {
        const CURE: &str = "restore it from version control or a backup: it remembers how \
                            the cluster began; only of a cluster that never ran, remove it and \
                            run `firstboot pin`";
        let finding = match error.place {
            Some(place) => Finding::error("not-a-lock", place, error.why, CURE),
            None => Finding::of_file("not-a-lock", error.why, CURE),
        };
        let source = String::from_utf8_lossy(bytes.expose());
        Failure::Input(Report::new(
            crate::report::path(path),
            &source,
            vec![finding],
        ))
    })
}

/// The pinned release alone; no certificate is read.
pub(super) fn release(loaded: &Loaded, strict: bool) -> Result<(Release, Report), Failure> {
    let (release, mut findings) = manifest::pinned(&loaded.manifest, lock(loaded)?.as_ref());
    if strict {
        for finding in &mut findings {
            finding.severity = Severity::Error;
        }
    }
    let report = loaded.report(findings);
    match release {
        Some(release) if !report.has_errors() => Ok((release, report)),
        _ => Err(Failure::Input(report)),
    }
}

/// Seconds since 1970 (UTC): the one place that reads the clock.
pub(super) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn read(path: &Path) -> io::Result<Secret> {
    if is_stdin(path) {
        input::read_stdin(Manifest::read_limit())
    } else {
        input::read_start(path, Manifest::read_limit())
    }
}
