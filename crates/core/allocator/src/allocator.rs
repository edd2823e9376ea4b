//! The books: what there is, who has it, who wants more, and what has changed since the last allocation.

mod frameworks;
mod holdings;
mod pass;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tepui_core_kit::{Chance, Seed};
use tepui_model::{
    AgentCapabilities, AgentId, FaultDomain, FrameworkCapabilities, FrameworkId, ResourceQuantities,
    Resources, Role, Tick,
};

use crate::{
    config::Config,
    quota::{Quota, Quotas},
    roles::{Measure, RoleTree},
};

/// Refusals kept for one framework, role and agent; the one that ends first makes room.
const MAX_FILTERS: usize = 32;

/// What the allocator needs to know of a framework.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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

/// An agent as the allocator knows it inside, numbered as it came: comparing ids is most of the work where
/// there are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct AgentKey(u64);

#[derive(Debug, Serialize, Deserialize)]
struct AgentState {
    id: AgentId,
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
#[derive(Debug, Default, Serialize, Deserialize)]
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
#[derive(Debug, Default, Serialize, Deserialize)]
struct Pending {
    /// Agents of which something became free: to be considered for everybody.
    agents: BTreeSet<AgentKey>,
    /// Who wants more than before: to be considered for whatever is free.
    clients: Clients,
    /// Whose refusal of an agent ended: to be considered for that agent.
    pairs: BTreeMap<AgentKey, Clients>,
}

/// Decides who is granted what. See the [crate's documentation](crate).
///
/// Ids that are not known are ignored: what the master says about something that is gone is no news.
#[derive(Debug, Serialize, Deserialize)]
pub struct Allocator {
    config: Config,
    chance: Chance,
    frameworks: BTreeMap<FrameworkId, Framework>,
    keys: BTreeMap<AgentId, AgentKey>,
    next_key: u64,
    agents: BTreeMap<AgentKey, AgentState>,
    with_free: BTreeSet<AgentKey>,
    roles: RoleTree,
    quotas: Quotas,
    whitelist: Option<BTreeSet<String>>,
    total: ResourceQuantities,
    expiries: BTreeSet<(Tick, Role, FrameworkId, AgentKey)>,
    pending: Pending,
}

impl Allocator {
    /// An allocator that knows nobody. The order in which agents are granted comes from `seed`.
    pub fn new(config: Config, seed: Seed) -> Self {
        Self {
            config,
            chance: Chance::new(seed),
            frameworks: BTreeMap::new(),
            keys: BTreeMap::new(),
            next_key: 0,
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

    // ---- agents ----

    /// An agent came, with what frameworks already hold there (each resource with the role it is allocated
    /// to). An agent that is known is replaced.
    pub fn add_agent(&mut self, id: AgentId, agent: Agent, used: &BTreeMap<FrameworkId, Resources>) {
        self.remove_agent(&id);
        self.total.add(&agent.total.to_quantities());
        self.quotas.agent_added(&agent.total);
        let has_gpus = agent.total.gpus().is_some();
        let key = AgentKey(self.next_key);
        self.next_key += 1;
        let state = AgentState {
            id: id.clone(),
            info: agent,
            has_gpus,
            used: BTreeMap::new(),
            used_sum: Resources::new(),
            free: Resources::new(),
        };
        self.agents.insert(key, state);
        self.keys.insert(id, key);
        for (framework, resources) in used {
            self.hold(framework, key, resources);
        }
        self.touch(key);
    }

    /// What an agent has changed. If it is less than what is held there, nothing is free until enough of that
    /// is recovered.
    pub fn update_agent_total(&mut self, id: &AgentId, total: Resources) {
        let Some(key) = self.key(id) else { return };
        let Some(state) = self.agents.get_mut(&key) else { return };
        self.total.subtract(&state.info.total.to_quantities());
        self.total.add(&total.to_quantities());
        self.quotas.agent_removed(&state.info.total);
        self.quotas.agent_added(&total);
        state.has_gpus = total.gpus().is_some();
        state.info.total = total;
        self.touch(key);
        self.reservations_changed();
    }

    /// What an agent can deal with, or where it is, changed.
    pub fn update_agent(
        &mut self,
        id: &AgentId,
        capabilities: AgentCapabilities,
        domain: Option<FaultDomain>,
    ) {
        if let Some((key, state)) = self.agent_mut(id) {
            state.info.capabilities = capabilities;
            state.info.domain = domain;
            self.touch(key);
        }
    }

    /// An agent went. What frameworks hold there is gone with it: recovering that later does nothing.
    pub fn remove_agent(&mut self, id: &AgentId) {
        let Some(key) = self.keys.remove(id) else { return };
        let Some(state) = self.agents.get(&key) else { return };
        let holding: Vec<(FrameworkId, Resources)> =
            state.used.iter().map(|(framework, resources)| (framework.clone(), resources.clone())).collect();
        for (framework, resources) in holding {
            self.release(&framework, key, &resources);
        }
        if let Some(state) = self.agents.remove(&key) {
            self.total.subtract(&state.info.total.to_quantities());
            self.quotas.agent_removed(&state.info.total);
        }
        self.reservations_changed();
        self.with_free.remove(&key);
        self.pending.agents.remove(&key);
        self.pending.pairs.remove(&key);
        for (role, framework, client) in self.roles.clients_mut() {
            for filter in client.filters.remove(&key).unwrap_or_default() {
                self.expiries.remove(&(filter.until, role.clone(), framework.clone(), key));
            }
        }
    }

    /// An agent's resources may be granted again.
    pub fn activate_agent(&mut self, id: &AgentId) {
        if let Some((key, state)) = self.agent_mut(id) {
            state.info.active = true;
            self.touch(key);
        }
    }

    /// An agent's resources may not be granted for now.
    pub fn deactivate_agent(&mut self, id: &AgentId) {
        if let Some((_, state)) = self.agent_mut(id) {
            state.info.active = false;
        }
    }

    /// Only agents with these host names are granted; all, if there is no list.
    pub fn set_whitelist(&mut self, whitelist: Option<BTreeSet<String>>) {
        self.whitelist = whitelist;
        self.touch_all();
    }

    fn key(&self, id: &AgentId) -> Option<AgentKey> {
        self.keys.get(id).copied()
    }

    fn agent(&self, id: &AgentId) -> Option<&AgentState> {
        self.agents.get(&self.key(id)?)
    }

    fn agent_mut(&mut self, id: &AgentId) -> Option<(AgentKey, &mut AgentState)> {
        let key = self.key(id)?;
        Some((key, self.agents.get_mut(&key)?))
    }

    /// Works out what is free on an agent.
    fn reckon(&mut self, agent: AgentKey) {
        let Some(state) = self.agents.get_mut(&agent) else { return };
        state.free = state.info.total.non_shared() - &state.used_sum;
        if state.free.is_empty() {
            self.with_free.remove(&agent);
        } else {
            self.with_free.insert(agent);
        }
    }

    /// Works out what is free on an agent, and has it considered for everybody.
    fn touch(&mut self, agent: AgentKey) {
        self.reckon(agent);
        self.pending.agents.insert(agent);
    }

    /// Reservations count towards quota: where they change, so may the room below limits, on every agent.
    fn reservations_changed(&mut self) {
        if self.quotas.any_limit() {
            self.touch_all();
        }
    }

    fn touch_all(&mut self) {
        self.pending.agents.extend(&self.with_free);
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

    /// What an agent has.
    pub fn agent_total(&self, agent: &AgentId) -> Option<&Resources> {
        self.agent(agent).map(|state| &state.info.total)
    }

    /// What frameworks hold on an agent.
    pub fn agent_used(&self, agent: &AgentId) -> Option<&BTreeMap<FrameworkId, Resources>> {
        self.agent(agent).map(|state| &state.used)
    }

    fn measure(&self) -> Measure<'_> {
        Measure { total: &self.total, excluded: &self.config.fair_sharing_excluded }
    }
}
