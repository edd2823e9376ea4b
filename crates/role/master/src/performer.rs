//! The task that does what the core wants done: answers, encodes, sends, writes.

use std::collections::BTreeMap;

use tepui_core_kit::Persist;
use tepui_core_master::{Effect, OperatorEvent};
use tepui_libprocess::Links;
use tepui_model::{ConnectionId, Token};
use tepui_store::Writer;
use tepui_transport::{Response, StreamLimit, StreamSender, negotiate::content_type_value, stream};
use tepui_wire_mesos::{ContentType, answer};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use crate::{
    inputs::{Inputs, Waiter},
    pump::Work,
};

/// Events that may wait to be encoded for one operator. Who is further behind loses the stream.
const OPERATOR_EVENTS_MAX: usize = 20_000;

enum Stream {
    Scheduler {
        sender: StreamSender,
        content: ContentType,
    },
    /// An operator's events are encoded by a task of the stream's own: the first is the whole state.
    Operator {
        events: mpsc::Sender<OperatorEvent>,
        sender: StreamSender,
    },
}

pub(crate) struct Performer {
    waiting: BTreeMap<ConnectionId, Waiter>,
    streams: BTreeMap<ConnectionId, Stream>,
    inputs: Inputs,
    links: Links,
    writer: Writer<Token>,
    limit: StreamLimit,
}

impl Performer {
    pub(crate) fn new(inputs: Inputs, links: Links, writer: Writer<Token>, limit: StreamLimit) -> Self {
        Self { waiting: BTreeMap::new(), streams: BTreeMap::new(), inputs, links, writer, limit }
    }

    /// Works until the core is gone. Streams then end as they should.
    pub(crate) async fn run(mut self, mut work: mpsc::Receiver<Vec<Work>>) {
        while let Some(batch) = work.recv().await {
            for work in batch {
                match work {
                    Work::Waiting(from, waiter) => drop(self.waiting.insert(from, waiter)),
                    Work::Effect(effect) => self.perform(*effect).await,
                }
            }
        }
    }

    async fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Reply { to, outcome } => {
                if let Some(waiter) = self.waiting.remove(&to) {
                    // Whoever asked may have gone meanwhile.
                    let _ = waiter.answer.send(answer(outcome).into());
                }
            }
            Effect::OpenStream { to, stream_id } => {
                let id = stream_id.map(|id| id.to_string());
                self.open(to, id.as_deref());
            }
            Effect::SendEvent { to, event } => {
                if let Some(Stream::Scheduler { sender, content }) = self.streams.get(&to)
                    && sender.try_send_record(&content.encode(&*event)).is_err()
                {
                    self.streams.remove(&to);
                }
            }
            Effect::SendOperatorEvent { to, event } => {
                for connection in to {
                    self.send_operator_event(connection, event.clone());
                }
            }
            Effect::CloseStream { to } => drop(self.streams.remove(&to)),
            Effect::Send { from_id, to, message } => self.links.send(&from_id, &to, message),
            Effect::Link { to } => self.links.link(&to),
            Effect::Unlink { to } => self.links.unlink(&to),
            Effect::Persist(Persist { token, writes }) => {
                // It fails only after a failure that the core's task has been told of, too.
                let _ = self.writer.write(token, writes).await;
            }
            Effect::Log { warning: true, message } => warn!("{message}"),
            Effect::Log { warning: false, message } => info!("{message}"),
        }
    }

    fn open(&mut self, to: ConnectionId, stream_id: Option<&str>) {
        let Some(waiter) = self.waiting.remove(&to) else { return };
        let (sender, body) = stream(format!("events of {to}"), self.limit);
        let content = waiter.content;
        let answer = Response::stream(content_type_value(content), stream_id, body);
        // If whoever asked is gone, the body is dropped, and that closes the stream.
        let _ = waiter.answer.send(answer);
        let (inputs, watched) = (self.inputs.clone(), sender.watch());
        tokio::spawn(async move {
            watched.closed().await;
            inputs.closed(to).await;
        });
        let opened = if stream_id.is_some() {
            Stream::Scheduler { sender, content }
        } else {
            let (events, queue) = mpsc::channel(OPERATOR_EVENTS_MAX);
            tokio::spawn(encode(queue, sender.clone(), content));
            Stream::Operator { events, sender }
        };
        self.streams.insert(to, opened);
    }

    fn send_operator_event(&mut self, to: ConnectionId, event: OperatorEvent) {
        let Some(Stream::Operator { events, sender }) = self.streams.get(&to) else { return };
        match events.try_send(event) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                error!(%to, "closing an operator's event stream: its events cannot be written fast enough");
                sender.abort();
                self.streams.remove(&to);
            }
            Err(mpsc::error::TrySendError::Closed(_)) => drop(self.streams.remove(&to)),
        }
    }
}

async fn encode(mut events: mpsc::Receiver<OperatorEvent>, sender: StreamSender, content: ContentType) {
    while let Some(event) = events.recv().await {
        if sender.try_send_record(&content.encode(&event.to_wire())).is_err() {
            return;
        }
    }
}
