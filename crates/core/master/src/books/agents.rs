//! The books of agents: registered, recovered, unreachable, gone, and out of use.

use std::sync::Arc;

use tepui_model::{AgentId, Resources, Tick};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{internal, v1};

use super::Books;
use crate::{Agent, AgentState, Deactivation, Drain, agent::RecoveredAgent};

/// What an agent says about itself when it comes back.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) info: internal::SlaveInfo,
    pub(crate) total: Resources,
    pub(crate) version: String,
    pub(crate) capabilities: Vec<v1::agent_info::Capability>,
    pub(crate) resource_version: Option<v1::Uuid>,
}

impl Books {
    /// The registered agent at an address.
    pub(crate) fn agent_at(&self, pid: &Upid) -> Option<&Arc<Agent>> {
        self.agents.get(self.agent_at.get(pid)?)
    }

    /// Whether an agent is registered, expected back, or unreachable.
    pub(crate) fn knows_agent(&self, id: &AgentId) -> bool {
        self.agents.contains_key(id)
            || self.recovered_agents.contains_key(id)
            || self.unreachable.contains_key(id)
    }

    /// Whether an agent is there and its resources may be offered.
    pub(crate) fn is_active(&self, agent: &Agent) -> bool {
        agent.is_connected() && !self.deactivated.contains_key(&agent.id)
    }

    /// An agent is registered. If it was unreachable or expected back, it no longer is.
    pub(crate) fn add_agent(&mut self, agent: Agent) {
        self.unreachable.remove(&agent.id);
        self.recovered_agents.remove(&agent.id);
        self.agent_at.insert(agent.pid.clone(), agent.id.clone());
        self.agents.insert(agent.id.clone(), Arc::new(agent));
    }

    /// Takes a registered agent out; and whether it was the one at its address.
    pub(crate) fn remove_agent(&mut self, id: &AgentId) -> Option<(Arc<Agent>, bool)> {
        let agent = self.agents.remove(id)?;
        let was_there = self.agent_at.get(&agent.pid) == Some(id);
        if was_there {
            self.agent_at.remove(&agent.pid);
        }
        Some((agent, was_there))
    }

    /// A registered agent came back, perhaps at another address. Gives the address that nobody is at any more.
    pub(crate) fn agent_returned(
        &mut self,
        id: &AgentId,
        pid: &Upid,
        now: Tick,
        returned: Returned,
    ) -> Option<Upid> {
        let agent = Arc::make_mut(self.agents.get_mut(id)?);
        let old_pid = std::mem::replace(&mut agent.pid, pid.clone());
        agent.total = Arc::new(agent.total.revocable() + &returned.total);
        agent.info = Arc::new(returned.info);
        agent.state = AgentState::Connected;
        agent.version = returned.version;
        agent.capabilities = returned.capabilities;
        agent.reregistered = Some(now);
        agent.unanswered_pings = 0;
        if returned.resource_version.is_some() {
            agent.resource_version = returned.resource_version;
        }
        let left = (old_pid != *pid && self.agent_at.get(&old_pid) == Some(id)).then_some(old_pid);
        if let Some(old_pid) = &left {
            self.agent_at.remove(old_pid);
        }
        self.agent_at.insert(pid.clone(), id.clone());
        left
    }

    /// The link to an agent broke.
    pub(crate) fn disconnect_agent(&mut self, id: &AgentId) {
        if let Some(agent) = self.agents.get_mut(id) {
            Arc::make_mut(agent).state = AgentState::Disconnected;
        }
    }

    /// A ping is sent.
    pub(crate) fn count_ping(&mut self, id: &AgentId) {
        if let Some(agent) = self.agents.get_mut(id) {
            Arc::make_mut(agent).unanswered_pings += 1;
        }
    }

    /// Whoever is at this address answered a ping.
    pub(crate) fn pong(&mut self, from: &Upid) {
        let agent = self.agent_at.get(from).and_then(|id| self.agents.get_mut(id));
        if let Some(agent) = agent.filter(|agent| agent.unanswered_pings > 0) {
            Arc::make_mut(agent).unanswered_pings = 0;
        }
    }

    pub(crate) fn set_resource_version(&mut self, id: &AgentId, version: v1::Uuid) {
        if let Some(agent) = self.agents.get_mut(id) {
            Arc::make_mut(agent).resource_version = Some(version);
        }
    }

    /// What an agent has is more or less than before.
    pub(crate) fn set_total(&mut self, id: &AgentId, total: Resources) {
        if let Some(agent) = self.agents.get_mut(id) {
            Arc::make_mut(agent).total = Arc::new(total);
        }
    }

    /// An agent of the registry is expected back.
    pub(crate) fn add_recovered_agent(&mut self, id: AgentId, agent: RecoveredAgent) {
        self.recovered_agents.insert(id, agent);
    }

    /// An agent is expected back no more; whether it was.
    pub(crate) fn remove_recovered_agent(&mut self, id: &AgentId) -> bool {
        self.recovered_agents.remove(id).is_some()
    }

    /// An agent is out of reach.
    pub(crate) fn mark_unreachable(&mut self, id: AgentId, since: Tick) {
        self.unreachable.insert(id, since);
    }

    /// An agent never comes back.
    pub(crate) fn mark_gone(&mut self, id: AgentId, since: Tick) {
        self.unreachable.remove(&id);
        self.gone.insert(id, since);
    }

    /// An agent that was unreachable for too long is forgotten; whether it was out of use, too.
    pub(crate) fn forget_unreachable_agent(&mut self, id: &AgentId) -> bool {
        self.unreachable.remove(id);
        self.deactivated.remove(id).is_some()
    }

    /// An agent that was gone for too long is forgotten.
    pub(crate) fn forget_gone_agent(&mut self, id: &AgentId) {
        self.gone.remove(id);
    }

    /// Nothing of an agent is to be offered.
    pub(crate) fn deactivate(&mut self, id: AgentId) {
        self.deactivated.entry(id).or_default();
    }

    /// An agent is in use, or nobody's business any more.
    pub(crate) fn reactivate(&mut self, id: &AgentId) {
        self.deactivated.remove(id);
    }

    /// Nothing of an agent is to be offered, and it is being emptied.
    pub(crate) fn set_drain(&mut self, id: AgentId, drain: Drain) {
        self.deactivated.insert(id, Deactivation { drain: Some(drain) });
    }

    /// The agent is told of its drain, if there is one.
    pub(crate) fn begin_drain(&mut self, id: &AgentId, now: Tick) -> Option<v1::DrainConfig> {
        let drain = self.deactivated.get_mut(id)?.drain.as_mut()?;
        drain.started.get_or_insert(now);
        Some(drain.config)
    }

    /// Nothing runs any more on an agent; whether that was wanted.
    pub(crate) fn end_drain(&mut self, id: &AgentId) -> bool {
        let Some(drain) = self.deactivated.get_mut(id).and_then(|it| it.drain.as_mut()) else { return false };
        drain.drained = true;
        true
    }
}
