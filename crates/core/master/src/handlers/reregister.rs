//! ReregisterSlave: an agent comes back, and what it runs is compared with what the master knows.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tepui_model::{AgentId, ExecutorId, FrameworkId, Reason, Resources, TaskId};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{convert, internal, v1};

use super::{agents, drain, executors, framework, offers, recovery, removal};
use crate::{
    Agent, AgentState, Counter, Effect, Master, Task, allocation,
    books::Returned,
    master::Timer,
    pending::{Pending, Removal},
    publish, registry, schedulers, status,
};

/// ReregisterSlave.
pub(crate) fn reregister(master: &mut Master, from: &Upid, message: internal::ReregisterSlaveMessage) {
    master.counters.add(Counter::MessagesReregisterSlave);
    let id = message.slave.id.as_ref().map_or("", |id| id.value.as_str());
    if let Err(error) = tepui_model::validate_id(id) {
        master.counters.add(Counter::DroppedMessages);
        return master.warn(format!("Dropping the re-registration of the agent at {from}: {error}"));
    }
    let id = AgentId::new(id);
    if master.registrar.is_registering(from) || master.registrar.is_removing(&id) {
        // It tries again.
        return;
    }
    if master.books.gone().contains_key(&id) {
        master.log(format!("Refusing the re-registration of agent {id}, which has been marked gone"));
        let message = Some("Agent has been marked gone".to_owned());
        return master.send(from.clone(), internal::ShutdownMessage { message });
    }
    if let Err(reason) = agents::check(&message.slave, message.version.as_deref()) {
        master.counters.add(Counter::DroppedMessages);
        return master.warn(format!("Dropping the re-registration of agent {id} at {from}: {reason}"));
    }
    if let Some(other) =
        master.books.agent_at(from).map(|other| other.id.clone()).filter(|other| *other != id)
    {
        removal::end(master, &other, Removal::Replaced, None);
    }
    let known = master.books.agents().get(&id).map(|agent| (&agent.pid, &*agent.info));
    let recovered = master.books.recovered_agents().get(&id);
    let known = known.or_else(|| Some((recovered?.pid.as_ref()?, &*recovered?.info)));
    if known == Some((from, &message.slave)) {
        return readmitted(master, from, message);
    }
    let mut writes = vec![registry::write_agent(id.as_str(), message.slave.clone(), &from.to_string())];
    if master.books.unreachable().contains_key(&id) {
        writes.push(registry::remove_unreachable(id.as_str()));
    }
    master.registrar.begin_registration(from.clone());
    master.write_then(writes, Pending::ReadmitAgent { pid: from.clone(), message: Box::new(message) });
}

/// What the registry says fits: the agent is registered again.
pub(crate) fn readmitted(master: &mut Master, pid: &Upid, message: internal::ReregisterSlaveMessage) {
    master.registrar.registered(pid);
    let id = AgentId::new(message.slave.id.as_ref().map_or("", |id| id.value.as_str()));
    if master.registrar.is_removing(&id) || master.books.gone().contains_key(&id) {
        return;
    }
    master.counters.add(Counter::SlaveReregistrations);
    master.log(format!("Agent {id} at {pid} ({}) has registered again", message.slave.hostname));
    for info in &message.frameworks {
        recovery::framework_reported(master, info);
    }
    if master.books.agents().contains_key(&id) {
        known(master, &id, pid, message);
    } else {
        unknown(master, &id, pid, message);
    }
}

/// What an agent has to be told once it is registered again.
#[derive(Default)]
struct Orders {
    reconciliations: BTreeMap<FrameworkId, Vec<v1::TaskStatus>>,
    shut_down: BTreeSet<FrameworkId>,
    kills: Vec<internal::KillTaskMessage>,
    shut_down_executors: Vec<(FrameworkId, ExecutorId)>,
}

/// An agent that this master does not have: everything that it runs is new here.
fn unknown(master: &mut Master, id: &AgentId, pid: &Upid, message: internal::ReregisterSlaveMessage) {
    let was_unreachable = master.books.unreachable().contains_key(id);
    master.timers.cancel(&Timer::Reregistration(id.clone()));
    let total = convert::resources(&message.slave.resources).unwrap_or_default();
    let agent = Agent {
        id: id.clone(),
        pid: pid.clone(),
        info: Arc::new(message.slave),
        state: AgentState::Connected,
        version: message.version.unwrap_or_default(),
        capabilities: message.agent_capabilities,
        registered: master.now,
        reregistered: Some(master.now),
        total: Arc::new(total),
        resource_version: message.resource_version_uuid,
        observer: master.ids.observer(),
        unanswered_pings: 0,
    };
    agents::insert(master, agent);
    let mut orders = Orders::default();
    let mut used: BTreeMap<FrameworkId, Resources> = BTreeMap::new();
    for info in message.executor_infos {
        add_executor(master, id, info, &mut used, &mut orders);
    }
    for task in message.tasks {
        add_task(master, id, task, was_unreachable, &mut used, &mut orders);
    }
    allocation::agent_added(master, id, &used);
    finish(master, id, &message.frameworks, orders);
    agents::ping_due(master, id);
}

fn add_executor(
    master: &mut Master,
    agent: &AgentId,
    info: v1::ExecutorInfo,
    used: &mut BTreeMap<FrameworkId, Resources>,
    orders: &mut Orders,
) {
    let framework_id = FrameworkId::new(info.framework_id.as_ref().map_or("", |id| id.value.as_str()));
    if !is_alive(master, &framework_id) {
        orders.shut_down.insert(framework_id);
        return;
    }
    let Ok(resources) = convert::resources(&info.resources) else { return };
    *used.entry(framework_id.clone()).or_default() += &resources;
    executors::add(master, &framework_id, agent, info, resources);
}

fn is_alive(master: &Master, id: &FrameworkId) -> bool {
    master.books.frameworks().contains_key(id) && !framework::is_completed(master, id.as_str())
}

fn add_task(
    master: &mut Master,
    agent: &AgentId,
    task: v1::Task,
    was_unreachable: bool,
    used: &mut BTreeMap<FrameworkId, Resources>,
    orders: &mut Orders,
) {
    let framework_id = FrameworkId::new(task.framework_id.value.as_str());
    if !is_alive(master, &framework_id) {
        orders.shut_down.insert(framework_id);
        return;
    }
    let Ok(resources) = convert::resources(&task.resources) else { return };
    let Some(mut task) = Task::reported(framework_id.clone(), task, Arc::new(resources)) else { return };
    task.agent_id = agent.clone();
    let given_up = was_unreachable && !outlives_disconnection(master, &framework_id, agent);
    if master.books.task(&framework_id, task.id.as_str()).is_some() {
        // Used again elsewhere while this agent was away: the older copy has to go.
        orders.kills.push(kill_message(&framework_id, &task.id, None));
        return;
    }
    match master.books.forget_unreachable(&framework_id, &task.id) {
        Some(parked) => task.kill.clone_from(&parked.kill),
        // Its scheduler was told its end when the link broke, before the agent was out of reach.
        None if given_up && !task.state.is_terminal() => {
            orders.kills.push(kill_message(&framework_id, &task.id, None));
            return;
        }
        None => {}
    }
    if !task.state.is_terminal() {
        *used.entry(framework_id.clone()).or_default() += &task.resources;
        if let Some(kill) = &task.kill {
            orders.kills.push(kill_message(&framework_id, &task.id, kill.policy));
        }
    }
    if was_unreachable {
        let status = status::from_master(
            &task.id,
            Some(agent),
            task.state,
            Reason::AgentReregistered,
            "Unreachable agent re-registered",
            master.now,
        );
        publish::task_updated(master, &task, &status);
        schedulers::send_status(master, &framework_id, status);
    } else {
        publish::task_added(master, &task);
    }
    master.books.add_task(task);
}

fn kill_message(
    framework_id: &FrameworkId,
    task: &TaskId,
    policy: Option<v1::KillPolicy>,
) -> internal::KillTaskMessage {
    internal::KillTaskMessage {
        framework_id: v1::FrameworkId { value: framework_id.as_str().to_owned() },
        task_id: v1::TaskId { value: task.as_str().to_owned() },
        kill_policy: policy,
    }
}

/// An agent that this master has, after a break of the link or a restart.
fn known(master: &mut Master, id: &AgentId, pid: &Upid, message: internal::ReregisterSlaveMessage) {
    master.timers.cancel(&Timer::Reregistration(id.clone()));
    let returned = Returned {
        total: convert::resources(&message.slave.resources).unwrap_or_default(),
        info: message.slave,
        version: message.version.unwrap_or_default(),
        capabilities: message.agent_capabilities,
        resource_version: message.resource_version_uuid,
    };
    if let Some(left) = master.books.agent_returned(id, pid, master.now, returned) {
        master.out.push(Effect::Unlink { to: left });
    }
    master.out.push(Effect::Link { to: pid.clone() });

    let mut orders = Orders::default();
    compare_executors(master, id, message.executor_infos, &mut orders);
    compare_tasks(master, id, &message.tasks, &mut orders);
    allocation::agent_updated(master, id);
    finish(master, id, &message.frameworks, orders);
}

/// Whether a framework keeps what runs on an agent when the link to that breaks. One that has ended keeps nothing,
/// but is ended as a whole.
fn outlives_disconnection(master: &Master, framework: &FrameworkId, agent: &AgentId) -> bool {
    let agent = master.books.agents().get(agent).is_none_or(|agent| agent.info.checkpoint.unwrap_or(true));
    !is_alive(master, framework)
        || agent && master.books.frameworks().get(framework).is_none_or(|framework| framework.checkpoint())
}

fn compare_executors(
    master: &mut Master,
    agent: &AgentId,
    reported: Vec<v1::ExecutorInfo>,
    orders: &mut Orders,
) {
    let mut there = BTreeSet::new();
    for info in reported {
        let framework_id = FrameworkId::new(info.framework_id.as_ref().map_or("", |id| id.value.as_str()));
        let executor_id = ExecutorId::new(info.executor_id.value.as_str());
        there.insert((framework_id.clone(), executor_id.clone()));
        let known = master.books.frameworks().get(&framework_id).and_then(|framework| {
            framework.executors.get(&(agent.clone(), executor_id.clone())).map(|executor| executor.shutdown)
        });
        match known {
            Some(true) => orders.shut_down_executors.push((framework_id, executor_id)),
            Some(false) => {}
            // Like its tasks: it was given up when the link broke, and what it holds may be in use by now.
            None if !outlives_disconnection(master, &framework_id, agent) => {
                orders.shut_down_executors.push((framework_id, executor_id));
            }
            None => {
                // An earlier message, sent before the executor was there, came late. What it holds may be on offer.
                offers::rescind_all_of_agent(master, agent);
                let mut used = BTreeMap::new();
                add_executor(master, agent, info, &mut used, orders);
                for (framework, resources) in used {
                    master.allocator.allocated(&framework, agent, &resources);
                }
            }
        }
    }
    let gone: Vec<_> =
        master.books.executors_of(agent).filter(|executor| !there.contains(*executor)).cloned().collect();
    for (framework, executor) in gone {
        executors::remove(master, &framework, agent, &executor);
    }
}

fn compare_tasks(master: &mut Master, agent: &AgentId, reported: &[v1::Task], orders: &mut Orders) {
    let mut there = BTreeSet::new();
    for task in reported {
        let framework_id = FrameworkId::new(task.framework_id.value.as_str());
        let id = TaskId::new(task.task_id.value.as_str());
        there.insert((framework_id.clone(), id.clone()));
        if !is_alive(master, &framework_id) {
            orders.shut_down.insert(framework_id);
            continue;
        }
        let known =
            master.books.frameworks().get(&framework_id).and_then(|framework| framework.tasks.get(&id));
        let ended =
            tepui_model::TaskState::from_number(task.state).is_none_or(tepui_model::TaskState::is_terminal);
        match known.filter(|known| known.agent_id == *agent) {
            Some(known) if !known.state.is_terminal() => {
                if let Some(kill) = &known.kill {
                    orders.kills.push(kill_message(&framework_id, &id, kill.policy));
                }
            }
            Some(_) => {}
            // Its scheduler was told that it is lost when the link broke.
            None if !ended => orders.kills.push(kill_message(&framework_id, &id, None)),
            None => {}
        }
    }
    for (framework_id, id) in master.books.tasks_of(agent) {
        if there.contains(&(framework_id.clone(), id.clone())) {
            continue;
        }
        let Some(task) =
            master.books.frameworks().get(&framework_id).and_then(|framework| framework.tasks.get(&id))
        else {
            continue;
        };
        // A task that did not arrive, or whose end was forgotten: the agent says which.
        let mut status = status::from_master(
            &id,
            Some(agent),
            task.state,
            Reason::Reconciliation,
            "Reconciliation: Task is unknown to the agent",
            master.now,
        );
        status.message = None;
        orders.reconciliations.entry(framework_id).or_default().push(status);
    }
}

/// Tells the agent that it is registered again, and then what it has to do.
fn finish(master: &mut Master, id: &AgentId, frameworks: &[v1::FrameworkInfo], orders: Orders) {
    let Some(agent) = master.books.agents().get(id) else { return };
    let pid = agent.pid.clone();
    let reconciliation =
        |(id, statuses): (FrameworkId, Vec<v1::TaskStatus>)| internal::ReconcileTasksMessage {
            framework_id: v1::FrameworkId { value: id.as_str().to_owned() },
            statuses,
            framework: master.books.frameworks().get(&id).map(|framework| (*framework.info).clone()),
        };
    let message = internal::SlaveReregisteredMessage {
        slave_id: agent.wire_id(),
        reconciliations: orders.reconciliations.into_iter().map(reconciliation).collect(),
        connection: Some(agents::connection(master)),
    };
    master.send(pid.clone(), message);
    for framework in orders.shut_down {
        let framework_id = v1::FrameworkId { value: framework.as_str().to_owned() };
        master.send(pid.clone(), internal::ShutdownFrameworkMessage { framework_id });
    }
    for kill in orders.kills {
        master.send(pid.clone(), kill);
    }
    for (framework, executor) in orders.shut_down_executors {
        let message = internal::ShutdownExecutorMessage {
            executor_id: Some(v1::ExecutorId { value: executor.as_str().to_owned() }),
            framework_id: Some(v1::FrameworkId { value: framework.as_str().to_owned() }),
        };
        master.send(pid.clone(), message);
    }
    for info in frameworks {
        let Some(framework) =
            info.id.as_ref().and_then(|id| master.books.frameworks().get(id.value.as_str()))
        else {
            continue;
        };
        let message = internal::UpdateFrameworkMessage {
            framework_id: framework.wire_id(),
            pid: Some(Upid::NOBODY.to_owned()),
            framework_info: Some((*framework.info).clone()),
        };
        master.send(pid.clone(), message);
    }
    drain::agent_is_back(master, id);
}
