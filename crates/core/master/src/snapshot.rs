//! The state of the master at one moment, for readers.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use tepui_model::{AgentId, FrameworkId, Tick};
use tepui_wire_mesos::{internal, v1};

use crate::{Agent, Config, Counters, Deactivation, Framework};

/// What [`crate::views`] show: shared with the master, copied by it only when it changes something.
///
/// Taking one costs as much as there are frameworks and agents, not as there are tasks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken.
    pub now: Tick,
    /// When the master started; also when it was elected, as there is one.
    pub started: Tick,
    /// The settings.
    pub config: Arc<Config>,
    /// Frameworks that are registered or expected back, by id.
    pub frameworks: BTreeMap<FrameworkId, Arc<Framework>>,
    /// Frameworks that ended, oldest first.
    pub completed_frameworks: VecDeque<Arc<Framework>>,
    /// Registered agents, by id.
    pub agents: BTreeMap<AgentId, Arc<Agent>>,
    /// Agents of the registry that have not come back since this master started.
    pub recovered_agents: BTreeMap<AgentId, Arc<internal::SlaveInfo>>,
    /// Unreachable agents and since when.
    pub unreachable_agents: BTreeMap<AgentId, Tick>,
    /// Agents that an operator took out of use, reachable or not.
    pub deactivated_agents: BTreeMap<AgentId, Deactivation>,
    /// Outstanding offers.
    pub offers: Vec<Arc<v1::Offer>>,
    /// How many operators watch events.
    pub operator_subscribers: usize,
    /// Weights that differ from 1.
    pub weights: BTreeMap<String, f64>,
    /// Counters.
    pub counters: Counters,
}

impl Snapshot {
    /// Whether an agent is there and its resources may be offered.
    pub fn is_active(&self, agent: &Agent) -> bool {
        agent.is_connected() && !self.deactivated_agents.contains_key(&agent.id)
    }
}
