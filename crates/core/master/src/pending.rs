//! What goes on once a write is durable, as data. Must not live here: how it goes on (`core` hands it to the handlers).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tepui_model::{AgentId, ConnectionId, FrameworkId, Outcome, Role, Tick};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{
    internal,
    v1::{self, FrameworkInfo, scheduler::OfferConstraints},
};

/// What waits for a write.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Pending {
    /// A scheduler subscribes.
    Subscribe(Box<Subscription>),
    /// UPDATE_FRAMEWORK.
    UpdateFramework { to: ConnectionId, update: Box<Subscription> },
    /// A framework ends.
    RemoveFramework { id: FrameworkId, reply: Option<(ConnectionId, Outcome)>, why: End },
    /// A new agent.
    AdmitAgent { id: AgentId, pid: Upid, message: Box<internal::RegisterSlaveMessage> },
    /// An agent comes back with something that changes the registry.
    ReadmitAgent { pid: Upid, message: Box<internal::ReregisterSlaveMessage> },
    /// An agent is out of reach.
    MarkUnreachable { id: AgentId, since: Tick, why: Silence },
    /// An agent ends.
    RemoveAgent { id: AgentId, why: Removal, reply: Option<ConnectionId> },
    /// An operator takes an agent out of use, or into use again.
    Retire { id: AgentId, what: Retirement, reply: ConnectionId },
    /// Nothing runs any more on an agent that was drained.
    MarkDrained { id: AgentId },
}

/// A subscription, or an update of one, whose framework is being written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) connection: ConnectionId,
    /// With its id.
    pub(crate) info: FrameworkInfo,
    pub(crate) suppressed: BTreeSet<Role>,
    pub(crate) constraints: Option<OfferConstraints>,
    /// Whether the framework had a scheduler when this began.
    pub(crate) was_connected: bool,
}

/// Why a framework ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// Its scheduler or an operator said so.
    Teardown,
    /// Its scheduler did not come back.
    FailoverTimeout,
}

/// Why an agent is removed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Removal {
    /// It said so.
    Unregistered,
    /// Another agent registered at its address.
    Replaced,
    /// An operator said so.
    Gone,
}

impl Removal {
    /// As schedulers and the log read it.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Unregistered => "the agent unregistered",
            Self::Replaced => "a new agent registered at the same address",
            Self::Gone => "agent has been marked gone",
        }
    }
}

/// Why an agent counts as unreachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Silence {
    /// It did not answer pings.
    Pings,
    /// It did not come back after the link broke.
    Disconnected,
    /// It did not come to this master.
    Failover,
}

impl Silence {
    /// As schedulers and the log read it.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Pings => "health check timed out",
            Self::Disconnected => "agent did not re-register within the timeout after disconnecting",
            Self::Failover => "agent did not re-register within the timeout after master failover",
        }
    }
}

/// What an operator does to an agent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Retirement {
    /// No offers, and everything there ends.
    Drain(v1::DrainConfig),
    /// No offers.
    Deactivate,
    /// Offers again.
    Reactivate,
}
