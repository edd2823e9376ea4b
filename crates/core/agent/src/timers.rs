//! What is due when. Must not live here: what happens then.

use serde::{Deserialize, Serialize};
use tepui_model::{ContainerId, FrameworkId, TaskId};

/// Something that happens at a time; there is at most one of each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Timer {
    /// The next attempt to register.
    Registration,
    /// No ping has come for too long.
    Ping,
    /// Executors had their time to subscribe again.
    Recovery,
    /// HEARTBEAT on every executor's stream.
    Heartbeat,
    /// The oldest sandbox may go.
    Gc,
    /// The executor in this container should have subscribed.
    ExecutorRegistration(ContainerId),
    /// The executor in this container should have ended.
    ShutdownGrace(ContainerId),
    /// The command in this container should have ended after SIGTERM.
    KillGrace(ContainerId),
    /// The executor in this container, which speaks libprocess, is asked to come back.
    Reconnect(ContainerId),
    /// The command in this container had its time.
    Completion(ContainerId),
    /// A probe of the command in this container is due, or has taken too long.
    Checks(ContainerId),
    /// The update in flight was not acknowledged.
    Retry {
        /// The framework's id.
        framework: FrameworkId,
        /// The task's id.
        task: TaskId,
    },
}
