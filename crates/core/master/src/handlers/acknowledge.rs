//! ACKNOWLEDGE: a scheduler has an update.

use tepui_model::FrameworkId;
use tepui_wire_mesos::{internal, v1::scheduler::call};

use super::{drain, tasks};
use crate::{Counter, Master};

/// ACKNOWLEDGE: passed on to the agent; a task whose end is acknowledged is over. If it gets lost, the agent
/// sends the update again, and the scheduler its acknowledgement.
///
/// The task is over even if the agent cannot be told now. Mesos keeps it until the agent has been told; if the
/// agent comes back without that update (it had no log for it), it is asked about the task and makes a second end.
pub(crate) fn acknowledge(master: &mut Master, id: &FrameworkId, acknowledge: call::Acknowledge) {
    master.counters.add(Counter::MessagesStatusUpdateAcknowledgement);
    let Some(agent) = master.books.agents().get(acknowledge.agent_id.value.as_str()) else {
        master.counters.add(Counter::InvalidStatusUpdateAcknowledgements);
        return;
    };
    let (agent_id, pid, active) = (agent.id.clone(), agent.pid.clone(), agent.is_connected());
    let task = master
        .books
        .frameworks()
        .get(id)
        .and_then(|framework| framework.tasks.get(acknowledge.task_id.value.as_str()));
    if let Some(task) = task
        && task.agent_id.as_str() == acknowledge.agent_id.value
        && task
            .forwarded
            .as_ref()
            .is_some_and(|(state, uuid)| state.is_terminal() && *uuid == acknowledge.uuid)
    {
        let task_id = task.id.clone();
        tasks::complete(master, id, &task_id);
        drain::check(master, &agent_id);
    }
    if !active {
        master.counters.add(Counter::InvalidStatusUpdateAcknowledgements);
        return;
    }
    master.counters.add(Counter::ValidStatusUpdateAcknowledgements);
    let message = internal::StatusUpdateAcknowledgementMessage {
        slave_id: acknowledge.agent_id,
        framework_id: tepui_wire_mesos::v1::FrameworkId { value: id.as_str().to_owned() },
        task_id: acknowledge.task_id,
        uuid: acknowledge.uuid,
    };
    master.send(pid, message);
}
