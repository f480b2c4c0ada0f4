//! A release's host on loopback: real TLS under a throw-away CA, answers as a test decides.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own part, and a test may panic"
)]

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What one request gets.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Good(Vec<u8>),
    Status(u16),
    Redirect(String),
    /// Half of what is announced.
    Truncated(Vec<u8>),
    /// Without an announced length, and without end.
    Endless,
    /// Half, and then silence.
    Stalled(Vec<u8>),
    /// A byte now and then, for ever.
    Drip,
}

/// A server that lives until the test's process ends.
pub(crate) struct Server {
    pub(crate) port: u16,
    scheme: &'static str,
    asked: Arc<Mutex<Vec<String>>>,
}

/// A CA for `127.0.0.1`, and what a server proves itself with.
pub(crate) struct Authority {
    pub(crate) pem: String,
    config: Arc<ServerConfig>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![leaf.der().clone()], key)
                .unwrap();
        Self {
            pem: authority.pem(),
            config: Arc::new(config),
        }
    }

    /// Serves over TLS; `decide` gets the path, and how often it was asked for before.
    pub(crate) fn serve(
        &self,
        decide: impl Fn(&str, usize) -> Answer + Send + Sync + 'static,
    ) -> Server {
        Server::start(Some(Arc::clone(&self.config)), decide)
    }
}

impl Server {
    /// Serves in the clear.
    pub(crate) fn in_the_clear(
        decide: impl Fn(&str, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start(None, decide)
    }

    fn start(
        config: Option<Arc<ServerConfig>>,
        decide: impl Fn(&str, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let decide = Arc::new(decide);
        let scheme = if config.is_some() { "https" } else { "http" };
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, decide, log) = (config.clone(), Arc::clone(&decide), Arc::clone(&log));
                // A client that hangs up says why itself.
                thread::spawn(move || converse(stream, config, &*decide, &log).ok());
            }
        });
        Self {
            port,
            scheme,
            asked,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// Every path that was asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn converse(
    stream: TcpStream,
    config: Option<Arc<ServerConfig>>,
    decide: &dyn Fn(&str, usize) -> Answer,
    log: &Mutex<Vec<String>>,
) -> io::Result<()> {
    match config {
        None => answer(stream, decide, log),
        Some(config) => {
            let connection = ServerConnection::new(config).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(connection, stream);
            answer(&mut stream, decide, log)?;
            stream.conn.send_close_notify();
            stream.flush()
        }
    }
}

/// Reads a request's head, and returns what it asks for.
fn asked_for(stream: impl Read) -> io::Result<String> {
    let mut lines = BufReader::new(stream).lines();
    let mut line = || lines.next().unwrap_or_else(|| Ok(String::new()));
    let first = line()?;
    while !line()?.is_empty() {}
    Ok(first
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned())
}

fn answer(
    mut stream: impl Read + Write,
    decide: &dyn Fn(&str, usize) -> Answer,
    log: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let path = asked_for(&mut stream)?;
    let before = {
        let mut log = log.lock().unwrap();
        let before = log.iter().filter(|known| **known == path).count();
        log.push(path.clone());
        before
    };
    let mut head = |status: &str, more: &str| {
        write!(
            stream,
            "HTTP/1.1 {status}\r\nConnection: close\r\n{more}\r\n"
        )
    };
    match decide(&path, before) {
        Answer::Good(body) => {
            head("200 OK", &length(&body))?;
            stream.write_all(&body)
        }
        Answer::Status(status) => head(&format!("{status} No"), "Content-Length: 0\r\n"),
        Answer::Redirect(to) => head(
            "302 Found",
            &format!("Location: {to}\r\nContent-Length: 0\r\n"),
        ),
        Answer::Truncated(body) => {
            head("200 OK", &length(&body))?;
            stream.write_all(&body[..body.len() / 2])
        }
        Answer::Endless => {
            head("200 OK", "")?;
            loop {
                stream.write_all(&[b'a'; 8192])?;
            }
        }
        Answer::Stalled(body) => {
            head("200 OK", &length(&body))?;
            stream.write_all(&body[..body.len() / 2])?;
            stream.flush()?;
            loop {
                thread::park();
            }
        }
        Answer::Drip => {
            head("200 OK", "")?;
            loop {
                stream.write_all(b"a")?;
                stream.flush()?;
                thread::park_timeout(Duration::from_millis(50));
            }
        }
    }
}

fn length(body: &[u8]) -> String {
    format!("Content-Length: {}\r\n", body.len())
}

/// A proxy on loopback that connects wherever it is asked to; the places it was asked for.
pub(crate) fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let log = Arc::clone(&log);
            thread::spawn(move || tunnel(&stream, &log).ok());
        }
    });
    (url, asked)
}

fn tunnel(mut client: &TcpStream, log: &Mutex<Vec<String>>) -> io::Result<()> {
    let place = asked_for(client)?;
    log.lock().unwrap().push(place.clone());
    let mut server = TcpStream::connect(&place)?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || io::copy(&mut from, &mut to).ok());
    io::copy(&mut client, &mut server).map(|_| ())
}
