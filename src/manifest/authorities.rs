//! Whom the members of a manifest's cluster trust, for its lock.

use super::{At, Controller, Manifest, PemFiles, PemPath, finding};
use crate::pki::inspect;
use crate::release::{Authorities, Digest, Lock};
use crate::report::Finding;

/// The authorities of these files: of all controllers, since they are members of one cluster.
/// `None` where a file is absent or holds no certificate, which whoever read it has reported.
pub fn authorities(manifest: &Manifest, files: &PemFiles) -> Option<Authorities> {
    let keys = |ca: fn(&Controller) -> &At<PemPath>| -> Option<Vec<Digest>> {
        let mut keys = Vec::new();
        for controller in &manifest.controllers {
            let found = inspect::key_digests(files.get(&ca(controller).value)?.expose());
            if found.is_empty() {
                return None;
            }
            keys.extend(found);
        }
        Some(keys)
    };
    let peer = keys(|controller| &controller.tls.peer_ca)?;
    let server = keys(|controller| &controller.tls.server_ca)?;
    Some(Authorities::new(peer, server))
}

/// Whether the files' authorities are those that the lock remembers. Machines that share none with
/// the machines which run refuse them, and are refused: a cluster that is rolled so falls apart.
pub fn judge(manifest: &Manifest, files: &PemFiles, lock: &Lock) -> Option<Finding> {
    let known = lock.authorities.as_ref()?;
    let now = authorities(manifest, files)?;
    if now == *known {
        return None;
    }
    let tls = &manifest.controllers.first()?.tls;
    let ca = if now.peer == known.peer {
        &tls.server_ca
    } else {
        &tls.peer_ca
    };
    Some(if known.overlap(&now) {
        finding::authorities_differ(ca)
    } else {
        finding::authorities_unknown(ca, lock.genesis.began)
    })
}
