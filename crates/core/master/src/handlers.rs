//! What each event leads to, one file per family of calls.

use serde::{Deserialize, Serialize};
use tepui_model::{AgentId, ConnectionId, FrameworkId, Outcome, Tick};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::internal;

use crate::{Master, master::Timer, publish};

pub(crate) mod accept;
pub(crate) mod acknowledge;
pub(crate) mod agents;
pub(crate) mod call;
pub(crate) mod drain;
pub(crate) mod executors;
pub(crate) mod framework;
pub(crate) mod kill;
pub(crate) mod message;
pub(crate) mod offers;
pub(crate) mod operator;
pub(crate) mod reconcile;
pub(crate) mod recovery;
pub(crate) mod removal;
pub(crate) mod reregister;
pub(crate) mod subscribe;
pub(crate) mod updates;

/// What waits for a write.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Pending {
    /// A scheduler subscribes.
    Subscribe(Box<subscribe::Subscription>),
    /// UPDATE_FRAMEWORK.
    UpdateFramework { to: ConnectionId, update: Box<subscribe::Subscription> },
    /// A framework ends.
    RemoveFramework { id: FrameworkId, reply: Option<(ConnectionId, Outcome)>, why: framework::End },
    /// A new agent.
    AdmitAgent { id: AgentId, pid: Upid, message: Box<internal::RegisterSlaveMessage> },
    /// An agent comes back with something that changes the registry.
    ReadmitAgent { pid: Upid, message: Box<internal::ReregisterSlaveMessage> },
    /// An agent is out of reach.
    MarkUnreachable { id: AgentId, since: Tick, why: removal::Silence },
    /// An agent ends.
    RemoveAgent { id: AgentId, why: removal::Removal, reply: Option<ConnectionId> },
    /// An operator takes an agent out of use, or into use again.
    Retire { id: AgentId, what: drain::Retirement, reply: ConnectionId },
    /// Nothing runs any more on an agent that was drained.
    MarkDrained { id: AgentId },
}

/// Goes on after a write.
pub(crate) fn persisted(master: &mut Master, pending: Pending) {
    match pending {
        Pending::Subscribe(subscription) => subscribe::subscribed(master, *subscription),
        Pending::UpdateFramework { to, update } => subscribe::updated(master, to, *update),
        Pending::RemoveFramework { id, reply, why } => {
            framework::remove(master, &id, why);
            if let Some((to, reply)) = reply {
                master.reply(to, reply);
            }
        }
        Pending::AdmitAgent { id, pid, message } => agents::admitted(master, id, &pid, *message),
        Pending::ReadmitAgent { pid, message } => reregister::readmitted(master, &pid, *message),
        Pending::MarkUnreachable { id, since, why } => removal::marked_unreachable(master, &id, since, why),
        Pending::RemoveAgent { id, why, reply } => {
            removal::removed(master, &id, why);
            if let Some(to) = reply {
                master.reply(to, Outcome::Done);
            }
        }
        Pending::Retire { id, what, reply } => drain::retired(master, &id, what, reply),
        Pending::MarkDrained { id } => drain::marked_drained(master, &id),
    }
}

/// Something fell due.
pub(crate) fn timeout(master: &mut Master, timer: Timer) {
    match timer {
        Timer::Heartbeat(connection) => subscribe::heartbeat(master, connection),
        Timer::OperatorHeartbeat => publish::heartbeat(master),
        Timer::Ping(agent) => agents::ping_due(master, &agent),
        Timer::Reregistration(agent) => removal::reregistration_timeout(master, &agent),
        Timer::Failover(framework) => framework::failover_timeout(master, &framework),
        Timer::Offer(offer) => offers::timeout(master, &offer),
        Timer::RegistryGc => recovery::prune(master),
    }
}
