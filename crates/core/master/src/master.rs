//! The state machine: its state, what happens to it, and where each event goes.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use tepui_core_allocator::Allocator;
use tepui_model::{AgentId, ConnectionId, ExecutorId, FrameworkId, OfferId, Reply, TaskId, Tick, Token};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{Message, v1};
use uuid::Uuid;

use crate::{
    Agent, Config, Deactivation, Effect, Framework, Registry, Snapshot, Stats, Write, explain,
    handlers::{self, Pending, recovery::RecoveredAgent},
    offer::{self, Offer},
    operators::Operators,
    registry,
    timers::Timers,
};

/// What may fall due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Debug)]
pub struct Master {
    pub(crate) config: Arc<Config>,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) now: Tick,
    pub(crate) started: Tick,
    pub(crate) effects: VecDeque<Effect>,
    pub(crate) timers: Timers<Timer>,
    pub(crate) stats: Stats,
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

    pub(crate) pending: BTreeMap<Token, Pending>,
    pub(crate) next_token: u64,
    pub(crate) next_framework: u64,
    pub(crate) next_agent: u64,
    pub(crate) next_offer: u64,
    pub(crate) next_observer: u64,
}

impl Master {
    /// A master that continues what `restored` says earlier masters knew.
    ///
    /// `config.info.id` must be new: ids of frameworks, agents and offers begin with it.
    pub fn new(config: Config, seed: [u8; 32], restored: Registry, now: Tick) -> Self {
        let mut rng = ChaCha8Rng::from_seed(seed);
        let allocator = offer::new_allocator(&config, &mut rng);
        let mut master = Self {
            config: Arc::new(config),
            rng,
            now,
            started: now,
            effects: VecDeque::new(),
            timers: Timers::new(),
            stats: Stats::new(),
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
            pending: BTreeMap::new(),
            next_token: 0,
            next_framework: 0,
            next_agent: 0,
            next_offer: 0,
            next_observer: 0,
        };
        handlers::recovery::restore(&mut master, restored);
        let id = master.config.info.id.clone();
        master.persist(vec![registry::write_master(&id)], Pending::Nothing);
        master
    }

    /// A scheduler's call arrived. `stream_id` is the header `Mesos-Stream-Id`, `principal` who the caller has
    /// proved to be. Answered with [`Effect::Reply`] or [`Effect::OpenStream`], now or after a write.
    pub fn handle_call(
        &mut self,
        now: Tick,
        from: ConnectionId,
        stream_id: Option<&str>,
        principal: Option<&str>,
        call: v1::scheduler::Call,
    ) {
        self.begin(now);
        handlers::call::handle(self, from, stream_id, principal, call);
    }

    /// An operator's call arrived: one that writes, or SUBSCRIBE. The shell answers the others itself, from
    /// [`Master::snapshot`] through [`crate::views`].
    pub fn handle_operator_call(
        &mut self,
        now: Tick,
        from: ConnectionId,
        principal: Option<&str>,
        call: v1::master::Call,
    ) {
        self.begin(now);
        handlers::operator::handle(self, from, principal, call);
    }

    /// An operator wants a task ended. Answered with 202, or 404 when there is no such task alive.
    pub fn handle_kill_task(&mut self, now: Tick, from: ConnectionId, framework_id: &str, task_id: &str) {
        self.begin(now);
        handlers::operator::kill_task(self, from, framework_id, task_id);
    }

    /// The other side of an event stream, or of a request not yet answered, has gone.
    pub fn handle_stream_closed(&mut self, now: Tick, connection: ConnectionId) {
        self.begin(now);
        handlers::subscribe::stream_closed(self, connection);
    }

    /// A libprocess message arrived from `from`.
    pub fn handle_message(&mut self, now: Tick, from: &Upid, message: Message) {
        self.begin(now);
        handlers::message::handle(self, from, message);
    }

    /// The connection to `peer` that [`Effect::Link`] asked for broke or could not be made.
    pub fn handle_exited(&mut self, now: Tick, peer: &Upid) {
        self.begin(now);
        handlers::agents::exited(self, peer);
    }

    /// The write that [`Effect::Persist`] named `token` is durable.
    pub fn handle_persisted(&mut self, now: Tick, token: Token) {
        self.begin(now);
        if let Some(pending) = self.pending.remove(&token) {
            handlers::persisted(self, pending);
        }
    }

    /// Time has come to `now`; to be called when [`Master::poll_timeout`] is due.
    pub fn handle_timeout(&mut self, now: Tick) {
        self.begin(now);
        while let Some(timer) = self.timers.pop(self.now) {
            handlers::timeout(self, timer);
        }
        self.allocator.handle_timeout(self.now);
    }

    /// When [`Master::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Tick> {
        [self.timers.next(), self.allocator.poll_timeout()].into_iter().flatten().min()
    }

    /// The next thing to do. To be polled until there is none after one or several `handle_*`.
    ///
    /// What has become free is offered when nothing else is left to do: the more events a shell hands in before
    /// it polls, the fewer and larger the offers are.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        if self.effects.is_empty() {
            offer::allocate(self);
        }
        self.effects.pop_front()
    }

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
            stats: self.stats.clone(),
        }
    }

    /// Why a framework has no (more) offers: one line per fact; none if there is no such framework.
    pub fn explain_framework(&self, id: &str) -> Option<Vec<String>> {
        explain::framework(self, id)
    }

    /// Where a task is and what it waits for: one line per fact; of every framework that has such a task, if
    /// none is named; none if nobody has.
    pub fn explain_task(&self, framework: Option<&str>, task: &str) -> Option<Vec<String>> {
        explain::task(self, framework, task)
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The counters.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Whether everything fits together: no agent gives more than it has, offered + allocated + free = total,
    /// every index names what exists. For the simulator and the tests; costs as much as there are tasks.
    ///
    /// # Errors
    /// What is broken, in words.
    pub fn check_invariants(&self) -> Result<(), String> {
        crate::invariants::check(self)
    }

    fn begin(&mut self, now: Tick) {
        // The shell keeps time monotonic; a core that believed otherwise could arm timers in the past for ever.
        self.now = self.now.max(now);
    }

    pub(crate) fn reply(&mut self, to: ConnectionId, reply: Reply) {
        self.effects.push_back(Effect::Reply { to, reply });
    }

    pub(crate) fn log(&mut self, message: String) {
        self.effects.push_back(Effect::Log { warning: false, message });
    }

    pub(crate) fn warn(&mut self, message: String) {
        self.effects.push_back(Effect::Log { warning: true, message });
    }

    /// Sends as `master`.
    pub(crate) fn send(&mut self, to: Upid, message: impl Into<Message>) {
        self.effects.push_back(Effect::Send { from_id: "master".to_owned(), to, message: message.into() });
    }

    /// Asks for a write; `then` happens once it is durable.
    pub(crate) fn persist(&mut self, writes: Vec<Write>, then: Pending) {
        let token = Token(self.next_token);
        self.next_token += 1;
        self.pending.insert(token, then);
        self.effects.push_back(Effect::Persist { token, writes });
    }

    pub(crate) fn new_uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}
