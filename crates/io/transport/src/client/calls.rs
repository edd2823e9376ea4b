//! Many small calls over one connection, written without waiting for the answers.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use http::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};
use tracing::debug;

use super::{
    Authorization, Call, ClientError, ClientOptions, ClientResponse, Url, connect, disconnected,
    parse::{Head, ResponseParser},
    put_request,
    socket::Socket,
};
use crate::net::ReadSize;

type Sent = oneshot::Sender<ClientResponse>;

/// A connection for calls to one endpoint. They are written in order, back to back, several in one write;
/// the answers are matched in the same order. When the connection ends, every call that is not answered yet fails,
/// and so do all later ones: whether to connect anew, and what to send again, is the caller's decision.
///
/// Clones share the connection; it closes when the last one is dropped and every call is answered.
#[derive(Clone, Debug)]
pub struct CallConnection {
    url: Arc<Url>,
    calls: mpsc::Sender<(Call, Sent)>,
}

/// The answer to a call, in a while. It may be dropped by those who do not care.
#[derive(Debug)]
pub struct Answered {
    answer: oneshot::Receiver<ClientResponse>,
    url: Arc<Url>,
}

impl Future for Answered {
    type Output = Result<ClientResponse, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(context));
        Poll::Ready(answer.map_err(|_| disconnected(&self.url)))
    }
}

impl CallConnection {
    /// Connects.
    ///
    /// # Errors
    /// [`ClientError::Connect`] or [`ClientError::Timeout`].
    pub async fn connect(url: Url, options: &ClientOptions) -> Result<Self, ClientError> {
        let stream = connect(&url, options).await?;
        let (calls, queue) = mpsc::channel(options.calls_max);
        let url = Arc::new(url);
        let worker = Worker {
            stream,
            url: url.clone(),
            authorization: options.authorization.clone(),
            response_timeout: options.response_timeout,
            calls_max: options.calls_max,
            queue,
            unanswered: VecDeque::new(),
            out: BytesMut::new(),
            unflushed: false,
            buffer: BytesMut::new(),
            body: BytesMut::new(),
            head: None,
            parser: ResponseParser::new(false),
        };
        tokio::spawn(worker.run());
        Ok(Self { url, calls })
    }

    /// The endpoint.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Sends a call as soon as there is room for it, and returns what its answer will come out of.
    ///
    /// # Errors
    /// [`ClientError::Disconnected`].
    pub async fn send(&self, call: Call) -> Result<Answered, ClientError> {
        let (sent, answer) = oneshot::channel();
        self.calls.send((call, sent)).await.map_err(|_| disconnected(&self.url))?;
        Ok(Answered { answer, url: self.url.clone() })
    }

    /// Sends a call if there is room for it.
    ///
    /// # Errors
    /// [`ClientError::Busy`] or [`ClientError::Disconnected`].
    pub fn try_send(&self, call: Call) -> Result<Answered, ClientError> {
        self.try_give(call).map_err(|(_, error)| error)
    }

    /// The same, and what was not taken comes back.
    #[expect(clippy::result_large_err, reason = "the call itself, which the caller keeps")]
    pub(super) fn try_give(&self, call: Call) -> Result<Answered, (Call, ClientError)> {
        let (sent, answer) = oneshot::channel();
        match self.calls.try_send((call, sent)) {
            Ok(()) => Ok(Answered { answer, url: self.url.clone() }),
            Err(mpsc::error::TrySendError::Full((call, _))) => {
                Err((call, ClientError::Busy { authority: self.url.authority() }))
            }
            Err(mpsc::error::TrySendError::Closed((call, _))) => Err((call, disconnected(&self.url))),
        }
    }

    /// Sends a call and waits for its answer.
    ///
    /// # Errors
    /// [`ClientError::Disconnected`].
    pub async fn call(&self, call: Call) -> Result<ClientResponse, ClientError> {
        self.send(call).await?.await
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.calls.is_closed()
    }

    /// Waits until the connection has ended.
    pub async fn closed(&self) {
        self.calls.closed().await;
    }
}

/// Writes some of it, or what the connection held back when there is no more.
async fn put(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() { writer.flush().await.map(|()| 0) } else { writer.write(bytes).await }
}

/// Calls collected into one write.
const OUT_BYTES: usize = 64 * 1024;

struct Worker {
    stream: Socket,
    url: Arc<Url>,
    authorization: Option<Authorization>,
    response_timeout: Duration,
    calls_max: usize,
    queue: mpsc::Receiver<(Call, Sent)>,
    /// Who waits for an answer, and since when; the oldest first.
    unanswered: VecDeque<(Sent, Instant)>,
    out: BytesMut,
    /// Something was written since the last flush (TLS may hold some of it back).
    unflushed: bool,
    buffer: BytesMut,
    body: BytesMut,
    head: Option<Head>,
    parser: ResponseParser,
}

impl Worker {
    async fn run(mut self) {
        if let Err(reason) = self.work().await {
            debug!(url = %self.url, reason, unanswered = self.unanswered.len(), "a call connection ended");
        }
    }

    async fn work(&mut self) -> Result<(), String> {
        let mut open = true;
        loop {
            if !open && self.unanswered.is_empty() && self.out.is_empty() && !self.unflushed {
                return Ok(());
            }
            let room = open && self.unanswered.len() < self.calls_max && self.out.len() < OUT_BYTES;
            let deadline = self.unanswered.front().map(|(_, since)| *since + self.response_timeout);
            ReadSize::busy().make_room(&mut self.buffer);
            let Socket { reader, writer } = &mut self.stream;
            tokio::select! {
                call = self.queue.recv(), if room => match call {
                    Some(call) => self.take_calls(call),
                    None => open = false,
                },
                written = put(writer, &self.out), if !self.out.is_empty() || self.unflushed => match written {
                    Ok(0) if self.out.is_empty() => self.unflushed = false,
                    Ok(count @ 1..) => {
                        self.out.advance(count);
                        self.unflushed = true;
                    }
                    _ => return Err("cannot write".to_owned()),
                },
                read = reader.read_buf(&mut self.buffer) => match read {
                    Ok(1..) => self.take_answers()?,
                    _ => return Err("closed by the peer".to_owned()),
                },
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    return Err("no answer in time".to_owned());
                }
            }
        }
    }

    /// Takes what else waits, too, so that it goes out in the same write.
    fn take_calls(&mut self, first: (Call, Sent)) {
        let now = Instant::now();
        let mut next = Some(first);
        while let Some((call, sent)) = next {
            put_request(&mut self.out, &Method::POST, &self.url, &call, self.authorization.as_ref());
            self.unanswered.push_back((sent, now));
            let room = self.unanswered.len() < self.calls_max && self.out.len() < OUT_BYTES;
            next = if room { self.queue.try_recv().ok() } else { None };
        }
    }

    fn take_answers(&mut self) -> Result<(), String> {
        loop {
            if self.parser.at_head() && self.head.is_none() {
                self.head = self.parser.head(&mut self.buffer)?;
            }
            if self.head.is_none() || !self.parser.body(&mut self.buffer, &mut self.body)? {
                return Ok(());
            }
            let Some(Head { status, headers, keep_alive }) = self.head.take() else { return Ok(()) };
            let Some((sent, _)) = self.unanswered.pop_front() else {
                return Err("an answer that nobody asked for".to_owned());
            };
            let body = self.body.split().freeze();
            // Nobody has to wait for an answer.
            let _ = sent.send(ClientResponse { status, headers, body, url: Url::clone(&self.url) });
            if !keep_alive {
                return Err("the peer closes".to_owned());
            }
        }
    }
}
