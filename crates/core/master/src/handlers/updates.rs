//! Status updates of agents. Must not live here: those that the master makes itself, and what an end of a task means (`tasks`).

use bytes::Bytes;
use tepui_model::{AgentId, FrameworkId, TaskState};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{internal, v1::TaskStatus};

use super::{agents, drain, tasks};
use crate::{Counter, Master, publish, schedulers};

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
        return agents::prompt_reregistration(master, from);
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
    schedulers::send_status(master, &framework_id, status);
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
        tasks::release(master, &task);
    }
    if !change.repeated {
        publish::task_updated(master, &task, status);
    }
    if change.ended {
        tasks::count_end_as(master, task.state, status);
    }
    if uuid.is_none() && task.state.is_terminal() {
        tasks::complete(master, framework_id, &task.id);
        drain::check(master, agent_id);
    }
    true
}
