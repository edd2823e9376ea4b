//! Calls that are asked for faster than they are answered, over a connection that comes and goes.

use std::{collections::VecDeque, future::Future, pin::Pin};

use futures_util::FutureExt;
use tepui_model::Fate;
use tepui_wire_mesos::weigh;

use super::{Call, CallConnection, ClientError, ClientOptions, ClientResponse, Url, calls::Answered};

type Connecting = Pin<Box<dyn Future<Output = Result<CallConnection, ClientError>> + Send>>;

enum Connection {
    None,
    Connecting(Connecting),
    Open(CallConnection),
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Connecting(_) => "Connecting",
            Self::Open(_) => "Open",
        })
    }
}

/// Calls to one endpoint, each with a tag, answered in order. It connects when there is something to send, and
/// anew after the connection ended. Every call is answered exactly once: by the peer, or with the reason why
/// not; none is sent twice.
///
/// Not a task of its own: it works while [`next`](Self::next) is awaited. It keeps what it is given, so whoever
/// gives must have a bound of his own.
#[derive(Debug)]
pub struct Pipeline<T> {
    url: Url,
    options: ClientOptions,
    connection: Connection,
    unsent: VecDeque<(T, Call)>,
    waiting: VecDeque<(T, Answered)>,
    failed: VecDeque<(T, ClientError)>,
}

impl<T> Pipeline<T> {
    /// To this endpoint; nothing happens yet.
    pub fn new(url: Url, options: ClientOptions) -> Self {
        Self {
            url,
            options,
            connection: Connection::None,
            unsent: VecDeque::new(),
            waiting: VecDeque::new(),
            failed: VecDeque::new(),
        }
    }

    /// Adds a call behind all others.
    pub fn push(&mut self, tag: T, call: Call) {
        self.unsent.push_back((tag, call));
    }

    /// Whether every call was answered.
    pub fn is_idle(&self) -> bool {
        self.unsent.is_empty() && self.waiting.is_empty() && self.failed.is_empty()
    }

    /// The next answer; waits for ever while there is no call. Nothing is lost when this is dropped half-way.
    pub async fn next(&mut self) -> (T, Fate) {
        loop {
            self.send();
            if let Some((_, answered)) = self.waiting.front_mut() {
                let answer = answered.await;
                if let Some((tag, _)) = self.waiting.pop_front() {
                    return (tag, fate(answer));
                }
            } else if let Some((tag, error)) = self.failed.pop_front() {
                return (tag, fate(Err(error)));
            } else if let Connection::Connecting(connecting) = &mut self.connection {
                match connecting.await {
                    Ok(connection) => self.connection = Connection::Open(connection),
                    Err(error) => {
                        self.connection = Connection::None;
                        self.fail_unsent(error);
                    }
                }
            } else {
                std::future::pending::<()>().await;
            }
        }
    }

    /// An answer that has arrived already, without waiting for one.
    pub fn take(&mut self) -> Option<(T, Fate)> {
        self.next().now_or_never()
    }

    /// The peer cannot be reached: neither can what waits be sent.
    fn fail_unsent(&mut self, error: ClientError) {
        let mut first = Some(error);
        for (tag, _) in self.unsent.drain(..) {
            let error = first.take().unwrap_or_else(|| super::disconnected(&self.url));
            self.failed.push_back((tag, error));
        }
    }

    /// Hands over what the connection takes; begins to connect if there is none.
    fn send(&mut self) {
        while let Some((tag, call)) = self.unsent.pop_front() {
            let Connection::Open(connection) = &self.connection else {
                self.unsent.push_front((tag, call));
                // Answers of the old connection come before anything of a new one.
                if self.waiting.is_empty() && matches!(self.connection, Connection::None) {
                    let (url, options) = (self.url.clone(), self.options.clone());
                    let connecting = async move { CallConnection::connect(url, &options).await };
                    self.connection = Connection::Connecting(Box::pin(connecting));
                }
                return;
            };
            if connection.is_closed() {
                self.connection = Connection::None;
                self.unsent.push_front((tag, call));
                continue;
            }
            match connection.try_give(call) {
                Ok(answered) => self.waiting.push_back((tag, answered)),
                Err((call, ClientError::Busy { .. })) => {
                    self.unsent.push_front((tag, call));
                    return;
                }
                Err((call, _)) => {
                    self.connection = Connection::None;
                    self.unsent.push_front((tag, call));
                }
            }
        }
    }
}

fn fate(answer: Result<ClientResponse, ClientError>) -> Fate {
    match answer {
        Ok(response) => weigh::fate(response.reply()),
        Err(error) => Fate::Unanswered(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use tepui_model::{Fault, Reply};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    async fn request(stream: &mut tokio::net::TcpStream) -> String {
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(stream.read(&mut byte).await.unwrap(), 1);
            read.push(byte[0]);
        }
        String::from_utf8(read).unwrap()
    }

    #[tokio::test]
    async fn calls_are_answered_in_order_and_a_broken_connection_is_replaced() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            // The first connection answers one call of two and breaks; the second answers.
            let (mut first, _) = listener.accept().await.unwrap();
            request(&mut first).await;
            request(&mut first).await;
            first.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            first.shutdown().await.unwrap();
            drop(first);
            let (mut second, _) = listener.accept().await.unwrap();
            request(&mut second).await;
            second.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
            second
        });
        let mut pipeline = Pipeline::new(Url::new("127.0.0.1", port, "/x"), ClientOptions::default());
        pipeline.push(1, Call::default());
        pipeline.push(2, Call::default());
        assert_eq!(pipeline.next().await, (1, Fate::Taken));
        assert!(matches!(pipeline.next().await, (2, Fate::Unanswered(_))));
        assert!(pipeline.is_idle());
        pipeline.push(3, Call::default());
        let (tag, fate) = pipeline.next().await;
        let reply = Reply::error(400, "no");
        assert_eq!((tag, fate), (3, Fate::Refused { fault: Fault::Call, reply }));
        server.await.unwrap();
    }

    #[tokio::test]
    async fn when_there_is_no_connection_every_call_fails() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut pipeline = Pipeline::new(Url::new("127.0.0.1", port, "/x"), ClientOptions::default());
        pipeline.push(1, Call::default());
        pipeline.push(2, Call::default());
        assert!(matches!(pipeline.next().await, (1, Fate::Unanswered(_))));
        assert!(matches!(pipeline.next().await, (2, Fate::Unanswered(_))));
        assert!(pipeline.is_idle());
    }
}
