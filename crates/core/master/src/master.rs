//! The state machine's state, and what every handler does with it. Must not live here: where each event goes (`core`), and
//! what it leads to (`handlers`).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tepui_core_allocator::Allocator;
use tepui_core_kit::{Chance, Outbox, Timers, Write};
use tepui_model::{AgentId, ConnectionId, FrameworkId, OfferId, Outcome, Tick, Token};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::Message;

use crate::{
    Config, Counters, Deactivation, Effect, Snapshot, audience::Audience, books::Books, ids::Ids,
    pending::Pending, registrar::Registrar,
};

/// What may fall due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Timer {
    /// The next HEARTBEAT on a scheduler's stream.
    Heartbeat(ConnectionId),
    /// The next HEARTBEAT on the operators' streams.
    OperatorHeartbeat,
    /// The next ping of an agent, or its last missing pong.
    Ping(AgentId),
    /// A disconnected or recovered agent has not come back.
    Reregistration(AgentId),
    /// A framework's scheduler has not come back.
    Failover(FrameworkId),
    /// A scheduler sat on an offer for too long.
    Offer(OfferId),
    /// Time to forget old unreachable and gone agents.
    RegistryGc,
}

/// The master: brokers resources between agents and frameworks.
///
/// See the crate's documentation for how to drive it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Master {
    pub(crate) config: Arc<Config>,
    pub(crate) chance: Chance,
    pub(crate) now: Tick,
    pub(crate) started: Tick,
    pub(crate) out: Outbox<Effect, Write, Pending>,
    pub(crate) timers: Timers<Timer>,
    pub(crate) counters: Counters,
    pub(crate) allocator: Allocator,

    pub(crate) books: Books,
    pub(crate) registrar: Registrar,
    pub(crate) audience: Audience,
    pub(crate) ids: Ids,
}

impl Master {
    /// The state for readers, who may keep it as long as they like.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            now: self.now,
            started: self.started,
            config: Arc::clone(&self.config),
            frameworks: self.books.frameworks().clone(),
            completed_frameworks: self.books.completed_frameworks().clone(),
            agents: self.books.agents().clone(),
            recovered_agents: self
                .books
                .recovered_agents()
                .iter()
                .map(|(id, agent)| (id.clone(), Arc::clone(&agent.info)))
                .collect(),
            unreachable_agents: self.books.unreachable().clone(),
            deactivated_agents: self.books.deactivated().clone(),
            offers: self.books.offers().values().map(|offer| Arc::clone(&offer.wire)).collect(),
            operator_subscribers: self.audience.operators().len(),
            weights: self.config.weights.clone(),
            counters: self.counters.clone(),
        }
    }

    /// Whether and how an agent was taken out of use.
    pub fn deactivation(&self, id: &str) -> Option<Deactivation> {
        self.books.deactivated().get(id).copied()
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The counters.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The streams that are open or being opened.
    pub fn streams(&self) -> impl Iterator<Item = ConnectionId> {
        self.audience.connections()
    }

    /// Writes under way that something waits for, oldest first.
    pub fn awaited_writes(&self) -> impl Iterator<Item = Token> {
        self.out.awaited()
    }

    pub(crate) fn reply(&mut self, to: ConnectionId, outcome: impl Into<Outcome>) {
        self.out.push(Effect::Reply { to, outcome: outcome.into() });
    }

    pub(crate) fn log(&mut self, message: String) {
        self.out.push(Effect::Log { warning: false, message });
    }

    pub(crate) fn warn(&mut self, message: String) {
        self.out.push(Effect::Log { warning: true, message });
    }

    /// Sends as `master`.
    pub(crate) fn send(&mut self, to: Upid, message: impl Into<Message>) {
        self.out.push(Effect::Send { from_id: "master".to_owned(), to, message: message.into() });
    }

    /// Asks for a write that promises nothing to anybody.
    pub(crate) fn write(&mut self, writes: impl IntoIterator<Item = Write>) {
        for write in writes {
            self.out.write(write);
        }
    }

    /// Asks for a write; `then` happens once it is durable.
    pub(crate) fn write_then(&mut self, writes: impl IntoIterator<Item = Write>, then: Pending) {
        self.write(writes);
        self.out.then(then);
    }
}
