//! The operator's calls that change something, and SUBSCRIBE.

use tepui_model::{AgentId, ConnectionId, FrameworkId, Reply};
use tepui_wire_mesos::v1::master::{Call, call::Type};

use super::{
    agents::{self, Removal},
    framework,
};
use crate::{Master, operators};

/// Handles a call. Calls that only read are answered by the shell and never come here.
pub(crate) fn handle(master: &mut Master, from: ConnectionId, _principal: Option<&str>, call: Call) {
    match call.r#type.map(Type::try_from) {
        Some(Ok(Type::Subscribe)) => operators::subscribe(master, from),
        Some(Ok(Type::Teardown)) => teardown(master, from, &call),
        Some(Ok(Type::MarkAgentGone)) => mark_agent_gone(master, from, &call),
        Some(Ok(Type::Unknown)) => master.reply(from, Reply::error(501, "501 Not Implemented.")),
        Some(Ok(kind)) => {
            let text = format!("{} is not implemented", kind.as_str_name());
            master.reply(from, Reply::error(501, text));
        }
        _ => {
            let text = "Failed to validate master::Call: Expecting 'type' to be present";
            master.reply(from, Reply::error(400, text));
        }
    }
}

fn teardown(master: &mut Master, from: ConnectionId, call: &Call) {
    let Some(teardown) = &call.teardown else {
        let text = "Failed to validate master::Call: Expecting 'teardown' to be present";
        return master.reply(from, Reply::error(400, text));
    };
    let id = FrameworkId::new(teardown.framework_id.value.as_str());
    if !master.frameworks.contains_key(&id) {
        return master.reply(from, Reply::error(400, "No framework found with specified ID"));
    }
    framework::teardown(master, &id, Some((from, Reply::ok())));
}

fn mark_agent_gone(master: &mut Master, from: ConnectionId, call: &Call) {
    let Some(mark) = &call.mark_agent_gone else {
        let text = "Failed to validate master::Call: Expecting 'mark_agent_gone' to be present";
        return master.reply(from, Reply::error(400, text));
    };
    let id = AgentId::new(mark.agent_id.value.as_str());
    if master.gone.contains_key(&id) {
        return master.reply(from, Reply::ok());
    }
    let known = master.agents.contains_key(&id)
        || master.recovered_agents.contains_key(&id)
        || master.unreachable.contains_key(&id);
    if !known {
        return master.reply(from, Reply::error(404, "Agent not found"));
    }
    agents::end(master, &id, Removal::Gone, Some(from));
}
