//! What becomes of the books when a task changes or ends by the master's doing, and what it held. Must not live here: updates
//! of agents (`updates`).

use std::sync::Arc;

use tepui_model::{FrameworkId, Source, TaskId, TaskState};
use tepui_wire_mesos::v1::TaskStatus;

use crate::{
    Counter, Master, Task,
    allocation::{self, Refusal},
    publish,
};

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
pub(crate) fn release(master: &mut Master, task: &Task) {
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

/// Counts a status that ends a task, by state and by who said so and why.
pub(crate) fn count_end(master: &mut Master, status: &TaskStatus) {
    if let Some(state) = TaskState::from_number(status.state) {
        count_end_as(master, state, status);
    }
}

/// The same where the task's state is ahead of the status.
pub(crate) fn count_end_as(master: &mut Master, state: TaskState, status: &TaskStatus) {
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
