//! What a scheduler driver asks for, and what its user sees.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tepui_model::Reply;
use tepui_wire_libprocess::Address;
use tepui_wire_mesos::v1::{
    AgentId, ExecutorId, FrameworkId, InverseOffer, MasterInfo, Offer, OfferId, OperationStatus, TaskStatus,
    scheduler::{Call, call},
};

#[cfg(doc)]
use super::Event;
use crate::{CallToken, Subscription};

/// What the shell must do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the common one: a box would be one more allocation"
)]
pub enum Effect {
    /// Connect to `master`, POST `call` to its scheduler API and read the event stream. Ends in
    /// [`Event::Lost`] unless it is closed first.
    Subscribe {
        /// Number of the attempt; the shell gives it back with everything that comes of it.
        subscription: Subscription,
        /// Where to. An empty path means `/api/v1/scheduler`.
        master: Address,
        /// A SUBSCRIBE.
        call: Box<Call>,
    },
    /// POST `call` on the call connection of `subscription`, in order, and tell what becomes of it by
    /// [`Event::Answered`]. When the subscription ends, calls without an answer
    /// have failed, and answers that still come are ignored.
    Call {
        /// Whose call connection.
        subscription: Subscription,
        /// Number of the call.
        token: CallToken,
        /// Value of the `Mesos-Stream-Id` header.
        stream_id: Option<Arc<str>>,
        /// The call, with its framework id.
        call: Box<Call>,
    },
    /// Drop the stream and the call connection of a subscription. When the driver
    /// [is finished](super::SchedulerDriver::is_finished), let the calls already asked for leave first.
    Close {
        /// Which.
        subscription: Subscription,
    },
    /// Hand this to the user.
    Deliver(Callback),
    /// Something odd that the user need not handle: for the log.
    Warn(String),
}

/// What the user of the driver sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Callback {
    /// There is a subscription; calls are taken from here on.
    Subscribed {
        /// The framework's id: to be kept by who wants to continue it after a restart.
        framework_id: FrameworkId,
        /// The leading master, if it says.
        master_info: Option<MasterInfo>,
        /// Not the first subscription of this driver. Offers from before are gone; updates may have been missed.
        again: bool,
    },
    /// The subscription is lost; the driver is at work on the next. All offers are void.
    Disconnected {
        /// In words.
        reason: String,
    },
    /// Resources of agents, held for this framework until accepted or declined.
    Offers(Vec<Offer>),
    /// An offer is no longer valid.
    Rescind(OfferId),
    /// Agents ask for their resources back, for maintenance.
    InverseOffers(Vec<InverseOffer>),
    /// An inverse offer is no longer valid.
    RescindInverseOffer(OfferId),
    /// A task's state changed (or is repeated).
    Update(TaskStatus),
    /// An operation's state changed; acknowledged only by the user.
    UpdateOperationStatus(OperationStatus),
    /// From an executor; best effort.
    Message {
        /// Its agent.
        agent_id: AgentId,
        /// The executor.
        executor_id: ExecutorId,
        /// As it was sent.
        data: Bytes,
    },
    /// An executor ended, or (without an executor id) an agent is gone.
    Failure {
        /// The agent.
        agent_id: Option<AgentId>,
        /// The executor.
        executor_id: Option<ExecutorId>,
        /// Raw wait status of the executor: `exit 7` is 1792, SIGKILL is 9.
        status: Option<i32>,
    },
    /// A call did not reach the master, or the master refused it.
    CallFailed {
        /// As [`SchedulerDriver::next_call`](super::SchedulerDriver::next_call) gave it.
        token: CallToken,
        /// What kind of call.
        call: call::Type,
        /// Why.
        error: CallError,
    },
    /// The end: the driver is aborted and will deliver nothing more.
    Error {
        /// The master's words, or the driver's.
        message: String,
    },
}

/// Why a call that was taken came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum CallError {
    /// The master answered with an error.
    #[error("the master answered with {}: {}", .0.status, .0.body)]
    Answered(Reply),
    /// There was no answer; the call may or may not have been heard.
    #[error("no answer from the master: {0}")]
    Unanswered(String),
}
