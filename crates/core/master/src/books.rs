//! What the master knows: frameworks with their tasks and executors, agents, offers, and every index over them.
//!
//! Everybody may read; only the methods here change anything, and they keep the indexes right. What they hand out is shared
//! with readers of [`crate::Snapshot`] and copied only when it changes.
//!
//! Must not live here: what a change leads to, be it an effect, a timer, a write, or a word to the allocator.

mod agents;
mod frameworks;
mod invariants;
mod offers;
mod tasks;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tepui_model::{AgentId, ExecutorId, FrameworkId, OfferId, TaskId, Tick};
use tepui_wire_libprocess::Upid;

use crate::{Agent, Deactivation, Framework, agent::RecoveredAgent};

pub(crate) use agents::Returned;
pub(crate) use frameworks::Description;
pub(crate) use offers::Offer;

/// The books.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Books {
    frameworks: BTreeMap<FrameworkId, Arc<Framework>>,
    /// Frameworks that ended, oldest first.
    completed_frameworks: VecDeque<Arc<Framework>>,
    agents: BTreeMap<AgentId, Arc<Agent>>,
    /// Where registered agents are.
    agent_at: BTreeMap<Upid, AgentId>,
    /// Live tasks by agent.
    agent_tasks: BTreeMap<AgentId, BTreeSet<(FrameworkId, TaskId)>>,
    agent_executors: BTreeMap<AgentId, BTreeSet<(FrameworkId, ExecutorId)>>,
    agent_offers: BTreeMap<AgentId, BTreeSet<OfferId>>,
    recovered_agents: BTreeMap<AgentId, RecoveredAgent>,
    unreachable: BTreeMap<AgentId, Tick>,
    gone: BTreeMap<AgentId, Tick>,
    /// Agents that an operator took out of use: registered, recovered or unreachable ones.
    deactivated: BTreeMap<AgentId, Deactivation>,
    offers: BTreeMap<OfferId, Offer>,
}

impl Books {
    /// Frameworks that are registered or expected back.
    pub(crate) const fn frameworks(&self) -> &BTreeMap<FrameworkId, Arc<Framework>> {
        &self.frameworks
    }

    /// Frameworks that ended, oldest first.
    pub(crate) const fn completed_frameworks(&self) -> &VecDeque<Arc<Framework>> {
        &self.completed_frameworks
    }

    /// Registered agents.
    pub(crate) const fn agents(&self) -> &BTreeMap<AgentId, Arc<Agent>> {
        &self.agents
    }

    /// Agents of the registry that have not come back.
    pub(crate) const fn recovered_agents(&self) -> &BTreeMap<AgentId, RecoveredAgent> {
        &self.recovered_agents
    }

    /// Unreachable agents and since when.
    pub(crate) const fn unreachable(&self) -> &BTreeMap<AgentId, Tick> {
        &self.unreachable
    }

    /// Agents that never come back, and since when.
    pub(crate) const fn gone(&self) -> &BTreeMap<AgentId, Tick> {
        &self.gone
    }

    /// Agents that an operator took out of use.
    pub(crate) const fn deactivated(&self) -> &BTreeMap<AgentId, Deactivation> {
        &self.deactivated
    }

    /// Outstanding offers.
    pub(crate) const fn offers(&self) -> &BTreeMap<OfferId, Offer> {
        &self.offers
    }
}

/// Takes something out of one agent's part of an index, and the part itself if nothing is left of it.
fn unlist<T: Ord>(index: &mut BTreeMap<AgentId, BTreeSet<T>>, agent: &AgentId, what: &T) {
    if let Some(listed) = index.get_mut(agent) {
        listed.remove(what);
        if listed.is_empty() {
            index.remove(agent);
        }
    }
}
