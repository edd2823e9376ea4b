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
//!   with a subscription, and a KILL or RECONCILE that waits unseen helps nobody. [`Callback::Subscribed`] is the
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
mod effect;
mod event;
mod events;
mod subscription;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tepui_core_kit::{Attempts, Backoff, Chance, Core, Seed, Waits};
use tepui_model::Tick;
use tepui_wire_libprocess::Address;
use tepui_wire_mesos::v1::{
    AgentId, FrameworkId, FrameworkInfo,
    scheduler::{OfferConstraints, call},
};

use crate::{CallToken, DriverStatus, Subscription};
pub use effect::{CallError, Callback, Effect};
pub use event::{Event, Receipt};

/// Who acknowledges the status updates that carry a uuid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acknowledgement {
    /// The driver, once the user is done with the update ([`Event::Processed`]).
    #[default]
    Automatic,
    /// The user, by a call ([`calls::acknowledge`]), when he has written down what he needs.
    Explicit,
}

/// What a scheduler driver is told at its beginning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// What is subscribed. With an id: the framework that it continues; without: a new one, whose id comes
    /// with [`Callback::Subscribed`].
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

/// Why a call was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no subscription now. Wait for the next [`Callback::Subscribed`].
    #[error("the framework is not subscribed now; wait for the next subscription")]
    NotSubscribed,
    /// As many calls as allowed wait for their answers. Try again later.
    #[error("too many calls wait for an answer; try again later")]
    Full,
    /// The driver was stopped or aborted, or never started.
    #[error("the driver is not running ({0})")]
    NotRunning(DriverStatus),
}

/// What a scheduler driver is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// As it is to work.
    pub config: Config,
    /// Its chance.
    pub seed: Seed,
}

/// Where the subscription stands; see the diagram in the module's documentation.
#[derive(Debug, Serialize, Deserialize)]
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
#[derive(Debug, Serialize, Deserialize)]
pub struct SchedulerDriver {
    config: Config,
    status: DriverStatus,
    state: State,
    chance: Chance,
    waits: Waits,
    /// Which of the configured masters is next.
    master: usize,
    /// Where a redirect pointed; used once.
    redirected: Option<Address>,
    /// Redirects followed without a subscription in between.
    redirects: u32,
    subscriptions: Attempts<Subscription>,
    calls: Attempts<CallToken>,
    ever_subscribed: bool,
    waiting_calls: BTreeMap<CallToken, call::Type>,
    /// Only with `config.reconcile`: tasks not known to have ended, with their agents.
    live: BTreeMap<String, Option<AgentId>>,
    effects: VecDeque<Effect>,
}

impl Core for SchedulerDriver {
    const NAME: &'static str = "scheduler driver";
    type Start = Start;
    type Event = Event;
    type Effect = Effect;

    /// A driver that does nothing before [`Event::Start`].
    fn start(_now: Tick, start: Start) -> Self {
        let Start { config, seed } = start;
        Self {
            waits: Waits::new(backoff(&config)),
            config,
            status: DriverStatus::NotStarted,
            state: State::NotStarted,
            chance: Chance::new(seed),
            master: 0,
            redirected: None,
            redirects: 0,
            subscriptions: Attempts::new(),
            calls: Attempts::new(),
            ever_subscribed: false,
            waiting_calls: BTreeMap::new(),
            live: BTreeMap::new(),
            effects: VecDeque::new(),
        }
    }

    fn handle(&mut self, now: Tick, event: Event) {
        match event {
            Event::Start => self.begin(now),
            Event::Stop { failover } => self.stop(now, failover),
            Event::Abort => self.abort(),
            Event::Call { token, call } => {
                if self.next_call() == Ok(token) {
                    self.put_call(call);
                }
            }
            Event::Processed(receipt) => self.processed(receipt),
            Event::Unread => self.alive(now),
            Event::Connected { subscription, stream_id } => self.connected(subscription, stream_id),
            Event::Heard { subscription, event } => self.heard(now, subscription, *event),
            Event::Lost { subscription, loss } => self.disconnected(now, subscription, loss),
            Event::Answered { token, fate } => self.answered(now, token, fate),
        }
    }

    fn handle_timeout(&mut self, now: Tick) {
        if self.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.fell_due(now);
        }
    }

    fn poll_timeout(&self) -> Option<Tick> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Subscribing { deadline, .. }
            | State::Subscribed { deadline, .. }
            | State::TearingDown { deadline, .. } => Some(deadline),
            State::NotStarted | State::Ended => None,
        }
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }
}

/// How long this framework may wait: after its failover timeout nobody would know it any more.
fn backoff(config: &Config) -> Backoff {
    let Backoff { first, max } = config.backoff;
    let timeout = config.framework.failover_timeout.filter(|timeout| *timeout > 0.0);
    let tenth = timeout.and_then(|timeout| Duration::try_from_secs_f64(timeout / 10.0).ok());
    Backoff { first, max: tenth.map_or(max, |tenth| tenth.min(max)) }
}

impl SchedulerDriver {
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

    fn warn(&mut self, text: impl Into<String>) {
        self.effects.push_back(Effect::Warn(text.into()));
    }

    fn deliver(&mut self, event: Callback) {
        self.effects.push_back(Effect::Deliver(event));
    }

    /// The end by an error: aborted first, then the user is told, as in Mesos.
    fn fail(&mut self, message: impl Into<String>) {
        self.status = DriverStatus::Aborted;
        self.close();
        self.deliver(Callback::Error { message: message.into() });
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
