//! An event stream from its request to its end.

use std::{future::Future, marker::PhantomData, pin::Pin};

use bytes::Bytes;
use tepui_model::Loss;
use tepui_wire_mesos::{ContentType, weigh};
use tepui_wire_protobuf::Described;

use super::{Call, Client, ClientError, RecordStream, Url};

type Connecting = Pin<Box<dyn Future<Output = Result<RecordStream, ClientError>> + Send>>;

enum State {
    Connecting(Connecting),
    Open(Box<RecordStream>),
    Ended,
}

/// What becomes of a [`Subscriber`].
#[derive(Debug)]
pub enum Subscribed<E> {
    /// The peer answered with a stream. Comes once, first.
    Connected {
        /// The id that further calls must name, if the peer gave one.
        stream_id: Option<String>,
    },
    /// A record.
    Event(E),
    /// The end. Comes once, last.
    Ended(Loss),
}

/// POSTs a call that is to be answered with a stream of `E`, and reads it. Dropping it closes the connection.
///
/// Not a task of its own: it works while [`next`](Self::next) is awaited; nothing is read, and so the peer is
/// held back, while it is not.
pub struct Subscriber<E> {
    state: State,
    /// What the peer writes its records in.
    records: ContentType,
    event: PhantomData<fn() -> E>,
}

impl<E> std::fmt::Debug for Subscriber<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.state {
            State::Connecting(_) => "Subscriber(connecting)",
            State::Open(_) => "Subscriber(open)",
            State::Ended => "Subscriber(ended)",
        })
    }
}

impl<E: Described> Subscriber<E> {
    /// Will call `url`, in this encoding and asking for the same; nothing happens yet.
    pub fn new(client: &Client, url: Url, content: ContentType, call: &impl Described) -> Self {
        let client = client.clone();
        let call = Call::message(content, content.encode(call));
        let connecting = async move { client.post_stream(&url, call).await };
        let state = State::Connecting(Box::pin(connecting));
        Self { state, records: content, event: PhantomData }
    }

    /// What happens next; waits for ever after the end. Nothing is lost when this is dropped half-way.
    pub async fn next(&mut self) -> Subscribed<E> {
        match &mut self.state {
            State::Connecting(connecting) => match connecting.await {
                Ok(stream) => {
                    let stream_id = stream.stream_id().map(str::to_owned);
                    if let Some(content) = stream.content_type().and_then(ContentType::from_mime) {
                        self.records = content;
                    }
                    self.state = State::Open(Box::new(stream));
                    Subscribed::Connected { stream_id }
                }
                Err(error) => self.end(loss(error)),
            },
            State::Open(stream) => match stream.next().await {
                Ok(Some(record)) => self.event(record),
                Ok(None) => self.end(Loss::Ended),
                Err(error) => self.end(loss(error)),
            },
            State::Ended => std::future::pending().await,
        }
    }

    /// A record that has arrived already, without waiting.
    pub fn take(&mut self) -> Option<Subscribed<E>> {
        let State::Open(stream) = &mut self.state else { return None };
        match stream.take() {
            Ok(record) => record.map(|record| self.event(record)),
            Err(error) => Some(self.end(loss(error))),
        }
    }

    /// A record that is none is the end, because whatever follows it may be anything.
    fn event(&mut self, record: Bytes) -> Subscribed<E> {
        match self.records.decode(record) {
            Ok(event) => Subscribed::Event(event),
            Err(error) => self.end(Loss::Broken(format!("a record that cannot be read: {error}"))),
        }
    }

    fn end(&mut self, loss: Loss) -> Subscribed<E> {
        self.state = State::Ended;
        Subscribed::Ended(loss)
    }
}

fn loss(error: ClientError) -> Loss {
    match error {
        ClientError::Refused(response) => weigh::refusal(&response.reply(), response.header("location")),
        error => Loss::Broken(error.to_string()),
    }
}
