//! What was seen from outside, as the invariants need it. It begins with the world: of what a recorded master did before,
//! and of those who were there then, there is no history, as they are behind the cut and are never heard again.

use std::collections::{BTreeMap, BTreeSet};

use tepui_model::Tick;
use tepui_wire_mesos::v1::TaskState;

/// What was seen so far.
#[derive(Debug, Default)]
pub struct History {
    /// Where a task's work was begun, each time.
    pub begun: BTreeMap<String, Vec<usize>>,
    /// A task whose work was begun a second time.
    pub begun_again: Option<String>,
    /// Offers that a scheduler used.
    pub used_offers: BTreeSet<String>,
    /// Offers that were ever made.
    pub offers: BTreeSet<String>,
    /// An offer that was made or used a second time, in words.
    pub repeated_offer: Option<String>,
    /// Reserved resources that were offered to somebody else, in words.
    pub misplaced_reservation: Option<String>,
    /// By task: the updates with a uuid, in the order in which they were made.
    pub made: BTreeMap<String, Vec<Vec<u8>>>,
    /// By task: what its scheduler heard, in order.
    pub heard: BTreeMap<String, Vec<Heard>>,
    /// Tasks of which something was heard since that was last looked at.
    pub fresh: BTreeSet<String>,
    /// Updates that an agent acknowledged to an executor, by uuid: the task, and the agent's number.
    pub acknowledged: BTreeMap<Vec<u8>, (String, usize)>,
    /// Updates that a scheduler has dealt with.
    pub processed: BTreeSet<Vec<u8>>,
    /// By task: the updates with a uuid that agents sent, in the order in which they were first sent.
    pub sent: BTreeMap<String, Vec<Vec<u8>>>,
    /// An update that was sent before the one before it was acknowledged, in words.
    pub overtaken: Option<String>,
    /// A task that an agent had written down and knew nothing of when it came back, in words.
    pub forgotten: Option<String>,
    /// By command task: the wait status that its process ended with, as long as its machine remembers it.
    pub ended: BTreeMap<String, i32>,
    /// What was promised although it was not durable.
    pub broken_promise: Option<String>,
    /// Agents that the master has let go for good.
    pub gone_agents: BTreeSet<String>,
    /// Numbers of agents that an operator has given up, until they have registered as new ones.
    pub given_up: BTreeSet<usize>,
    /// A scheduler that was turned away although it had not left, in words.
    pub turned_away: Option<String>,
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
    /// Notes that a task's work begins.
    pub fn begins(&mut self, task: &str, agent: usize) {
        let agents = self.begun.entry(task.to_owned()).or_default();
        agents.push(agent);
        if agents.len() > 1 {
            self.begun_again.get_or_insert_with(|| task.to_owned());
        }
    }

    /// Notes that an offer is made.
    pub fn offered(&mut self, offer: &str) {
        if !self.offers.insert(offer.to_owned()) {
            self.repeated_offer.get_or_insert_with(|| format!("offer {offer} was made twice"));
        }
    }

    /// Notes that a scheduler uses an offer.
    pub fn uses(&mut self, offer: &str) {
        if !self.used_offers.insert(offer.to_owned()) {
            self.repeated_offer.get_or_insert_with(|| format!("offer {offer} was used twice"));
        }
    }

    /// Notes what a scheduler hears of a task.
    pub fn hears(&mut self, task: &str, heard: Heard) {
        if let Some(uuid) = &heard.uuid {
            self.processed.insert(uuid.clone());
        }
        self.heard.entry(task.to_owned()).or_default().push(heard);
        self.fresh.insert(task.to_owned());
    }

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
