//! Whom the members of a manifest's cluster trust, for its lock.

use super::{At, Controller, Manifest, PemFiles, PemPath};
use crate::pki::inspect;
use crate::release::{Authorities, Digest};

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
