//! What the executor asks for.

use serde::{Deserialize, Serialize};
use tepui_core_checks::{Probe, ProbeId};
use tepui_wire_mesos::v1::{TaskStatus, agent};

#[cfg(doc)]
use crate::Event;

/// A call to the agent under way; numbers are not used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallId(pub u64);

impl From<u64> for CallId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

/// Something for the shell to do, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Give this to the executor driver. [`Event::UpdateSettled`] follows when it has arrived
    /// for good, or never will.
    Update(Box<TaskStatus>),
    /// POST this to the agent's own API, on a connection that waits for nothing else: some are answered after hours.
    /// [`Event::Answered`] follows, once, unless it is cancelled first. A session
    /// (LAUNCH_NESTED_CONTAINER_SESSION) is answered when its stream has ended; what it carries is not wanted.
    Call {
        /// What to give back with the answer.
        id: CallId,
        /// The call.
        call: Box<agent::Call>,
    },
    /// The answer is not wanted any more: close the connection.
    Cancel {
        /// Which call.
        id: CallId,
    },
    /// Ask a task over the network, then tell [`Event::Probed`].
    Probe {
        /// The task.
        task_id: String,
        /// Number of the probe; unique for the task.
        id: ProbeId,
        /// What to ask; never a command, which is a call to the agent.
        probe: Probe,
    },
    /// End a probe over the network.
    CancelProbe {
        /// The task.
        task_id: String,
        /// Number of the probe.
        id: ProbeId,
    },
    /// Let `tasks/<task>` in the sandbox lead to `containers/<container>`, for people who look for a task's files.
    Link {
        /// The task.
        task_id: String,
        /// Its container, without its parents.
        container: String,
    },
    /// It is over: stop the driver, end the process.
    Stop,
    /// Something odd, for the log.
    Warn(String),
}
