//! What happens to a scheduler driver.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tepui_model::{Fate, Loss};
use tepui_wire_mesos::v1::{
    AgentId, TaskId, TaskStatus,
    scheduler::{self as wire, Call},
};

use crate::{CallToken, Subscription};

/// Something that the user wants or the master says. What a method answers its user is
/// [`DriverStatus::answer`](crate::DriverStatus::answer).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The user: begin to subscribe.
    Start,
    /// The user: end. With `failover` the framework and its tasks stay, for a scheduler that continues them within the
    /// failover timeout; without, a TEARDOWN ends them (if there is a subscription to send it on).
    Stop {
        /// Whether the framework stays.
        failover: bool,
    },
    /// The user: end at once and deliver nothing more; the framework stays until its failover timeout.
    Abort,
    /// The user: make a call; the functions of [`calls`](super::calls) build them. The framework id is filled in. What
    /// becomes of it is silence if all is well, and [`Callback::CallFailed`](super::Callback::CallFailed) otherwise.
    Call {
        /// As [`SchedulerDriver::next_call`](super::SchedulerDriver::next_call) gave it just now; under another number
        /// nothing is called.
        token: CallToken,
        /// The call.
        call: Box<Call>,
    },
    /// The user is done with an update: it is acknowledged if that is automatic. A refusal is no harm, because the
    /// update comes again.
    Processed(Receipt),
    /// The user does not take what he is delivered, so the shell does not read the stream: the silence is not the
    /// master's. To be told before a timeout.
    Unread,
    /// The shell has the answer's head, and it was 200.
    Connected {
        /// Of which attempt.
        subscription: Subscription,
        /// The answer's `Mesos-Stream-Id` header.
        stream_id: Option<String>,
    },
    /// A record of the stream.
    Heard {
        /// Whose.
        subscription: Subscription,
        /// The record.
        event: Box<wire::Event>,
    },
    /// The attempt failed or the stream ended.
    Lost {
        /// Which.
        subscription: Subscription,
        /// Why.
        loss: Loss,
    },
    /// What became of a call.
    Answered {
        /// Which.
        token: CallToken,
        /// What.
        fate: Fate,
    },
}

/// What it takes to acknowledge an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The agent that repeats the update.
    pub agent_id: AgentId,
    /// The task.
    pub task_id: TaskId,
    /// 16 bytes.
    pub uuid: Bytes,
}

impl Receipt {
    /// Of an update that wants to be acknowledged; `None` of one that must not be (it has no uuid).
    pub fn of(status: &TaskStatus) -> Option<Self> {
        let uuid = status.uuid.clone().filter(|uuid| !uuid.is_empty())?;
        Some(Self { agent_id: status.agent_id.clone()?, task_id: status.task_id.clone(), uuid })
    }
}
