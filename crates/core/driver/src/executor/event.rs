//! What happens to an executor driver.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tepui_model::{Fate, Loss};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{
    Message,
    v1::{TaskStatus, executor as wire},
};

use crate::{CallToken, Subscription};

/// Something that the user wants or the agent says. What a method answers its user is
/// [`DriverStatus::answer`](crate::DriverStatus::answer).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The user: begin to subscribe.
    Start,
    /// The user: end. Updates already given still leave, for at most `flush_timeout`: the driver is finished when the
    /// agent has answered them. The shutdown's kill timer ends with it.
    Stop,
    /// The user: end at once. Calls already handed to the shell are still sent; nothing is delivered.
    Abort,
    /// The user: send an update and repeat it until the agent acknowledges it. Framework, executor, agent, source,
    /// uuid and (if not set) time are filled in. Never dropped: while there is no subscription, it waits.
    Update(Box<TaskStatus>),
    /// The user: send a message to the scheduler; best effort. It is dropped while there is no subscription, and when
    /// too many wait for their answers.
    Message(Bytes),
    /// The shell has the answer's head, and it was 200.
    Connected(Subscription),
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
    /// What became of a call. The shell says it of each one exactly once.
    Answered {
        /// Which.
        token: CallToken,
        /// What.
        fate: Fate,
    },
    /// A message for this driver's process.
    Received {
        /// The agent, or so it says.
        from: Upid,
        /// The message.
        message: Box<Message>,
    },
    /// The connection to a linked process has ended, or could not be made.
    Exited(Upid),
}
