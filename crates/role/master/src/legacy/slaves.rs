//! Agents, under the name that they had.

use serde_json::{Map, Value};
use tepui_wire_mesos::v1::{
    self, agent_info::capability::Type as Capability, master::response::get_agents::Agent,
};

use super::{Source, put, resources, seconds, verbatim};

impl Source<'_> {
    pub(super) fn agents(&self) -> &[Agent] {
        self.state.get_agents.as_ref().map_or(&[], |found| &found.agents)
    }

    /// Agents; only the one with this id, if one is given. `full` adds the resources one by one.
    pub(super) fn slave_list(&self, id: Option<&str>, full: bool) -> Vec<Value> {
        let wanted = self.agents().iter().filter(|agent| id.is_none_or(|id| id == agent_id(agent)));
        let slave = |agent: &Agent| {
            let mut object = self.slave(agent);
            if full {
                put_full(&mut object, agent);
            }
            Value::from(object)
        };
        wanted.map(slave).collect()
    }

    /// Agents of the registry that are not back yet.
    pub(super) fn recovered_slaves(&self, id: Option<&str>) -> Vec<Value> {
        let recovered = self.state.get_agents.iter().flat_map(|found| &found.recovered_agents);
        let wanted =
            recovered.filter(|info| id.is_none_or(|id| info.id.as_ref().is_some_and(|own| own.value == id)));
        let slave = |info: &v1::AgentInfo| {
            let mut object = Map::new();
            put_info(&mut object, info);
            put(&mut object, "resources", resources::summary(&info.resources));
            put_reservations(&mut object, &info.resources);
            Value::from(object)
        };
        wanted.map(slave).collect()
    }

    /// What `/state`, `/slaves` and `/state-summary` have in common.
    pub(super) fn slave(&self, agent: &Agent) -> Map<String, Value> {
        let mut object = Map::new();
        put_info(&mut object, &agent.agent_info);
        put(&mut object, "pid", agent.pid.as_deref().unwrap_or_default());
        put(&mut object, "registered_time", seconds(agent.registered_time.as_ref()));
        if let Some(time) = &agent.reregistered_time {
            put(&mut object, "reregistered_time", seconds(Some(time)));
        }
        put(&mut object, "resources", resources::summary(&agent.total_resources));
        put(&mut object, "used_resources", resources::summary(&agent.allocated_resources));
        put(&mut object, "offered_resources", resources::summary(&agent.offered_resources));
        put_reservations(&mut object, &agent.total_resources);
        put(&mut object, "active", agent.active);
        put(&mut object, "deactivated", agent.deactivated.unwrap_or(false));
        put(&mut object, "version", agent.version.as_str());
        let capabilities = agent.capabilities.iter().filter_map(|has| Capability::try_from(has.r#type?).ok());
        let names: Vec<Value> = capabilities.map(|capability| capability.as_str_name().into()).collect();
        put(&mut object, "capabilities", names);
        if let Some(drain) = &agent.drain_info {
            put(&mut object, "drain_info", verbatim(drain));
        }
        let drain = self.snapshot.deactivated_agents.get(agent_id(agent)).and_then(|it| it.drain.as_ref());
        if let Some(started) = drain.and_then(|drain| drain.started) {
            let nanoseconds = i64::try_from(started.as_nanos()).unwrap_or(i64::MAX);
            put(
                &mut object,
                "estimated_drain_start_time_seconds",
                seconds(Some(&v1::TimeInfo { nanoseconds })),
            );
        }
        object
    }
}

pub(super) fn agent_id(agent: &Agent) -> &str {
    agent.agent_info.id.as_ref().map_or("", |id| id.value.as_str())
}

fn put_info(object: &mut Map<String, Value>, info: &v1::AgentInfo) {
    put(object, "id", info.id.as_ref().map_or("", |id| id.value.as_str()));
    put(object, "hostname", info.hostname.as_str());
    put(object, "port", info.port.unwrap_or(5051));
    put(object, "attributes", resources::attributes(&info.attributes));
    if let Some(domain) = &info.domain {
        put(object, "domain", verbatim(domain));
    }
}

fn put_reservations(object: &mut Map<String, Value>, total: &[v1::Resource]) {
    let (reserved, unreserved) = resources::by_reservation(total);
    put(object, "reserved_resources", resources::summary_by_role(&reserved));
    put(object, "unreserved_resources", resources::summary(unreserved));
}

fn put_full(object: &mut Map<String, Value>, agent: &Agent) {
    let list =
        |resources: &mut dyn Iterator<Item = &v1::Resource>| resources.map(verbatim).collect::<Vec<Value>>();
    let (reserved, unreserved) = resources::by_reservation(&agent.total_resources);
    let mut by_role = Map::new();
    for (role, of_role) in reserved {
        put(&mut by_role, role, list(&mut of_role.into_iter()));
    }
    put(object, "reserved_resources_full", by_role);
    put(object, "unreserved_resources_full", list(&mut unreserved.into_iter()));
    put(object, "used_resources_full", list(&mut agent.allocated_resources.iter()));
    put(object, "offered_resources_full", list(&mut agent.offered_resources.iter()));
}
