//! What was seen from outside, as the invariants need it.

use std::collections::{BTreeMap, BTreeSet};

use tepui_model::Tick;
use tepui_wire_mesos::v1::TaskState;

/// What was seen so far.
#[derive(Debug, Default)]
pub struct History {
    /// Where a task's work was begun, each time.
    pub begun: BTreeMap<String, Vec<usize>>,
    /// Offers that a scheduler used, and how often.
    pub used_offers: BTreeMap<String, u32>,
    /// Offers that were ever made.
    pub offers: BTreeSet<String>,
    /// An offer was made a second time under the same id.
    pub repeated_offer: Option<String>,
    /// By task: the updates with a uuid, in the order in which they were made.
    pub made: BTreeMap<String, Vec<Vec<u8>>>,
    /// By task: what its scheduler heard, in order.
    pub heard: BTreeMap<String, Vec<Heard>>,
    /// Updates that an agent acknowledged to an executor: uuid, task.
    pub acknowledged: BTreeMap<Vec<u8>, String>,
    /// Updates that a scheduler has dealt with.
    pub processed: BTreeSet<Vec<u8>>,
    /// What was promised although it was not durable.
    pub broken_promise: Option<String>,
    /// Agents that the master has let go for good.
    pub gone_agents: BTreeSet<String>,
}

/// An update as a scheduler heard it.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When.
    pub at: Tick,
    /// The state.
    pub state: TaskState,
    /// The uuid; none when the master made it.
    pub uuid: Option<Vec<u8>>,
}

impl History {
    /// Notes an update where it is made, once.
    pub fn update_made(&mut self, task: &str, uuid: &[u8]) {
        let made = self.made.entry(task.to_owned()).or_default();
        if !made.iter().any(|known| known == uuid) {
            made.push(uuid.to_vec());
        }
    }
}

/// Whether a task in this state has ended.
pub const fn is_terminal(state: TaskState) -> bool {
    matches!(
        state,
        TaskState::TaskFinished
            | TaskState::TaskFailed
            | TaskState::TaskKilled
            | TaskState::TaskError
            | TaskState::TaskLost
            | TaskState::TaskDropped
            | TaskState::TaskGone
            | TaskState::TaskGoneByOperator
    )
}
