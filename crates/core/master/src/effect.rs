//! What the master wants done.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tepui_core_kit::{Persist, Write};
use tepui_model::{ConnectionId, Outcome};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{
    Message,
    v1::{master, scheduler},
};
use uuid::Uuid;

use crate::{Snapshot, views};

/// Something that the shell does for the master, in the order in which the master asked for it.
///
/// Each connection gets either one [`Effect::Reply`], or one [`Effect::OpenStream`] followed by events and
/// at last a [`Effect::CloseStream`]. Once the shell has reported a stream closed, no more effects name it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Effect {
    /// Answer a request.
    Reply {
        /// The request.
        to: ConnectionId,
        /// The answer.
        outcome: Outcome,
    },
    /// Answer a request with 200 and a stream of events that stays open.
    OpenStream {
        /// The request, from now on the name of the stream.
        to: ConnectionId,
        /// Value of the header `Mesos-Stream-Id`; none for operators.
        stream_id: Option<Uuid>,
    },
    /// Write an event to a scheduler's stream.
    SendEvent {
        /// The stream.
        to: ConnectionId,
        /// The event.
        event: Box<scheduler::Event>,
    },
    /// Write one event to the streams of several operators.
    SendOperatorEvent {
        /// The streams.
        to: Vec<ConnectionId>,
        /// The event.
        event: OperatorEvent,
    },
    /// End a stream, after what was written to it before.
    CloseStream {
        /// The stream.
        to: ConnectionId,
    },
    /// Send a libprocess message.
    Send {
        /// The sender's id: `master`, or `slave-observer(N)` for pings.
        from_id: String,
        /// The receiver.
        to: Upid,
        /// The message.
        message: Message,
    },
    /// Keep a connection to the address of `to`, and report its end with [`crate::Event::Exited`]. Asked for again, it
    /// replaces the connection.
    Link {
        /// The peer.
        to: Upid,
    },
    /// Stop watching the peer.
    Unlink {
        /// The peer.
        to: Upid,
    },
    /// Write to the registry. Batches become durable in the order in which they were asked for.
    Persist(Persist<Write>),
    /// Tell the person who runs the master.
    Log {
        /// Whether something is wrong.
        warning: bool,
        /// What.
        message: String,
    },
}

impl From<Persist<Write>> for Effect {
    fn from(persist: Persist<Write>) -> Self {
        Self::Persist(persist)
    }
}

/// What an operator's stream carries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum OperatorEvent {
    /// SUBSCRIBED: the state at the moment of the subscription. Making the event of it is work for the shell
    /// ([`OperatorEvent::to_wire`]), so that it does not stop the master.
    Subscribed {
        /// The state.
        snapshot: Box<Snapshot>,
    },
    /// Any other event.
    Event(Arc<master::Event>),
}

impl OperatorEvent {
    /// The event as it is written to the stream.
    pub fn to_wire(&self) -> master::Event {
        match self {
            Self::Subscribed { snapshot } => master::Event {
                r#type: Some(master::event::Type::Subscribed as i32),
                subscribed: Some(master::event::Subscribed {
                    get_state: Some(views::state(snapshot)),
                    heartbeat_interval_seconds: Some(snapshot.config.heartbeat_interval.as_secs_f64()),
                }),
                ..master::Event::default()
            },
            Self::Event(event) => master::Event::clone(event),
        }
    }
}
