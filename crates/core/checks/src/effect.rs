//! What the machine asks for, and the words for what came of it.

use serde::{Deserialize, Serialize};
use tepui_model::Reason;
use tepui_wire_mesos::v1::CheckStatusInfo;

use crate::Probe;

/// A probe under way; numbers are not used twice by one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProbeId(pub u64);

impl From<u64> for ProbeId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

/// Something for the owner to do, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Probe, then call [`crate::Checks::handle_result`], unless it is cancelled first. The machine watches the time.
    Probe {
        /// What to give back with the result.
        id: ProbeId,
        /// What to do.
        probe: Probe,
    },
    /// The result is not wanted any more; end what is under way. A result that comes nevertheless is ignored.
    Cancel {
        /// Which.
        id: ProbeId,
    },
    /// Tell the scheduler: TASK_RUNNING again.
    Report(Report),
    /// The task failed its health check too often: kill it, and say `healthy: false` at its end.
    Kill,
}

/// What is known about the task by its checks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What has changed: `REASON_TASK_CHECK_STATUS_UPDATED` or `REASON_TASK_HEALTH_CHECK_STATUS_UPDATED`.
    pub reason: Reason,
    /// The check's last result; `None` for a task without a check.
    pub check_status: Option<CheckStatusInfo>,
    /// Whether the task is healthy; `None` as long as nobody knows.
    pub healthy: Option<bool>,
}

/// What a probe has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The command ended; its raw wait status.
    Exited(i32),
    /// The status code of the last answer, after redirects.
    Answered(u16),
    /// The connection could be made, or could not.
    Connected(bool),
    /// It could not be done: no answer, no such program, in words.
    Failed(String),
    /// It could not be done for reasons that are not the task's: the agent is away, the probe was ended from outside.
    /// Nothing is concluded from it.
    Lost,
}

impl Outcome {
    /// What the end of a container shows in which a command ran: its raw wait status, if it is known. One that was
    /// killed was so because its task has ended.
    pub fn of_command(wait_status: Option<i32>) -> Self {
        const SIGKILL: i32 = 9;
        match wait_status {
            Some(raw) if raw & 0x7f == SIGKILL => Self::Lost,
            Some(raw) => Self::Exited(raw),
            None => Self::Failed("nobody knows how the command ended".to_owned()),
        }
    }
}
