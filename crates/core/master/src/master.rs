//! The state machine: its state, what happens to it, and where each event goes.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use tepui_core_allocator::Allocator;
use tepui_core_kit::{Chance, Core, Outbox, Timers, Write};
use tepui_model::{AgentId, ConnectionId, ExecutorId, FrameworkId, OfferId, Outcome, TaskId, Tick};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::Message;

use crate::{
    Agent, Config, Counters, Deactivation, Effect, Event, Explanation, Framework, Snapshot, Start, explain,
    handlers::{self, Pending, recovery::RecoveredAgent},
    offer::{self, Offer},
    operators::Operators,
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

/// What a connection has become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stream {
    /// A SUBSCRIBE whose framework is being written; `closed` once the other side has gone.
    Subscribing {
        /// Whether the scheduler went before it was subscribed.
        closed: bool,
    },
    /// A scheduler's events.
    Scheduler(FrameworkId),
    /// An operator's events.
    Operator,
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

    pub(crate) frameworks: BTreeMap<FrameworkId, Arc<Framework>>,
    pub(crate) completed_frameworks: VecDeque<Arc<Framework>>,
    /// Frameworks whose end is being written.
    pub(crate) ending: BTreeSet<FrameworkId>,
    pub(crate) streams: BTreeMap<ConnectionId, Stream>,
    pub(crate) operators: Operators,

    pub(crate) agents: BTreeMap<AgentId, Arc<Agent>>,
    /// Where registered agents are.
    pub(crate) agent_at: BTreeMap<Upid, AgentId>,
    /// Live tasks by agent.
    pub(crate) agent_tasks: BTreeMap<AgentId, BTreeSet<(FrameworkId, TaskId)>>,
    pub(crate) agent_executors: BTreeMap<AgentId, BTreeSet<(FrameworkId, ExecutorId)>>,
    pub(crate) agent_offers: BTreeMap<AgentId, BTreeSet<OfferId>>,
    pub(crate) recovered_agents: BTreeMap<AgentId, RecoveredAgent>,
    pub(crate) unreachable: BTreeMap<AgentId, Tick>,
    pub(crate) gone: BTreeMap<AgentId, Tick>,
    /// Agents that an operator took out of use: registered, recovered or unreachable ones.
    pub(crate) deactivated: BTreeMap<AgentId, Deactivation>,
    /// Agents whose (re-)registration or removal is being written.
    pub(crate) registering: BTreeSet<Upid>,
    pub(crate) removing: BTreeSet<AgentId>,

    pub(crate) offers: BTreeMap<OfferId, Offer>,

    pub(crate) next_framework: u64,
    pub(crate) next_agent: u64,
    pub(crate) next_offer: u64,
    pub(crate) next_observer: u64,
}

impl Core for Master {
    const NAME: &'static str = "master";
    type Start = Start;
    type Event = Event;
    type Effect = Effect;

    /// A master that continues what earlier masters knew.
    fn start(now: Tick, start: Start) -> Self {
        let Start { config, seed, restored } = start;
        let mut chance = Chance::new(seed);
        let allocator = offer::new_allocator(&config, chance.seed());
        let mut master = Self {
            config: Arc::new(config),
            chance,
            now,
            started: now,
            out: Outbox::new(),
            timers: Timers::new(),
            counters: Counters::new(),
            allocator,
            frameworks: BTreeMap::new(),
            completed_frameworks: VecDeque::new(),
            ending: BTreeSet::new(),
            streams: BTreeMap::new(),
            operators: Operators::default(),
            agents: BTreeMap::new(),
            agent_at: BTreeMap::new(),
            agent_tasks: BTreeMap::new(),
            agent_executors: BTreeMap::new(),
            agent_offers: BTreeMap::new(),
            recovered_agents: BTreeMap::new(),
            unreachable: BTreeMap::new(),
            gone: BTreeMap::new(),
            deactivated: BTreeMap::new(),
            registering: BTreeSet::new(),
            removing: BTreeSet::new(),
            offers: BTreeMap::new(),
            next_framework: 0,
            next_agent: 0,
            next_offer: 0,
            next_observer: 0,
        };
        handlers::recovery::restore(&mut master, restored);
        let id = master.config.info.id.clone();
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
            Event::Exited(peer) => handlers::agents::exited(self, &peer),
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
            offer::allocate(self);
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
            frameworks: self.frameworks.clone(),
            completed_frameworks: self.completed_frameworks.clone(),
            agents: self.agents.clone(),
            recovered_agents: self
                .recovered_agents
                .iter()
                .map(|(id, agent)| (id.clone(), Arc::clone(&agent.info)))
                .collect(),
            unreachable_agents: self.unreachable.clone(),
            deactivated_agents: self.deactivated.clone(),
            offers: self.offers.values().map(|offer| Arc::clone(&offer.wire)).collect(),
            operator_subscribers: self.operators.len(),
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
