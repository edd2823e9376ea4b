//! What an executor driver asks for, and what its user sees.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tepui_wire_libprocess::{Address, Upid};
use tepui_wire_mesos::{
    Message,
    v1::{
        AgentInfo, ExecutorInfo, FrameworkInfo, KillPolicy, TaskGroupInfo, TaskId, TaskInfo, TaskStatus,
        executor::Call,
    },
};

#[cfg(doc)]
use super::Event;
use crate::{CallToken, Subscription};

/// What the shell must do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Connect to `agent`, POST `call` to its executor API and read the event stream. Ends in
    /// [`Event::Lost`] unless it is closed first.
    Subscribe {
        /// Number of the attempt; the shell gives it back with everything that comes of it.
        subscription: Subscription,
        /// Where to.
        agent: Address,
        /// A SUBSCRIBE with everything unacknowledged.
        call: Box<Call>,
    },
    /// POST `call` on the other connection (which outlives subscriptions), in order, and tell what became of it by
    /// [`Event::Answered`]: always, exactly once.
    Call {
        /// Number of the call.
        token: CallToken,
        /// The call.
        call: Box<Call>,
    },
    /// Drop the stream of a subscription.
    Close {
        /// Which.
        subscription: Subscription,
    },
    /// Keep a connection to this process, and tell of its end with [`Event::Exited`]. One that is
    /// there already is replaced by a new one, and its end not told.
    Link {
        /// The agent.
        to: Upid,
    },
    /// Send a libprocess message, in order; nothing comes back.
    Send {
        /// The agent.
        to: Upid,
        /// The message.
        message: Box<Message>,
    },
    /// Call the user back. In order, one at a time, none after the driver was stopped or aborted but
    /// [`Callback::Error`].
    Deliver(Callback),
    /// The shutdown's grace is over: SIGKILL to the process group that this process is in.
    KillProcessGroup,
    /// Something odd that the user need not handle: for the log.
    Warn(String),
}

/// What the user of the driver sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Callback {
    /// The first subscription.
    Registered {
        /// As the framework described it.
        executor_info: Box<ExecutorInfo>,
        /// The framework.
        framework_info: Box<FrameworkInfo>,
        /// The agent.
        agent_info: Box<AgentInfo>,
    },
    /// A later subscription, to the same agent.
    Reregistered {
        /// The agent.
        agent_info: Box<AgentInfo>,
    },
    /// The agent is lost. With checkpointing it is waited for; otherwise `Shutdown` follows at once.
    Disconnected,
    /// A task to run.
    LaunchTask(Box<TaskInfo>),
    /// Tasks to run together.
    LaunchTaskGroup(TaskGroupInfo),
    /// A task to end.
    KillTask {
        /// Which.
        task_id: TaskId,
        /// How, if the framework says.
        kill_policy: Option<KillPolicy>,
    },
    /// From the scheduler; best effort.
    FrameworkMessage(Bytes),
    /// An update has arrived for good; nothing else has to be done about it.
    UpdateAcknowledged {
        /// The task.
        task_id: TaskId,
        /// As the driver chose it.
        uuid: Bytes,
    },
    /// An update that will never arrive: it is wrong in itself.
    UpdateRefused {
        /// The update.
        status: Box<TaskStatus>,
        /// Why.
        reason: String,
    },
    /// End all tasks, send their last updates, stop the driver. After the grace the process is killed.
    Shutdown,
    /// The end: the driver is aborted already.
    Error(String),
}
