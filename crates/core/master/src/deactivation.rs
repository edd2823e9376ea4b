//! Agents that an operator took out of use: nothing of them is offered. Must not live here: how they get there
//! (`handlers/drain`).

use serde::{Deserialize, Serialize};
use tepui_model::Tick;
use tepui_wire_mesos::v1;

/// An agent of which nothing is offered, because an operator said so.
///
/// ```text
///              DEACTIVATE_AGENT                DRAIN_AGENT            nothing runs there any more
///   (in use) --------------------> deactivated -----------> DRAINING ---------------------------> DRAINED, or gone
/// ```
///
/// `DRAIN_AGENT` leads to DRAINING from everywhere, `REACTIVATE_AGENT` into use from everywhere but DRAINING.
/// It stays so whatever becomes of the agent's connection, and of the master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deactivation {
    /// Whether it is being emptied, too.
    pub drain: Option<Drain>,
}

/// An agent is being emptied, or is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// What the operator wants.
    pub config: v1::DrainConfig,
    /// Whether nothing runs there any more.
    pub drained: bool,
    /// When this master told the agent of it; none if that was an earlier master, or the agent was away.
    pub started: Option<Tick>,
}

impl Drain {
    /// As the v1 API shows it.
    pub fn to_wire(&self) -> v1::DrainInfo {
        let state = if self.drained { v1::DrainState::Drained } else { v1::DrainState::Draining };
        v1::DrainInfo { state: state as i32, config: self.config }
    }

    /// What the registry had.
    pub(crate) fn from_wire(info: &v1::DrainInfo) -> Self {
        let drained = info.state == v1::DrainState::Drained as i32;
        Self { config: info.config, drained, started: None }
    }
}
