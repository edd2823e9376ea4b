//! The books: what there is, who has it, who wants more, and what has changed since the last allocation.

mod pass;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};
use tepui_model::{
    AgentCapabilities, AgentId, FaultDomain, FrameworkCapabilities, FrameworkId, ResourceQuantities,
    Resources, Role, Tick,
};

use crate::{
    config::Config,
    quota::{Quota, Quotas},
    roles::{Filter, Measure, RoleTree},
};

/// Refusals kept for one framework, role and agent; the one that ends first makes room.
const MAX_FILTERS: usize = 32;

/// What the allocator needs to know of a framework.
#[derive(Clone, Debug, Default)]
pub struct Framework {
    /// The roles in which it wants offers.
    pub roles: BTreeSet<Role>,
    /// Those of them in which it wants none for now.
    pub suppressed_roles: BTreeSet<Role>,
    /// What it can deal with.
    pub capabilities: FrameworkCapabilities,
    /// Whether it is connected and may be granted anything.
    pub active: bool,
    /// What it thinks worth an offer, by role, instead of the operator's
    /// [`min_allocatable`](Config::min_allocatable).
    pub min_allocatable: BTreeMap<Role, Vec<ResourceQuantities>>,
}

/// What the allocator needs to know of an agent.
#[derive(Clone, Debug, Default)]
pub struct Agent {
    /// Everything that it has.
    pub total: Resources,
    /// What it can deal with.
    pub capabilities: AgentCapabilities,
    /// Where it is.
    pub domain: Option<FaultDomain>,
    /// The name by which the whitelist knows it.
    pub hostname: String,
    /// Whether its resources may be granted.
    pub active: bool,
}

/// Resources of one agent for one framework under one role; `resources` are allocated to that role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who gets them.
    pub framework: FrameworkId,
    /// Under which role.
    pub role: Role,
    /// Whose they are.
    pub agent: AgentId,
    /// What it is; each resource carries the role as its allocation.
    pub resources: Resources,
}

#[derive(Debug)]
struct AgentState {
    info: Agent,
    has_gpus: bool,
    /// What each framework holds here, on offer or in use, with the roles it holds it under.
    used: BTreeMap<FrameworkId, Resources>,
    /// The sum of `used` without shared resources, allocated to nobody.
    used_sum: Resources,
    /// The total without `used_sum`; no shared resources.
    free: Resources,
}

/// Frameworks in some of their roles.
#[derive(Debug, Default)]
struct Clients(BTreeMap<Role, BTreeSet<FrameworkId>>);

impl Clients {
    fn insert(&mut self, role: Role, framework: FrameworkId) {
        self.0.entry(role).or_default().insert(framework);
    }

    fn remove(&mut self, role: &Role, framework: &FrameworkId) {
        if let Some(frameworks) = self.0.get_mut(role) {
            frameworks.remove(framework);
            if frameworks.is_empty() {
                self.0.remove(role);
            }
        }
    }

    fn contains(&self, role: &Role, framework: &FrameworkId) -> bool {
        self.0.get(role).is_some_and(|frameworks| frameworks.contains(framework))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What has changed since the last allocation.
#[derive(Debug, Default)]
struct Pending {
    /// Agents of which something became free: to be considered for everybody.
    agents: BTreeSet<AgentId>,
    /// Who wants more than before: to be considered for whatever is free.
    clients: Clients,
    /// Whose refusal of an agent ended: to be considered for that agent.
    pairs: BTreeMap<AgentId, Clients>,
}

/// Decides who is granted what. See the [crate's documentation](crate).
///
/// Ids that are not known are ignored: what the master says about something that is gone is no news.
#[derive(Debug)]
pub struct Allocator {
    config: Config,
    chance: ChaCha8Rng,
    frameworks: BTreeMap<FrameworkId, Framework>,
    agents: BTreeMap<AgentId, AgentState>,
    with_free: BTreeSet<AgentId>,
    roles: RoleTree,
    quotas: Quotas,
    whitelist: Option<BTreeSet<String>>,
    total: ResourceQuantities,
    expiries: BTreeSet<(Tick, Role, FrameworkId, AgentId)>,
    pending: Pending,
}

impl Allocator {
    /// An allocator that knows nobody. The order in which agents are granted comes from `seed`.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            chance: ChaCha8Rng::seed_from_u64(seed),
            frameworks: BTreeMap::new(),
            agents: BTreeMap::new(),
            with_free: BTreeSet::new(),
            roles: RoleTree::default(),
            quotas: Quotas::default(),
            whitelist: None,
            total: ResourceQuantities::new(),
            expiries: BTreeSet::new(),
            pending: Pending::default(),
        }
    }

    // ---- frameworks ----

    /// A framework came, perhaps holding resources of agents that are known already (after a failover of the
    /// master). What it holds of agents that are not is told with [`Self::add_agent`].
    pub fn add_framework(
        &mut self,
        id: FrameworkId,
        framework: Framework,
        used: &BTreeMap<AgentId, Resources>,
    ) {
        self.update_framework(&id, framework);
        for (agent, resources) in used {
            self.allocated(&id, agent, resources);
        }
    }

    /// A framework changed: its roles, what it suppresses, its capabilities. What it refused in roles that it
    /// keeps stays refused; it is considered anew for everything else.
    pub fn update_framework(&mut self, id: &FrameworkId, framework: Framework) {
        let left: Vec<Role> = match self.frameworks.get(id) {
            Some(known) => known.roles.difference(&framework.roles).cloned().collect(),
            None => Vec::new(),
        };
        for role in left {
            self.leave_role(&role, id);
        }
        for role in &framework.roles {
            let client = self.roles.ensure_client(role, id);
            client.subscribed = true;
            client.suppressed = framework.suppressed_roles.contains(role);
        }
        self.frameworks.insert(id.clone(), framework);
        self.refresh(id);
    }

    /// A framework went for good. What it still holds is recovered.
    pub fn remove_framework(&mut self, id: &FrameworkId) {
        let Some(framework) = self.frameworks.remove(id) else { return };
        for role in &framework.roles {
            self.leave_role(role, id);
        }
        let holding: Vec<(AgentId, Resources)> = self
            .agents
            .iter()
            .filter_map(|(agent, state)| Some((agent.clone(), state.used.get(id)?.clone())))
            .collect();
        for (agent, resources) in holding {
            self.release(id, &agent, &resources);
        }
    }

    /// A framework may be granted resources again.
    pub fn activate_framework(&mut self, id: &FrameworkId) {
        if let Some(framework) = self.frameworks.get_mut(id) {
            framework.active = true;
            self.refresh(id);
        }
    }

    /// A framework may be granted nothing for now; what it refused is forgotten. It keeps what it holds until
    /// that is recovered.
    pub fn deactivate_framework(&mut self, id: &FrameworkId) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        framework.active = false;
        let roles: Vec<Role> = framework.roles.iter().cloned().collect();
        for role in &roles {
            self.clear_filters(role, id);
        }
        self.refresh(id);
    }

    /// A framework wants no offers in these roles; in any of its roles, if there are none given. Roles that
    /// it does not have are ignored.
    pub fn suppress(&mut self, id: &FrameworkId, roles: &BTreeSet<Role>) {
        for role in self.roles_meant(id, roles) {
            if let Some(client) = self.roles.client_mut(&role, id) {
                client.suppressed = true;
            }
            if let Some(framework) = self.frameworks.get_mut(id) {
                framework.suppressed_roles.insert(role);
            }
        }
        self.refresh(id);
    }

    /// A framework wants offers in these roles, also of what it refused; in all its roles, if there are none
    /// given. Roles that it does not have are ignored.
    pub fn revive(&mut self, id: &FrameworkId, roles: &BTreeSet<Role>) {
        for role in self.roles_meant(id, roles) {
            self.clear_filters(&role, id);
            if let Some(framework) = self.frameworks.get_mut(id) {
                framework.suppressed_roles.remove(&role);
            }
            if let Some(client) = self.roles.client_mut(&role, id) {
                client.suppressed = false;
                client.eligible = self.frameworks.get(id).is_some_and(|framework| framework.active);
                if client.eligible {
                    self.pending.clients.insert(role, id.clone());
                }
            }
        }
    }

    fn roles_meant(&self, id: &FrameworkId, roles: &BTreeSet<Role>) -> Vec<Role> {
        let Some(framework) = self.frameworks.get(id) else { return Vec::new() };
        framework.roles.iter().filter(|role| roles.is_empty() || roles.contains(*role)).cloned().collect()
    }

    /// Works out who wants offers, and has those that do considered.
    fn refresh(&mut self, id: &FrameworkId) {
        let Some(framework) = self.frameworks.get(id) else { return };
        for role in &framework.roles {
            if let Some(client) = self.roles.client_mut(role, id) {
                client.eligible = framework.active && client.subscribed && !client.suppressed;
                if client.eligible {
                    self.pending.clients.insert(role.clone(), id.clone());
                } else {
                    self.pending.clients.remove(role, id);
                }
            }
        }
    }

    fn leave_role(&mut self, role: &Role, id: &FrameworkId) {
        self.clear_filters(role, id);
        if let Some(client) = self.roles.client_mut(role, id) {
            client.subscribed = false;
            client.eligible = false;
        }
        self.pending.clients.remove(role, id);
        self.roles.forget_if_idle(role, id);
    }

    // ---- agents ----

    /// An agent came, with what frameworks already hold there (each resource with the role it is allocated
    /// to). An agent that is known is replaced.
    pub fn add_agent(&mut self, id: AgentId, agent: Agent, used: &BTreeMap<FrameworkId, Resources>) {
        self.remove_agent(&id);
        self.total.add(&agent.total.to_quantities());
        self.quotas.agent_added(&agent.total);
        let has_gpus = agent.total.gpus().is_some();
        let state = AgentState {
            info: agent,
            has_gpus,
            used: BTreeMap::new(),
            used_sum: Resources::new(),
            free: Resources::new(),
        };
        self.agents.insert(id.clone(), state);
        for (framework, resources) in used {
            self.allocated(framework, &id, resources);
        }
        self.touch(&id);
    }

    /// What an agent has changed. If it is less than what is held there, nothing is free until enough of that
    /// is recovered.
    pub fn update_agent_total(&mut self, id: &AgentId, total: Resources) {
        let Some(state) = self.agents.get_mut(id) else { return };
        self.total.subtract(&state.info.total.to_quantities());
        self.total.add(&total.to_quantities());
        self.quotas.agent_removed(&state.info.total);
        self.quotas.agent_added(&total);
        state.has_gpus = total.gpus().is_some();
        state.info.total = total;
        self.touch(id);
        self.reservations_changed();
    }

    /// What an agent can deal with, or where it is, changed.
    pub fn update_agent(
        &mut self,
        id: &AgentId,
        capabilities: AgentCapabilities,
        domain: Option<FaultDomain>,
    ) {
        if let Some(state) = self.agents.get_mut(id) {
            state.info.capabilities = capabilities;
            state.info.domain = domain;
            self.touch(id);
        }
    }

    /// An agent went. What frameworks hold there is gone with it: recovering that later does nothing.
    pub fn remove_agent(&mut self, id: &AgentId) {
        let Some(state) = self.agents.get(id) else { return };
        let holding: Vec<(FrameworkId, Resources)> =
            state.used.iter().map(|(framework, resources)| (framework.clone(), resources.clone())).collect();
        for (framework, resources) in holding {
            self.release(&framework, id, &resources);
        }
        if let Some(state) = self.agents.remove(id) {
            self.total.subtract(&state.info.total.to_quantities());
            self.quotas.agent_removed(&state.info.total);
        }
        self.reservations_changed();
        self.with_free.remove(id);
        self.pending.agents.remove(id);
        self.pending.pairs.remove(id);
        for (role, framework, client) in self.roles.clients_mut() {
            for filter in client.filters.remove(id).unwrap_or_default() {
                self.expiries.remove(&(filter.until, role.clone(), framework.clone(), id.clone()));
            }
        }
    }

    /// An agent's resources may be granted again.
    pub fn activate_agent(&mut self, id: &AgentId) {
        if let Some(state) = self.agents.get_mut(id) {
            state.info.active = true;
            self.touch(id);
        }
    }

    /// An agent's resources may not be granted for now.
    pub fn deactivate_agent(&mut self, id: &AgentId) {
        if let Some(state) = self.agents.get_mut(id) {
            state.info.active = false;
        }
    }

    /// Only agents with these host names are granted; all, if there is no list.
    pub fn set_whitelist(&mut self, whitelist: Option<BTreeSet<String>>) {
        self.whitelist = whitelist;
        self.touch_all();
    }

    /// Works out what is free on an agent.
    fn reckon(&mut self, id: &AgentId) {
        let Some(state) = self.agents.get_mut(id) else { return };
        state.free = state.info.total.non_shared() - &state.used_sum;
        if state.free.is_empty() {
            self.with_free.remove(id);
        } else if !self.with_free.contains(id) {
            self.with_free.insert(id.clone());
        }
    }

    /// Works out what is free on an agent, and has it considered for everybody.
    fn touch(&mut self, id: &AgentId) {
        self.reckon(id);
        if !self.pending.agents.contains(id) {
            self.pending.agents.insert(id.clone());
        }
    }

    /// Reservations count towards quota: where they change, so may the room below limits, on every agent.
    fn reservations_changed(&mut self) {
        if self.quotas.any_limit() {
            self.touch_all();
        }
    }

    fn touch_all(&mut self) {
        self.pending.agents.extend(self.with_free.iter().cloned());
    }

    // ---- resources ----

    /// A framework holds these resources (each with the role it is allocated to) beyond what it was granted:
    /// it was found to use them.
    pub fn allocated(&mut self, framework: &FrameworkId, agent: &AgentId, resources: &Resources) {
        let Some(state) = self.agents.get_mut(agent) else { return };
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
    /// [`allocation_interval`](Config::allocation_interval), unless it is revived); without, it may be granted
    /// again at once. What the framework does not hold is ignored.
    pub fn recover_resources(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        agent: &AgentId,
        resources: &Resources,
        refused_for: Option<Duration>,
    ) {
        self.release(framework, agent, resources);
        let Some(duration) = refused_for.filter(|_| self.agents.contains_key(agent)) else { return };
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
        let Some(state) = self.agents.get(agent) else { return false };
        if !state.used.get(framework).is_some_and(|used| used.contains(before)) {
            return false;
        }
        let total = state.info.total.clone() - &before.clone().unallocate() + &after.clone().unallocate();
        self.release(framework, agent, before);
        self.update_agent_total(agent, total);
        self.allocated(framework, agent, after);
        true
    }

    fn release(&mut self, framework: &FrameworkId, agent: &AgentId, resources: &Resources) {
        let Some(state) = self.agents.get_mut(agent) else { return };
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

    // ---- filters ----

    fn add_filter(&mut self, role: &Role, framework: &FrameworkId, agent: &AgentId, filter: Filter) {
        let Some(client) = self.roles.client_mut(role, framework) else { return };
        if !client.subscribed {
            return;
        }
        let filters = client.filters.entry(agent.clone()).or_default();
        if filters
            .iter()
            .any(|known| known.until >= filter.until && known.resources.contains(&filter.resources))
        {
            return;
        }
        let key = |until| (until, role.clone(), framework.clone(), agent.clone());
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

    fn clear_filters(&mut self, role: &Role, framework: &FrameworkId) {
        let Some(client) = self.roles.client_mut(role, framework) else { return };
        for (agent, filters) in std::mem::take(&mut client.filters) {
            for filter in filters {
                self.expiries.remove(&(filter.until, role.clone(), framework.clone(), agent.clone()));
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

    // ---- shares and quota ----

    /// Sets the weights of some roles: a role with weight 2 is entitled to twice as much as one with weight
    /// 1, which is the default. Weights that are not above zero are taken as 1.
    pub fn update_weights(&mut self, weights: &BTreeMap<Role, f64>) {
        for (role, weight) in weights {
            self.roles.set_weight(role.clone(), *weight);
        }
    }

    /// Sets what a top-level role is sure to get and never exceeds. What it has already is not taken away.
    pub fn set_quota(&mut self, role: Role, quota: Quota) {
        self.quotas.set(role, quota);
        self.touch_all();
    }

    /// Removes a quota.
    pub fn remove_quota(&mut self, role: &Role) {
        self.quotas.remove(role);
        self.touch_all();
    }

    // ---- getters ----

    /// What is free on an agent, shared resources aside.
    pub fn free(&self, agent: &AgentId) -> Option<&Resources> {
        self.agents.get(agent).map(|state| &state.free)
    }

    /// What an agent has.
    pub fn agent_total(&self, agent: &AgentId) -> Option<&Resources> {
        self.agents.get(agent).map(|state| &state.info.total)
    }

    /// What frameworks hold on an agent.
    pub fn agent_used(&self, agent: &AgentId) -> Option<&BTreeMap<FrameworkId, Resources>> {
        self.agents.get(agent).map(|state| &state.used)
    }

    /// What a role and all below it hold.
    pub fn role_allocation(&self, role: &Role) -> ResourceQuantities {
        self.roles.subtree_allocation(role)
    }

    /// What one framework holds under one role.
    pub fn framework_allocation(&self, framework: &FrameworkId, role: &Role) -> ResourceQuantities {
        self.roles.client_allocation(role, framework)
    }

    /// What counts towards a role's quota.
    pub fn quota_consumed(&self, role: &Role) -> ResourceQuantities {
        self.quotas.consumed(role)
    }

    /// What all agents have.
    pub fn total(&self) -> &ResourceQuantities {
        &self.total
    }

    /// How large a part a framework holds of what it holds most of, under one role.
    pub fn dominant_share(&self, framework: &FrameworkId, role: &Role) -> f64 {
        self.measure().dominant_share(&self.roles.client_allocation(role, framework))
    }

    fn measure(&self) -> Measure<'_> {
        Measure { total: &self.total, excluded: &self.config.fair_sharing_excluded }
    }
}
