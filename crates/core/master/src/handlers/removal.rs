//! Agents that go: links that break, silence, removal, and what becomes of their tasks.

use std::sync::Arc;

use tepui_model::{AgentId, FrameworkId, Reason, TaskId, TaskState, Tick};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{
    internal,
    v1::{
        self,
        framework_info::capability::Type as Capability,
        scheduler::{Event, event},
    },
};

use super::{executors, offers, reconcile::time_info, tasks};
use crate::{
    Counter, Effect, Master, Task,
    master::Timer,
    pending::{Pending, Removal, Silence},
    publish, registry,
    schedulers::{self, send_event, typed},
    status,
};

/// The link to `peer` broke.
pub(crate) fn exited(master: &mut Master, peer: &Upid) {
    let Some(agent) = master.books.agent_at(peer).filter(|agent| agent.is_connected()) else { return };
    let (id, hostname, checkpoint) = (agent.id.clone(), agent.info.hostname.clone(), agent.info.checkpoint);
    master.books.disconnect_agent(&id);
    master.log(format!("Agent {id} at {peer} disconnected"));
    master.allocator.deactivate_agent(&id);
    offers::rescind_all_of_agent(master, &id);
    master.timers.set(Timer::Reregistration(id.clone()), master.now + master.config.agent_reregister_timeout);
    // What is not checkpointed does not outlive a restart of the agent.
    for (framework_id, task_id) in master.books.tasks_of(&id) {
        let Some(framework) = master.books.frameworks().get(&framework_id) else { continue };
        if framework.checkpoint() && checkpoint.unwrap_or(true) {
            continue;
        }
        let lost = Lost {
            state: TaskState::Gone,
            reason: Reason::AgentDisconnected,
            message: format!("Agent {hostname} disconnected"),
            unreachable: None,
        };
        lose_task(master, &framework_id, &task_id, &lost);
    }
    let frameworks: Vec<FrameworkId> = master
        .books
        .frameworks()
        .values()
        .filter(|framework| !(framework.checkpoint() && checkpoint.unwrap_or(true)))
        .map(|framework| framework.id.clone())
        .collect();
    for framework in frameworks {
        executors::remove_all_of_agent(master, &id, Some(&framework));
    }
}

/// A disconnected or recovered agent has not come back in time.
pub(crate) fn reregistration_timeout(master: &mut Master, id: &AgentId) {
    if master.books.recovered_agents().contains_key(id) {
        master.counters.add(Counter::RecoverySlaveRemovals);
        mark_unreachable(master, id, Silence::Failover);
    } else if master.books.agents().get(id).is_some_and(|agent| !agent.is_connected()) {
        mark_unreachable(master, id, Silence::Disconnected);
    }
}

pub(crate) fn mark_unreachable(master: &mut Master, id: &AgentId, why: Silence) {
    if !master.registrar.begin_removal(id.clone()) {
        return;
    }
    master.counters.add(Counter::SlaveUnreachableScheduled);
    master.log(format!("Marking agent {id} unreachable: {}", why.message()));
    let writes =
        vec![registry::remove_agent(id.as_str()), registry::write_unreachable(id.as_str(), master.now)];
    master.write_then(writes, Pending::MarkUnreachable { id: id.clone(), since: master.now, why });
}

/// It is written that an agent is unreachable: now everybody hears of it.
pub(crate) fn marked_unreachable(master: &mut Master, id: &AgentId, since: Tick, why: Silence) {
    master.registrar.removed(id);
    master.books.mark_unreachable(id.clone(), since);
    master.counters.add(Counter::SlaveUnreachableCompleted);
    master.counters.add(Counter::SlaveRemovals);
    master.counters.add(Counter::SlaveRemovalsReasonUnhealthy);
    let hostname = hostname(master, id);
    let lost = Lost {
        state: TaskState::Unreachable,
        reason: Reason::AgentRemoved,
        message: format!("Agent {hostname} removed: {}", why.message()),
        unreachable: Some(since),
    };
    take_out(master, id, &lost);
}

/// UnregisterSlave.
pub(crate) fn unregister(master: &mut Master, from: &Upid, message: &internal::UnregisterSlaveMessage) {
    master.counters.add(Counter::MessagesUnregisterSlave);
    let Some(agent) =
        master.books.agents().get(message.slave_id.value.as_str()).filter(|agent| agent.pid == *from)
    else {
        let text = format!(
            "Ignoring that agent {} unregisters from {from}: it is not registered there",
            message.slave_id.value
        );
        return master.warn(text);
    };
    let id = agent.id.clone();
    end(master, &id, Removal::Unregistered, None);
}

/// Removes an agent for good; `reply` is answered when that is written.
pub(crate) fn end(master: &mut Master, id: &AgentId, why: Removal, reply: Option<tepui_model::ConnectionId>) {
    let fresh = master.registrar.begin_removal(id.clone());
    if !fresh && why != Removal::Gone {
        return;
    }
    let mut writes = vec![registry::remove_agent(id.as_str())];
    writes.extend(registry::remove_deactivation(id.as_str()));
    if why == Removal::Gone {
        writes.push(registry::remove_unreachable(id.as_str()));
        writes.push(registry::write_gone(id.as_str(), master.now));
    }
    master.write_then(writes, Pending::RemoveAgent { id: id.clone(), why, reply });
}

/// The removal is written.
pub(crate) fn removed(master: &mut Master, id: &AgentId, why: Removal) {
    master.registrar.removed(id);
    master.books.reactivate(id);
    master.counters.add(Counter::SlaveRemovals);
    match why {
        Removal::Unregistered => master.counters.add(Counter::SlaveRemovalsReasonUnregistered),
        Removal::Replaced => master.counters.add(Counter::SlaveRemovalsReasonRegistered),
        Removal::Gone => {
            master.books.mark_gone(id.clone(), master.now);
            if let Some(agent) = master.books.agents().get(id) {
                let pid = agent.pid.clone();
                let message = Some("Agent has been marked gone".to_owned());
                master.send(pid, internal::ShutdownMessage { message });
            }
        }
    }
    let by_operator = why == Removal::Gone;
    let lost = Lost {
        state: if by_operator { TaskState::GoneByOperator } else { TaskState::Gone },
        reason: if by_operator { Reason::AgentRemovedByOperator } else { Reason::AgentRemoved },
        message: format!("Agent {} removed: {}", hostname(master, id), why.message()),
        unreachable: None,
    };
    take_out(master, id, &lost);
}

fn hostname(master: &Master, id: &AgentId) -> String {
    let registered = master.books.agents().get(id).map(|agent| agent.info.hostname.clone());
    let recovered = || master.books.recovered_agents().get(id).map(|agent| agent.info.hostname.clone());
    registered.or_else(recovered).unwrap_or_else(|| id.to_string())
}

/// Takes an agent out of all books: its tasks are reported, then its offers rescinded, then everybody hears
/// that it failed.
fn take_out(master: &mut Master, id: &AgentId, lost: &Lost) {
    for timer in [Timer::Ping(id.clone()), Timer::Reregistration(id.clone())] {
        master.timers.cancel(&timer);
    }
    let recovered = master.books.remove_recovered_agent(id);
    master.allocator.deactivate_agent(id);
    for (framework, task) in master.books.tasks_of(id) {
        lose_task(master, &framework, &task, lost);
    }
    executors::remove_all_of_agent(master, id, None);
    offers::rescind_all_of_agent(master, id);
    master.allocator.remove_agent(id);
    if let Some((agent, was_there)) = master.books.remove_agent(id) {
        if was_there {
            master.out.push(Effect::Unlink { to: agent.pid.clone() });
        }
        publish::agent_removed(master, &agent);
    } else if !recovered {
        return;
    }
    let frameworks: Vec<FrameworkId> = master.books.frameworks().keys().cloned().collect();
    for framework in frameworks {
        let agent_id = Some(v1::AgentId { value: id.as_str().to_owned() });
        let failure = event::Failure { agent_id, ..event::Failure::default() };
        send_event(master, &framework, Event { failure: Some(failure), ..typed(event::Type::Failure) });
    }
}

/// What becomes of the tasks of an agent that goes.
struct Lost {
    /// As a PARTITION_AWARE framework sees it.
    state: TaskState,
    reason: Reason,
    message: String,
    /// Since when, if the tasks may come back.
    unreachable: Option<Tick>,
}

fn lose_task(master: &mut Master, framework_id: &FrameworkId, id: &TaskId, lost: &Lost) {
    let Some(framework) = master.books.frameworks().get(framework_id) else { return };
    let Some(task) = framework.tasks.get(id).cloned() else { return };
    let aware = framework.has(Capability::PartitionAware);
    // A task that has ended keeps its end; as nobody can repeat the update now, the scheduler gets it from here.
    let state = if task.state.is_terminal() { task.state } else { lost.state.as_seen_by(aware) };
    let mut status =
        status::from_master(id, Some(&task.agent_id), state, lost.reason, lost.message.clone(), master.now);
    status.unreachable_time = lost.unreachable.map(time_info);
    if let Some(executor) = &task.executor_id {
        status.executor_id = Some(v1::ExecutorId { value: executor.as_str().to_owned() });
    }
    if lost.unreachable.is_some() && !task.state.is_terminal() {
        park(master, framework_id, &task, &status);
    } else {
        tasks::apply_from_master(master, &task, &status);
        tasks::complete(master, framework_id, id);
    }
    schedulers::send_status(master, framework_id, status);
}

/// A task whose agent is out of reach waits among the unreachable ones, whatever its framework is told.
fn park(master: &mut Master, framework_id: &FrameworkId, task: &Task, status: &v1::TaskStatus) {
    let Some(mut parked) = tasks::take(master, framework_id, &task.id) else { return };
    let limit = master.config.max_unreachable_tasks_per_framework;
    let task = Arc::make_mut(&mut parked);
    task.state = TaskState::Unreachable;
    task.add_status(status);
    publish::task_updated(master, task, status);
    tasks::count_end(master, status);
    master.books.remember_unreachable(framework_id, parked, limit);
}
