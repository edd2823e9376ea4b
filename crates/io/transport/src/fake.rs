//! The other end of a connection, byte by byte: for tests only, behind the feature `fake`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failing test says why")]

use std::time::Duration;

use bytes::Bytes;
use tepui_wire_mesos::ContentType;
use tepui_wire_protobuf::Described;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Listens on a free port of loopback.
#[derive(Debug)]
pub struct Fake {
    listener: TcpListener,
    /// Its port.
    pub port: u16,
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    read: Vec<u8>,
    /// The encoding of its messages.
    pub content: ContentType,
}

/// A request, complete.
#[derive(Debug)]
pub struct Received {
    /// Request line and header lines, in lower case.
    pub head: String,
    /// The body.
    pub body: Bytes,
}

/// Fails the test instead of hanging.
pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("it takes too long")
}

impl Fake {
    /// A listener.
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener, port }
    }

    /// The next connection.
    pub async fn accept(&self) -> Peer {
        let (stream, _) = soon(self.listener.accept()).await.unwrap();
        Peer { stream, read: Vec::new(), content: ContentType::Protobuf }
    }

    /// Accepts a connection and the request on it, whose encoding is the peer's from then on.
    pub async fn request(&self) -> (Peer, Received) {
        let mut peer = self.accept().await;
        let received = peer.request().await.expect("a request");
        if received.head.contains("application/json") {
            peer.content = ContentType::Json;
        }
        (peer, received)
    }
}

impl Peer {
    /// The next request; `None` when the connection is closed.
    pub async fn request(&mut self) -> Option<Received> {
        loop {
            if let Some(end) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.read[..end]).to_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let total = end + 4 + length.map_or(0, |length| length.parse::<usize>().unwrap());
                if self.read.len() >= total {
                    let rest = self.read.split_off(total);
                    let request = std::mem::replace(&mut self.read, rest);
                    return Some(Received { head, body: Bytes::from(request).slice(end + 4..) });
                }
            }
            match soon(self.stream.read_buf(&mut self.read)).await {
                Ok(1..) => {}
                _ => return None,
            }
        }
    }

    /// Sends bytes.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Answers a call.
    pub async fn answer(&mut self, status: u16, body: &str) {
        let length = body.len();
        self.write(format!("HTTP/1.1 {status} Words\r\nContent-Length: {length}\r\n\r\n{body}")).await;
    }

    /// Answers with the head of an event stream.
    pub async fn open_stream(&mut self, headers: &str) {
        let mime = self.content.mime();
        let head =
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{headers}Content-Type: {mime}\r\n\r\n");
        self.write(head).await;
    }

    /// A record as the bytes of the body, not yet in chunks.
    pub fn record<M: Described>(&self, message: &M) -> Vec<u8> {
        let body = self.content.encode(message);
        let mut record = format!("{}\n", body.len()).into_bytes();
        record.extend_from_slice(&body);
        record
    }

    /// Sends a chunk.
    pub async fn chunk(&mut self, bytes: &[u8]) {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.write(chunk).await;
    }

    /// A record in a chunk of its own, as Mesos writes it.
    pub async fn send<M: Described>(&mut self, message: &M) {
        let record = self.record(message);
        self.chunk(&record).await;
    }

    /// The orderly end of a stream.
    pub async fn end_stream(&mut self) {
        self.write("0\r\n\r\n").await;
    }
}
