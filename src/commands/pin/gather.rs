//! What is known of the wanted tarballs: manifest, table, files at hand, hosts, the old lock.

use super::{Pin, tarball};
use crate::commands::Failure;
use crate::manifest::evidence;
use crate::release::{Arch, Evidence, Limits, Mirror, Origin, Scheme, Sums, tarball_name};
use crate::terminal::{Format, Progress};
use std::time::Duration;

impl Pin<'_> {
    pub(super) fn gather(&mut self) -> Result<Vec<(Arch, Evidence)>, Failure> {
        let mut found = evidence(self.manifest());
        for path in &self.arguments.tarball {
            found.push(self.tarball(path)?);
        }
        let is_open = |arch: &Arch| {
            let at_hand = |origin: &Origin| matches!(origin, Origin::Manifest | Origin::Tarball(_));
            !found
                .iter()
                .any(|(of, evidence)| of == arch && at_hand(&evidence.origin))
        };
        if !self.arguments.offline && self.architectures().iter().any(is_open) {
            found.extend(self.ask()?);
        }
        found.extend(self.old_lock());
        Ok(found)
    }

    fn tarball(&self, path: &std::path::Path) -> Result<(Arch, Evidence), Failure> {
        let at_hand = tarball::read(path, self.manifest().etcd.version.value)?;
        let wanted = self.manifest().etcd.version.value;
        if at_hand.version != wanted {
            return Err(Failure::Wrong(format!(
                "`{}` is not etcd {wanted}, which the manifest asks for",
                crate::report::path(path)
            )));
        }
        if !self.architectures().contains(&at_hand.arch) {
            return Err(Failure::Wrong(format!(
                "`{}` is for {}, which no controller of the manifest has",
                crate::report::path(path),
                at_hand.arch
            )));
        }
        let evidence = Evidence {
            origin: Origin::Tarball(at_hand.name),
            digest: at_hand.digest,
            size: Some(at_hand.size),
        };
        Ok((at_hand.arch, evidence))
    }

    /// What was found out before and is not asked again: an old lock's digest of the same
    /// release binds, or a host could replace a release unseen.
    fn old_lock(&self) -> Vec<(Arch, Evidence)> {
        let version = self.manifest().etcd.version.value;
        let old = self.old.iter().filter(|old| old.etcd.version == version);
        let mut found = Vec::new();
        for tarball in old.flat_map(|old| &old.etcd.tarballs) {
            let seen = |origin: &&Origin| matches!(origin, Origin::Sums(_) | Origin::Tarball(_));
            found.extend(tarball.from.iter().filter(seen).map(|origin| {
                let evidence = Evidence {
                    origin: origin.clone(),
                    digest: tarball.sha256,
                    size: tarball.size,
                };
                (tarball.arch, evidence)
            }));
        }
        found
    }

    /// Asks every host that can prove who it is; one that answers is enough, two must agree.
    fn ask(&mut self) -> Result<Vec<(Arch, Evidence)>, Failure> {
        let version = self.manifest().etcd.version.value;
        let mirrors = self.manifest().etcd.mirrors.iter();
        let proven = mirrors.filter(|mirror| mirror.scheme() == Scheme::Https);
        let urls: Vec<_> = proven.map(|mirror: &Mirror| mirror.sums(version)).collect();
        if urls.is_empty() {
            self.notes
                .push("no mirror is reached over https: nobody was asked".to_owned());
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        let mut silent = Vec::new();
        for url in &urls {
            match self.sums(url) {
                Ok(sums) => found.extend(self.listed(url, &sums)),
                Err(why) => silent.push(why.into_word()?),
            }
        }
        if silent.len() == urls.len() {
            return Err(Failure::World(format!(
                "{}; `--offline` pins what the built-in table knows",
                silent.join("; ")
            )));
        }
        self.notes.extend(silent);
        Ok(found)
    }

    fn listed(&self, url: &str, sums: &Sums) -> Vec<(Arch, Evidence)> {
        let version = self.manifest().etcd.version.value;
        let listed = |arch: Arch| {
            let evidence = Evidence {
                origin: Origin::Sums(url.to_owned()),
                digest: sums.find(&tarball_name(&version, arch))?,
                size: None,
            };
            Some((arch, evidence))
        };
        self.architectures()
            .into_iter()
            .filter_map(listed)
            .collect()
    }

    fn sums(&mut self, url: &str) -> Result<Sums, Silence> {
        let limits = Limits {
            total: Duration::from_secs(self.arguments.timeout),
            bytes: Sums::MOST_BYTES,
        };
        let is_human = self.context.format == Format::Human;
        let client = self.client().map_err(Silence::Failed)?;
        let _progress = is_human.then(|| Progress::new(url));
        let mut body = Vec::new();
        client
            .fetch(url, limits, &mut body)
            .map_err(|error| Silence::Said(format!("`{url}`: {error}")))?;
        Sums::parse(&body)
            .map_err(|why| Silence::Said(format!("`{url}` is no list of digests: {}", why.0)))
    }
}

/// Why a host gave no list.
enum Silence {
    /// In its own way; another may do.
    Said(String),
    /// No host could be asked.
    Failed(Failure),
}

impl Silence {
    fn into_word(self) -> Result<String, Failure> {
        match self {
            Self::Said(why) => Ok(why),
            Self::Failed(failure) => Err(failure),
        }
    }
}
