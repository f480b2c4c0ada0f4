//! Two calls of etcd's own protocol, gRPC, for what its JSON gateway does not have before 3.5: the
//! hash of all keys at a revision. From 3.3 to 3.7 they are the same.
//!
//! Only what is asked for is read of an answer: numbers, and a message in a message.

use super::handshake::{self, Shown};
use super::{conversation::Target, data::Hash};
use crate::report::{innermost, visible};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{HeaderMap, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use std::error::Error;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// No answer to these questions is larger.
const MOST_BYTES: usize = 1 << 16;

/// A connection to one member, over which many questions can be asked.
#[derive(Clone)]
pub(super) struct Channel {
    sender: SendRequest<Full<Bytes>>,
    place: String,
}

/// How far a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) revision: u64,
    /// Read after the revision.
    pub(super) applied: u64,
}

impl Channel {
    /// Connects; an error is a part of a sentence.
    pub(super) async fn open(target: &Target) -> Result<Self, String> {
        Self::try_open(target)
            .await
            .map_err(|error| visible(&innermost(&*error)))
    }

    async fn try_open(target: &Target) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let mut config = handshake::config(&target.credentials, &Arc::<Shown>::default())?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(target.client).await?;
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector
            .connect(ServerName::from(target.address), stream)
            .await?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err("it speaks no gRPC".into());
        }
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self {
            sender,
            place: format!("https://{}/etcdserverpb.Maintenance", target.client),
        })
    }

    /// `Maintenance/Status`
    pub(super) async fn mark(self) -> Result<Mark, String> {
        let answer = self.call("Status", &[]).await?;
        let mark = || {
            let revision = number(message(&answer, 1)?, 3)?;
            // 3.3 says the index of what it has applied in the place of the other one.
            let applied = number(&answer, 7).filter(|index| *index > 0);
            let applied = applied.or_else(|| number(&answer, 5))?;
            Some(Mark { revision, applied })
        };
        mark().ok_or_else(|| "its status says no revision".to_owned())
    }

    /// `Maintenance/HashKV`
    pub(super) async fn hash(self, revision: u64) -> Result<Hash, String> {
        let mut question = vec![1 << 3];
        let mut rest = revision;
        while rest > 0x7f {
            question.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        question.push(rest.to_le_bytes()[0]);
        let answer = self.call("HashKV", &question).await?;
        let hash = || {
            Some(Hash {
                revision,
                compacted: number(&answer, 3)?.cast_signed(),
                value: u32::try_from(number(&answer, 2)?).ok()?,
            })
        };
        hash().ok_or_else(|| "its answer holds no hash".to_owned())
    }

    async fn call(mut self, method: &str, message: &[u8]) -> Result<Bytes, String> {
        let length = u32::try_from(message.len()).unwrap_or_default();
        let mut frame = vec![0]; // not compressed
        frame.extend(length.to_be_bytes());
        frame.extend(message);
        let request = Request::post(format!("{}/{method}", self.place))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header(
                "user-agent",
                concat!("firstboot/", env!("CARGO_PKG_VERSION")),
            )
            .body(Full::from(frame))
            .map_err(|error| error.to_string())?;
        let words = |error: &(dyn Error + 'static)| visible(&innermost(error));
        self.sender.ready().await.map_err(|error| words(&error))?;
        let reply = self.sender.send_request(request).await;
        let (head, body) = reply.map_err(|error| words(&error))?.into_parts();
        let body = Limited::new(body, MOST_BYTES).collect().await;
        let body = body.map_err(|error| words(&*error))?;
        // Where there is no answer, the status stands in the head.
        let status = body.trailers().unwrap_or(&head.headers);
        refusal(status)?;
        let body = body.to_bytes();
        let length = body.get(1..5).and_then(|four| four.try_into().ok());
        let length = length.map_or(usize::MAX, |four| u32::from_be_bytes(four) as usize);
        if body.first() != Some(&0) || body.len() != length.saturating_add(5) {
            return Err("its answer is not gRPC's".to_owned());
        }
        Ok(body.slice(5..))
    }
}

/// The error that stands in the headers of an answer.
fn refusal(headers: &HeaderMap) -> Result<(), String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match text("grpc-status") {
        Some("0") => Ok(()),
        Some(status) => Err(format!(
            "etcd says `{}`",
            visible(text("grpc-message").unwrap_or(status))
        )),
        None => Err("its answer is not gRPC's".to_owned()),
    }
}

/// The number in this field of a message, 0 where it is left out; `None` if this is no message.
fn number(message: &[u8], field: u64) -> Option<u64> {
    let mut found = 0;
    each(message, |at, value| {
        if at == field
            && let Value::Number(number) = value
        {
            found = number;
        }
    })?;
    Some(found)
}

/// The message in this field of a message.
fn message(outer: &[u8], field: u64) -> Option<&[u8]> {
    let mut found = None;
    each(outer, |at, value| {
        if at == field
            && let Value::Bytes(bytes) = value
        {
            found = Some(bytes);
        }
    })?;
    found
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Goes through the fields of a message (protobuf.dev/programming-guides/encoding).
fn each<'a>(mut message: &'a [u8], mut see: impl FnMut(u64, Value<'a>)) -> Option<()> {
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let length = match key & 7 {
            0 => {
                see(key >> 3, Value::Number(varint(&mut message)?));
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (bytes, rest) = message.split_at_checked(length)?;
        see(key >> 3, Value::Bytes(bytes));
        message = rest;
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if *first < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_found_and_what_is_left_out_is_zero() {
        // header { cluster_id: 1, revision: 300 }, hash: 7, compact_revision: -1
        let mut answer = vec![0x0a, 5, 0x08, 1, 0x18, 0xac, 0x02, 0x10, 7, 0x18];
        answer.extend([0xff; 9]);
        answer.push(1);
        let header = message(&answer, 1).unwrap();
        assert_eq!(number(header, 3), Some(300));
        assert_eq!(number(header, 9), Some(0));
        assert_eq!(number(&answer, 2), Some(7));
        assert_eq!(number(&answer, 3).unwrap().cast_signed(), -1);
        assert_eq!(number(&answer[..4], 2), None);
        assert_eq!(message(b"", 1), None);
    }

    proptest! {
        /// Whatever is sent is read to its end or refused.
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (number(&bytes, 1), message(&bytes, 1));
        }
    }
}
