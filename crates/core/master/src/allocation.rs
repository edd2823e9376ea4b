//! The master's side of the allocator: what is free becomes offers, what comes back becomes free. Must not live here: who
//! is offered what (`core/allocator`), and the book of offers (`books`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tepui_core_allocator::{self as allocator, Allocator, Grant};
use tepui_core_kit::Seed;
use tepui_model::{
    AgentCapabilities, AgentId, ExecutorId, FaultDomain, FrameworkCapabilities, FrameworkId, OfferId,
    ResourceName, ResourceQuantities, Resources, Role, Scalar,
};
use tepui_wire_mesos::convert::{self, Format};
use tepui_wire_mesos::v1::{
    self,
    agent_info::capability::Type as AgentCapability,
    framework_info::capability::Type as Capability,
    scheduler::{Event, event},
};

use crate::{
    Agent, Config, Framework, Master,
    books::Offer,
    master::Timer,
    schedulers::{send_event, typed},
};

/// How resources come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not refused: they may be offered to anybody at once.
    None,
    /// Declined for so long.
    Declined(Duration),
    /// Left over by an ACCEPT that used the rest. A scheduler that asks for no time gets them at once.
    Left(Duration),
}

pub(crate) fn new_allocator(config: &Config, seed: Seed) -> Allocator {
    let alternative = |quantities: &BTreeMap<String, f64>| -> ResourceQuantities {
        quantities.iter().map(|(name, amount)| (ResourceName::new(name), Scalar::from_f64(*amount))).collect()
    };
    let domain = config.info.domain.as_ref().and_then(fault_domain);
    let settings = allocator::Config {
        allocation_interval: config.allocation_interval,
        min_allocatable: config.min_allocatable_resources.0.iter().map(alternative).collect(),
        filter_gpu_resources: config.filter_gpu_resources,
        fair_sharing_excluded: BTreeSet::new(),
        domain,
    };
    let mut allocator = Allocator::new(settings, seed);
    let weights = config.weights.iter().map(|(role, weight)| (Role::new(role.as_str()), *weight)).collect();
    allocator.update_weights(&weights);
    allocator
}

/// Offers what has become free since the last time.
pub(crate) fn allocate(master: &mut Master) {
    if !master.allocator.needs_allocation() {
        return;
    }
    let mut offers: BTreeMap<FrameworkId, Vec<v1::Offer>> = BTreeMap::new();
    for grant in master.allocator.allocate(master.now) {
        if let Some(offer) = make(master, &grant) {
            offers.entry(grant.framework).or_default().push(offer);
        } else {
            master.allocator.recover_resources(
                master.now,
                &grant.framework,
                &grant.agent,
                &grant.resources,
                None,
            );
        }
    }
    for (framework, offers) in offers {
        let event = Event { offers: Some(event::Offers { offers }), ..typed(event::Type::Offers) };
        send_event(master, &framework, event);
    }
}

/// Turns a grant into an offer; nothing if the framework or the agent is not there, which the allocator is told
/// of in time.
fn make(master: &mut Master, grant: &Grant) -> Option<v1::Offer> {
    let books = &master.books;
    let agent = books.agents().get(&grant.agent).filter(|agent| books.is_active(agent))?;
    let framework = books.frameworks().get(&grant.framework).filter(|framework| framework.is_connected())?;
    let id = master.ids.offer();
    let wire = to_wire(&id, framework, agent, grant);
    if let Some(timeout) = master.config.offer_timeout {
        master.timers.set(Timer::Offer(id.clone()), master.now + timeout);
    }
    master.books.add_offer(Offer {
        id,
        framework_id: grant.framework.clone(),
        agent_id: grant.agent.clone(),
        role: grant.role.clone(),
        resources: grant.resources.clone(),
        wire: Arc::new(wire.clone()),
    });
    Some(wire)
}

fn to_wire(id: &OfferId, framework: &Framework, agent: &Agent, grant: &Grant) -> v1::Offer {
    let format = if framework.has(Capability::ReservationRefinement) { Format::Refined } else { Format::Old };
    let from = (agent.id.clone(), ExecutorId::new(""));
    let executors = framework.executors.range(from..).take_while(|((on, _), _)| *on == agent.id);
    let address = v1::Address {
        hostname: Some(agent.info.hostname.clone()),
        ip: Some(agent.pid.address.ip().to_string()),
        port: i32::from(agent.pid.address.port()),
    };
    v1::Offer {
        id: v1::OfferId { value: id.as_str().to_owned() },
        framework_id: framework.wire_id(),
        agent_id: agent.wire_id(),
        hostname: agent.info.hostname.clone(),
        url: Some(v1::Url {
            scheme: "http".to_owned(),
            address,
            path: Some(format!("/{}", agent.pid.id)),
            ..v1::Url::default()
        }),
        domain: agent.info.domain.clone(),
        resources: convert::to_wire(&grant.resources, format),
        attributes: agent.info.attributes.clone(),
        executor_ids: executors.map(|(_, executor)| executor.info.executor_id.clone()).collect(),
        unavailability: None,
        allocation_info: Some(v1::resource::AllocationInfo { role: Some(grant.role.as_str().to_owned()) }),
    }
}

/// Takes an offer out of all books but the allocator's.
pub(crate) fn remove(master: &mut Master, id: &str) -> Option<Offer> {
    let offer = master.books.remove_offer(id)?;
    master.timers.cancel(&Timer::Offer(offer.id.clone()));
    Some(offer)
}

/// Gives resources back to the allocator.
pub(crate) fn recover(
    master: &mut Master,
    framework: &FrameworkId,
    agent: &AgentId,
    resources: &Resources,
    refusal: Refusal,
) {
    let refused_for = match refusal {
        Refusal::None => None,
        Refusal::Left(time) if time.is_zero() => None,
        Refusal::Declined(time) | Refusal::Left(time) => Some(time),
    };
    master.allocator.recover_resources(master.now, framework, agent, resources, refused_for);
}

pub(crate) fn revive(master: &mut Master, id: &FrameworkId, roles: &[Role]) {
    master.allocator.revive(id, &roles.iter().cloned().collect());
}

pub(crate) fn suppress(master: &mut Master, id: &FrameworkId, roles: &[Role]) {
    master.allocator.suppress(id, &roles.iter().cloned().collect());
}

/// A framework is new; it gets offers once it is activated.
pub(crate) fn framework_added(master: &mut Master, id: &FrameworkId) {
    if let Some(framework) = master.books.frameworks().get(id) {
        master.allocator.add_framework(id.clone(), for_allocator(framework), &BTreeMap::new());
    }
}

/// A framework's roles or capabilities changed.
pub(crate) fn framework_updated(master: &mut Master, id: &FrameworkId) {
    if let Some(framework) = master.books.frameworks().get(id) {
        master.allocator.update_framework(id, for_allocator(framework));
    }
}

pub(crate) fn framework_activated(master: &mut Master, id: &FrameworkId) {
    master.allocator.activate_framework(id);
}

pub(crate) fn framework_deactivated(master: &mut Master, id: &FrameworkId) {
    master.allocator.deactivate_framework(id);
}

pub(crate) fn framework_removed(master: &mut Master, id: &FrameworkId) {
    master.allocator.remove_framework(id);
}

fn for_allocator(framework: &Framework) -> allocator::Framework {
    let alternative = |quantities: &v1::offer_filters::ResourceQuantities| -> ResourceQuantities {
        let one = |(name, amount): (&String, &v1::value::Scalar)| {
            (ResourceName::new(name), Scalar::from_f64(amount.value))
        };
        quantities.quantities.iter().map(one).collect()
    };
    let minimum = |(role, filters): (&String, &v1::OfferFilters)| {
        let least = filters.min_allocatable_resources.as_ref()?;
        Some((Role::new(role.as_str()), least.quantities.iter().map(alternative).collect()))
    };
    allocator::Framework {
        roles: framework.roles.clone(),
        suppressed_roles: framework.suppressed.clone(),
        capabilities: FrameworkCapabilities {
            revocable_resources: framework.has(Capability::RevocableResources),
            task_killing_state: framework.has(Capability::TaskKillingState),
            gpu_resources: framework.has(Capability::GpuResources),
            shared_resources: framework.has(Capability::SharedResources),
            partition_aware: framework.has(Capability::PartitionAware),
            multi_role: framework.has(Capability::MultiRole),
            reservation_refinement: framework.has(Capability::ReservationRefinement),
            region_aware: framework.has(Capability::RegionAware),
        },
        active: framework.is_connected(),
        min_allocatable: framework.info.offer_filters.iter().filter_map(minimum).collect(),
    }
}

/// An agent (re-)registered, with what already runs there.
pub(crate) fn agent_added(master: &mut Master, id: &AgentId, used: &BTreeMap<FrameworkId, Resources>) {
    if let Some(agent) = master.books.agents().get(id) {
        let agent = allocator::Agent {
            total: (*agent.total).clone(),
            capabilities: agent_capabilities(agent),
            domain: agent.info.domain.as_ref().and_then(fault_domain),
            hostname: agent.info.hostname.clone(),
            active: master.books.is_active(agent),
        };
        master.allocator.add_agent(id.clone(), agent, used);
    }
}

/// An agent that stayed known came back, perhaps as a newer program.
pub(crate) fn agent_updated(master: &mut Master, id: &AgentId) {
    if let Some(agent) = master.books.agents().get(id) {
        let domain = agent.info.domain.as_ref().and_then(fault_domain);
        let total = (*agent.total).clone();
        let capabilities = agent_capabilities(agent);
        let active = master.books.is_active(agent);
        master.allocator.update_agent(id, capabilities, domain);
        if master.allocator.agent_total(id) != Some(&total) {
            master.allocator.update_agent_total(id, total);
        }
        if active {
            master.allocator.activate_agent(id);
        }
    }
}

fn agent_capabilities(agent: &Agent) -> AgentCapabilities {
    AgentCapabilities {
        multi_role: agent.has(AgentCapability::MultiRole),
        hierarchical_role: agent.has(AgentCapability::HierarchicalRole),
        reservation_refinement: agent.has(AgentCapability::ReservationRefinement),
        resource_provider: agent.has(AgentCapability::ResourceProvider),
        resize_volume: agent.has(AgentCapability::ResizeVolume),
        agent_operation_feedback: agent.has(AgentCapability::AgentOperationFeedback),
        agent_draining: agent.has(AgentCapability::AgentDraining),
        task_resource_limits: agent.has(AgentCapability::TaskResourceLimits),
    }
}

fn fault_domain(domain: &v1::DomainInfo) -> Option<FaultDomain> {
    let fault = domain.fault_domain.as_ref()?;
    Some(FaultDomain { region: fault.region.name.clone(), zone: fault.zone.name.clone() })
}
