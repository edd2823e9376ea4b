//! An agent as the master knows it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tepui_model::{AgentId, Resources, Tick};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{internal, v1};

/// Where an agent is in its life.
///
/// ```text
///   RegisterSlave          link breaks
///  -------------> Connected <--------> Disconnected
///                    |   ReregisterSlave    |
///                    | pings unanswered     | has not come back
///                    +-> Unreachable <------+
///                            | ReregisterSlave: Connected again
///  UnregisterSlave: removed for good; MARK_AGENT_GONE: never taken again
/// ```
///
/// Unreachable and gone agents are only ids with a time; this enum is of those that are registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentState {
    /// It is there. Its resources are offered, unless an operator deactivated it ([`crate::Deactivation`]).
    Connected,
    /// The link to it broke; it has the re-registration timeout to come back.
    Disconnected,
}

/// A registered agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Agent {
    /// Its id; also in `info`.
    pub id: AgentId,
    /// Where it is.
    pub pid: Upid,
    /// What it said about itself.
    pub info: Arc<internal::SlaveInfo>,
    /// Where it is in its life.
    pub state: AgentState,
    /// The version of its program.
    pub version: String,
    /// What its program can do.
    pub capabilities: Vec<v1::agent_info::Capability>,
    /// When it registered with this master for the first time.
    pub registered: Tick,
    /// When it last came back.
    pub reregistered: Option<Tick>,
    /// All that it has.
    pub total: Arc<Resources>,
    /// Changes whenever operations change the agent's resources; sent back with each task.
    pub(crate) resource_version: Option<v1::Uuid>,
    /// The libprocess id that pings it.
    pub(crate) observer: Arc<str>,
    /// Pings in a row without an answer.
    pub(crate) unanswered_pings: u32,
}

impl Agent {
    /// Whether the link to it holds.
    pub fn is_connected(&self) -> bool {
        self.state == AgentState::Connected
    }

    /// As the v1 API shows it.
    pub fn wire_info(&self) -> v1::AgentInfo {
        agent_info(&self.info)
    }

    pub(crate) fn wire_id(&self) -> v1::AgentId {
        v1::AgentId { value: self.id.as_str().to_owned() }
    }

    pub(crate) fn has(&self, capability: v1::agent_info::capability::Type) -> bool {
        self.capabilities.iter().any(|has| has.r#type == Some(capability as i32))
    }
}

/// An agent of the registry that has not come back.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RecoveredAgent {
    pub(crate) info: Arc<internal::SlaveInfo>,
    /// Where it was, if that is known.
    pub(crate) pid: Option<Upid>,
}

/// The v1 form of an agent's info.
pub(crate) fn agent_info(info: &internal::SlaveInfo) -> v1::AgentInfo {
    v1::AgentInfo {
        hostname: info.hostname.clone(),
        port: info.port,
        resources: info.resources.clone(),
        attributes: info.attributes.clone(),
        id: info.id.clone(),
        checkpoint: Some(info.checkpoint()),
        domain: info.domain.clone(),
    }
}
