//! The state machine: its state, what happens to it, and where each event goes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tepui_core_allocator::Allocator;
use tepui_core_kit::{Chance, Core, Outbox, Timers, Write};
use tepui_model::{AgentId, ConnectionId, FrameworkId, OfferId, Outcome, Tick};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::Message;

use crate::{
    Config, Counters, Deactivation, Effect, Event, Explanation, Snapshot, Start, allocation,
    audience::Audience,
    books::Books,
    explain,
    handlers::{self, Pending},
    ids::Ids,
    registrar::Registrar,
    registry,
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

impl Core for Master {
    const NAME: &'static str = "master";
    type Start = Start;
    type Event = Event;
    type Effect = Effect;

    /// A master that continues what earlier masters knew.
    fn start(now: Tick, start: Start) -> Self {
        let Start { config, seed, restored } = start;
        let id = config.info.id.clone();
        let mut chance = Chance::new(seed);
        let allocator = allocation::new_allocator(&config, chance.seed());
        let mut master = Self {
            config: Arc::new(config),
            chance,
            now,
            started: now,
            out: Outbox::new(),
            timers: Timers::new(),
            counters: Counters::new(),
            allocator,
            books: Books::default(),
            registrar: Registrar::default(),
            audience: Audience::default(),
            ids: Ids::new(id.clone()),
        };
        handlers::recovery::restore(&mut master, restored);
        master.write([registry::write_master(&id)]);
        master
    }

    fn handle(&mut self, now: Tick, event: Event) {
        self.now = self.now.max(now);
        match event {
            Event::SchedulerCall { caller, call } => handlers::call::handle(self, &caller, *call),
            Event::OperatorCall { caller, call } => handlers::operator::handle(self, &caller, *call),
            Event::KillTask { caller, framework_id, task_id } => {
                handlers::operator::kill_task(self, &caller, &framework_id, &task_id);
            }
            Event::ConnectionClosed(connection) => handlers::subscribe::stream_closed(self, connection),
            Event::Message { from, message } => handlers::message::handle(self, &from, message),
            Event::Exited(peer) => handlers::removal::exited(self, &peer),
            Event::Persisted(token) => {
                for pending in self.out.persisted(token) {
                    handlers::persisted(self, pending);
                }
            }
        }
    }

    fn handle_timeout(&mut self, now: Tick) {
        self.now = self.now.max(now);
        while let Some(timer) = self.timers.pop(self.now) {
            handlers::timeout(self, timer);
        }
        self.allocator.handle_timeout(self.now);
    }

    fn poll_timeout(&self) -> Option<Tick> {
        [self.timers.next(), self.allocator.poll_timeout()].into_iter().flatten().min()
    }

    /// What has become free is offered when nothing else is left to do: the more events a shell hands in before
    /// it polls, the fewer and larger the offers are.
    fn poll_effect(&mut self) -> Option<Effect> {
        if self.out.is_empty() {
            allocation::allocate(self);
        }
        self.out.pop()
    }

    /// No agent gives more than it has, offered + allocated + free = total, every index names what exists. It costs
    /// as much as there are tasks.
    fn check_invariants(&self) -> Result<(), String> {
        crate::invariants::check(self)
    }
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

    /// Why the framework, or else the task, called `id` is as it is; none if there is neither.
    pub fn explain(&self, id: &str) -> Option<Explanation> {
        self.explain_framework(id).or_else(|| self.explain_task(None, id))
    }

    /// Why a framework has no (more) offers; none if there is no such framework.
    pub fn explain_framework(&self, id: &str) -> Option<Explanation> {
        explain::framework(self, id)
    }

    /// Where a task is and what it waits for, of every framework that has such a task, if none is named; none if nobody
    /// has.
    pub fn explain_task(&self, framework: Option<&str>, task: &str) -> Option<Explanation> {
        explain::task(self, framework, task)
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
