//! A stand-in of etcd's port for clients: real TLS that asks for a client's certificate, and
//! answers that a test writes. What stands in it follows the measured answers of 3.3 to 3.5 and
//! etcd's own sources for 3.6 and 3.7, which cannot be had here.

use crate::desk::{ADDRESSES, Desk, IDS};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What one controller does with whoever comes.
#[derive(Clone)]
pub(crate) enum Manner {
    /// Answers these paths, with status and body; others get a 404.
    Answers(BTreeMap<String, (u16, Value)>),
    /// Answers these paths, and at any other hangs up, with so many bytes of the answer said.
    BreaksOff(BTreeMap<String, (u16, Value)>, usize),
    /// Accepts, and says nothing.
    Mute,
    /// Shakes hands, and then says nothing.
    Frozen,
    /// Shakes hands, and then says a byte now and then, for ever.
    Drips,
    /// Speaks no TLS.
    Plain,
}

/// One stand-in, on a port of loopback.
pub(crate) struct StandIn {
    pub(crate) port: u16,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    /// Shows this pair of the desk's, and takes clients of its CA.
    pub(crate) fn start(desk: &Desk, pair: &str, manner: Manner) -> Self {
        Self::start_at(0, desk, pair, manner)
    }

    /// The same on this port.
    pub(crate) fn start_at(port: u16, desk: &Desk, pair: &str, manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = Arc::new(config(desk, pair));
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, manner) = (Arc::clone(&config), manner.clone());
                let log = Arc::clone(&log);
                // A client that hangs up says why itself.
                thread::spawn(move || converse(stream, config, &manner, &log).ok());
            }
        });
        Self { port, asked }
    }
}

fn config(desk: &Desk, pair: &str) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let ca = desk.read("pki/ca.pem");
    for authority in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        roots.add(authority.unwrap()).unwrap();
    }
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let chain = desk.read(&format!("pki/{pair}.pem"));
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap);
    let key = desk.read(&format!("pki/{pair}-key.pem"));
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(
            chain.collect(),
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap()
}

fn converse(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
    manner: &Manner,
    log: &Mutex<Vec<String>>,
) -> io::Result<()> {
    const LONG: Duration = Duration::from_mins(10);
    match manner {
        Manner::Mute => thread::sleep(LONG),
        Manner::Plain => stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")?,
        _ => {}
    }
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut tls = BufReader::new(StreamOwned::new(connection, stream));
    loop {
        let path = question(&mut tls)?;
        log.lock().unwrap().push(path.clone());
        let stream = tls.get_mut();
        match manner {
            Manner::Answers(known) => {
                let unknown = (404, json!("404 page not found"));
                stream.write_all(reply(known.get(&path).unwrap_or(&unknown)).as_bytes())?;
                stream.flush()?;
            }
            Manner::BreaksOff(known, said) => {
                let Some(answer) = known.get(&path) else {
                    let answer = reply(&(200, json!("never said whole")));
                    stream.write_all(&answer.as_bytes()[..*said])?;
                    return stream.flush();
                };
                stream.write_all(reply(answer).as_bytes())?;
                stream.flush()?;
            }
            Manner::Drips => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")?;
                loop {
                    stream.write_all(b" ")?;
                    stream.flush()?;
                    thread::sleep(Duration::from_millis(100));
                }
            }
            _ => thread::sleep(LONG),
        }
    }
}

fn reply((status, body): &(u16, Value)) -> String {
    let body = body.to_string();
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// Reads a question, and returns its path.
fn question(stream: &mut impl io::BufRead) -> io::Result<String> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            break;
        }
        head.push(line.to_lowercase());
    }
    let length = head
        .iter()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length = length.map_or(0, |text| text.trim().parse().unwrap());
    io::copy(&mut stream.take(length), &mut io::sink())?;
    let path = head.first().and_then(|line| line.split(' ').nth(1));
    Ok(path.unwrap_or_default().to_owned())
}

fn decimal(hex: &str) -> String {
    u64::from_str_radix(hex, 16).unwrap().to_string()
}

/// The list of members that all three give.
pub(crate) fn members() -> Value {
    let mut order = [0, 1, 2];
    order.sort_by_key(|index| u64::from_str_radix(IDS[*index], 16).unwrap());
    let member = |index: usize| {
        json!({
            "ID": decimal(IDS[index]),
            "name": format!("controller-{index}"),
            "peerURLs": [format!("https://{}:2380", ADDRESSES[index])],
            "clientURLs": [format!("https://{}:2379", ADDRESSES[index])],
        })
    };
    json!(order.map(member))
}

/// What a healthy member of a healthy cluster answers, led by the second one.
pub(crate) fn healthy(index: usize, version: &str) -> BTreeMap<String, (u16, Value)> {
    let header = json!({
        "cluster_id": decimal(crate::desk::CLUSTER_ID),
        "member_id": decimal(IDS[index]),
        "raft_term": "7",
    });
    let line = version.rsplit_once('.').unwrap().0;
    let prefix = if line == "3.3" { "/v3beta" } else { "/v3" };
    let mut status = json!({
        "header": header, "version": version, "dbSize": "24576", "leader": decimal(IDS[1]),
        "raftIndex": "30", "raftTerm": "7",
    });
    if line != "3.3" {
        let more = json!({ "raftAppliedIndex": "30", "dbSizeInUse": "16384" });
        add(&mut status, &more);
    }
    if matches!(line, "3.6" | "3.7") {
        let more = json!({
            "storageVersion": format!("{line}.0"), "dbSizeQuota": "2147483648",
            "downgradeInfo": {},
        });
        add(&mut status, &more);
    }
    let versions = json!({ "etcdserver": version, "etcdcluster": format!("{line}.0") });
    let health = match line {
        "3.3" | "3.4" => json!({ "health": "true" }),
        _ => json!({ "health": "true", "reason": "" }),
    };
    let list = json!({ "header": header, "members": members() });
    BTreeMap::from([
        ("/version".to_owned(), (200, versions)),
        ("/health".to_owned(), (200, health)),
        (format!("{prefix}/maintenance/status"), (200, status)),
        (format!("{prefix}/cluster/member/list"), (200, list)),
        (
            format!("{prefix}/maintenance/alarm"),
            (200, json!({ "header": header })),
        ),
    ])
}

fn add(to: &mut Value, more: &Value) {
    for (key, value) in more.as_object().unwrap() {
        to[key] = value.clone();
    }
}
