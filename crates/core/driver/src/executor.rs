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

use bytes::Bytes;
use tepui_model::Tick;
use tepui_wire_libprocess::{Address, Upid};
use tepui_wire_mesos::{
    Message,
    v1::{
        AgentId, AgentInfo, ContainerId, ExecutorId, ExecutorInfo, FrameworkId, FrameworkInfo, KillPolicy,
        TaskGroupInfo, TaskId, TaskInfo, TaskStatus, executor::Call,
    },
};

use crate::{Backoff, CallToken, DriverEnv, DriverStatus, Subscription, chance::Chance};
use updates::Updates;

/// How a driver and its agent talk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq)]
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

/// What the shell must do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Connect to `agent`, POST `call` to its executor API and read the event stream. Ends in
    /// [`ExecutorDriver::handle_disconnected`] unless it is closed first.
    Subscribe {
        /// Number of the attempt; the shell gives it back with everything that comes of it.
        subscription: Subscription,
        /// Where to.
        agent: Address,
        /// A SUBSCRIBE with everything unacknowledged.
        call: Box<Call>,
    },
    /// POST `call` on the other connection (which outlives subscriptions), in order, and answer with
    /// [`ExecutorDriver::handle_reply`]: always, exactly once.
    Call {
        /// Number of the call.
        token: CallToken,
        /// The call.
        call: Box<Call>,
    },
    /// Drop the stream of a subscription.
    Close {
        /// Which.
        subscription: Subscription,
    },
    /// Keep a connection to this process, and tell of its end with [`ExecutorDriver::handle_exited`]. One that is
    /// there already is replaced by a new one, and its end not told.
    Link {
        /// The agent.
        to: Upid,
    },
    /// Send a libprocess message, in order; nothing comes back.
    Send {
        /// The agent.
        to: Upid,
        /// The message.
        message: Box<Message>,
    },
    /// Call the user back. In order, one at a time, none after the driver was stopped or aborted but
    /// [`Callback::Error`].
    Deliver(Callback),
    /// The shutdown's grace is over: SIGKILL to the process group that this process is in.
    KillProcessGroup,
    /// Something odd that the user need not handle: for the log.
    Warn(String),
}

/// What the user of the driver sees.
#[derive(Clone, Debug, PartialEq)]
pub enum Callback {
    /// The first subscription.
    Registered {
        /// As the framework described it.
        executor_info: Box<ExecutorInfo>,
        /// The framework.
        framework_info: Box<FrameworkInfo>,
        /// The agent.
        agent_info: Box<AgentInfo>,
    },
    /// A later subscription, to the same agent.
    Reregistered {
        /// The agent.
        agent_info: Box<AgentInfo>,
    },
    /// The agent is lost. With checkpointing it is waited for; otherwise `Shutdown` follows at once.
    Disconnected,
    /// A task to run.
    LaunchTask(Box<TaskInfo>),
    /// Tasks to run together.
    LaunchTaskGroup(TaskGroupInfo),
    /// A task to end.
    KillTask {
        /// Which.
        task_id: TaskId,
        /// How, if the framework says.
        kill_policy: Option<KillPolicy>,
    },
    /// From the scheduler; best effort.
    FrameworkMessage(Bytes),
    /// An update has arrived for good; nothing else has to be done about it.
    UpdateAcknowledged {
        /// The task.
        task_id: TaskId,
        /// As [`ExecutorDriver::send_status_update`] chose it.
        uuid: Bytes,
    },
    /// An update that will never arrive: it is wrong in itself.
    UpdateRefused {
        /// The update.
        status: Box<TaskStatus>,
        /// Why.
        reason: String,
    },
    /// End all tasks, send their last updates, stop the driver. After the grace the process is killed.
    Shutdown,
    /// The end: the driver is aborted already.
    Error(String),
}

/// Where the subscription stands; see the diagram in the module's documentation.
#[derive(Debug)]
enum State {
    NotStarted,
    Waiting {
        until: Tick,
    },
    /// Registered once, and lost: an agent that is back will send ReconnectExecutor (libprocess only).
    Lost,
    Subscribing {
        subscription: Subscription,
        deadline: Tick,
    },
    Subscribed {
        subscription: Subscription,
    },
    /// Shutting down without a subscription; calls are still tried, because an agent takes them without one.
    Detached,
    Ended,
}

/// What a call without an answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// An update, by its number in [`Updates`].
    Update(u64),
    /// An update that a later SUBSCRIBE carried once more: its answer says nothing new.
    Carried,
    Message,
    Heartbeat,
}

/// The executor's side of the executor API, as a state machine.
#[derive(Debug)]
pub struct ExecutorDriver {
    config: Config,
    status: DriverStatus,
    state: State,
    chance: Chance,
    subscriptions: u64,
    calls: u64,
    ever_subscribed: bool,
    container_id: Option<ContainerId>,
    /// SHUTDOWN came, or was concluded.
    shutting_down: bool,
    /// When a lost agent is given up.
    recovery_deadline: Option<Tick>,
    /// When the process group is killed.
    kill_deadline: Option<Tick>,
    /// After `stop`: when the updates that have not left are given up.
    flush_deadline: Option<Tick>,
    next_heartbeat: Option<Tick>,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Updates that the user gave.
    pub updates: u64,
    /// Updates that the agent acknowledged.
    pub acknowledgements: u64,
}

impl ExecutorDriver {
    /// A driver that does nothing before [`start`](Self::start). The same seed and inputs give the same effects.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            updates: Updates::new(config.update_retry),
            config,
            status: DriverStatus::NotStarted,
            state: State::NotStarted,
            chance: Chance::new(seed),
            subscriptions: 0,
            calls: 0,
            ever_subscribed: false,
            container_id: None,
            shutting_down: false,
            recovery_deadline: None,
            kill_deadline: None,
            flush_deadline: None,
            next_heartbeat: None,
            tasks: BTreeMap::new(),
            unacknowledged: BTreeMap::new(),
            arrivals: 0,
            waiting_calls: BTreeMap::new(),
            messages_waiting: 0,
            counters: Counters::default(),
            effects: VecDeque::new(),
        }
    }

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
        matches!(self.state, State::Subscribed { .. })
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

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Tick> {
        let subscription = match self.state {
            State::Waiting { until } => Some(until),
            State::Subscribing { deadline, .. } => Some(deadline),
            State::Ended => return None,
            State::NotStarted | State::Lost | State::Subscribed { .. } | State::Detached => None,
        };
        // While nothing can be sent, there is nothing to repeat.
        let repeat = if self.can_call() { self.updates.poll_timeout() } else { None };
        let heartbeat = if self.is_subscribed() { self.next_heartbeat } else { None };
        [subscription, self.recovery_deadline, self.kill_deadline, self.flush_deadline, heartbeat, repeat]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next thing to do, in order.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Calls go out while subscribed, and while shutting down even without a subscription.
    const fn can_call(&self) -> bool {
        matches!(self.state, State::Subscribed { .. } | State::Detached)
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
