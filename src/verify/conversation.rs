//! Asks all controllers at once, each within its own time.

use super::credentials::Credentials;
use super::gateway;
use super::handshake::{self, Shown};
use super::observation::{End, NotStarted, Observation};
use super::refusal::{self, Sides};
use super::rounds;
use crate::cluster::ClusterId;
use crate::report::innermost;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// No answer to any of our questions is larger.
const MOST_BYTES: usize = 1 << 20;

pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// One controller, and how it is reached from here.
#[derive(Clone, Debug)]
pub struct Target {
    /// The address that its certificate must name.
    pub address: IpAddr,
    /// Where its clients' port is reached.
    pub client: SocketAddr,
    /// Where its peers' port is reached, if it is: it answers before there is a quorum.
    pub peer: Option<SocketAddr>,
    /// With what it is asked.
    pub credentials: Credentials,
}

/// Asks every target, all at once, none for longer than `timeout`; then those that are in one
/// cluster what they hold, for as long again. `now` is in Unix seconds.
///
/// What is wrong with a target is in its observation; an error is this computer's.
pub fn ask(targets: &[Target], timeout: Duration, now: i64) -> io::Result<Vec<Observation>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    runtime.block_on(async {
        let looks: Vec<_> = targets
            .iter()
            .map(|target| tokio::spawn(look(target.clone(), timeout, now)))
            .collect();
        let mut seen = Vec::with_capacity(looks.len());
        for look in looks {
            seen.push(look.await.map_err(io::Error::other)?);
        }
        rounds::compare(targets, &mut seen, timeout).await;
        Ok(seen)
    })
}

async fn look(target: Target, timeout: Duration, now: i64) -> Observation {
    let begin = Instant::now();
    let shown = Arc::default();
    let peer = target
        .peer
        .map(|peer| PeerPort::ask(&target, peer, timeout / 2));
    let mut seen = Observation::nothing(target.client);
    let talk = talk(&target, &shown, now, &mut seen);
    if let Ok(Err(end)) = tokio::time::timeout(timeout, talk).await {
        seen.end = end;
    }
    if let (End::Mute(cluster), Some(peer)) = (&mut seen.end, peer) {
        *cluster = peer.answer();
    }
    seen.certificate = shown.certificate();
    seen.took = begin.elapsed();
    seen
}

/// Asks everything; until an answer is there, `seen.end` is what its absence means.
async fn talk(
    target: &Target,
    shown: &Arc<Shown>,
    now: i64,
    seen: &mut Observation,
) -> Result<(), End> {
    let sides = Sides {
        about: &target.credentials.about,
        shown,
        address: target.address,
        now,
    };
    let broken = |error: Failure| refusal::end(&*error, &sides);
    let stream = TcpStream::connect(target.client)
        .await
        .map_err(|error| not_started(&error))?;
    seen.end = End::Mute(None);
    let mut http = match connect(target, shown, stream, target.client).await {
        Ok(http) => http,
        Err(error) => {
            return Err(match broken(error) {
                End::NotEtcd(_) if is_plain(target).await => End::Plain,
                other => other,
            });
        }
    };

    seen.end = End::BrokeOff("`/version`");
    let reply = http.get("/version").await.map_err(broken)?;
    let (server, cluster) = gateway::version(&reply.body)
        .ok_or_else(|| End::NotEtcd("it does not say its version as etcd does".to_owned()))?;
    let prefix = gateway::prefix(&server);
    seen.version = Some(server);
    seen.cluster_version = Some(cluster);

    let broken = |error: Failure| refusal::broke_off(&*error);
    seen.end = End::BrokeOff("`maintenance/status`");
    let path = format!("{prefix}/maintenance/status");
    let reply = http.post(&path, "{}").await.map_err(broken)?;
    let status = gateway::status(&reply.body).ok_or_else(|| End::NotEtcd(reply.complaint()))?;
    let (has_leader, learner) = (status.leader.is_some(), status.learner);
    seen.status = Some(status);
    if learner {
        // It answers nothing else: «rpc not supported for learner».
        seen.end = End::Answered;
        return Ok(());
    }

    seen.end = End::BrokeOff("`cluster/member/list`");
    let path = format!("{prefix}/cluster/member/list");
    let reply = http.post(&path, "{}").await.map_err(broken)?;
    seen.members = gateway::members(&reply.body);
    if seen.members.is_none() {
        seen.unanswered
            .push(("cluster/member/list", reply.complaint()));
    }

    // Without a leader these two would wait for one.
    if has_leader {
        seen.end = End::BrokeOff("`maintenance/alarm`");
        let path = format!("{prefix}/maintenance/alarm");
        let question = "{\"action\":\"GET\"}";
        let reply = http.post(&path, question).await.map_err(broken)?;
        seen.alarms = gateway::alarms(&reply.body).filter(|_| reply.status.is_success());
        if seen.alarms.is_none() {
            seen.unanswered
                .push(("maintenance/alarm", reply.complaint()));
        }
        seen.end = End::BrokeOff("`/health`");
        let reply = http.get("/health").await.map_err(broken)?;
        seen.health = gateway::health(&reply.body);
    }
    seen.end = End::Answered;
    Ok(())
}

/// Whether it answers a question that is asked without TLS. An etcd with `http` URLs for clients
/// hangs up on who begins with TLS, and says nothing.
async fn is_plain(target: &Target) -> bool {
    let ask = async {
        let stream = TcpStream::connect(target.client).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let host = target.client.to_string();
        let driver = tokio::spawn(connection);
        let mut http = Http {
            sender,
            driver,
            host,
        };
        http.get("/version").await
    };
    // A server that speaks TLS says so in plain HTTP, with a 400.
    let plain = |reply: Reply| reply.status != StatusCode::BAD_REQUEST;
    let answer = tokio::time::timeout(Duration::from_secs(1), ask).await;
    answer.is_ok_and(|answer| answer.is_ok_and(plain))
}

pub(super) fn not_started(error: &io::Error) -> End {
    End::NotStarted(match error.kind() {
        io::ErrorKind::ConnectionRefused => NotStarted::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => NotStarted::NoRoute,
        io::ErrorKind::TimedOut => NotStarted::TimedOut,
        _ => NotStarted::Other(crate::report::reason(error)),
    })
}

/// A connection over which one question follows the other.
pub(super) struct Http {
    sender: SendRequest<Full<Bytes>>,
    /// What drives it, and knows why it ended.
    driver: JoinHandle<Result<(), hyper::Error>>,
    host: String,
}

pub(super) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    /// What it says in the place of an answer.
    fn complaint(&self) -> String {
        let said = gateway::error(&self.body);
        let status = self.status.as_u16();
        match (status, said) {
            (404, _) => "the JSON gateway is off".to_owned(),
            (503, said) => format!(
                "the JSON gateway does not reach its own member, as if the server's certificate \
                 were not good for clients, too ({})",
                said.unwrap_or_else(|| "503".to_owned())
            ),
            (_, Some(said)) => format!("etcd says `{said}`"),
            (status, None) => format!("it answers {status}, and not as etcd does"),
        }
    }
}

pub(super) async fn connect(
    target: &Target,
    shown: &Arc<Shown>,
    stream: TcpStream,
    to: SocketAddr,
) -> Result<Http, Failure> {
    let config = handshake::config(&target.credentials, shown)?;
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::from(target.address);
    let stream = connector.connect(name, stream).await?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    Ok(Http {
        sender,
        driver: tokio::spawn(connection),
        host: to.to_string(),
    })
}

impl Http {
    pub(super) async fn get(&mut self, path: &str) -> Result<Reply, Failure> {
        self.ask(Method::GET, path, "").await
    }

    async fn post(&mut self, path: &str, body: &'static str) -> Result<Reply, Failure> {
        self.ask(Method::POST, path, body).await
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: &'static str,
    ) -> Result<Reply, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host)
            .header("content-type", "application/json")
            .header(
                "user-agent",
                concat!("firstboot/", env!("CARGO_PKG_VERSION")),
            )
            .body(Full::from(body))?;
        let sent = match self.sender.ready().await {
            Ok(()) => self.sender.send_request(request).await,
            Err(error) => Err(error),
        };
        let reply = match sent {
            Ok(reply) => reply,
            Err(error) => return Err(self.cause(error).await),
        };
        let (head, body) = reply.into_parts();
        let body = Limited::new(body, MOST_BYTES).collect().await;
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            // In words alone: who has begun to answer takes our certificate, however it ends.
            body: body.map_err(|error| innermost(&*error))?.to_bytes(),
        })
    }

    /// A question that was never sent, since the connection has ended, knows less than what drove
    /// that.
    async fn cause(&mut self, error: hyper::Error) -> Failure {
        if !error.is_canceled() && !error.is_closed() {
            return error.into();
        }
        match (&mut self.driver).await {
            Ok(Err(cause)) => cause.into(),
            _ => error.into(),
        }
    }
}

/// A question to the peers' port, asked when the clients' one has been mute for a while: only
/// there a member that waits for its peers says which cluster it is waiting for.
struct PeerPort {
    task: JoinHandle<()>,
    heard: Arc<Mutex<Option<ClusterId>>>,
}

impl PeerPort {
    fn ask(target: &Target, peer: SocketAddr, after: Duration) -> Self {
        let heard: Arc<Mutex<_>> = Arc::default();
        let (target, slot) = (target.clone(), Arc::clone(&heard));
        let task = tokio::spawn(async move {
            tokio::time::sleep(after).await;
            // Whoever may not ask there is none the wiser, and no worse off.
            if let Ok(Some(id)) = cluster_of_peer(&target, peer).await {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
            }
        });
        Self { task, heard }
    }

    fn answer(&self) -> Option<ClusterId> {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PeerPort {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `GET /members` of the peers' port carries the cluster's ID in a header (etcd-io/etcd
/// `etcdserver/api/etcdhttp/peer.go`), from 3.3 on.
async fn cluster_of_peer(target: &Target, peer: SocketAddr) -> Result<Option<ClusterId>, Failure> {
    let stream = TcpStream::connect(peer).await?;
    let mut http = connect(target, &Arc::default(), stream, peer).await?;
    let reply = http.get("/members").await?;
    let id = reply.headers.get("x-etcd-cluster-id");
    let id = id.and_then(|id| u64::from_str_radix(id.to_str().ok()?, 16).ok());
    Ok(id.map(ClusterId::reported))
}
