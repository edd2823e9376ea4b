//! What is written down of a command that is to end, for the next agent. Mesos's executor of a command outlives the agent
//! and remembers it; here the record of the task does, in a status that is told to nobody.
//! Must not live here: the kill itself (see `command`).

use tepui_model::{Reason, TaskState};
use tepui_wire_mesos::v1;

use crate::executors::Command;

/// The record of a task whose command is being killed.
pub(crate) fn record_of(task: &v1::Task, command: &Command) -> v1::Task {
    let status = v1::TaskStatus {
        task_id: task.task_id.clone(),
        state: TaskState::Killing.number(),
        reason: command.timed_out.then_some(Reason::MaxCompletionTimeReached.number()),
        healthy: command.unhealthy.then_some(false),
        ..v1::TaskStatus::default()
    };
    v1::Task { state: TaskState::Staging.number(), statuses: vec![status], ..task.clone() }
}

/// Takes it out of the record again.
pub(crate) fn recover(task: &mut v1::Task) -> Command {
    let Some(status) = std::mem::take(&mut task.statuses).pop() else { return Command::default() };
    Command {
        killed: true,
        timed_out: status.reason == Some(Reason::MaxCompletionTimeReached.number()),
        unhealthy: status.healthy == Some(false),
        checks: None,
    }
}
