//! The one room that talks HTTP: bounded in time and size, over TLS unless told otherwise.
//!
//! Trust is the system's (rustls-platform-verifier: on Linux the distribution's bundle, or what
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` name; the keychain elsewhere), so a company's own CA counts
//! where its computers trust it; a bundle of Mozilla's, built in, would not know it. Proxies are
//! those of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`).

use reqwest::blocking::Response;
use reqwest::{Certificate, StatusCode, redirect};
use std::error::Error as StdError;
use std::io::{self, Read};
use std::time::{Duration, Instant};
use std::{fmt, thread};

/// A host that takes longer to be reached is down.
const CONNECT: Duration = Duration::from_secs(15);
/// A download that stalls for longer has ended.
const IDLE: Duration = Duration::from_secs(30);
/// The pauses before the second, third and fourth attempt.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
];
/// GitHub redirects once.
const MOST_REDIRECTS: usize = 5;
const CHUNK: usize = 64 * 1024;

/// How long one download may take with all its attempts, and how large it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The time for all attempts.
    pub total: Duration,
    /// The most bytes of a body.
    pub bytes: u64,
}

/// Where a body goes. An attempt that failed is followed by another `begin`.
pub trait Sink {
    /// A body begins; its length, if the server says so.
    fn begin(&mut self, length: Option<u64>) -> io::Result<()>;
    /// The next bytes of it.
    fn take(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl Sink for Vec<u8> {
    fn begin(&mut self, _: Option<u64>) -> io::Result<()> {
        self.clear();
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// Why a body did not come: the rest of the sentence «`URL`: …».
#[derive(Debug)]
pub enum Error {
    /// The server's answer is no.
    Status(u16),
    /// The body is larger than it may be.
    TooLarge(u64),
    /// All attempts together took too long; the last one's end, if one had ended.
    TooSlow(Duration, Option<String>),
    /// TLS does not verify.
    Untrusted(String),
    /// It could not be reached, or broke off, at every attempt.
    Network(String),
    /// What came could not be kept.
    Sink(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => {
                let reason = StatusCode::from_u16(*status).ok();
                let reason = reason.and_then(|status| status.canonical_reason());
                write!(f, "{status} {}", reason.unwrap_or_default())
            }
            Self::TooLarge(bytes) => {
                write!(
                    f,
                    "it is larger than {} KiB, which this file never is",
                    bytes / 1024
                )
            }
            Self::TooSlow(total, last) => {
                write!(f, "it did not come within {} s", total.as_secs())?;
                last.iter().try_for_each(|last| write!(f, " ({last})"))
            }
            Self::Untrusted(why) => write!(
                f,
                "its certificate is not trusted ({why}); name its CA with `--cacert FILE` if it is yours"
            ),
            Self::Network(why) => f.write_str(why),
            Self::Sink(error) => write!(f, "{}", crate::report::reason(error)),
        }
    }
}

impl StdError for Error {}

/// Fetches over HTTP.
pub struct Client(reqwest::blocking::Client);

/// How one attempt ended badly.
struct Failed {
    error: Error,
    /// Whether another attempt may end better.
    may_pass: bool,
}

impl Client {
    /// A client that trusts the system's CAs, and those in `authorities`, which is PEM.
    pub fn new(authorities: Option<&[u8]>, total: Duration) -> Result<Self, Error> {
        // Another part of the program may have done so: it is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let network = |error: reqwest::Error| Error::Network(crate::report::innermost(&error));
        let mut builder = reqwest::blocking::Client::builder()
            .user_agent(concat!("firstboot/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT.min(total))
            // In this client it bounds each wait, not the whole.
            .timeout(IDLE.min(total))
            .redirect(redirect::Policy::custom(follow));
        if let Some(pem) = authorities {
            let certificates = Certificate::from_pem_bundle(pem).map_err(network)?;
            builder = builder.tls_certs_merge(certificates);
        }
        builder.build().map(Self).map_err(network)
    }

    /// Fetches a body; what may pass is tried again.
    pub fn fetch(&self, url: &str, limits: Limits, sink: &mut dyn Sink) -> Result<(), Error> {
        let deadline = Instant::now() + limits.total;
        let mut pauses = PAUSES.into_iter();
        loop {
            let failed = match self.attempt(url, limits, deadline, sink) {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            let last = || Some(failed.error.to_string());
            match pauses.next() {
                Some(pause) if failed.may_pass => {
                    if Instant::now() + pause >= deadline {
                        return Err(Error::TooSlow(limits.total, last()));
                    }
                    thread::sleep(pause);
                }
                _ => return Err(failed.error),
            }
        }
    }

    fn attempt(
        &self,
        url: &str,
        limits: Limits,
        deadline: Instant,
        sink: &mut dyn Sink,
    ) -> Result<(), Failed> {
        let response = self.0.get(url).send().map_err(|error| of_request(&error))?;
        let status = response.status();
        if !status.is_success() {
            let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
            return Err(Failed {
                error: Error::Status(status.as_u16()),
                may_pass: status.is_server_error() || passing.contains(&status),
            });
        }
        let length = response.content_length();
        if length.is_some_and(|length| length > limits.bytes) {
            return Err(Error::TooLarge(limits.bytes).into());
        }
        sink.begin(length).map_err(Error::Sink)?;
        pour(response, limits, deadline, sink)
    }
}

fn pour(
    mut response: Response,
    limits: Limits,
    deadline: Instant,
    sink: &mut dyn Sink,
) -> Result<(), Failed> {
    let mut chunk = vec![0; CHUNK];
    let mut taken = 0;
    loop {
        if Instant::now() >= deadline {
            return Err(Error::TooSlow(limits.total, None).into());
        }
        let count = match response.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(Failed {
                    error: Error::Network(crate::report::innermost(&error)),
                    may_pass: true,
                });
            }
        };
        taken += count as u64;
        if taken > limits.bytes {
            return Err(Error::TooLarge(limits.bytes).into());
        }
        sink.take(&chunk[..count]).map_err(Error::Sink)?;
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self {
            error,
            may_pass: false,
        }
    }
}

/// Never from TLS into the clear.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let from_tls = attempt.previous().iter().any(|url| url.scheme() == "https");
    if from_tls && attempt.url().scheme() != "https" {
        return attempt.error("it redirects from https to what is not");
    }
    if attempt.previous().len() > MOST_REDIRECTS {
        return attempt.error("it redirects without end");
    }
    attempt.follow()
}

fn of_request(error: &reqwest::Error) -> Failed {
    if let Some(why) = tls_error(error) {
        return Error::Untrusted(why).into();
    }
    Failed {
        error: Error::Network(crate::report::innermost(error)),
        may_pass: !error.is_redirect() && !error.is_builder(),
    }
}

/// What rustls says of a certificate, wherever in the chain it stands.
fn tls_error(error: &(dyn StdError + 'static)) -> Option<String> {
    if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
        return Some(why.to_string());
    }
    // An I/O error is silent about what it wraps when it is asked for its source.
    let wrapped = error.downcast_ref().and_then(io::Error::get_ref);
    let wrapped = wrapped.and_then(|inner| tls_error(inner));
    wrapped.or_else(|| error.source().and_then(tls_error))
}
