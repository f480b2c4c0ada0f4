//! TLS to one controller: what the server shows is kept, whether it is accepted or not.

use super::credentials::Credentials;
use crate::pki::audit::Facts;
use crate::pki::inspect;
use rustls::client::ResolvesClientCert;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::sync::{Arc, Mutex, PoisonError};

/// What a server showed of itself while hands were shaken.
#[derive(Debug, Default)]
pub(super) struct Shown(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    certificate: Option<Facts>,
    /// The subjects of the CAs whose clients it takes.
    trusts: Vec<String>,
}

impl Shown {
    pub(super) fn certificate(&self) -> Option<Facts> {
        self.lock().certificate.clone()
    }

    pub(super) fn trusts(&self) -> Vec<String> {
        self.lock().trusts.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Remembers, and has the certificate judged by somebody else.
#[derive(Debug)]
struct Witness {
    judge: Arc<WebPkiServerVerifier>,
    shown: Arc<Shown>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        behind: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.shown.lock().certificate = inspect::facts_of_der(certificate);
        self.judge
            .verify_server_cert(certificate, behind, name, stapled, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// Shows the one certificate whoever asks, and remembers whose certificates were asked for.
#[derive(Debug)]
struct Bearer {
    certified: Arc<CertifiedKey>,
    shown: Arc<Shown>,
}

impl ResolvesClientCert for Bearer {
    fn resolve(&self, trusted: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let names = trusted.iter().filter_map(|name| inspect::name_of_der(name));
        self.shown.lock().trusts = names.collect();
        Some(Arc::clone(&self.certified))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The configuration of one connection, which writes what it sees into `shown`.
pub(super) fn config(
    credentials: &Credentials,
    shown: &Arc<Shown>,
) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::clone(&credentials.roots);
    let judge = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Witness {
            judge,
            shown: Arc::clone(shown),
        }))
        .with_client_cert_resolver(Arc::new(Bearer {
            certified: Arc::clone(&credentials.shown),
            shown: Arc::clone(shown),
        }));
    // Each look is a look: nothing of an earlier one counts.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}
