//! The executor driver: keeps an executor subscribed to its agent and its updates on their way.
//!
//! ```text
//!                                  ┌── 503, 404, or lost with checkpointing ──┐
//!                                  ▼                                          │
//!   NotStarted ─start─► Subscribing ─SUBSCRIBED─► Subscribed ─────────► Waiting (random in [0, max])
//!                                  │                   │                      │ recovery timeout
//!                                  └─ lost without checkpointing, SHUTDOWN ───┴──► Detached: shutting down
//!                                                                                  │ grace over
//!   from anywhere: stop, abort, ERROR ─► Ended                                     ▼ KillProcessGroup
//! ```
//!
//! What each method answers and does in each state, and what each event leads to, beside Mesos's drivers:
//! `docs/executor-driver.md`, whose tables the tests walk. `join` and `run` wait, so they are the shell's; they
//! answer [`ExecutorDriver::status`] when [`ExecutorDriver::is_finished`].
//!
//! Where it does more than Mesos's: updates are kept and repeated until the agent acknowledges them (also
//! without a reconnection), `stop` lets the updates already given leave first, `disconnected` is reported, a
//! duplicate task id is refused instead of ending the process, an agent that accepts but never answers is
//! tried again.
//!
//! Two transports, one machine. [`Transport::Http`] is the executor API (v1): SUBSCRIBE, an event stream, calls
//! that are answered. [`Transport::Libprocess`] (v0) is messages both ways: a registration, the agent's link, and
//! after the agent's restart its ReconnectExecutor, which is waited for instead of trying again. They differ in
//! how a subscription is asked for and lost (`executor/subscription.rs`) and in what arrives
//! (`executor/events.rs`, `executor/messages.rs`); everything else here is common to both.
//!
//! Must not live here: what a task is. That is the user's.

mod effect;
mod event;
mod events;
mod lines;
mod messages;
mod methods;
mod outgoing;
mod subscription;
#[cfg(test)]
mod tests;
mod updates;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tepui_core_kit::{Attempts, Backoff, Chance, Core, Seed, Timers};
use tepui_model::Tick;
use tepui_wire_libprocess::{Address, Upid};
use tepui_wire_mesos::v1::{AgentId, ContainerId, ExecutorId, FrameworkId, TaskInfo};

use crate::{CallToken, DriverEnv, DriverStatus, Subscription};
pub use effect::{Callback, Effect};
pub use event::Event;
use updates::Updates;

/// How a driver and its agent talk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    /// The executor API over HTTP (v1).
    #[default]
    Http,
    /// libprocess messages (v0).
    Libprocess {
        /// The driver's own process: the id, and the address at which the agent reaches it.
        own: Upid,
        /// The agent's process. After its restart it may be another one: it says so itself.
        agent: Upid,
    },
}

/// What an executor driver is told at its beginning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// HTTP or libprocess. Default: HTTP.
    pub transport: Transport,
    /// The framework that the executor belongs to.
    pub framework_id: FrameworkId,
    /// The executor's own id.
    pub executor_id: ExecutorId,
    /// The agent's id; learnt from SUBSCRIBED if not given.
    pub agent_id: Option<AgentId>,
    /// Where the agent listens, for [`Transport::Http`]; with a path, the executor API is below it.
    pub agent: Address,
    /// Whether the framework checkpoints: only then is a lost agent waited for.
    pub checkpoint: bool,
    /// Runs inside the agent's process: the process is never killed.
    pub local: bool,
    /// From SHUTDOWN to the kill of the executor's own process group.
    pub shutdown_grace_period: Duration,
    /// How long a lost agent is waited for, with checkpointing.
    pub recovery_timeout: Duration,
    /// Attempts to subscribe are a random time in `[0, this]` apart.
    pub subscription_backoff_max: Duration,
    /// An attempt without a SUBSCRIBED for this long is given up and repeated. Default: 1 min, as long as an
    /// agent waits for an executor: a registration that is repeated earlier would be refused by an agent that is
    /// only slow.
    pub subscribe_timeout: Duration,
    /// Wait before an unacknowledged update is repeated; `None`: only after a resubscription, as Mesos does.
    /// Default: 10 s doubling to 10 min.
    pub update_retry: Option<Backoff>,
    /// How long `stop` waits for updates to leave. Default: 5 s.
    pub flush_timeout: Duration,
    /// Between HEARTBEAT calls. Default: 30 min.
    pub heartbeat_interval: Duration,
    /// Framework messages that may wait for their answers; more are dropped. Default: 1,024.
    pub max_messages: usize,
}

impl Config {
    /// From what the agent put into the environment.
    pub fn from_env(env: &DriverEnv) -> Self {
        Self {
            transport: Transport::Http,
            framework_id: FrameworkId { value: env.framework_id.clone() },
            executor_id: ExecutorId { value: env.executor_id.clone() },
            agent_id: env.agent_id.clone().map(|value| AgentId { value }),
            agent: env.agent.clone(),
            checkpoint: env.checkpoint,
            local: env.local,
            shutdown_grace_period: env.shutdown_grace_period,
            recovery_timeout: env.recovery_timeout,
            subscription_backoff_max: env.subscription_backoff_max,
            subscribe_timeout: Duration::from_mins(1),
            update_retry: Some(Backoff { first: Duration::from_secs(10), max: Duration::from_mins(10) }),
            flush_timeout: Duration::from_secs(5),
            heartbeat_interval: Duration::from_mins(30),
            max_messages: 1_024,
        }
    }
}

/// What an executor driver is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// As it is to work.
    pub config: Config,
    /// Its chance.
    pub seed: Seed,
}

/// Where the subscription stands; see the diagram in the module's documentation.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum State {
    NotStarted,
    /// For the time of the next attempt.
    Waiting,
    /// Registered once, and lost: an agent that is back will send ReconnectExecutor (libprocess only).
    Lost,
    Subscribing(Subscription),
    Subscribed(Subscription),
    /// Shutting down without a subscription; calls are still tried, because an agent takes them without one.
    Detached,
    Ended,
}

/// What falls due; updates that are to be repeated have timers of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Timer {
    /// After a stop: the updates that have not left are given up.
    Flush,
    /// The shutdown's grace is over.
    Kill,
    /// A lost agent is given up.
    Recovery,
    /// The next attempt, or the end of the patience with the one under way.
    Subscription,
    Heartbeat,
}

/// What a call without an answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Waiting {
    /// An update, by its number in [`Updates`].
    Update(u64),
    /// An update that a later SUBSCRIBE carried once more: its answer says nothing new.
    Carried,
    Message,
    Heartbeat,
}

/// The executor's side of the executor API, as a state machine.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExecutorDriver {
    config: Config,
    status: DriverStatus,
    state: State,
    chance: Chance,
    timers: Timers<Timer>,
    subscriptions: Attempts<Subscription>,
    calls: Attempts<CallToken>,
    ever_subscribed: bool,
    container_id: Option<ContainerId>,
    /// SHUTDOWN came, or was concluded.
    shutting_down: bool,
    /// Stopped, and finished as soon as the updates have left.
    flushing: bool,
    updates: Updates,
    /// Tasks that have not ended for good, by id; with the place in `unacknowledged` of those of which no
    /// update was acknowledged yet.
    tasks: BTreeMap<String, Option<u64>>,
    /// Tasks of which no update was acknowledged yet, in the order of their arrival.
    unacknowledged: BTreeMap<u64, TaskInfo>,
    arrivals: u64,
    waiting_calls: BTreeMap<CallToken, Waiting>,
    messages_waiting: usize,
    counters: Counters,
    effects: VecDeque<Effect>,
}

/// What has happened since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Updates that the user gave.
    pub updates: u64,
    /// Updates that the agent acknowledged.
    pub acknowledgements: u64,
}

impl Core for ExecutorDriver {
    const NAME: &'static str = "executor driver";
    type Start = Start;
    type Event = Event;
    type Effect = Effect;

    /// A driver that does nothing before [`Event::Start`].
    fn start(_now: Tick, start: Start) -> Self {
        let Start { config, seed } = start;
        Self {
            updates: Updates::new(config.update_retry),
            config,
            status: DriverStatus::NotStarted,
            state: State::NotStarted,
            chance: Chance::new(seed),
            timers: Timers::new(),
            subscriptions: Attempts::new(),
            calls: Attempts::new(),
            ever_subscribed: false,
            container_id: None,
            shutting_down: false,
            flushing: false,
            tasks: BTreeMap::new(),
            unacknowledged: BTreeMap::new(),
            arrivals: 0,
            waiting_calls: BTreeMap::new(),
            messages_waiting: 0,
            counters: Counters::default(),
            effects: VecDeque::new(),
        }
    }

    fn handle(&mut self, now: Tick, event: Event) {
        match event {
            Event::Start => self.begin(now),
            Event::Stop => self.stop(now),
            Event::Abort => self.abort(),
            Event::Update(status) => self.update(now, *status),
            Event::Message(data) => self.message(data),
            Event::Connected(subscription) => self.connected(subscription),
            Event::Heard { subscription, event } => self.heard(now, subscription, *event),
            Event::Lost { subscription, loss } => self.disconnected(now, subscription, loss),
            Event::Answered { token, fate } => self.answered(now, token, fate),
            Event::Received { from, message } => self.received(now, &from, *message),
            Event::Exited(pid) => self.exited(now, &pid),
        }
    }

    fn handle_timeout(&mut self, now: Tick) {
        // What is armed meanwhile waits for the next time, however short its wait.
        let due: Vec<Timer> = std::iter::from_fn(|| self.timers.pop(now)).collect();
        for timer in due {
            if !self.is_finished() {
                self.fell_due(now, timer);
            }
        }
        self.send_due(now);
    }

    fn poll_timeout(&self) -> Option<Tick> {
        // While nothing can be sent, there is nothing to repeat.
        let repeat = if self.can_call() { self.updates.poll_timeout() } else { None };
        [self.timers.next(), repeat].into_iter().flatten().min()
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }
}

impl ExecutorDriver {
    /// Where the driver is in its life.
    pub const fn status(&self) -> DriverStatus {
        self.status
    }

    /// The executor's own id.
    pub const fn executor_id(&self) -> &ExecutorId {
        &self.config.executor_id
    }

    /// Whether nothing more will come from this driver but the effects already asked for.
    pub const fn is_finished(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Whether the agent has confirmed the current subscription.
    pub const fn is_subscribed(&self) -> bool {
        matches!(self.state, State::Subscribed(_))
    }

    /// The container that the executor is in, as far as the agent says.
    pub const fn container_id(&self) -> Option<&ContainerId> {
        self.container_id.as_ref()
    }

    /// Updates that the agent has not acknowledged yet.
    pub fn updates_waiting(&self) -> usize {
        self.updates.len()
    }

    /// What has happened since the beginning.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Calls go out while subscribed, and while shutting down even without a subscription.
    const fn can_call(&self) -> bool {
        matches!(self.state, State::Subscribed(_) | State::Detached)
    }

    /// The subscription stands otherwise; `due` is when that is looked at again.
    fn enter(&mut self, state: State, due: Option<Tick>) {
        self.state = state;
        if self.is_finished() {
            self.timers.clear();
        }
        self.timers.cancel(&Timer::Heartbeat);
        match due {
            Some(due) => self.timers.set(Timer::Subscription, due),
            None => drop(self.timers.cancel(&Timer::Subscription)),
        }
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.effects.push_back(Effect::Warn(text.into()));
    }

    /// Nothing is delivered any more once the user has ended the driver.
    fn deliver(&mut self, callback: Callback) {
        if self.status == DriverStatus::Running {
            self.effects.push_back(Effect::Deliver(callback));
        }
    }
}
