//! What readers see: answers of the v1 operator API made of a snapshot.
//!
//! Pure functions; none of them needs the master, so none of them stops it. They cost as much as there is to show.

use std::collections::{BTreeMap, BTreeSet};

use tepui_model::{AgentId, FrameworkId, Resource, ResourceQuantities, Resources, Role, Tick};
use tepui_wire_mesos::{
    convert::{self, Format},
    v1::{
        self,
        master::{Response, response, response::Type},
    },
};

use crate::{Agent, Deactivation, Drain, Framework, FrameworkState, Snapshot, agent::agent_info};

mod metrics;

pub use metrics::metrics;

/// The whole answer to GET_STATE.
pub fn get_state(snapshot: &Snapshot) -> Response {
    Response { get_state: Some(state(snapshot)), ..typed(Type::GetState) }
}

/// The whole answer to GET_TASKS.
pub fn get_tasks(snapshot: &Snapshot) -> Response {
    Response { get_tasks: Some(tasks(snapshot)), ..typed(Type::GetTasks) }
}

/// The whole answer to GET_EXECUTORS.
pub fn get_executors(snapshot: &Snapshot) -> Response {
    Response { get_executors: Some(executors(snapshot)), ..typed(Type::GetExecutors) }
}

/// The whole answer to GET_FRAMEWORKS.
pub fn get_frameworks(snapshot: &Snapshot) -> Response {
    Response { get_frameworks: Some(frameworks(snapshot)), ..typed(Type::GetFrameworks) }
}

/// The whole answer to GET_AGENTS.
pub fn get_agents(snapshot: &Snapshot) -> Response {
    Response { get_agents: Some(agents(snapshot)), ..typed(Type::GetAgents) }
}

/// The whole answer to GET_ROLES.
pub fn get_roles(snapshot: &Snapshot) -> Response {
    Response { get_roles: Some(response::GetRoles { roles: roles(snapshot) }), ..typed(Type::GetRoles) }
}

/// The whole answer to GET_WEIGHTS. Without weights the member is left out.
pub fn get_weights(snapshot: &Snapshot) -> Response {
    let info = |(role, weight): (&String, &f64)| v1::WeightInfo { weight: *weight, role: Some(role.clone()) };
    let weight_infos: Vec<_> = snapshot.weights.iter().map(info).collect();
    let get_weights = (!weight_infos.is_empty()).then_some(response::GetWeights { weight_infos });
    Response { get_weights, ..typed(Type::GetWeights) }
}

/// The whole answer to GET_MASTER.
pub fn get_master(snapshot: &Snapshot) -> Response {
    let started = Some(snapshot.started.as_secs_f64());
    let get_master = response::GetMaster {
        master_info: Some(snapshot.config.info.clone()),
        start_time: started,
        elected_time: started,
    };
    Response { get_master: Some(get_master), ..typed(Type::GetMaster) }
}

/// The whole answer to GET_OPERATIONS: there are none.
pub fn get_operations(_snapshot: &Snapshot) -> Response {
    Response { get_operations: Some(response::GetOperations::default()), ..typed(Type::GetOperations) }
}

fn typed(r#type: Type) -> Response {
    Response { r#type: Some(r#type as i32), ..Response::default() }
}

/// Tasks, executors, frameworks and agents.
pub fn state(snapshot: &Snapshot) -> response::GetState {
    response::GetState {
        get_tasks: Some(tasks(snapshot)),
        get_executors: Some(executors(snapshot)),
        get_frameworks: Some(frameworks(snapshot)),
        get_agents: Some(agents(snapshot)),
    }
}

/// All frameworks, those that ended last.
fn every_framework(snapshot: &Snapshot) -> impl Iterator<Item = &Framework> {
    snapshot.frameworks.values().chain(&snapshot.completed_frameworks).map(|framework| &**framework)
}

/// Live, unreachable and completed tasks, those of completed frameworks included.
pub fn tasks(snapshot: &Snapshot) -> response::GetTasks {
    let mut tasks = response::GetTasks::default();
    for framework in every_framework(snapshot) {
        tasks.tasks.extend(framework.tasks.values().map(|task| task.to_wire()));
        tasks.unreachable_tasks.extend(framework.unreachable_tasks.values().map(|task| task.to_wire()));
        tasks.completed_tasks.extend(framework.completed_tasks.iter().map(|task| task.to_wire()));
    }
    tasks
}

/// Executors other than those of command tasks.
pub fn executors(snapshot: &Snapshot) -> response::GetExecutors {
    let mut executors = response::GetExecutors::default();
    for framework in snapshot.frameworks.values() {
        let wire =
            framework.executors.iter().map(|((agent, _), executor)| response::get_executors::Executor {
                executor_info: (*executor.info).clone(),
                agent_id: v1::AgentId { value: agent.as_str().to_owned() },
            });
        executors.executors.extend(wire);
    }
    executors
}

/// Frameworks that are there or expected back, and those that ended.
pub fn frameworks(snapshot: &Snapshot) -> response::GetFrameworks {
    let mut offers: BTreeMap<&str, Vec<&v1::Offer>> = BTreeMap::new();
    for offer in &snapshot.offers {
        offers.entry(offer.framework_id.value.as_str()).or_default().push(offer);
    }
    let live = |framework: &Framework| {
        let mut wire = framework_to_wire(framework);
        wire.allocated_resources = convert::to_wire(&framework_used(framework), Format::Both);
        let offers = offers.get(framework.id.as_str()).map_or(&[][..], Vec::as_slice);
        wire.offered_resources = convert::to_wire(&offered(offers), Format::Both);
        wire.offers = offers.iter().map(|offer| (*offer).clone()).collect();
        wire
    };
    response::GetFrameworks {
        frameworks: snapshot.frameworks.values().map(|framework| live(framework)).collect(),
        completed_frameworks: snapshot
            .completed_frameworks
            .iter()
            .map(|framework| framework_to_wire(framework))
            .collect(),
        ..response::GetFrameworks::default()
    }
}

fn framework_to_wire(framework: &Framework) -> response::get_frameworks::Framework {
    response::get_frameworks::Framework {
        framework_info: (*framework.info).clone(),
        active: framework.is_connected(),
        connected: framework.is_connected(),
        recovered: framework.state == FrameworkState::Recovered,
        registered_time: Some(time_info(framework.registered)),
        reregistered_time: Some(time_info(framework.reregistered.unwrap_or(framework.registered))),
        unregistered_time: framework.unregistered.map(time_info),
        offer_constraints: Some(
            framework
                .offer_constraints
                .as_ref()
                .map_or_else(Default::default, |constraints| (**constraints).clone()),
        ),
        ..response::get_frameworks::Framework::default()
    }
}

/// A framework as FRAMEWORK_ADDED and FRAMEWORK_UPDATED show it.
pub(crate) fn bare_framework(framework: &Framework) -> response::get_frameworks::Framework {
    response::get_frameworks::Framework {
        unregistered_time: Some(time_info(framework.unregistered.unwrap_or_default())),
        offer_constraints: None,
        ..framework_to_wire(framework)
    }
}

/// What tasks and executors of a framework hold.
pub fn framework_used(framework: &Framework) -> Resources {
    let mut used = Resources::new();
    for task in framework.tasks.values().filter(|task| !task.state.is_terminal()) {
        used += &task.resources;
    }
    for executor in framework.executors.values() {
        used += &executor.resources;
    }
    used
}

/// What tasks and executors hold on each agent, by framework.
pub fn agents_used(snapshot: &Snapshot) -> BTreeMap<AgentId, BTreeMap<FrameworkId, Resources>> {
    let mut used: BTreeMap<AgentId, BTreeMap<FrameworkId, Resources>> = BTreeMap::new();
    let mut add = |agent: &AgentId, framework: &FrameworkId, resources: &Resources| {
        *used.entry(agent.clone()).or_default().entry(framework.clone()).or_default() += resources;
    };
    for framework in snapshot.frameworks.values() {
        for task in framework.tasks.values().filter(|task| !task.state.is_terminal()) {
            add(&task.agent_id, &framework.id, &task.resources);
        }
        for ((agent, _), executor) in &framework.executors {
            add(agent, &framework.id, &executor.resources);
        }
    }
    used
}

/// The sum of what offers hold.
pub fn offered<'a>(offers: impl IntoIterator<Item = &'a &'a v1::Offer>) -> Resources {
    let mut sum = Resources::new();
    for offer in offers {
        // These were written by the master itself.
        sum.extend(offer.resources.iter().filter_map(|resource| Resource::try_from(resource).ok()));
    }
    sum
}

/// Registered agents, and those that have not come back since the master started.
pub fn agents(snapshot: &Snapshot) -> response::GetAgents {
    let used = agents_used(snapshot);
    let mut offers: BTreeMap<&str, Vec<&v1::Offer>> = BTreeMap::new();
    for offer in &snapshot.offers {
        offers.entry(offer.agent_id.value.as_str()).or_default().push(offer);
    }
    let show = |agent: &Agent| {
        let mut wire = new_agent(agent, snapshot.deactivated_agents.get(&agent.id));
        let mut sum = Resources::new();
        for resources in used.get(&agent.id).into_iter().flat_map(BTreeMap::values) {
            sum += resources;
        }
        wire.allocated_resources = convert::to_wire(&sum, Format::Both);
        let offers = offers.get(agent.id.as_str()).map_or(&[][..], Vec::as_slice);
        wire.offered_resources = convert::to_wire(&offered(offers), Format::Both);
        wire
    };
    response::GetAgents {
        agents: snapshot.agents.values().map(|agent| show(agent)).collect(),
        recovered_agents: snapshot.recovered_agents.values().map(|info| refined(agent_info(info))).collect(),
    }
}

fn refined(mut info: v1::AgentInfo) -> v1::AgentInfo {
    for resource in &mut info.resources {
        convert::set_format(resource, Format::Refined);
    }
    info
}

/// An agent of which nothing is used or offered, as AGENT_ADDED shows it.
pub(crate) fn new_agent(agent: &Agent, deactivation: Option<&Deactivation>) -> response::get_agents::Agent {
    let drain = deactivation.and_then(|it| it.drain.as_ref());
    response::get_agents::Agent {
        agent_info: refined(agent.wire_info()),
        active: agent.is_connected() && deactivation.is_none(),
        deactivated: Some(deactivation.is_some()),
        drain_info: drain.map(Drain::to_wire),
        // Whole seconds, as in Mesos; `/slaves` has the rest.
        estimated_drain_start_time: drain
            .and_then(|drain| drain.started)
            .map(|started| time_info(Tick::from_nanos(started.as_nanos() / 1_000_000_000 * 1_000_000_000))),
        version: agent.version.clone(),
        pid: Some(agent.pid.to_string()),
        registered_time: Some(time_info(agent.registered)),
        reregistered_time: agent.reregistered.map(time_info),
        total_resources: convert::to_wire(&agent.total, Format::Both),
        capabilities: agent.capabilities.clone(),
        ..response::get_agents::Agent::default()
    }
}

/// Roles that somebody has: those of frameworks, those with a weight, those with something allocated.
pub fn roles(snapshot: &Snapshot) -> Vec<v1::Role> {
    let mut roles: BTreeMap<Role, (BTreeSet<&FrameworkId>, Resources)> = BTreeMap::new();
    for role in snapshot.weights.keys() {
        roles.entry(Role::new(role.as_str())).or_default();
    }
    for framework in snapshot.frameworks.values() {
        for role in &framework.roles {
            roles.entry(role.clone()).or_default().0.insert(&framework.id);
        }
        for (role, resources) in framework_used(framework).by_allocation() {
            roles.entry(role).or_default().1 += &resources;
        }
    }
    for offer in &snapshot.offers {
        for (role, resources) in offered([&**offer].iter()).by_allocation() {
            roles.entry(role).or_default().1 += &resources;
        }
    }
    let wire = |(role, (frameworks, resources)): (Role, (BTreeSet<&FrameworkId>, Resources))| v1::Role {
        weight: snapshot.weights.get(role.as_str()).copied().unwrap_or(1.0),
        frameworks: frameworks.iter().map(|id| v1::FrameworkId { value: id.as_str().to_owned() }).collect(),
        resources: quantities_to_wire(&resources.to_quantities()),
        name: role.as_str().to_owned(),
    };
    roles.into_iter().map(wire).collect()
}

fn quantities_to_wire(quantities: &ResourceQuantities) -> Vec<v1::Resource> {
    quantities
        .iter()
        .map(|(name, amount)| {
            convert::resource_to_wire(&Resource::scalar(name.clone(), amount), Format::Refined)
        })
        .collect()
}

fn time_info(tick: Tick) -> v1::TimeInfo {
    v1::TimeInfo { nanoseconds: i64::try_from(tick.as_nanos()).unwrap_or(i64::MAX) }
}
