//! One allocation: who is granted what of that which has changed.

use std::collections::BTreeMap;

use tepui_model::{FrameworkId, Resource, ResourceQuantities, Resources, Role, Scalar, Tick, Value};

use super::{AgentKey, AgentState, Allocator, Clients, Framework, Grant};
use crate::{
    explain::{Explanation, Refusal},
    quota::{countable, is_countable},
    roles::{Client, Filter},
};

/// What a pass keeps in mind.
#[derive(Default)]
struct Pass {
    grants: BTreeMap<(FrameworkId, Role, AgentKey), Resources>,
    /// Who wants more than before.
    hungry: Clients,
    /// Free and unreserved on all agents that may be granted; only reckoned where there are guarantees.
    headroom: Option<ResourceQuantities>,
    /// Who comes first, until somebody is granted something.
    role_order: Option<Vec<Role>>,
    framework_orders: BTreeMap<Role, Vec<FrameworkId>>,
    hungry_orders: BTreeMap<Role, Vec<FrameworkId>>,
}

/// What of an agent is being given out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// To roles that have less than their guarantee, up to that.
    Guarantees,
    /// To everybody, but for what is owed to the former.
    FairShare,
}

/// An agent to be looked at.
struct Candidate {
    agent: AgentKey,
    whom: Whom,
}

/// For whom an agent is looked at.
enum Whom {
    Everybody,
    /// Those who want more than before.
    Hungry,
    /// These, and those who want more than before.
    These(Clients),
}

impl Allocator {
    /// Whether anything changed that an allocation would look at.
    pub fn needs_allocation(&self) -> bool {
        !(self.pending.agents.is_empty() && self.pending.clients.is_empty() && self.pending.pairs.is_empty())
    }

    /// Grants what can be granted of that which has changed since the last time. What is granted counts as
    /// held by the framework, until it is recovered.
    ///
    /// At most one grant per framework, role and agent; grants of one agent under different roles come apart,
    /// because an offer has one role.
    pub fn allocate(&mut self, now: Tick) -> Vec<Grant> {
        self.handle_timeout(now);
        let mut pass = Pass::default();
        let candidates = self.take_candidates(&mut pass);
        if self.quotas.any_guarantee() {
            pass.headroom = Some(self.headroom());
            for candidate in &candidates {
                self.allocate_agent(now, candidate, Stage::Guarantees, &mut pass);
            }
        }
        for candidate in &candidates {
            self.allocate_agent(now, candidate, Stage::FairShare, &mut pass);
        }
        pass.grants
            .into_iter()
            .filter_map(|((framework, role, agent), resources)| {
                let agent = self.agents.get(&agent)?.id.clone();
                Some(Grant { framework, role, agent, resources })
            })
            .collect()
    }

    /// Why a framework is granted nothing (more), for each of its roles, as things stand now.
    pub fn explain(&self, framework: &FrameworkId) -> Vec<Explanation> {
        let Some(info) = self.frameworks.get(framework) else { return Vec::new() };
        let mut pass = Pass::default();
        if self.quotas.any_guarantee() {
            pass.headroom = Some(self.headroom());
        }
        info.roles
            .iter()
            .filter_map(|role| Some((role, self.roles.client(role, framework)?)))
            .map(|(role, client)| {
                let mut explanation = Explanation {
                    role: role.clone(),
                    reasons: Vec::new(),
                    pending: 0,
                    last_grant: client.last_grant,
                };
                if !info.active {
                    explanation.reasons.push((Refusal::FrameworkInactive, 0));
                } else if client.suppressed {
                    explanation.reasons.push((Refusal::Suppressed, 0));
                } else if self.agents.is_empty() {
                    explanation.reasons.push((Refusal::NoAgents, 0));
                } else {
                    for (key, agent) in &self.agents {
                        match self.grantable(info, client, role, *key, agent, Stage::FairShare, &pass) {
                            Ok(_) => explanation.pending += 1,
                            Err(refusal) => explanation.count(refusal),
                        }
                    }
                }
                explanation
            })
            .collect()
    }

    /// What must be looked at, in a random order.
    fn take_candidates(&mut self, pass: &mut Pass) -> Vec<Candidate> {
        let mut pending = std::mem::take(&mut self.pending);
        if self.quotas.any_guarantee() {
            // What one role may have depends on what all others are owed and on what is free elsewhere.
            pending.agents.extend(&self.with_free);
        }
        pass.hungry = pending.clients;
        let mut candidates: Vec<Candidate> = Vec::new();
        if !pass.hungry.is_empty() {
            for agent in self.with_free.difference(&pending.agents).copied() {
                let whom = pending.pairs.remove(&agent).map_or(Whom::Hungry, Whom::These);
                candidates.push(Candidate { agent, whom });
            }
        }
        for agent in pending.agents {
            pending.pairs.remove(&agent);
            if self.with_free.contains(&agent) {
                candidates.push(Candidate { agent, whom: Whom::Everybody });
            }
        }
        for (agent, clients) in pending.pairs {
            if self.with_free.contains(&agent) {
                candidates.push(Candidate { agent, whom: Whom::These(clients) });
            }
        }
        // Fisher and Yates.
        for last in (1..candidates.len()).rev() {
            let bound = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
            let other = usize::try_from(self.chance.below(bound)).unwrap_or(last);
            candidates.swap(last, other);
        }
        candidates
    }

    fn allocate_agent(&mut self, now: Tick, candidate: &Candidate, stage: Stage, pass: &mut Pass) {
        // The order of roles does not change within one agent: mostly the first takes it all.
        let roles = pass.role_order.take().unwrap_or_else(|| self.roles.role_order(self.measure()));
        let mut granted = false;
        'roles: for role in &roles {
            if stage == Stage::Guarantees && self.quotas.owed(role).is_empty() {
                continue;
            }
            let order = self.frameworks_for(candidate, role, pass);
            let mut order_holds = true;
            for framework in &order {
                let Some(resources) = self.grantable_now(framework, role, candidate.agent, stage, pass)
                else {
                    continue;
                };
                self.grant(now, framework, role, candidate.agent, resources, pass);
                granted = true;
                order_holds = false;
                if self.agents.get(&candidate.agent).is_none_or(|agent| agent.free.is_empty()) {
                    break;
                }
            }
            if order_holds {
                match candidate.whom {
                    Whom::Everybody => pass.framework_orders.insert(role.clone(), order),
                    Whom::Hungry => pass.hungry_orders.insert(role.clone(), order),
                    Whom::These(_) => None,
                };
            } else {
                pass.framework_orders.remove(role);
                pass.hungry_orders.remove(role);
                if self.agents.get(&candidate.agent).is_none_or(|agent| agent.free.is_empty()) {
                    break 'roles;
                }
            }
        }
        if !granted {
            pass.role_order = Some(roles);
        }
    }

    /// The frameworks of a role that an agent is to be looked at for, in order. Takes the order out of the
    /// pass; who does not change it puts it back.
    fn frameworks_for(&self, candidate: &Candidate, role: &Role, pass: &mut Pass) -> Vec<FrameworkId> {
        let order =
            |wanted: &dyn Fn(&FrameworkId) -> bool| self.roles.framework_order(role, self.measure(), wanted);
        let hungry = &pass.hungry;
        match &candidate.whom {
            Whom::Everybody => pass.framework_orders.remove(role).unwrap_or_else(|| order(&|_| true)),
            Whom::Hungry => pass
                .hungry_orders
                .remove(role)
                .unwrap_or_else(|| order(&|framework| hungry.contains(role, framework))),
            Whom::These(these) => {
                order(&|framework| these.contains(role, framework) || hungry.contains(role, framework))
            }
        }
    }

    fn grantable_now(
        &self,
        framework: &FrameworkId,
        role: &Role,
        agent: AgentKey,
        stage: Stage,
        pass: &Pass,
    ) -> Option<Resources> {
        let info = self.frameworks.get(framework)?;
        let client = self.roles.client(role, framework)?;
        let state = self.agents.get(&agent)?;
        self.grantable(info, client, role, agent, state, stage, pass).ok()
    }

    fn grant(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        role: &Role,
        agent: AgentKey,
        resources: Resources,
        pass: &mut Pass,
    ) {
        if let Some(headroom) = &mut pass.headroom {
            headroom.subtract(&countable(&resources));
        }
        let resources = resources.allocate(role);
        self.hold(framework, agent, &resources);
        if let Some(client) = self.roles.client_mut(role, framework) {
            client.last_grant = Some(now);
        }
        pass.grants.entry((framework.clone(), role.clone(), agent)).or_default().add_all(&resources);
    }

    /// What of an agent's free resources a framework may be granted in a role, or why nothing.
    #[expect(clippy::too_many_arguments, reason = "both callers have looked everything up already")]
    fn grantable(
        &self,
        framework: &Framework,
        client: &Client,
        role: &Role,
        agent_key: AgentKey,
        agent: &AgentState,
        stage: Stage,
        pass: &Pass,
    ) -> Result<Resources, Refusal> {
        self.check_pair(framework, role, agent)?;
        if agent.free.is_empty() {
            return Err(Refusal::NothingFree);
        }
        let filters = client.filters.get(&agent_key).map(Vec::as_slice).unwrap_or_default();
        // If all that is free was refused, so was every part of it: the common case, and the cheapest.
        hidden(filters, &agent.free)?;
        let reserved_for_others = |resource: &Resource| !resource.is_allocatable_to(role);
        if agent.free.iter().all(reserved_for_others) {
            return Err(Refusal::ReservedForOthers);
        }
        let resources = agent
            .free
            .filter(|resource| !reserved_for_others(resource) && can_deal_with(framework, resource));
        if resources.is_empty() {
            return Err(Refusal::FrameworkCapability);
        }
        let resources = self.within_quota(role, resources, stage, pass)?;
        if !self.worth_offering(framework, role, &resources) {
            return Err(Refusal::BelowMinimum);
        }
        hidden(filters, &resources)?;
        Ok(self.with_shared(framework, role, agent, resources))
    }

    /// What depends only on who they are.
    fn check_pair(&self, framework: &Framework, role: &Role, agent: &AgentState) -> Result<(), Refusal> {
        if !self.is_open(agent) {
            return Err(Refusal::AgentInactive);
        }
        let needs_multi_role = framework.capabilities.multi_role && !agent.info.capabilities.multi_role;
        let needs_hierarchy = role.is_nested() && !agent.info.capabilities.hierarchical_role;
        if needs_multi_role || needs_hierarchy {
            return Err(Refusal::AgentCapability);
        }
        if self.config.filter_gpu_resources && agent.has_gpus && !framework.capabilities.gpu_resources {
            return Err(Refusal::GpuAgent);
        }
        let remote = match (&self.config.domain, &agent.info.domain) {
            (Some(ours), Some(theirs)) => ours.region != theirs.region,
            _ => false,
        };
        if remote && !framework.capabilities.region_aware {
            return Err(Refusal::RemoteRegion);
        }
        Ok(())
    }

    fn is_open(&self, agent: &AgentState) -> bool {
        agent.info.active
            && self.whitelist.as_ref().is_none_or(|whitelist| whitelist.contains(&agent.info.hostname))
    }

    /// Cuts the unreserved amounts down to what the quotas leave to this role.
    ///
    /// Reserved and revocable resources and those that are not countable come first, then the countable ones:
    /// the order that clients know from offers.
    fn within_quota(
        &self,
        role: &Role,
        mut resources: Resources,
        stage: Stage,
        pass: &Pass,
    ) -> Result<Resources, Refusal> {
        let quota = self.quotas.of(role);
        if quota.is_none() && pass.headroom.is_none() {
            resources.move_last(is_countable);
            return Ok(resources);
        }
        let countable = resources.filter(is_countable);
        let mut granted = resources;
        granted.retain(|resource| !is_countable(resource));
        let (consumed, owed) = (self.quotas.consumed(role), self.quotas.owed(role));
        let owed_to_all = self.quotas.owed_to_all();
        if stage == Stage::Guarantees
            && !countable.iter().any(|resource| owed.get(resource.name.as_str()) > Scalar::ZERO)
        {
            return Err(Refusal::HeldForGuarantees);
        }
        let mut why = None;
        for resource in countable.iter() {
            let (name, Some(free)) = (resource.name.as_str(), resource.as_scalar()) else { continue };
            let mut amount = free;
            if let Some(limit) = quota.and_then(|quota| quota.limits.get(name)) {
                amount = amount.min((limit - consumed.get(name)).or_zero());
                if amount.is_zero() {
                    why = why.max(Some(Refusal::OverLimit));
                }
            }
            let guaranteed = quota.is_some_and(|quota| !quota.guarantees.get(name).is_zero());
            if stage == Stage::Guarantees && guaranteed {
                amount = amount.min(owed.get(name));
            } else if let Some(headroom) = &pass.headroom {
                let spare = (headroom.get(name) - owed_to_all.get(name)).or_zero();
                if spare.is_zero() && !amount.is_zero() {
                    why = why.max(Some(Refusal::HeldForGuarantees));
                }
                amount = amount.min(spare);
            }
            granted.add_one(Resource { value: Value::Scalar(amount), ..resource.clone() });
        }
        if granted.is_empty() {
            return Err(why.unwrap_or(Refusal::NothingFree));
        }
        match why {
            // What is left may be too little because of the quota: then that is the reason to give.
            Some(why) if !self.is_allocatable(&self.config.min_allocatable, &granted.to_quantities()) => {
                Err(why)
            }
            _ => Ok(granted),
        }
    }

    fn worth_offering(&self, framework: &Framework, role: &Role, resources: &Resources) -> bool {
        let least = framework.min_allocatable.get(role).unwrap_or(&self.config.min_allocatable);
        self.is_allocatable(least, &resources.to_quantities())
    }

    #[expect(clippy::unused_self, reason = "reads better beside its siblings")]
    fn is_allocatable(&self, least: &[ResourceQuantities], quantities: &ResourceQuantities) -> bool {
        least.is_empty() || least.iter().any(|least| quantities.contains(least))
    }

    /// Shared resources go along with others; they are never used up, and never worth an offer alone.
    fn with_shared(
        &self,
        framework: &Framework,
        role: &Role,
        agent: &AgentState,
        mut resources: Resources,
    ) -> Resources {
        for resource in agent.info.total.iter().filter(|resource| resource.shared) {
            if resource.is_allocatable_to(role) && can_deal_with(framework, resource) {
                resources.add_one(resource.clone());
            }
        }
        resources
    }

    /// What is free and unreserved on all agents that may be granted.
    fn headroom(&self) -> ResourceQuantities {
        let mut sum = ResourceQuantities::new();
        for agent in self.with_free.iter().filter_map(|id| self.agents.get(id)) {
            if self.is_open(agent) {
                sum.add(&countable(&agent.free));
            }
        }
        sum
    }
}

/// Whether a refusal hides these resources: one of as much or more.
fn hidden(filters: &[Filter], resources: &Resources) -> Result<(), Refusal> {
    let until =
        filters.iter().filter(|filter| filter.resources.contains(resources)).map(|filter| filter.until).max();
    until.map_or(Ok(()), |until| Err(Refusal::Filtered { until }))
}

/// Whether a framework knows this sort of resource.
fn can_deal_with(framework: &Framework, resource: &Resource) -> bool {
    let capabilities = &framework.capabilities;
    (!resource.shared || capabilities.shared_resources)
        && (!resource.revocable || capabilities.revocable_resources)
        && (!resource.has_refined_reservations() || capabilities.reservation_refinement)
}
