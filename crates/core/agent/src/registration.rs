//! Where the agent is in getting registered. Must not live here: messages to and from the master (see `master`).

use serde::{Deserialize, Serialize};
use std::{collections::VecDeque, time::Duration};

use tepui_core_kit::{Backoff, Chance, Waits};
use tepui_model::AgentId;
use tepui_wire_mesos::{Message, v1};

use crate::{Upid, config::Config};

const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// Until the master says something else.
const DEFAULT_PING_TIMEOUT: Duration = Duration::from_secs(75);
/// Messages that are kept while the agent's new id is written down; the master sends hardly any before it.
const MAX_HELD: usize = 10_000;

/// Where the agent is in getting registered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Registration {
    /// Tells the master whether the agent's resources are those that it knows.
    resource_version: bytes::Bytes,
    waits: Waits,
    ping_timeout: Duration,
    /// The id that is being written down, and the master that gave it, unless that was lost meanwhile.
    new_id: Option<(AgentId, Option<Upid>)>,
    /// Executors that were added so far, and how many of them the last re-registration told of.
    executors: u64,
    told_executors: u64,
    /// The connection broke since the last attempt: an answer to that attempt is worth nothing.
    broken: bool,
    /// What came meanwhile.
    held: VecDeque<(Upid, Message)>,
}

impl Registration {
    pub(crate) fn new(config: &Config, resource_version: bytes::Bytes) -> Self {
        Self {
            resource_version,
            waits: Waits::new(Backoff { first: config.registration_backoff_factor, max: LONGEST_BACKOFF }),
            ping_timeout: DEFAULT_PING_TIMEOUT,
            new_id: None,
            executors: 0,
            told_executors: 0,
            broken: false,
            held: VecDeque::new(),
        }
    }

    pub(crate) fn version_uuid(&self) -> v1::Uuid {
        v1::Uuid { value: self.resource_version.clone() }
    }

    /// Waits are short again.
    pub(crate) fn restart(&mut self) {
        self.waits.reset();
    }

    /// A random wait of at most the current backoff, which doubles. Never a very short one: a message lists every task.
    pub(crate) fn wait(&mut self, chance: &mut Chance) -> Duration {
        let half = self.waits.full() / 2;
        half + chance.up_to(half)
    }

    /// A registration is sent, which tells of every executor.
    pub(crate) fn attempt(&mut self) {
        self.broken = false;
        self.told_executors = self.executors;
    }

    /// The connection broke: nothing is heard of the last attempt, nor of a new id's master.
    pub(crate) fn lose(&mut self) {
        self.broken = true;
        if let Some((_, master)) = &mut self.new_id {
            *master = None;
        }
    }

    pub(crate) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// The agent has another executor.
    pub(crate) fn executor_added(&mut self) {
        self.executors += 1;
    }

    /// Whether executors came since the last registration, of which the next one tells.
    pub(crate) fn tells_too_little(&mut self) -> bool {
        std::mem::replace(&mut self.told_executors, self.executors) != self.executors
    }

    /// A new id, from this master, is being written down.
    pub(crate) fn name(&mut self, id: AgentId, master: Option<Upid>) {
        self.new_id = Some((id, master));
    }

    /// Whether a new id is being written down.
    pub(crate) const fn is_named(&self) -> bool {
        self.new_id.is_some()
    }

    /// The new id was written down.
    pub(crate) fn take_name(&mut self) -> Option<(AgentId, Option<Upid>)> {
        self.new_id.take()
    }

    /// Keeps a message until the new id is written down. `false`: there are too many.
    pub(crate) fn hold(&mut self, from: &Upid, message: &Message) -> bool {
        let room = self.held.len() < MAX_HELD;
        if room {
            self.held.push_back((from.clone(), message.clone()));
        }
        room
    }

    pub(crate) fn take_held(&mut self) -> VecDeque<(Upid, Message)> {
        std::mem::take(&mut self.held)
    }

    /// How long the master may be silent, as it says itself.
    pub(crate) fn set_ping_timeout(&mut self, seconds: Option<f64>) {
        self.ping_timeout = seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|timeout| !timeout.is_zero())
            .unwrap_or(DEFAULT_PING_TIMEOUT);
    }

    pub(crate) const fn ping_timeout(&self) -> Duration {
        self.ping_timeout
    }
}
