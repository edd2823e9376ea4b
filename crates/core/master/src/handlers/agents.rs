//! Agents: registering, being pinged, changing. They come back in `reregister` and go in `removal`.

use std::sync::Arc;

use tepui_model::AgentId;
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{convert, internal, v1};

use super::{offers, removal};
use crate::{
    Agent, AgentState, Counter, Effect, Master, allocation,
    master::Timer,
    pending::{Pending, Removal, Silence},
    publish, registry,
};

/// RegisterSlave: a new agent.
pub(crate) fn register(master: &mut Master, from: &Upid, message: internal::RegisterSlaveMessage) {
    master.counters.add(Counter::MessagesRegisterSlave);
    if master.registrar.is_registering(from) {
        return;
    }
    if let Some(known) = master.books.agent_at(from) {
        if known.is_connected() {
            // It has not heard that it is registered.
            let id = known.id.clone();
            return welcome(master, &id);
        }
        let id = known.id.clone();
        removal::end(master, &id, Removal::Replaced, None);
    }
    // One that an earlier master admitted and that never heard of it, or was forgotten there, does not come back.
    let recovered: Vec<AgentId> = master
        .books
        .recovered_agents()
        .iter()
        .filter(|(_, agent)| agent.pid.as_ref() == Some(from))
        .map(|(id, _)| id.clone())
        .collect();
    for id in recovered {
        removal::end(master, &id, Removal::Replaced, None);
    }
    if let Err(reason) = check(&message.slave, message.version.as_deref()) {
        master.counters.add(Counter::DroppedMessages);
        return master.warn(format!("Dropping the registration of the agent at {from}: {reason}"));
    }
    let id = master.ids.agent();
    let mut message = Box::new(message);
    message.slave.id = Some(v1::AgentId { value: id.as_str().to_owned() });
    let write = registry::write_agent(id.as_str(), message.slave.clone(), &from.to_string());
    master.registrar.begin_registration(from.clone());
    master.write_then([write], Pending::AdmitAgent { id, pid: from.clone(), message });
}

/// Whether an agent can be taken: a version that speaks this protocol, and resources that can be counted.
pub(crate) fn check(info: &internal::SlaveInfo, version: Option<&str>) -> Result<(), String> {
    let version = version.unwrap_or_default();
    let major = version.split('.').next().and_then(|major| major.parse::<u64>().ok());
    if major.is_none_or(|major| major < 1) {
        return Err(format!("its version '{version}' is older than 1.0.0"));
    }
    convert::resources(&info.resources).map(|_| ()).map_err(|error| error.to_string())
}

/// The agent is written: it is registered.
pub(crate) fn admitted(
    master: &mut Master,
    id: AgentId,
    pid: &Upid,
    message: internal::RegisterSlaveMessage,
) {
    master.registrar.registered(pid);
    let total = convert::resources(&message.slave.resources).unwrap_or_default();
    let agent = Agent {
        id: id.clone(),
        pid: pid.clone(),
        info: Arc::new(message.slave),
        state: AgentState::Connected,
        version: message.version.unwrap_or_default(),
        capabilities: message.agent_capabilities,
        registered: master.now,
        reregistered: None,
        total: Arc::new(total),
        resource_version: message.resource_version_uuid,
        observer: master.ids.observer(),
        unanswered_pings: 0,
    };
    master.counters.add(Counter::SlaveRegistrations);
    master.log(format!("Agent {id} at {} ({}) has registered", agent.pid, agent.info.hostname));
    insert(master, agent);
    allocation::agent_added(master, &id, &std::collections::BTreeMap::new());
    welcome(master, &id);
    ping_due(master, &id);
}

/// Enters an agent into the books and keeps a connection to it.
pub(crate) fn insert(master: &mut Master, agent: Agent) {
    publish::agent_added(master, &agent);
    master.out.push(Effect::Link { to: agent.pid.clone() });
    master.books.add_agent(agent);
}

fn welcome(master: &mut Master, id: &AgentId) {
    let Some(agent) = master.books.agents().get(id) else { return };
    let message =
        internal::SlaveRegisteredMessage { slave_id: agent.wire_id(), connection: Some(connection(master)) };
    let pid = agent.pid.clone();
    master.send(pid, message);
}

/// How long the agent is to wait for a ping.
pub(crate) fn connection(master: &Master) -> internal::MasterSlaveConnection {
    let seconds = master.config.total_ping_timeout().as_secs_f64();
    internal::MasterSlaveConnection { total_ping_timeout_seconds: Some(seconds) }
}

/// A ping is due, or too many went unanswered.
pub(crate) fn ping_due(master: &mut Master, id: &AgentId) {
    let (to, from_id, connected) = if let Some(agent) = master.books.agents().get(id) {
        if agent.unanswered_pings >= master.config.max_agent_ping_timeouts {
            return removal::mark_unreachable(master, id, Silence::Pings);
        }
        let ping = (agent.pid.clone(), agent.observer.to_string(), agent.is_connected());
        master.books.count_ping(id);
        ping
    } else if let Some(pid) = master.books.recovered_agents().get(id).and_then(|agent| agent.pid.clone()) {
        // It may not have noticed that its master was started anew: this makes it re-register.
        (pid, "slave-observer(0)".to_owned(), false)
    } else {
        return;
    };
    let message = internal::PingSlaveMessage { connected }.into();
    master.out.push(Effect::Send { from_id, to, message });
    master.timers.set(Timer::Ping(id.clone()), master.now + master.config.agent_ping_timeout);
}

/// PongSlave.
pub(crate) fn pong(master: &mut Master, from: &Upid) {
    master.books.pong(from);
}

/// Tells somebody who takes itself for a registered agent that it is not one.
pub(crate) fn prompt_reregistration(master: &mut Master, to: &Upid) {
    let message = internal::PingSlaveMessage { connected: false }.into();
    master.out.push(Effect::Send { from_id: "slave-observer(0)".to_owned(), to: to.clone(), message });
}

/// UpdateSlave: what the agent has changed.
pub(crate) fn update(master: &mut Master, from: &Upid, message: &internal::UpdateSlaveMessage) {
    master.counters.add(Counter::MessagesUpdateSlave);
    let Some(agent) = master.books.agents().get(message.slave_id.value.as_str()).map(Arc::clone) else {
        master
            .warn(format!("Ignoring an update of agent {}, which is not registered", message.slave_id.value));
        return prompt_reregistration(master, from);
    };
    if let Some(uuid) = &message.resource_version_uuid {
        master.books.set_resource_version(&agent.id, uuid.clone());
    }
    if message.update_oversubscribed_resources != Some(true) {
        return;
    }
    let Ok(revocable) = convert::resources(&message.oversubscribed_resources) else {
        return master.warn(format!(
            "Ignoring oversubscribed resources of agent {}: they are invalid",
            message.slave_id.value
        ));
    };
    let total = agent.total.non_revocable() + &revocable.revocable();
    if *agent.total == total {
        return;
    }
    master.books.set_total(&agent.id, total.clone());
    offers::rescind_all_of_agent(master, &agent.id);
    master.allocator.update_agent_total(&agent.id, total);
}
