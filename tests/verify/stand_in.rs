//! A stand-in of etcd's port for clients: real TLS that asks for a client's certificate, and
//! answers that a test writes, in JSON and by gRPC. What stands in it follows the measured answers of
//! 3.3 to 3.7.

use crate::desk::{ADDRESSES, Desk, IDS};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::ready;
use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

/// What one controller does with whoever comes.
#[derive(Clone)]
pub(crate) enum Manner {
    /// Answers these paths, with status and body; others get a 404.
    Answers(BTreeMap<String, (u16, Value)>),
    /// Answers these paths once others have been asked something, too.
    Meets(BTreeMap<String, (u16, Value)>, Arc<Barrier>),
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
    /// Answers in plain HTTP, and hangs up on who begins with TLS, as an etcd with `http` URLs.
    Http,
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
        Manner::Answers(known) | Manner::BreaksOff(known, _) | Manner::Meets(known, _)
            if wants_grpc(&stream)? =>
        {
            return speak_grpc(stream, &config, known);
        }
        Manner::Http => {
            let mut first = [0];
            if stream.peek(&mut first)? == 1 && first != [0x16] {
                let version = json!({ "etcdserver": "3.6.14", "etcdcluster": "3.6.0" });
                question(&mut BufReader::new(&stream))?;
                stream.write_all(reply(&(200, version)).as_bytes())?;
            }
            return Ok(());
        }
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
        if let Manner::Meets(_, others) = manner
            && path == "/version"
        {
            others.wait();
        }
        match manner {
            Manner::Answers(known) | Manner::Meets(known, _) => {
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

/// Whether the first message of TLS offers nothing but HTTP/2.
fn wants_grpc(stream: &TcpStream) -> io::Result<bool> {
    let mut seen = [0; 4096];
    loop {
        let length = stream.peek(&mut seen)?;
        let whole = 5 + usize::from(u16::from_be_bytes([seen[3], seen[4]]));
        if length == 0 || length >= whole.min(seen.len()) {
            return Ok(seen[..length]
                .windows(5)
                .any(|five| five == b"\0\x03\x02h2"));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Answers two calls of gRPC by what stands in the JSON answers: the status, and `HashKV`.
fn speak_grpc(
    stream: TcpStream,
    config: &ServerConfig,
    known: &BTreeMap<String, (u16, Value)>,
) -> io::Result<()> {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    stream.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::from_std(stream)?;
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let stream = acceptor.accept(stream).await?;
        let answer = |request: Request<Incoming>| {
            let answer = grpc_answer(request.uri().path(), known);
            async move {
                // A question is read before it is answered.
                request.into_body().collect().await?;
                Ok::<_, hyper::Error>(answer)
            }
        };
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service_fn(answer))
            .await
            .map_err(io::Error::other)
    })
}

fn grpc_answer(
    path: &str,
    known: &BTreeMap<String, (u16, Value)>,
) -> Response<BoxBody<Bytes, Infallible>> {
    let number = |value: &Value| match value {
        Value::String(text) => text.parse().unwrap(),
        other => other.as_u64().unwrap_or(0),
    };
    let method = path.strip_prefix("/etcdserverpb.Maintenance/").unwrap();
    let mut fields: Vec<(u8, u64)> = Vec::new();
    let mut message = Vec::new();
    let mut refusal = None;
    match method {
        "Status" => {
            let status = known.iter().find(|(path, _)| path.ends_with("/status"));
            let status = &status.unwrap().1.1;
            let header = protobuf(&[(3, number(&status["header"]["revision"]))]);
            message.extend([1 << 3 | 2, u8::try_from(header.len()).unwrap()]);
            message.extend(header);
            fields.push((5, number(&status["raftIndex"])));
            fields.push((7, number(&status["raftAppliedIndex"])));
        }
        "HashKV" => match known.get("HashKV") {
            Some((200, answer)) => {
                fields.push((2, number(&answer["hash"])));
                fields.push((3, number(&answer["compact_revision"])));
            }
            Some((_, answer)) => refusal = Some(answer["error"].as_str().unwrap().to_owned()),
            None => refusal = Some("unknown method HashKV".to_owned()),
        },
        other => panic!("{other} is not asked"),
    }
    message.extend(protobuf(&fields));
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    let head = Response::builder().header("content-type", "application/grpc");
    if let Some(why) = refusal {
        // As Go does: where there is no answer, all of it stands in the head.
        let head = head.header("grpc-status", "12").header("grpc-message", why);
        return head.body(Full::new(Bytes::new()).boxed()).unwrap();
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    let body = Full::new(Bytes::from(frame)).with_trailers(ready(Some(Ok(trailers))));
    head.body(body.boxed()).unwrap()
}

fn protobuf(fields: &[(u8, u64)]) -> Vec<u8> {
    let mut message = Vec::new();
    for (field, value) in fields {
        message.push(field << 3);
        let mut rest = *value;
        while rest > 0x7f {
            message.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        message.push(rest.to_le_bytes()[0]);
    }
    message
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
        "raft_term": "7", "revision": "40",
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
        // By gRPC; its status is the one above.
        (
            "HashKV".to_owned(),
            (
                200,
                json!({ "hash": 2_258_749_602_u32, "compact_revision": 20 }),
            ),
        ),
    ])
}

fn add(to: &mut Value, more: &Value) {
    for (key, value) in more.as_object().unwrap() {
        to[key] = value.clone();
    }
}
