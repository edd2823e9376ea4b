//! The HTTP/1.1 server: connections, requests in order, answers in order.
//!
//! It says what a Mesos daemon says, byte for byte where a client can see it (order of the header fields, a
//! garbage request line closes the connection without a word, `Connection: close` is obeyed but not echoed).
//! What a request means is the [`Handler`]'s business; who may send it will be decided in front of the
//! handler, and TLS between the listener and [`serve_connection`].

mod connection;
mod listen;
mod parse;
mod write;

use std::{future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

pub use connection::serve_connection;
pub use listen::Listen;

use crate::exchange::{Request, Response};

/// A handler's answer, in a while.
pub type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// What serves the requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    ///
    /// The requests of one connection may be worked on at the same time, up to a bound; each future is
    /// polled for the first time in the order of arrival, and the answers go out in that order. A handler whose
    /// effects must keep the order puts them in a queue before it first waits for anything else.
    fn handle(&self, request: Request) -> Answer;

    /// Whether this is a message: a request of which only the head is there yet, and that [`receive`](Self::receive)
    /// takes when it is complete.
    fn is_message(&self, head: &Request) -> bool {
        let _ = head;
        false
    }

    /// Takes a message. Nothing more is read from its connection until the answer is there, so that a receiver
    /// without room holds up whoever sends to it.
    fn receive(&self, message: Request) -> Answer {
        self.handle(message)
    }
}

impl<F, A> Handler for F
where
    F: Fn(Request) -> A + Send + Sync + 'static,
    A: Future<Output = Response> + Send + 'static,
{
    fn handle(&self, request: Request) -> Answer {
        Box::pin(self(request))
    }
}

/// The server's bounds.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Longest request line with all header fields, in bytes.
    pub head_bytes_max: usize,
    /// Longest body, in bytes. More is 413 and ends the connection.
    pub body_bytes_max: usize,
    /// How long a request's head may take from its first byte to its last, and a body between two reads.
    pub read_timeout: Duration,
    /// How long a client may refuse to take what it asked for.
    pub write_timeout: Duration,
    /// Connections at one time. Further ones wait to be accepted.
    pub connections_max: usize,
    /// Requests of one connection that are worked on at one time.
    pub pipelined_max: usize,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            head_bytes_max: 64 * 1024,
            body_bytes_max: 128 << 20,
            read_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(60),
            connections_max: 50_000,
            pipelined_max: 256,
        }
    }
}

/// Serves `listener` until `shutdown`, then lets go of every connection (event streams get their last chunk)
/// and returns.
pub async fn serve(
    listener: impl Listen,
    options: ServerOptions,
    handler: Arc<dyn Handler>,
    shutdown: CancellationToken,
) {
    let options = Arc::new(options);
    let room = Arc::new(Semaphore::new(options.connections_max));
    let connections = TaskTracker::new();
    while let Some((reader, writer, peer, permit)) = accept(&listener, &room, &shutdown).await {
        let (options, handler, shutdown) = (options.clone(), handler.clone(), shutdown.clone());
        connections.spawn(async move {
            serve_connection(reader, writer, peer, &options, handler.as_ref(), &shutdown).await;
            drop(permit);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(Duration::from_secs(5), connections.wait()).await.is_err() {
        debug!(left = connections.len(), "connections that did not end in time are left to the runtime");
    }
}

type Accepted<L> =
    (<L as Listen>::Reader, <L as Listen>::Writer, Option<SocketAddr>, tokio::sync::OwnedSemaphorePermit);

async fn accept<L: Listen>(
    listener: &L,
    room: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<Accepted<L>> {
    loop {
        let permit = tokio::select! {
            permit = room.clone().acquire_owned() => permit.ok()?,
            () = shutdown.cancelled() => return None,
        };
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((reader, writer, peer)) => return Some((reader, writer, peer, permit)),
                Err(error) => {
                    // Out of descriptors, or a client that left at once: neither is a reason to stop.
                    warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            () = shutdown.cancelled() => return None,
        }
    }
}
