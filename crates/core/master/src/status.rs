//! Status updates that the master makes itself: no uuid, so that nobody acknowledges them.

use tepui_model::{AgentId, Reason, TaskId, TaskState, Tick};
use tepui_wire_mesos::v1;

/// A status that the master reports. Fill in what else is known.
pub(crate) fn from_master(
    task_id: &TaskId,
    agent_id: Option<&AgentId>,
    state: TaskState,
    reason: Reason,
    message: impl Into<String>,
    now: Tick,
) -> v1::TaskStatus {
    v1::TaskStatus {
        task_id: v1::TaskId { value: task_id.as_str().to_owned() },
        state: state.number(),
        message: Some(message.into()),
        source: Some(v1::task_status::Source::Master as i32),
        reason: Some(reason.number()),
        agent_id: agent_id.map(|id| v1::AgentId { value: id.as_str().to_owned() }),
        timestamp: Some(now.as_secs_f64()),
        ..v1::TaskStatus::default()
    }
}
