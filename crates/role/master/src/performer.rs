//! The task that does what the core wants done: answers, encodes, sends, writes.

use std::collections::BTreeMap;

use tepui_core_kit::Persist;
use tepui_core_master::{Effect, OperatorEvent};
use tepui_libprocess::Links;
use tepui_model::{ConnectionId, Token};
use tepui_shell::{Callers, EventStream};
use tepui_store::Writer;
use tepui_transport::{StreamLimit, StreamSender};
use tepui_wire_mesos::{ContentType, answer};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use crate::{
    inputs::{Input, Inputs},
    pump::Work,
};

/// Events that may wait to be encoded for one operator. Who is further behind loses the stream.
const OPERATOR_EVENTS_MAX: usize = 20_000;

pub(crate) struct Performer {
    callers: Callers<Input>,
    /// Operators' events are encoded by a task of each stream's own: the first is the whole state.
    operators: BTreeMap<ConnectionId, mpsc::Sender<OperatorEvent>>,
    links: Links,
    writer: Writer<Token>,
}

impl Performer {
    pub(crate) fn new(inputs: &Inputs, links: Links, writer: Writer<Token>, limit: StreamLimit) -> Self {
        let callers = Callers::new(inputs.downgrade(), limit);
        Self { callers, operators: BTreeMap::new(), links, writer }
    }

    /// Works until the core is gone. Streams then end as they should.
    pub(crate) async fn run(mut self, mut work: mpsc::Receiver<Vec<Work>>) {
        while let Some(batch) = work.recv().await {
            for work in batch {
                match work {
                    Work::Waiting(from, caller) => self.callers.add(from, caller),
                    Work::Effect(effect) => self.perform(*effect).await,
                }
            }
        }
    }

    async fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Reply { to, outcome } => {
                self.callers.answer(to, answer(outcome));
            }
            Effect::OpenStream { to, stream_id } => {
                let id = stream_id.map(|id| id.to_string());
                self.open(to, id.as_deref());
            }
            Effect::SendEvent { to, event } => {
                self.callers.send(to, &*event);
            }
            Effect::SendOperatorEvent { to, event } => {
                for connection in to {
                    self.send_operator_event(connection, event.clone());
                }
            }
            Effect::CloseStream { to } => self.close(to),
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
        let Some(EventStream { sender, content }) = self.callers.open(to, stream_id) else { return };
        if stream_id.is_none() {
            let (events, queue) = mpsc::channel(OPERATOR_EVENTS_MAX);
            tokio::spawn(encode(queue, sender.clone(), *content));
            self.operators.insert(to, events);
        }
    }

    fn close(&mut self, to: ConnectionId) {
        self.operators.remove(&to);
        self.callers.remove(to);
    }

    fn send_operator_event(&mut self, to: ConnectionId, event: OperatorEvent) {
        let Some(events) = self.operators.get(&to) else { return };
        match events.try_send(event) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                error!(%to, "closing an operator's event stream: its events cannot be written fast enough");
                self.callers.abort(to);
                self.operators.remove(&to);
            }
            Err(mpsc::error::TrySendError::Closed(_)) => self.close(to),
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
