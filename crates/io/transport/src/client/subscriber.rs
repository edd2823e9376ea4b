//! An event stream from its request to its end.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use tepui_wire_mesos::ContentType;

use super::{Call, Client, ClientError, RecordStream, Url};

type Connecting = Pin<Box<dyn Future<Output = Result<RecordStream, ClientError>> + Send>>;

enum State {
    Connecting(Connecting),
    Open(Box<RecordStream>),
    Ended,
}

/// What becomes of a [`Subscriber`].
#[derive(Debug)]
pub enum Subscribed {
    /// The peer answered with a stream. Comes once, first.
    Connected {
        /// The id that further calls must name, if the peer gave one.
        stream_id: Option<String>,
        /// How the records are written; `None` for something that Mesos does not write.
        content: Option<ContentType>,
    },
    /// A record.
    Record(Bytes),
    /// The end: orderly, or with the reason. Comes once, last.
    Ended(Result<(), ClientError>),
}

/// POSTs a call that is to be answered with a stream, and reads it. Dropping it closes the connection.
///
/// Not a task of its own: it works while [`next`](Self::next) is awaited; nothing is read, and so the peer is
/// held back, while it is not.
pub struct Subscriber(State);

impl std::fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            State::Connecting(_) => "Subscriber(connecting)",
            State::Open(_) => "Subscriber(open)",
            State::Ended => "Subscriber(ended)",
        })
    }
}

impl Subscriber {
    /// Will call `url`; nothing happens yet.
    pub fn new(client: &Client, url: Url, call: Call) -> Self {
        let client = client.clone();
        Self(State::Connecting(Box::pin(async move { client.post_stream(&url, call).await })))
    }

    /// What happens next; waits for ever after the end. Nothing is lost when this is dropped half-way.
    pub async fn next(&mut self) -> Subscribed {
        match &mut self.0 {
            State::Connecting(connecting) => match connecting.await {
                Ok(stream) => {
                    let stream_id = stream.stream_id().map(str::to_owned);
                    let content = stream.content_type().and_then(ContentType::from_mime);
                    self.0 = State::Open(Box::new(stream));
                    Subscribed::Connected { stream_id, content }
                }
                Err(error) => self.end(Err(error)),
            },
            State::Open(stream) => match stream.next().await {
                Ok(Some(record)) => Subscribed::Record(record),
                Ok(None) => self.end(Ok(())),
                Err(error) => self.end(Err(error)),
            },
            State::Ended => std::future::pending().await,
        }
    }

    /// A record that has arrived already, without waiting.
    pub fn take(&mut self) -> Option<Subscribed> {
        let State::Open(stream) = &mut self.0 else { return None };
        match stream.take() {
            Ok(record) => record.map(Subscribed::Record),
            Err(error) => Some(self.end(Err(error))),
        }
    }

    fn end(&mut self, result: Result<(), ClientError>) -> Subscribed {
        self.0 = State::Ended;
        Subscribed::Ended(result)
    }
}
