//! Who holds what, what comes back, and what was refused.

use std::time::Duration;

use tepui_model::{AgentId, FrameworkId, Resources, Role, Tick};

use super::{AgentKey, Allocator, MAX_FILTERS};
use crate::roles::Filter;

impl Allocator {
    /// A framework holds these resources (each with the role it is allocated to) beyond what it was granted:
    /// it was found to use them.
    pub fn allocated(&mut self, framework: &FrameworkId, agent: &AgentId, resources: &Resources) {
        if let Some(agent) = self.key(agent) {
            self.hold(framework, agent, resources);
        }
    }

    pub(super) fn hold(&mut self, framework: &FrameworkId, agent: AgentKey, resources: &Resources) {
        let Some(state) = self.agents.get_mut(&agent) else { return };
        let mut held = resources.clone();
        held.retain(|resource| resource.allocation_role.is_some());
        if held.is_empty() {
            return;
        }
        state.used.entry(framework.clone()).or_default().add_all(&held);
        state.used_sum.add_all(&held.non_shared().unallocate());
        for (role, part) in held.by_allocation() {
            let part = part.non_shared();
            self.roles.allocated(&role, framework, &part.to_quantities());
            self.quotas.allocated(&role, &part);
        }
        self.reckon(agent);
    }

    /// Resources that a framework held are free again: refused, or no longer used. With `refused_for`, the
    /// same or less of that agent is not granted to that framework in that role for so long (at least for
    /// [`allocation_interval`](crate::Config::allocation_interval), unless it is revived); without, it may be granted
    /// again at once. What the framework does not hold is ignored.
    pub fn recover_resources(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        agent: &AgentId,
        resources: &Resources,
        refused_for: Option<Duration>,
    ) {
        let Some(agent) = self.key(agent) else { return };
        self.release(framework, agent, resources);
        let Some(duration) = refused_for else { return };
        let until = now + duration.max(self.config.allocation_interval);
        for (role, part) in resources.by_allocation() {
            self.add_filter(&role, framework, agent, Filter { until, resources: part.unallocate() });
        }
    }

    /// An operation turned resources that a framework holds into others, such as unreserved into reserved:
    /// what it holds and what the agent has change alike. Returns whether the framework held them.
    pub fn update_allocation(
        &mut self,
        framework: &FrameworkId,
        agent: &AgentId,
        before: &Resources,
        after: &Resources,
    ) -> bool {
        let Some(key) = self.key(agent) else { return false };
        let Some(state) = self.agents.get(&key) else { return false };
        if !state.used.get(framework).is_some_and(|used| used.contains(before)) {
            return false;
        }
        let total = state.info.total.clone() - &before.clone().unallocate() + &after.clone().unallocate();
        self.release(framework, key, before);
        self.update_agent_total(agent, total);
        self.hold(framework, key, after);
        true
    }

    pub(super) fn release(&mut self, framework: &FrameworkId, agent: AgentKey, resources: &Resources) {
        let Some(state) = self.agents.get_mut(&agent) else { return };
        let Some(used) = state.used.get_mut(framework) else { return };
        // Never free what is not held, whatever we are told.
        let held = if used.contains(resources) {
            resources.clone()
        } else {
            resources.filter(|resource| used.contains_one(resource))
        };
        used.subtract_all(&held);
        if used.is_empty() {
            state.used.remove(framework);
        }
        state.used_sum.subtract_all(&held.non_shared().unallocate());
        for (role, part) in held.by_allocation() {
            let part = part.non_shared();
            self.roles.unallocated(&role, framework, &part.to_quantities());
            self.quotas.unallocated(&role, &part);
            if self.quotas.has_limits(&role) {
                // There is room below the limit again, on every agent.
                for (role, framework) in self.roles.eligible_within(&role.top()) {
                    self.pending.clients.insert(role, framework);
                }
            }
        }
        self.touch(agent);
    }

    fn add_filter(&mut self, role: &Role, framework: &FrameworkId, agent: AgentKey, filter: Filter) {
        let Some(client) = self.roles.client_mut(role, framework) else { return };
        if !client.subscribed {
            return;
        }
        let filters = client.filters.entry(agent).or_default();
        if filters
            .iter()
            .any(|known| known.until >= filter.until && known.resources.contains(&filter.resources))
        {
            return;
        }
        let key = |until| (until, role.clone(), framework.clone(), agent);
        for known in &*filters {
            self.expiries.remove(&key(known.until));
        }
        filters.retain(|known| known.until > filter.until || !filter.resources.contains(&known.resources));
        if filters.len() >= MAX_FILTERS
            && let Some(first) = (0..filters.len()).min_by_key(|index| filters[*index].until)
        {
            filters.swap_remove(first);
        }
        filters.push(filter);
        self.expiries.extend(filters.iter().map(|known| key(known.until)));
    }

    pub(super) fn clear_filters(&mut self, role: &Role, framework: &FrameworkId) {
        let Some(client) = self.roles.client_mut(role, framework) else { return };
        for (agent, filters) in std::mem::take(&mut client.filters) {
            for filter in filters {
                self.expiries.remove(&(filter.until, role.clone(), framework.clone(), agent));
            }
        }
    }

    /// When the next refusal ends.
    pub fn poll_timeout(&self) -> Option<Tick> {
        self.expiries.first().map(|(until, ..)| *until)
    }

    /// Ends the refusals whose time is up. Call [`Self::allocate`] afterwards (which also does this).
    pub fn handle_timeout(&mut self, now: Tick) {
        while self.expiries.first().is_some_and(|(until, ..)| *until <= now) {
            let Some((_, role, framework, agent)) = self.expiries.pop_first() else { return };
            let Some(client) = self.roles.client_mut(&role, &framework) else { continue };
            if let Some(filters) = client.filters.get_mut(&agent) {
                filters.retain(|filter| filter.until > now);
                if filters.is_empty() {
                    client.filters.remove(&agent);
                }
                self.pending.pairs.entry(agent).or_default().insert(role, framework);
            }
        }
    }
}
