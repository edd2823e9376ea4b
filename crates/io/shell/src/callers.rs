//! Calls that wait for an answer, and the event streams that some of them become.

use std::{collections::BTreeMap, fmt};

use tepui_model::ConnectionId;
use tepui_transport::{
    Response, StreamLimit, StreamSender, StreamWatch, negotiate::content_type_value, stream,
};
use tepui_wire_mesos::ContentType;
use tepui_wire_protobuf::Described;
use tokio::sync::{mpsc, oneshot};

use crate::Gone;

/// Who waits for the answer to a call, and in which encoding an event stream would be.
#[derive(Debug)]
pub struct Caller {
    pub(crate) answer: oneshot::Sender<Response>,
    pub(crate) content: ContentType,
}

impl Caller {
    /// Somebody who takes this answer.
    pub const fn new(answer: oneshot::Sender<Response>, content: ContentType) -> Self {
        Self { answer, content }
    }

    /// In which encoding an answer or an event stream would be.
    pub const fn content(&self) -> ContentType {
        self.content
    }

    /// Answers. A client that did not wait for it is no concern of ours.
    pub fn answer(self, response: impl Into<Response>) {
        let _ = self.answer.send(response.into());
    }
}

/// An open event stream.
#[derive(Debug)]
pub struct EventStream {
    /// Where its records go.
    pub sender: StreamSender,
    /// How they are written.
    pub content: ContentType,
}

/// Who waits, and whose stream is open. A stream whose other side has gone is told to the shell.
pub struct Callers<I> {
    waiting: BTreeMap<ConnectionId, Caller>,
    streams: BTreeMap<ConnectionId, EventStream>,
    inputs: mpsc::WeakSender<I>,
    limit: StreamLimit,
}

impl<I> fmt::Debug for Callers<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Callers({} wait, {} streams)", self.waiting.len(), self.streams.len())
    }
}

impl<I: From<Gone> + Send + 'static> Callers<I> {
    /// Nobody yet. `limit` is how much of a stream may wait for its reader.
    pub const fn new(inputs: mpsc::WeakSender<I>, limit: StreamLimit) -> Self {
        Self { waiting: BTreeMap::new(), streams: BTreeMap::new(), inputs, limit }
    }

    /// Somebody waits.
    pub fn add(&mut self, from: ConnectionId, caller: Caller) {
        self.waiting.insert(from, caller);
    }

    /// Answers whoever waits there, if it is still somebody. False: nobody did.
    pub fn answer(&mut self, to: ConnectionId, response: impl Into<Response>) -> bool {
        self.take(to).map(|caller| caller.answer(response)).is_some()
    }

    /// Whoever waits there, to be answered in another way than these.
    pub fn take(&mut self, to: ConnectionId) -> Option<Caller> {
        self.waiting.remove(&to)
    }

    /// Tells the shell when the reader of a stream has gone.
    pub fn watch(&self, to: ConnectionId, stream: StreamWatch) {
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            stream.closed().await;
            if let Some(inputs) = inputs.upgrade() {
                let _ = inputs.send(Gone(to).into()).await;
            }
        });
    }

    /// Makes whoever waits there the reader of an event stream, with an id if streams of its kind have one. Gives the stream
    /// when it is one.
    pub fn open(&mut self, to: ConnectionId, stream_id: Option<&str>) -> Option<&EventStream> {
        let Caller { answer, content } = self.take(to)?;
        let (sender, body) = stream(format!("events of {to}"), self.limit);
        // If whoever asked is gone, the body is dropped, and that closes the stream.
        let _ = answer.send(Response::stream(content_type_value(content), stream_id, body));
        self.watch(to, sender.watch());
        Some(self.streams.entry(to).insert_entry(EventStream { sender, content }).into_mut())
    }

    /// Sends an event. Who does not read loses the stream.
    pub fn send(&mut self, to: ConnectionId, event: &impl Described) {
        if let Some(EventStream { sender, content }) = self.streams.get(&to)
            && sender.try_send_record(&content.encode(event)).is_err()
        {
            self.streams.remove(&to);
        }
    }

    /// Ends a stream, when nobody else holds its sender, or forgets who waits: nobody is there any more.
    pub fn remove(&mut self, connection: ConnectionId) {
        self.waiting.remove(&connection);
        self.streams.remove(&connection);
    }

    /// Breaks a stream whose reader is too far behind.
    pub fn abort(&mut self, to: ConnectionId) {
        if let Some(stream) = self.streams.remove(&to) {
            stream.sender.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use tepui_transport::Body;
    use tepui_wire_mesos::v1;

    use super::*;

    fn callers() -> (Callers<Gone>, mpsc::Sender<Gone>, mpsc::Receiver<Gone>) {
        let (sender, inputs) = mpsc::channel(1);
        (Callers::new(sender.downgrade(), StreamLimit::default()), sender, inputs)
    }

    #[tokio::test]
    async fn a_stream_whose_reader_has_gone_is_told() {
        let (mut callers, _sender, mut inputs) = callers();
        let (answer, answered) = oneshot::channel();
        let connection = ConnectionId(3);
        callers.add(connection, Caller::new(answer, ContentType::Json));
        assert!(callers.open(connection, Some("id")).is_some());
        let response = answered.await.unwrap();
        assert!(matches!(response.body, Body::Stream(_)));
        callers.send(connection, &v1::TaskId { value: "t".to_owned() });
        drop(response);
        assert_eq!(inputs.recv().await, Some(Gone(connection)));
    }

    #[tokio::test]
    async fn nobody_is_answered_twice() {
        let (mut callers, _sender, _inputs) = callers();
        let (answer, answered) = oneshot::channel();
        callers.add(ConnectionId(1), Caller::new(answer, ContentType::Json));
        assert!(callers.answer(ConnectionId(1), Response::accepted()));
        assert!(!callers.answer(ConnectionId(1), Response::accepted()));
        assert!(callers.open(ConnectionId(1), None).is_none());
        assert_eq!(answered.await.unwrap().status.as_u16(), 202);
    }
}
