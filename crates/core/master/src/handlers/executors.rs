//! Executors: known from their first task until the agent reports their end.

use std::sync::Arc;

use tepui_model::{AgentId, ExecutorId, FrameworkId, Resources};
use tepui_wire_mesos::{
    internal,
    v1::{
        self, ExecutorInfo,
        scheduler::{Event, event},
    },
};

use crate::{
    Counter, Master,
    allocation::{self, Refusal},
    schedulers::{send_event, typed},
    task::Executor,
};

/// Remembers an executor that is about to be launched; its resources are already counted as used.
pub(crate) fn add(
    master: &mut Master,
    framework: &FrameworkId,
    agent: &AgentId,
    info: ExecutorInfo,
    resources: Resources,
) {
    let executor = Executor { info: Arc::new(info), resources: Arc::new(resources), shutdown: false };
    master.books.add_executor(framework, agent, executor);
}

/// Forgets an executor and gives its resources back.
pub(crate) fn remove(
    master: &mut Master,
    framework_id: &FrameworkId,
    agent: &AgentId,
    id: &ExecutorId,
) -> bool {
    let Some(executor) = master.books.remove_executor(framework_id, agent, id) else { return false };
    allocation::recover(master, framework_id, agent, &executor.resources, Refusal::None);
    true
}

/// Forgets all executors of a framework.
pub(crate) fn remove_all_of_framework(master: &mut Master, id: &FrameworkId) {
    let keys: Vec<_> = master
        .books
        .frameworks()
        .get(id)
        .map_or_else(Vec::new, |framework| framework.executors.keys().cloned().collect());
    for (agent, executor) in keys {
        remove(master, id, &agent, &executor);
    }
}

/// Forgets all executors of an agent, or those of one framework.
pub(crate) fn remove_all_of_agent(master: &mut Master, agent: &AgentId, only: Option<&FrameworkId>) {
    let keys: Vec<_> = master
        .books
        .executors_of(agent)
        .filter(|(framework, _)| only.is_none_or(|only| only == framework))
        .cloned()
        .collect();
    for (framework, executor) in keys {
        remove(master, &framework, agent, &executor);
    }
}

/// ExitedExecutor: the scheduler gets a FAILURE. What its tasks end with comes by itself.
pub(crate) fn exited(master: &mut Master, message: &internal::ExitedExecutorMessage) {
    master.counters.add(Counter::MessagesExitedExecutor);
    let agent = AgentId::new(message.slave_id.value.as_str());
    if !master.books.agents().contains_key(&agent) {
        master.warn(format!(
            "Ignoring the end of executor '{}' of framework {} on agent {agent}, which is not registered",
            message.executor_id.value, message.framework_id.value
        ));
        return;
    }
    let framework = FrameworkId::new(message.framework_id.value.as_str());
    let executor = ExecutorId::new(message.executor_id.value.as_str());
    remove(master, &framework, &agent, &executor);
    let failure = event::Failure {
        agent_id: Some(message.slave_id.clone()),
        executor_id: Some(message.executor_id.clone()),
        status: Some(message.status),
    };
    send_event(master, &framework, Event { failure: Some(failure), ..typed(event::Type::Failure) });
}

/// ExecutorToFramework: a MESSAGE for the scheduler; best effort.
pub(crate) fn message(master: &mut Master, message: internal::ExecutorToFrameworkMessage) {
    master.counters.add(Counter::MessagesExecutorToFramework);
    let known = master.books.agents().contains_key(message.slave_id.value.as_str())
        && master
            .books
            .frameworks()
            .get(message.framework_id.value.as_str())
            .is_some_and(|f| f.is_connected());
    if !known {
        master.counters.add(Counter::InvalidExecutorToFrameworkMessages);
        return;
    }
    master.counters.add(Counter::ValidExecutorToFrameworkMessages);
    let id = FrameworkId::new(message.framework_id.value.as_str());
    let message = event::Message {
        agent_id: v1::AgentId { value: message.slave_id.value },
        executor_id: message.executor_id,
        data: message.data,
    };
    send_event(master, &id, Event { message: Some(message), ..typed(event::Type::Message) });
}
