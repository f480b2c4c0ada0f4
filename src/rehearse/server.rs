//! The release server: answers over HTTPS as the release's own hosts, to the machines alone.

use super::error::{Doing as _, Error};
use super::fault::Kind;
use crate::pki::mint::{self, Authority, Leaf, Minted, Validity};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// No request of a machine is longer.
const LONGEST_HEAD: u64 = 16 * 1024;

/// A machine that stops reading or writing must not hold a thread for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection that stalls is dropped some time; whoever waits that long has no patience limit.
const LONGEST_STALL: Duration = Duration::from_mins(10);

/// What the server has to give.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    /// The one file.
    pub(super) tarball: PathBuf,
    /// What a path must end in to get it.
    pub(super) name: String,
    /// What is wrong with it for now.
    pub(super) mood: Mood,
}

/// What is wrong with the server for now: one of the mirrors' faults, or nothing.
pub(super) type Mood = Arc<Mutex<Option<Kind>>>;

/// What is answered to one request. To add a fault, add an answer and decide for it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer<'a> {
    File(&'a Path),
    NotFound,
    Unavailable,
    /// The file, with one byte of its middle turned over.
    Corrupt(&'a Path),
    /// The file's first half, and then silence.
    Stall(&'a Path),
    /// The file's first half, and then the end of the connection.
    Truncate(&'a Path),
}

/// The one place where it is decided what a path gets.
fn decide<'a>(shelf: &'a Shelf, path: &str) -> Answer<'a> {
    match path.rsplit('/').next() {
        Some(name) if name == shelf.name => {
            let tarball = &shelf.tarball;
            match *shelf.mood.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(Kind::Mirror503) => Answer::Unavailable,
                Some(Kind::MirrorCorrupt) => Answer::Corrupt(tarball),
                Some(Kind::MirrorStall) => Answer::Stall(tarball),
                Some(Kind::MirrorTruncate) => Answer::Truncate(tarball),
                _ => Answer::File(tarball),
            }
        }
        _ => Answer::NotFound,
    }
}

/// One request, as it was answered.
pub(super) struct Served {
    pub(super) from: IpAddr,
    pub(super) what: String,
    pub(super) status: u16,
}

/// What the server proves itself with.
pub(super) struct Identity {
    config: Arc<ServerConfig>,
    /// The authority that machines must trust, as PEM; its key is forgotten already.
    pub(super) authority: String,
}

impl Identity {
    /// Makes an authority, and a certificate of it for these hosts.
    pub(super) fn for_hosts(hosts: &[String]) -> Result<Self, Error> {
        let doing = || "making the release server's certificate".to_owned();
        let (authority, minted) = certify(hosts).map_err(std::io::Error::other).doing(doing)?;
        let certificate = CertificateDer::from_pem_slice(minted.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(minted.key.expose());
        let certificate = certificate.map_err(std::io::Error::other).doing(doing)?;
        let key = key.map_err(std::io::Error::other).doing(doing)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                config
                    .with_no_client_auth()
                    .with_single_cert(vec![certificate], key)
            })
            .map_err(std::io::Error::other)
            .doing(doing)?;
        Ok(Self {
            config: Arc::new(config),
            authority,
        })
    }
}

/// Good whatever a machine's clock says: a rehearsal may set it wrong.
const ALWAYS: Validity = Validity {
    not_before: 0,
    not_after: 4_102_444_799,
};

fn certify(hosts: &[String]) -> Result<(String, Minted), mint::Error> {
    let (authority, ca) = Authority::mint("firstboot rehearsal", ALWAYS)?;
    let is_address = |host: &&String| host.parse::<IpAddr>().is_ok();
    let (addresses, names): (Vec<_>, Vec<_>) = hosts.iter().partition(is_address);
    let addresses: Vec<_> = addresses
        .iter()
        .filter_map(|host| host.parse().ok())
        .collect();
    let names: Vec<_> = names.into_iter().cloned().collect();
    let minted = authority.issue(&Leaf {
        common_name: "firstboot rehearsal's releases",
        addresses: &addresses,
        names: &names,
        validity: ALWAYS,
        server: true,
        client: false,
    })?;
    Ok((ca.certificate, minted))
}

/// Opens the port on every address of this namespace.
pub(super) fn listen() -> Result<TcpListener, Error> {
    let any: [SocketAddr; 2] = [
        (Ipv6Addr::UNSPECIFIED, 443).into(),
        (Ipv4Addr::UNSPECIFIED, 443).into(),
    ];
    TcpListener::bind(&any[..]).doing(|| "opening the release server's port".to_owned())
}

/// Serves until the process ends, one thread per connection.
pub(super) fn serve(
    listener: TcpListener,
    identity: &Identity,
    shelf: Shelf,
    on_request: impl Fn(Served) + Clone + Send + 'static,
) {
    let config = Arc::clone(&identity.config);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, shelf, on_request) = (config.clone(), shelf.clone(), on_request.clone());
            std::thread::spawn(move || {
                // A machine that hangs up is its own affair; it will say so on its console.
                let _ = converse(stream, config, &shelf, &on_request);
            });
        }
    });
}

fn converse(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    shelf: &Shelf,
    on_request: &impl Fn(Served),
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let from = stream.peer_addr()?.ip().to_canonical();
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let head = Head::read(&mut stream)?;
    let status = respond(&mut stream, &head, &decide(shelf, &head.path))?;
    stream.conn.send_close_notify();
    stream.flush()?;
    let what = format!("{} {}{}", head.method, head.host, head.path);
    on_request(Served { from, what, status });
    Ok(())
}

/// The part of a request that matters here.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    method: String,
    path: String,
    host: String,
}

impl Head {
    fn read(stream: &mut impl Read) -> std::io::Result<Self> {
        let mut reader = BufReader::new(stream.take(LONGEST_HEAD));
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (Some(method), Some(path)) = (words.next(), words.next()) else {
            return Err(std::io::ErrorKind::InvalidData.into());
        };
        let mut host = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                return Ok(Self { method, path, host });
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("host")
            {
                value.trim().clone_into(&mut host);
            }
        }
    }
}

fn respond(stream: &mut impl Write, head: &Head, answer: &Answer<'_>) -> std::io::Result<u16> {
    let (status, reason, file) = match answer {
        Answer::File(path)
        | Answer::Corrupt(path)
        | Answer::Stall(path)
        | Answer::Truncate(path) => (200, "OK", Some(File::open(path)?)),
        Answer::NotFound => (404, "Not Found", None),
        Answer::Unavailable => (503, "Service Unavailable", None),
    };
    let length = file
        .as_ref()
        .map_or(Ok(0), |file| file.metadata().map(|data| data.len()))?;
    write!(
        stream,
        "HTTP/1.1 {status} {reason}\r\nContent-Length: {length}\r\n\
         Content-Type: application/octet-stream\r\nConnection: close\r\n\r\n"
    )?;
    if let Some(mut file) = file
        && head.method != "HEAD"
    {
        send(stream, &mut file, length, answer)?;
    }
    Ok(status)
}

fn send(
    stream: &mut impl Write,
    file: &mut File,
    length: u64,
    answer: &Answer<'_>,
) -> std::io::Result<()> {
    match answer {
        Answer::File(_) | Answer::NotFound | Answer::Unavailable => {
            std::io::copy(file, stream)?;
        }
        Answer::Truncate(_) | Answer::Stall(_) => {
            std::io::copy(&mut file.take(length / 2), stream)?;
            stream.flush()?;
            if matches!(answer, Answer::Stall(_)) {
                std::thread::sleep(LONGEST_STALL);
            }
        }
        Answer::Corrupt(_) => {
            std::io::copy(&mut file.take(length / 2), stream)?;
            let mut byte = [0];
            let read = file.read(&mut byte)?;
            stream.write_all(&[!byte[0]][..read])?;
            std::io::copy(file, stream)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(tarball: &Path) -> Shelf {
        Shelf {
            tarball: tarball.to_owned(),
            name: "etcd-v3.3.25-linux-amd64.tar.gz".into(),
            mood: Mood::default(),
        }
    }

    #[test]
    fn the_tarball_is_given_under_any_path_and_nothing_else_is() {
        let shelf = shelf(Path::new("/t"));
        let file = Answer::File(Path::new("/t"));
        let name = &shelf.name;
        assert_eq!(decide(&shelf, &format!("/etcd/v3.3.25/{name}")), file);
        assert_eq!(decide(&shelf, &format!("/{name}")), file);
        for path in ["/", "/x", &format!("/not-{name}"), &format!("/{name}/")] {
            assert_eq!(decide(&shelf, path), Answer::NotFound, "{path}");
        }
    }

    #[test]
    fn a_fault_of_the_mirrors_spoils_the_tarball_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let tarball = dir.path().join("t");
        std::fs::write(&tarball, [1, 2, 3, 4]).unwrap();
        let shelf = shelf(&tarball);
        let head = Head {
            method: "GET".into(),
            path: format!("/{}", shelf.name),
            host: String::new(),
        };
        let answered = |kind| {
            *shelf.mood.lock().unwrap() = Some(kind);
            let mut sent = Vec::new();
            let status = respond(&mut sent, &head, &decide(&shelf, &head.path)).unwrap();
            let body = sent.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
            (status, sent.split_off(body))
        };
        assert_eq!(answered(Kind::Mirror503), (503, vec![]));
        assert_eq!(answered(Kind::MirrorCorrupt), (200, vec![1, 2, !3, 4]));
        assert_eq!(answered(Kind::MirrorTruncate), (200, vec![1, 2]));
        assert_eq!(answered(Kind::NoDns), (200, vec![1, 2, 3, 4]));
        assert_eq!(decide(&shelf, "/other"), Answer::NotFound);
    }

    #[test]
    fn a_client_that_trusts_the_authority_gets_every_byte() {
        let dir = tempfile::tempdir().unwrap();
        let tarball = dir.path().join("t");
        std::fs::write(&tarball, vec![7; 300_000]).unwrap();
        let identity = Identity::for_hosts(&["github.com".into()]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let shelf = shelf(&tarball);
        let url = format!("https://github.com:{}/a/{}", address.port(), shelf.name);
        serve(listener, &identity, shelf, move |served| {
            sender.send((served.what, served.status)).unwrap();
        });
        let authority = dir.path().join("ca.pem");
        std::fs::write(&authority, &identity.authority).unwrap();
        let curl = std::process::Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--noproxy", "*"])
            .args([
                "--resolve",
                &format!("github.com:{}:127.0.0.1", address.port()),
            ])
            .arg("--cacert")
            .arg(&authority)
            .arg(&url)
            .output()
            .unwrap();
        assert!(
            curl.status.success(),
            "{}",
            String::from_utf8_lossy(&curl.stderr)
        );
        assert_eq!(curl.stdout, vec![7; 300_000]);
        let (what, status) = receiver.recv().unwrap();
        assert_eq!(status, 200);
        assert_eq!(
            what,
            format!(
                "GET github.com{}",
                url.split_at("https://github.com".len()).1
            )
        );
    }
}
