//! What the master starts from, and what happens to it.

use serde::{Deserialize, Serialize};
use tepui_core_kit::Seed;
use tepui_model::{Caller, ConnectionId, FrameworkId, TaskId, Token};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{
    Message,
    v1::{master, scheduler},
};

use crate::{Config, Registry};

/// What a master is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The settings. `config.info.id` must be new: ids of frameworks, agents and offers begin with it.
    pub config: Config,
    /// Its chance.
    pub seed: Seed,
    /// What earlier masters wrote down.
    pub restored: Registry,
}

/// Something that happened outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A scheduler's call arrived. It is answered with [`crate::Effect::Reply`] or [`crate::Effect::OpenStream`], now or
    /// after a write.
    SchedulerCall {
        /// Who calls.
        caller: Caller,
        /// The call.
        call: Box<scheduler::Call>,
    },
    /// An operator's call arrived: one that changes something, or SUBSCRIBE. The shell answers the others itself, from
    /// [`crate::Master::snapshot`] through [`crate::views`].
    OperatorCall {
        /// Who calls.
        caller: Caller,
        /// The call.
        call: Box<master::Call>,
    },
    /// An operator wants a task ended. It is accepted, or refused if there is no such task alive.
    KillTask {
        /// Who asks.
        caller: Caller,
        /// The task's framework.
        framework_id: FrameworkId,
        /// The task.
        task_id: TaskId,
    },
    /// The other side of an event stream, or of a request not yet answered, has gone.
    ConnectionClosed(ConnectionId),
    /// A libprocess message arrived.
    Message {
        /// Who sent it.
        from: Upid,
        /// What it says.
        message: Message,
    },
    /// The connection to a peer that [`crate::Effect::Link`] asked for broke or could not be made.
    Exited(Upid),
    /// A write that [`crate::Effect::Persist`] asked for is durable.
    Persisted(Token),
}
