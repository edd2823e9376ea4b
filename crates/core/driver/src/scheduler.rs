//! The scheduler driver: keeps a framework subscribed to the leading master.
//!
//! ```text
//!                    ┌─────────── refused for good, ERROR ──────────► Ended
//!                    │                                                 ▲
//!  NotStarted ─► Subscribing ──SUBSCRIBED──► Subscribed ──stop, ERROR──┘
//!                 ▲  │ lost, 503                │ lost, no record for N heartbeats
//!                 │  ▼                          ▼
//!                 └─ Waiting  ◄─────────────────┘      (a redirect goes straight back to Subscribing)
//! ```
//!
//! What a user may rely on:
//!
//! * **Calls are refused, not queued, while there is no subscription** ([`Refused::NotSubscribed`]): offers die
//!   with a subscription, and a KILL or RECONCILE that waits unseen helps nobody. [`Event::Subscribed`] is the
//!   sign to repeat what still matters.
//! * **Only updates with a uuid are acknowledged.** Those the master makes itself have none.
//! * **An update may come more than once**: until it is acknowledged, its agent repeats it after 10 s, doubling
//!   to 10 min, and holds back the later ones of that task. Keep the uuids (or the states) already seen if
//!   twice is too often; the driver does not, because only its user knows what was finished before a crash.
//! * **An ERROR event ends the driver**, as in Mesos: the framework was removed, or another scheduler
//!   subscribed with its id ("Framework failed over").
//!
//! Must not live here: decisions about offers. Those are the user's.

pub mod calls;
mod commands;
mod events;
mod subscription;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tepui_model::{Loss, Reply, Tick};
use tepui_wire_libprocess::Address;
use tepui_wire_mesos::v1::{
    AgentId, ExecutorId, FrameworkId, FrameworkInfo, InverseOffer, MasterInfo, Offer, OfferId,
    OperationStatus, TaskId, TaskStatus,
    scheduler::{Call, OfferConstraints, call},
};

use crate::{Backoff, CallToken, DriverStatus, Subscription, backoff::Bound, chance::Chance};

/// Who acknowledges the status updates that carry a uuid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acknowledgement {
    /// The driver, once the user is done with the update ([`SchedulerDriver::handle_processed`]).
    #[default]
    Automatic,
    /// The user, by [`SchedulerDriver::acknowledge`], when he has written down what he needs.
    Explicit,
}

/// What a scheduler driver is told at its beginning.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What is subscribed. With an id: the framework that it continues; without: a new one, whose id comes
    /// with [`Event::Subscribed`].
    pub framework: FrameworkInfo,
    /// Roles that want no offers at first.
    pub suppressed_roles: Vec<String>,
    /// Which agents' offers are wanted at all.
    pub offer_constraints: Option<OfferConstraints>,
    /// Masters, tried in turn; any of them redirects to the leading one. At least one.
    pub masters: Vec<Address>,
    /// Who acknowledges. Default: automatic.
    pub acknowledgement: Acknowledgement,
    /// Wait before the next attempt. Default: 2 s doubling to 1 min, as Mesos; never more than a tenth of the
    /// framework's failover timeout.
    pub backoff: Backoff,
    /// Heartbeat intervals without any record until the master counts as lost. Default: 5.
    pub missed_heartbeats: u32,
    /// From the attempt to the SUBSCRIBED event; then the attempt counts as failed. Default: 15 s.
    pub subscribe_timeout: Duration,
    /// After a resubscription, ask the master about every task that was launched or reported by this driver
    /// and is not known to have ended. Costs memory for each such task. Default: no.
    pub reconcile: bool,
    /// Calls that may wait for their answers; more are refused. Default: 65,536.
    pub max_calls: usize,
}

impl Config {
    /// The defaults, for one master.
    pub fn new(framework: FrameworkInfo, master: Address) -> Self {
        Self {
            framework,
            suppressed_roles: Vec::new(),
            offer_constraints: None,
            masters: vec![master],
            acknowledgement: Acknowledgement::default(),
            backoff: Backoff { first: Duration::from_secs(2), max: Duration::from_mins(1) },
            missed_heartbeats: 5,
            subscribe_timeout: Duration::from_secs(15),
            reconcile: false,
            max_calls: 65_536,
        }
    }
}

/// What the shell must do.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the common one: a box would be one more allocation"
)]
pub enum Effect {
    /// Connect to `master`, POST `call` to its scheduler API and read the event stream. Ends in
    /// [`SchedulerDriver::handle_disconnected`] unless it is closed first.
    Subscribe {
        /// Number of the attempt; the shell gives it back with everything that comes of it.
        subscription: Subscription,
        /// Where to. An empty path means `/api/v1/scheduler`.
        master: Address,
        /// A SUBSCRIBE.
        call: Box<Call>,
    },
    /// POST `call` on the call connection of `subscription`, in order, and tell
    /// [`SchedulerDriver::handle_reply`] what becomes of it. When the subscription ends, calls without an answer
    /// have failed, and answers that still come are ignored.
    Call {
        /// Whose call connection.
        subscription: Subscription,
        /// Number of the call.
        token: CallToken,
        /// Value of the `Mesos-Stream-Id` header.
        stream_id: Option<Arc<str>>,
        /// The call, with its framework id.
        call: Box<Call>,
    },
    /// Drop the stream and the call connection of a subscription. When the driver
    /// [is finished](SchedulerDriver::is_finished), let the calls already asked for leave first.
    Close {
        /// Which.
        subscription: Subscription,
    },
    /// Hand this to the user.
    Deliver(Event),
    /// Something odd that the user need not handle: for the log.
    Warn(String),
}

/// What the user of the driver sees.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// There is a subscription; calls are taken from here on.
    Subscribed {
        /// The framework's id: to be kept by who wants to continue it after a restart.
        framework_id: FrameworkId,
        /// The leading master, if it says.
        master_info: Option<MasterInfo>,
        /// Not the first subscription of this driver. Offers from before are gone; updates may have been missed.
        again: bool,
    },
    /// The subscription is lost; the driver is at work on the next. All offers are void.
    Disconnected {
        /// In words.
        reason: String,
    },
    /// Resources of agents, held for this framework until accepted or declined.
    Offers(Vec<Offer>),
    /// An offer is no longer valid.
    Rescind(OfferId),
    /// Agents ask for their resources back, for maintenance.
    InverseOffers(Vec<InverseOffer>),
    /// An inverse offer is no longer valid.
    RescindInverseOffer(OfferId),
    /// A task's state changed (or is repeated).
    Update(TaskStatus),
    /// An operation's state changed; acknowledged only by the user.
    UpdateOperationStatus(OperationStatus),
    /// From an executor; best effort.
    Message {
        /// Its agent.
        agent_id: AgentId,
        /// The executor.
        executor_id: ExecutorId,
        /// As it was sent.
        data: Bytes,
    },
    /// An executor ended, or (without an executor id) an agent is gone.
    Failure {
        /// The agent.
        agent_id: Option<AgentId>,
        /// The executor.
        executor_id: Option<ExecutorId>,
        /// Raw wait status of the executor: `exit 7` is 1792, SIGKILL is 9.
        status: Option<i32>,
    },
    /// A call did not reach the master, or the master refused it.
    CallFailed {
        /// As the call returned it.
        token: CallToken,
        /// What kind of call.
        call: call::Type,
        /// Why.
        error: CallError,
    },
    /// The end: the driver is aborted and will deliver nothing more.
    Error {
        /// The master's words, or the driver's.
        message: String,
    },
}

/// Why a call that was taken came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The master answered with an error.
    #[error("the master answered with {}: {}", .0.status, .0.body)]
    Answered(Reply),
    /// There was no answer; the call may or may not have been heard.
    #[error("no answer from the master: {0}")]
    Unanswered(String),
}

/// Why a call was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no subscription now. Wait for the next [`Event::Subscribed`].
    #[error("the framework is not subscribed now; wait for the next subscription")]
    NotSubscribed,
    /// As many calls as allowed wait for their answers. Try again later.
    #[error("too many calls wait for an answer; try again later")]
    Full,
    /// The driver was stopped or aborted, or never started.
    #[error("the driver is not running ({0})")]
    NotRunning(DriverStatus),
}

/// What it takes to acknowledge an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The agent that repeats the update.
    pub agent_id: AgentId,
    /// The task.
    pub task_id: TaskId,
    /// 16 bytes.
    pub uuid: Bytes,
}

impl Receipt {
    /// Of an update that wants to be acknowledged; `None` of one that must not be (it has no uuid).
    pub fn of(status: &TaskStatus) -> Option<Self> {
        let uuid = status.uuid.clone().filter(|uuid| !uuid.is_empty())?;
        Some(Self { agent_id: status.agent_id.clone()?, task_id: status.task_id.clone(), uuid })
    }
}

/// Where the subscription stands; see the diagram in the module's documentation.
#[derive(Debug)]
enum State {
    NotStarted,
    Waiting {
        until: Tick,
    },
    Subscribing {
        subscription: Subscription,
        stream_id: Option<Arc<str>>,
        deadline: Tick,
    },
    Subscribed {
        subscription: Subscription,
        stream_id: Option<Arc<str>>,
        /// How long silence may last.
        patience: Duration,
        deadline: Tick,
    },
    /// `stop` sent a TEARDOWN and waits for its answer before it closes.
    TearingDown {
        subscription: Subscription,
        token: CallToken,
        deadline: Tick,
    },
    Ended,
}

/// The scheduler's side of the scheduler API, as a state machine.
#[derive(Debug)]
pub struct SchedulerDriver {
    config: Config,
    status: DriverStatus,
    state: State,
    chance: Chance,
    bound: Bound,
    /// Which of the configured masters is next.
    master: usize,
    /// Where a redirect pointed; used once.
    redirected: Option<Address>,
    /// Redirects followed without a subscription in between.
    redirects: u32,
    subscriptions: u64,
    calls: u64,
    ever_subscribed: bool,
    waiting_calls: BTreeMap<CallToken, call::Type>,
    /// Only with `config.reconcile`: tasks not known to have ended, with their agents.
    live: BTreeMap<String, Option<AgentId>>,
    effects: VecDeque<Effect>,
}

impl SchedulerDriver {
    /// A driver that does nothing before [`start`](Self::start). The same seed and inputs give the same effects.
    pub fn new(config: Config, seed: u64) -> Self {
        let backoff = config.backoff;
        let tenth = config
            .framework
            .failover_timeout
            .filter(|timeout| *timeout > 0.0)
            .map_or(backoff.max, |timeout| {
                Duration::try_from_secs_f64(timeout / 10.0).unwrap_or(backoff.max).min(backoff.max)
            });
        Self {
            bound: Bound::new(Backoff { first: backoff.first, max: tenth }),
            config,
            status: DriverStatus::NotStarted,
            state: State::NotStarted,
            chance: Chance::new(seed),
            master: 0,
            redirected: None,
            redirects: 0,
            subscriptions: 0,
            calls: 0,
            ever_subscribed: false,
            waiting_calls: BTreeMap::new(),
            live: BTreeMap::new(),
            effects: VecDeque::new(),
        }
    }

    /// Where the driver is in its life.
    pub const fn status(&self) -> DriverStatus {
        self.status
    }

    /// Whether calls are taken now.
    pub const fn is_subscribed(&self) -> bool {
        matches!(self.state, State::Subscribed { .. })
    }

    /// Whether nothing more will come from this driver but the effects already asked for.
    pub const fn is_finished(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// The framework's id, once a master gave one (or from the beginning, if it was configured).
    pub const fn framework_id(&self) -> Option<&FrameworkId> {
        self.config.framework.id.as_ref()
    }

    /// Calls without an answer.
    pub fn calls_waiting(&self) -> usize {
        self.waiting_calls.len()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, if nothing happens before.
    pub const fn poll_timeout(&self) -> Option<Tick> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Subscribing { deadline, .. }
            | State::Subscribed { deadline, .. }
            | State::TearingDown { deadline, .. } => Some(deadline),
            State::NotStarted | State::Ended => None,
        }
    }

    /// The next thing to do, in order.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.effects.push_back(Effect::Warn(text.into()));
    }

    fn deliver(&mut self, event: Event) {
        self.effects.push_back(Effect::Deliver(event));
    }

    /// The end by an error: aborted first, then the user is told, as in Mesos.
    fn fail(&mut self, message: impl Into<String>) {
        self.status = DriverStatus::Aborted;
        self.close();
        self.deliver(Event::Error { message: message.into() });
    }

    /// Closes whatever is open; nothing follows.
    fn close(&mut self) {
        if let State::Subscribing { subscription, .. }
        | State::Subscribed { subscription, .. }
        | State::TearingDown { subscription, .. } = self.state
        {
            self.effects.push_back(Effect::Close { subscription });
        }
        self.state = State::Ended;
    }
}

/// The ways in which a subscription is not there; used by the handlers.
fn redirect_of(loss: &Loss) -> Option<&str> {
    match loss {
        Loss::Refused { status: 301 | 302 | 303 | 307 | 308, location: Some(location), .. } => Some(location),
        _ => None,
    }
}
