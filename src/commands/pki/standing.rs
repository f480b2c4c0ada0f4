//! Where the replacement of a CA stands, and so who signs what is made now.

use super::{authority, beside, clients};
use crate::commands::Failure;
use crate::commands::load::Loaded;
use crate::manifest::{At, PemFiles, PemPath, Use, read_limited};
use crate::pki::inspect;
use crate::pki::mint::Authority;
use crate::pki::rotation::{self, Files, Signer, Standing};
use crate::secret::Secret;
use std::path::{Path, PathBuf};

/// A CA of the manifest, and the one that comes after it.
pub(super) struct Authorities {
    pub(super) ca: PathBuf,
    pub(super) key: PathBuf,
    pub(super) next: PathBuf,
    pub(super) next_key: PathBuf,
    /// The next CA's certificate: its file, or where that is lost, what the CA file has of it.
    pub(super) next_bytes: Option<Secret>,
    /// The next CA's key is there, and nothing has its certificate: it was to become one.
    pub(super) key_alone: bool,
    pub(super) standing: Standing,
}

impl Authorities {
    /// Reads them. `uses` are all pairs under this CA, those of clients, too.
    pub(super) fn read(
        loaded: &Loaded,
        at: &At<PemPath>,
        uses: &[Use<'_>],
        files: &PemFiles,
    ) -> Result<Self, Failure> {
        let ca = loaded.root.join(at.value.as_str());
        let (next, next_key) = (beside(&ca, "next"), beside(&ca, "next-key"));
        let bundle = files.get(&at.value).map(Secret::expose).unwrap_or_default();
        let mut next_bytes = read(&next)?;
        let mut key_alone = false;
        if next_bytes.is_none()
            && let Some(key) = read(&next_key)?
        {
            let lost = Authority::read(bundle, &key).ok();
            next_bytes = lost.map(|lost| Secret::new(lost.certificate().into_bytes()));
            key_alone = next_bytes.is_none();
        }
        let good: Vec<_> = uses
            .iter()
            .filter(|one| one.audit(files).is_some_and(|audit| audit.is_fit()))
            .filter_map(|one| files.get(&one.pair.cert.value).map(Secret::expose))
            .collect();
        let standing = rotation::standing(&Files {
            ca: bundle,
            next: next_bytes.as_ref().map(Secret::expose),
            good: &good,
            wanted: uses.len(),
        });
        let standing = standing.map_err(|why| {
            Failure::Wrong(format!(
                "`{}`: {why}; put back what was there, or move `{}` and `{}` away to begin again",
                at.value.as_str(),
                crate::report::path(&next),
                crate::report::path(&next_key)
            ))
        })?;
        Ok(Self {
            key: beside(&ca, "key"),
            ca,
            next,
            next_key,
            next_bytes,
            key_alone,
            standing,
        })
    }

    /// The next CA, ready to sign.
    pub(super) fn next(&self) -> Result<Authority, Failure> {
        let Some(certificate) = &self.next_bytes else {
            return Err(Failure::Wrong(format!(
                "`{}` is missing",
                crate::report::path(&self.next)
            )));
        };
        let Some(key) = read(&self.next_key)? else {
            return Err(Failure::Wrong(format!(
                "`{}` is missing: without the next CA's key nothing can be signed; put it back, \
                 or if it is lost, move `{}` away: step 1 then makes another next CA",
                crate::report::path(&self.next_key),
                crate::report::path(&self.next)
            )));
        };
        Authority::read(certificate.expose(), &key).map_err(|error| {
            Failure::Wrong(format!(
                "signing with `{}` and `{}`: {error}; put back the right one, or move both away: \
                 step 1 then makes another next CA",
                crate::report::path(&self.next),
                crate::report::path(&self.next_key)
            ))
        })
    }

    /// The CA whose pairs every member trusts as things stand. `key` is where its key is, if that
    /// is elsewhere.
    pub(super) fn signer(&self, key: Option<&Path>) -> Result<Authority, Failure> {
        let next = self.next_bytes.as_ref().map(Secret::expose);
        match (self.standing.signer, next) {
            (Signer::Next, _) if key.is_none() => self.next(),
            (Signer::Next, Some(next)) => {
                let signer = authority(&self.ca, key.unwrap_or(&self.next_key))?;
                if signer.is_first_of(next) {
                    return Ok(signer);
                }
                Err(Failure::Wrong(format!(
                    "the CA is being replaced, and the next one signs already: name the key of \
                     `{}` with `--ca-key`",
                    crate::report::path(&self.next)
                )))
            }
            (_, next) => {
                let signer = authority(&self.ca, key.unwrap_or(&self.key))?;
                if next.is_some_and(|next| signer.is_first_of(next)) {
                    return Err(Failure::Wrong(format!(
                        "the CA is being replaced, and not every member trusts the next one yet: \
                         name the key of the CA from before with `--ca-key`, or go on with \
                         `firstboot pki rotate-ca`: step 2 makes what is missing (`{}`)",
                        crate::report::path(&self.next)
                    )));
                }
                Ok(signer)
            }
        }
    }

    /// Those of these clients' pairs that are of this CA.
    pub(super) fn own<'c>(
        loaded: &Loaded,
        at: &At<PemPath>,
        clients: &'c [clients::Client],
        files: &PemFiles,
    ) -> Result<Vec<&'c clients::Client>, Failure> {
        let ca = loaded.root.join(at.value.as_str());
        let mut bundle = files
            .get(&at.value)
            .map_or(Vec::new(), |it| it.expose().to_vec());
        if let Some(next) = read(&beside(&ca, "next"))? {
            bundle = rotation::joined(&bundle, next.expose());
        }
        let own = clients.iter().filter(|client| client.ca.value == at.value);
        Ok(own.filter(|client| client.is_of(&bundle, files)).collect())
    }
}

/// A file that may be missing.
pub(super) fn read(path: &Path) -> Result<Option<Secret>, Failure> {
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let bytes = read_limited(path).map_err(|error| Failure::reading(path, &error))?;
    Ok(Some(bytes))
}

/// Whether the first certificate of a file was signed by the first one of another.
pub(super) fn is_signed_by(certificate: Option<&Secret>, next: &[u8]) -> bool {
    certificate.is_some_and(|bytes| inspect::is_signed_by(bytes.expose(), next))
}
