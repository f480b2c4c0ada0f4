//! With what a controller is asked: a client's certificate, its key, and the CAs to trust.

use crate::pki::audit::{Facts, File};
use crate::pki::inspect;
use crate::secret::Secret;
use rustls::RootCertStore;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroize as _;

/// The files, as read.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// Whom we trust: one CA certificate or several.
    pub ca: File<'a>,
    /// What we show.
    pub certificate: File<'a>,
    /// The name of its key's file, for messages.
    pub key_name: &'a str,
    /// The key.
    pub key: &'a Secret,
}

/// What was read, ready for connections. Neither shows nor gives away the key.
#[derive(Clone)]
pub struct Credentials {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) shown: Arc<CertifiedKey>,
    pub(super) about: Arc<About>,
}

/// What messages say of it.
#[derive(Debug)]
pub(super) struct About {
    pub(super) ca: String,
    pub(super) authorities: Vec<Facts>,
    pub(super) certificate: String,
    pub(super) own: Facts,
}

/// Why files are no credentials: a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable(pub String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.about.certificate)
    }
}

impl Credentials {
    /// Takes the files; which of them cannot be used is in the error.
    pub fn read(material: &Material<'_>) -> Result<Self, Unusable> {
        let (ca, certificate) = (material.ca, material.certificate);
        let mut roots = RootCertStore::empty();
        for authority in certificates(ca)? {
            roots
                .add(authority)
                .map_err(|_| unreadable(ca.name, "certificate of a CA"))?;
        }
        let chain = certificates(certificate)?;
        let own = chain.first().and_then(|first| inspect::facts_of_der(first));
        let own = own.ok_or_else(|| unreadable(certificate.name, "certificate"))?;
        let shown = CertifiedKey::new(chain, signing_key(material)?);
        if shown.keys_match() == Err(rustls::InconsistentKeys::KeyMismatch.into()) {
            return Err(Unusable(format!(
                "`{}` is not the key of `{}`",
                material.key_name, certificate.name
            )));
        }
        Ok(Self {
            roots: Arc::new(roots),
            shown: Arc::new(shown),
            about: Arc::new(About {
                ca: ca.name.to_owned(),
                authorities: inspect::facts(ca),
                certificate: certificate.name.to_owned(),
                own,
            }),
        })
    }
}

fn certificates(file: File<'_>) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(file.bytes).collect();
    match read {
        Ok(list) if !list.is_empty() => Ok(list),
        _ => Err(unreadable(file.name, "certificate")),
    }
}

fn signing_key(material: &Material<'_>) -> Result<Arc<dyn rustls::sign::SigningKey>, Unusable> {
    let unusable = || unreadable(material.key_name, "private key without a password");
    let mut der = PrivateKeyDer::from_pem_slice(material.key.expose()).map_err(|_| unusable())?;
    let key = any_supported_type(&der).map_err(|_| unusable());
    der.zeroize();
    key
}

fn unreadable(file: &str, what: &str) -> Unusable {
    Unusable(format!("`{file}` holds no {what} that can be read"))
}
