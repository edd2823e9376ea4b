//! Statuses that the agent itself makes, and what task states mean. Must not live here: where they go.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tepui_model::{Reason, Source, TaskId, TaskState, Tick, describe_wait_status};
use tepui_wire_mesos::v1;

/// What the agent says about a task.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) reason: Option<Reason>,
    pub(crate) message: Option<String>,
    pub(crate) limitation: Option<v1::TaskResourceLimitation>,
    pub(crate) check_status: Option<v1::CheckStatusInfo>,
    pub(crate) healthy: Option<bool>,
}

impl Report {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason: Some(reason), message: Some(message.into()), ..Self::default() }
    }

    pub(crate) fn message(message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..Self::default() }
    }
}

/// A status, complete but for what the container adds.
pub(crate) fn status(
    now: Tick,
    task: &TaskId,
    state: TaskState,
    source: Source,
    uuid: Bytes,
    report: Report,
) -> v1::TaskStatus {
    v1::TaskStatus {
        task_id: task.into(),
        state: state.number(),
        source: Some(source.number()),
        reason: report.reason.map(Reason::number),
        message: report.message,
        limitation: report.limitation,
        check_status: report.check_status,
        healthy: report.healthy,
        uuid: Some(uuid),
        timestamp: Some(now.as_secs_f64()),
        ..v1::TaskStatus::default()
    }
}

/// The state of a task that never started.
pub(crate) fn dropped(partition_aware: bool) -> TaskState {
    if partition_aware { TaskState::Dropped } else { TaskState::Lost }
}

/// The state of a task that ended unseen.
pub(crate) fn gone(partition_aware: bool) -> TaskState {
    if partition_aware { TaskState::Gone } else { TaskState::Lost }
}

/// How a command ended, as Mesos's command executor says it: `Command exited with status 0`,
/// `Command terminated with signal Killed`.
pub(crate) fn describe_exit(wait_status: Option<i32>) -> String {
    match wait_status {
        Some(raw) => format!("Command {}", describe_wait_status(raw)),
        None => "Failed to get exit status for Command".to_owned(),
    }
}
