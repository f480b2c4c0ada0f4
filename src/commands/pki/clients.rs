//! Pairs that lie beside a CA and that the manifest does not name: those of `pki mint --client`.
//!
//! Nobody lists them, so they are found where that command puts them: `NAME.pem` and
//! `NAME-key.pem`.

use super::beside;
use crate::cluster::FileName;
use crate::commands::load::Loaded;
use crate::manifest::{At, PairPaths, PemFiles, PemPath, Use, read_limited};
use crate::pki::Go;
use crate::pki::audit::{Demands, Facts, THIRTY_DAYS};
use crate::pki::inspect;
use crate::pki::predecessor::Predecessor;
use crate::secret::Secret;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One of them.
pub(super) struct Client {
    /// The CA beside which it lies, and by which servers know their clients.
    pub(super) ca: At<PemPath>,
    /// Its files, in the place of the CA in the manifest.
    pub(super) pair: PairPaths,
    pub(super) facts: Facts,
}

/// All of them, in the order of their names; their bytes come into `files`.
pub(super) fn find(loaded: &Loaded, files: &mut PemFiles) -> Vec<Client> {
    let controllers = &loaded.manifest.controllers;
    let path = |path: &PemPath| loaded.root.join(path.as_str());
    let mut taken: BTreeSet<PathBuf> = BTreeSet::new();
    for tls in controllers.iter().map(|one| &one.tls) {
        taken.extend(tls.all().into_iter().map(|one| path(&one.value)));
        for ca in [&tls.server_ca, &tls.peer_ca] {
            let ca = path(&ca.value);
            taken.extend(["key", "next", "next-key"].map(|what| beside(&ca, what)));
        }
    }
    let mut clients: Vec<Client> = Vec::new();
    for ca in controllers.iter().map(|one| &one.tls.server_ca) {
        for name in names_beside(&path(&ca.value)) {
            let found = read(&name, ca, loaded, &taken);
            let Some((client, [certificate, key])) = found else {
                continue;
            };
            if clients
                .iter()
                .any(|known| known.pair.cert.value == client.pair.cert.value)
            {
                continue;
            }
            files.insert(&client.pair.cert.value, certificate);
            files.insert(&client.pair.key.value, key);
            clients.push(client);
        }
    }
    clients
}

fn names_beside(ca: &Path) -> BTreeSet<String> {
    let directory = ca.parent().filter(|path| !path.as_os_str().is_empty());
    let Ok(entries) = std::fs::read_dir(directory.unwrap_or(Path::new("."))) else {
        return BTreeSet::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let stem = |name: String| name.strip_suffix(".pem").map(str::to_owned);
    names.filter_map(stem).collect()
}

fn read(
    name: &str,
    ca: &At<PemPath>,
    loaded: &Loaded,
    taken: &BTreeSet<PathBuf>,
) -> Option<(Client, [Secret; 2])> {
    let file = |name: String| {
        let path = ca.value.beside(FileName::new(&name).ok()?);
        let on_disk = loaded.root.join(path.as_str());
        let is_one = !taken.contains(&on_disk) && on_disk.is_file();
        let bytes = is_one.then(|| read_limited(&on_disk).ok())??;
        let place = ca.place.clone();
        Some((At { value: path, place }, bytes))
    };
    let (key, key_bytes) = file(format!("{name}-key.pem"))?;
    let (cert, bytes) = file(format!("{name}.pem"))?;
    let facts = Predecessor::read(bytes.expose())?.facts();
    if facts.authority {
        return None;
    }
    let client = Client {
        ca: ca.clone(),
        pair: PairPaths { cert, key },
        facts,
    };
    Some((client, [bytes, key_bytes]))
}

impl Client {
    /// Whether a CA of this cluster has signed it: `bundle` holds them, one behind the other.
    pub(super) fn is_of(&self, bundle: &[u8], files: &PemFiles) -> bool {
        let certificate = files.get(&self.pair.cert.value);
        certificate.is_some_and(|bytes| inspect::is_signed_by_any(bytes.expose(), bundle))
    }

    /// Whether it is a client's and nobody else's.
    pub(super) fn only_asks(&self) -> bool {
        self.facts.client && !self.facts.server
    }

    /// What it has to be good for: what it is good for.
    pub(super) fn asked(&self, loaded: &Loaded, now: i64) -> Use<'_> {
        Use {
            ca: &self.ca,
            pair: &self.pair,
            demands: Demands {
                addresses: Vec::new(),
                names: Vec::new(),
                common_name: None,
                server: self.facts.server,
                client: self.facts.client,
                go: Go::of(loaded.manifest.etcd.version.value),
                curl: false,
                now,
                warn_within: THIRTY_DAYS,
            },
            holders: Vec::new(),
        }
    }
}
