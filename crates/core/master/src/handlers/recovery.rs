//! What a master takes over: from the registry at its start, and from agents that know more.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use tepui_core_kit::Write;
use tepui_model::{AgentId, FrameworkId, Tick};
use tepui_wire_mesos::v1;

use super::{agents, framework};
use crate::{
    Drain, Framework, FrameworkState, Master, Registry, agent::RecoveredAgent, allocation, master::Timer,
    registry, registry::FrameworkRecord,
};

/// Takes over the registry.
pub(crate) fn restore(master: &mut Master, registry: Registry) {
    let restored = registry.frameworks.into_iter().map(|(id, record)| restore_framework(&id, record));
    let (mut completed, live): (Vec<Framework>, Vec<Framework>) =
        restored.partition(|framework| framework.state == FrameworkState::Completed);
    completed.sort_by_key(|framework| framework.unregistered);
    for framework in completed {
        master.books.add_completed_framework(framework);
    }
    for framework in live {
        enter(master, framework);
    }
    for (id, record) in registry.agents {
        let id = AgentId::from(id);
        let agent = RecoveredAgent { info: Arc::new(record.info), pid: record.pid.parse().ok() };
        master.books.add_recovered_agent(id.clone(), agent);
        master
            .timers
            .set(Timer::Reregistration(id.clone()), master.now + master.config.agent_reregister_timeout);
        agents::ping_due(master, &id);
    }
    for (id, since) in registry.unreachable {
        master.books.mark_unreachable(id.into(), since);
    }
    for id in registry.deactivated {
        master.books.deactivate(id.into());
    }
    for (id, info) in registry.draining {
        master.books.set_drain(id.into(), Drain::from_wire(&info));
    }
    for (id, since) in registry.gone {
        master.books.mark_gone(id.into(), since);
    }
    master.timers.set(Timer::RegistryGc, master.now + master.config.registry_gc_interval);
}

impl Master {
    /// What is in the registry, as [`Registry::decode`] takes it; writes that something waits for may be in it or not.
    pub fn registry(&self) -> BTreeMap<String, Bytes> {
        let books = &self.books;
        let mut writes = vec![registry::write_master(&self.config.info.id)];
        for agent in books.agents().values() {
            writes.push(registry::write_agent(
                agent.id.as_str(),
                (*agent.info).clone(),
                &agent.pid.to_string(),
            ));
        }
        for (id, agent) in books.recovered_agents() {
            let pid = agent.pid.as_ref().map(ToString::to_string).unwrap_or_default();
            writes.push(registry::write_agent(id.as_str(), (*agent.info).clone(), &pid));
        }
        for framework in books.frameworks().values().chain(books.completed_frameworks()) {
            writes.push(registry::write_framework(
                (*framework.info).clone(),
                framework.registered,
                framework.disconnected,
                framework.unregistered,
            ));
        }
        writes.extend(
            books.unreachable().iter().map(|(id, since)| registry::write_unreachable(id.as_str(), *since)),
        );
        writes.extend(books.gone().iter().map(|(id, since)| registry::write_gone(id.as_str(), *since)));
        for (id, deactivation) in books.deactivated() {
            writes.push(registry::write_deactivated(id.as_str()));
            writes.extend(
                deactivation.drain.map(|drain| registry::write_draining(id.as_str(), drain.to_wire())),
            );
        }
        writes.into_iter().filter_map(|Write { key, value }| Some((key, value?))).collect()
    }
}

fn restore_framework(id: &str, record: FrameworkRecord) -> Framework {
    let registered = Tick::from_nanos(record.registered);
    let mut framework =
        Framework::new(FrameworkId::new(id), record.info, FrameworkState::Recovered, registered);
    framework.disconnected = record.disconnected.map(Tick::from_nanos);
    if let Some(completed) = record.completed {
        framework.state = FrameworkState::Completed;
        framework.unregistered = Some(Tick::from_nanos(completed));
    }
    framework
}

/// Enters a framework whose scheduler is not here, with the time that it has to come.
fn enter(master: &mut Master, framework: Framework) {
    let id = framework.id.clone();
    let deadline = match framework.disconnected {
        // It was away already: its time goes on running.
        Some(disconnected) => disconnected + framework.failover_timeout(),
        // It was the master that went away: nobody's scheduler is to be punished for that.
        None => master.now + framework.failover_timeout().max(master.config.agent_reregister_timeout),
    };
    master.books.add_framework(framework);
    allocation::framework_added(master, &id);
    master.timers.set(Timer::Failover(id), deadline);
}

/// An agent runs something of a framework; if the registry has lost it, it is known again from here on.
pub(crate) fn framework_reported(master: &mut Master, info: &v1::FrameworkInfo) {
    let Some(id) = info.id.as_ref().filter(|id| tepui_model::validate_id(&id.value).is_ok()) else { return };
    if master.books.frameworks().contains_key(id.value.as_str()) || framework::is_completed(master, &id.value)
    {
        return;
    }
    let id = FrameworkId::new(id.value.as_str());
    let framework = Framework::new(id, info.clone(), FrameworkState::Recovered, master.now);
    let write = registry::write_framework(info.clone(), master.now, None, None);
    enter(master, framework);
    master.write([write]);
}

/// Forgets agents that have been unreachable or gone for too long, or are too many: the oldest first.
pub(crate) fn prune(master: &mut Master) {
    master.timers.set(Timer::RegistryGc, master.now + master.config.registry_gc_interval);
    let mut writes: Vec<Write> = Vec::new();
    let (age, count) = (master.config.registry_max_agent_age, master.config.registry_max_agent_count);
    for id in expired(master.books.unreachable(), master.now, age, count) {
        writes.push(registry::remove_unreachable(id.as_str()));
        if master.books.forget_unreachable_agent(&id) {
            writes.extend(registry::remove_deactivation(id.as_str()));
        }
    }
    for id in expired(master.books.gone(), master.now, age, count) {
        master.books.forget_gone_agent(&id);
        writes.push(registry::remove_gone(id.as_str()));
    }
    if !writes.is_empty() {
        master.write(writes);
    }
}

fn expired(
    list: &std::collections::BTreeMap<AgentId, Tick>,
    now: Tick,
    age: std::time::Duration,
    count: usize,
) -> Vec<AgentId> {
    let mut oldest: Vec<(Tick, &AgentId)> = list.iter().map(|(id, since)| (*since, id)).collect();
    oldest.sort_unstable();
    let too_many = list.len().saturating_sub(count);
    let old = |(index, (since, _)): &(usize, (Tick, &AgentId))| *index < too_many || now.since(*since) > age;
    oldest.into_iter().enumerate().take_while(old).map(|(_, (_, id))| id.clone()).collect()
}
