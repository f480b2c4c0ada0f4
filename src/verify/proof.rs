//! Does a port trust whom it should, and show what it should? Tried by a handshake, since nothing
//! else tells what a running etcd has read: it takes its CA file at its start only.

use super::conversation::{Failure, connect, not_started};
use super::credentials::Credentials;
use super::handshake::Shown;
use super::observation::End;
use super::refusal::{self, Sides};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

use super::conversation::Target;

/// One port of one controller.
#[derive(Clone, Debug)]
pub struct Door {
    /// The address that its certificate must name.
    pub address: IpAddr,
    /// Where it is reached.
    pub to: SocketAddr,
    /// What it must trust, and by what it must be trusted.
    pub credentials: Credentials,
}

/// Knocks at every door, at all at once, at none for longer than `timeout`; `now` is in Unix
/// seconds. [`End::Answered`] says that both sides took the other's certificate.
pub fn knock(doors: &[Door], timeout: Duration, now: i64) -> io::Result<Vec<End>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    runtime.block_on(async {
        let knocks: Vec<_> = doors
            .iter()
            .map(|door| tokio::spawn(one(door.clone(), timeout, now)))
            .collect();
        let mut ends = Vec::with_capacity(knocks.len());
        for knock in knocks {
            ends.push(knock.await.map_err(io::Error::other)?);
        }
        Ok(ends)
    })
}

async fn one(door: Door, timeout: Duration, now: i64) -> End {
    let mut end = End::NotStarted(super::NotStarted::TimedOut);
    match tokio::time::timeout(timeout, talk(&door, now, &mut end)).await {
        Ok(Ok(())) => End::Answered,
        Ok(Err(seen)) => seen,
        Err(_) => end,
    }
}

async fn talk(door: &Door, now: i64, end: &mut End) -> Result<(), End> {
    let shown = Arc::<Shown>::default();
    let sides = Sides {
        about: &door.credentials.about,
        shown: &shown,
        address: door.address,
        now,
    };
    let broken = |error: Failure| refusal::end(&*error, &sides);
    let stream = TcpStream::connect(door.to)
        .await
        .map_err(|error| not_started(&error))?;
    *end = End::Mute(None);
    let target = Target {
        address: door.address,
        client: door.to,
        peer: None,
        credentials: door.credentials.clone(),
    };
    let mut http = connect(&target, &shown, stream, door.to)
        .await
        .map_err(broken)?;
    // Under TLS 1.3 a server judges its client after the client thinks that all is well. An
    // answer, whatever it says, is given to a client that was taken.
    *end = End::BrokeOff("`/version`");
    http.get("/version").await.map_err(broken)?;
    if shown.trusts().is_empty() {
        let open = "it asks no client for a certificate, and so proves nothing";
        return Err(End::NotEtcd(open.to_owned()));
    }
    Ok(())
}
