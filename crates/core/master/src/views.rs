//! What readers see: answers of the v1 operator API made of a snapshot.
//!
//! Pure functions; none of them needs the master, so none of them stops it.

use crate::{Agent, Framework, Snapshot};
use tepui_wire_mesos::v1::master::response;

/// GET_STATE.
pub fn state(_snapshot: &Snapshot) -> response::GetState {
    response::GetState::default()
}
pub(crate) fn new_agent(_agent: &Agent) -> response::get_agents::Agent {
    response::get_agents::Agent::default()
}
pub(crate) fn bare_framework(_framework: &Framework) -> response::get_frameworks::Framework {
    response::get_frameworks::Framework::default()
}
