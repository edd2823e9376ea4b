//! Status updates: from agents, and those that the master makes itself; and what tasks hold meanwhile.

use std::sync::Arc;

use bytes::Bytes;
use tepui_model::{AgentId, FrameworkId, Source, TaskId, TaskState};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{
    internal,
    v1::{
        TaskStatus,
        scheduler::{Event, event},
    },
};

use super::{
    drain,
    subscribe::{send_event, typed},
};
use crate::{
    Counter, Master, Task,
    allocation::{self, Refusal},
    publish,
};

/// StatusUpdate of an agent. It goes to the scheduler whether or not the task is known: only the scheduler's
/// acknowledgement stops the agent from sending it again.
pub(crate) fn status_update(master: &mut Master, from: &Upid, message: internal::StatusUpdateMessage) {
    master.counters.add(Counter::MessagesStatusUpdate);
    let update = message.update;
    let agent_id = update.slave_id.as_ref().map_or("", |id| id.value.as_str());
    let Some(agent) = master.books.agents().get(agent_id) else {
        master.counters.add(Counter::InvalidStatusUpdates);
        master.warn(format!(
            "Ignoring an update of task '{}' from agent {agent_id} at {from}, which is not registered",
            update.status.task_id.value
        ));
        return super::agents::prompt_reregistration(master, from);
    };
    let agent_id = agent.id.clone();
    let Some(framework) = master.books.frameworks().get(update.framework_id.value.as_str()) else {
        master.counters.add(Counter::InvalidStatusUpdates);
        master.warn(format!(
            "Ignoring an update of task '{}' of framework {}, which is not known",
            update.status.task_id.value, update.framework_id.value
        ));
        // Whatever the agent registered with was taken or told to end, so this framework has ended without this
        // agent being told: nobody knew that it still had something to say. Nobody will ever acknowledge it.
        let framework_id = update.framework_id;
        return master.send(from.clone(), internal::ShutdownFrameworkMessage { framework_id });
    };
    let framework_id = framework.id.clone();
    let uuid = update.uuid.filter(|uuid| !uuid.is_empty());
    let mut status = update.status;
    // The update's own fields are what counts, where it has them.
    status.uuid.clone_from(&uuid);
    status.agent_id = update.slave_id;
    status.timestamp = Some(update.timestamp);
    status.executor_id = update.executor_id.or(status.executor_id);
    if let Some(uuid) = &uuid
        && is_stale_copy(master, &framework_id, &agent_id, &status)
    {
        // The id was used again elsewhere while this agent was out of reach. The scheduler must not take the
        // end of the old copy for the end of the new one.
        let ack = internal::StatusUpdateAcknowledgementMessage {
            slave_id: tepui_wire_mesos::v1::AgentId { value: agent_id.as_str().to_owned() },
            framework_id: update.framework_id,
            task_id: status.task_id,
            uuid: uuid.clone(),
        };
        return master.send(from.clone(), ack);
    }
    let valid = apply(master, &framework_id, &agent_id, &status, uuid.as_ref(), update.latest_state);
    let counter = if valid { Counter::ValidStatusUpdates } else { Counter::InvalidStatusUpdates };
    master.counters.add(counter);
    send_status(master, &framework_id, status);
}

fn is_stale_copy(
    master: &Master,
    framework_id: &FrameworkId,
    agent_id: &AgentId,
    status: &TaskStatus,
) -> bool {
    let framework = master.books.frameworks().get(framework_id);
    let task = framework.and_then(|framework| framework.tasks.get(status.task_id.value.as_str()));
    task.is_some_and(|task| task.agent_id != *agent_id)
}

/// Takes over what an update says about a task; whether there is such a task there.
fn apply(
    master: &mut Master,
    framework_id: &FrameworkId,
    agent_id: &AgentId,
    status: &TaskStatus,
    uuid: Option<&Bytes>,
    latest: Option<i32>,
) -> bool {
    let latest = latest.and_then(TaskState::from_number);
    let Some((task, change)) = master.books.take_update(framework_id, agent_id, status, uuid, latest) else {
        return false;
    };
    if change.ended {
        release(master, &task);
    }
    if !change.repeated {
        publish::task_updated(master, &task, status);
    }
    if change.ended {
        count_end_as(master, task.state, status);
    }
    if uuid.is_none() && task.state.is_terminal() {
        complete(master, framework_id, &task.id);
        drain::check(master, agent_id);
    }
    true
}

/// A state that the master itself decides on, of a task that it knows.
pub(crate) fn apply_from_master(master: &mut Master, task: &Task, status: &TaskStatus) {
    let Some((task, was_live)) = master.books.settle_task(&task.framework_id, &task.id, status) else {
        return;
    };
    if was_live {
        release(master, &task);
        publish::task_updated(master, &task, status);
        count_end(master, status);
    }
}

/// Gives back what a task held that has just ended.
fn release(master: &mut Master, task: &Task) {
    allocation::recover(master, &task.framework_id, &task.agent_id, &task.resources, Refusal::None);
}

/// Takes a task out of the framework's live ones; gives back what it still holds.
pub(crate) fn take(master: &mut Master, framework_id: &FrameworkId, id: &TaskId) -> Option<Arc<Task>> {
    let task = master.books.remove_task(framework_id, id)?;
    if !task.state.is_terminal() && !task.state.is_unreachable() {
        release(master, &task);
    }
    Some(task)
}

/// A task is over: it is remembered as completed.
pub(crate) fn complete(master: &mut Master, framework_id: &FrameworkId, id: &TaskId) {
    let Some(task) = take(master, framework_id, id) else { return };
    let limit = master.config.max_completed_tasks_per_framework;
    master.books.remember_completed(framework_id, task, limit);
}

/// Sends a status to a framework's scheduler; lost if that is not there.
pub(crate) fn send_status(master: &mut Master, id: &FrameworkId, status: TaskStatus) {
    send_event(master, id, Event { update: Some(event::Update { status }), ..typed(event::Type::Update) });
}

/// Counts a status that ends a task, by state and by who said so and why.
pub(crate) fn count_end(master: &mut Master, status: &TaskStatus) {
    if let Some(state) = TaskState::from_number(status.state) {
        count_end_as(master, state, status);
    }
}

/// The same where the task's state is ahead of the status.
fn count_end_as(master: &mut Master, state: TaskState, status: &TaskStatus) {
    let counter = match state {
        TaskState::Finished => Counter::TasksFinished,
        TaskState::Failed => Counter::TasksFailed,
        TaskState::Killed => Counter::TasksKilled,
        TaskState::Error => Counter::TasksError,
        TaskState::Lost => Counter::TasksLost,
        TaskState::Dropped => Counter::TasksDropped,
        TaskState::Gone => Counter::TasksGone,
        TaskState::GoneByOperator => Counter::TasksGoneByOperator,
        _ => return,
    };
    master.counters.add(counter);
    let source = status.source.and_then(Source::from_number);
    let reason = status.reason.and_then(tepui_model::Reason::from_number);
    if let (Some(source), Some(reason)) = (source, reason) {
        master.counters.add_end(state, source, reason);
    }
}
