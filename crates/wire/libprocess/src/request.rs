//! A message as an HTTP request: written, and told from other requests.

use std::net::IpAddr;

use bytes::Bytes;

use crate::{InvalidUpid, Upid, decode_id, encode_id};

/// Writes a message as the request that carries it.
///
/// The order of the headers and the single chunk are those of libprocess; a message without a body has no headers
/// about one. `name` is the full protobuf name, as `mesos.internal.PingSlaveMessage`.
pub fn encode(from: &Upid, to: &Upid, name: &str, body: &[u8]) -> Bytes {
    let mut head = format!(
        "POST /{}/{} HTTP/1.1\r\nUser-Agent: libprocess/{from}\r\nLibprocess-From: {from}\r\n\
         Connection: Keep-Alive\r\nHost: {}\r\n",
        encode_id(&to.id),
        encode_id(name),
        to.address,
    )
    .into_bytes();
    if body.is_empty() {
        head.extend_from_slice(b"\r\n");
        return head.into();
    }
    head.extend_from_slice(format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len()).as_bytes());
    head.extend_from_slice(body);
    head.extend_from_slice(b"\r\n0\r\n\r\n");
    head.into()
}

/// A message that came as a request. Its body is the request's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Who sent it, and where answers go.
    pub sender: Upid,
    /// The id of the process that it is for, not percent-encoded. Whether there is one, the receiver knows.
    pub target: String,
    /// The full protobuf name of the message.
    pub name: String,
}

/// Why a message is not taken, with the status of the answer. A message that is taken is answered
/// [`Refusal::ACCEPTED`], always: some senders insist on an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Who sent it cannot be read.
    #[error("Failed to determine sender from request headers: {0}")]
    Sender(InvalidUpid),
    /// The address that the sender gives is not the one it sends from (where that is asked for).
    #[error("UPID IP address validation failed: Message from {sender} was sent from IP {peer}")]
    Peer {
        /// Who it says it is.
        sender: Upid,
        /// Where the connection comes from.
        peer: IpAddr,
    },
    /// No process here has that id.
    #[error("no process '{0}'")]
    NoProcess(String),
}

impl Refusal {
    /// The status of the answer to a message that is taken, whatever comes of it.
    pub const ACCEPTED: u16 = 202;

    /// The status of the answer.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Sender(_) => 500,
            Self::Peer { .. } => 400,
            Self::NoProcess(_) => 404,
        }
    }
}

impl Incoming {
    /// Refuses a sender that gives another address than it sends from.
    ///
    /// # Errors
    /// [`Refusal::Peer`].
    pub fn require_peer(&self, peer: IpAddr) -> Result<(), Refusal> {
        // A dual-stack listener shows IPv4 peers as mapped addresses.
        if self.sender.address.ip().to_canonical() == peer.to_canonical() {
            return Ok(());
        }
        Err(Refusal::Peer { sender: self.sender.clone(), peer })
    }
}

/// What a request says about the sender of the message that it is; `None` if it is none.
pub fn sender_field<'a>(
    method: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Option<&'a [u8]> {
    if method != "POST" {
        return None;
    }
    let (mut from, mut agent) = (None, None);
    for (name, value) in headers {
        if name.eq_ignore_ascii_case("libprocess-from") {
            from.get_or_insert(value);
        } else if name.eq_ignore_ascii_case("user-agent") {
            agent.get_or_insert(value);
        }
    }
    from.or_else(|| agent.and_then(|value| value.strip_prefix(b"libprocess/")))
}

/// Tells a message from any other request: a POST with `Libprocess-From`, or with a `User-Agent` that starts with
/// `libprocess/`. `None` is any other request.
///
/// `path` is the request's path without its query. Names of headers are compared without regard to case.
///
/// # Errors
/// [`Refusal::Sender`] when it is a message but who sent it cannot be read.
pub fn recognise<'a>(
    method: &str,
    path: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Option<Incoming>, Refusal> {
    let Some(sender) = sender_field(method, headers) else {
        return Ok(None);
    };
    let sender = String::from_utf8_lossy(sender);
    let sender = sender.trim().parse().map_err(Refusal::Sender)?;
    let path = path.strip_prefix('/').unwrap_or(path);
    let (target, name) = path.split_once('/').unwrap_or((path, ""));
    let (target, name) = (decode_id(target).into_owned(), decode_id(name).into_owned());
    Ok(Some(Incoming { sender, target, name }))
}

#[cfg(test)]
mod tests;
