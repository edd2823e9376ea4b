//! The operator's calls that change something, and SUBSCRIBE.

use tepui_model::{AgentId, Caller, ConnectionId, FrameworkId, Outcome, RefusalKind, TaskId};
use tepui_wire_mesos::v1::{
    self,
    master::{Call, call::Type},
};

use super::{drain, framework, kill, removal};
use crate::{Master, pending::Removal, publish};

/// Handles a call. Calls that only read are answered by the shell and never come here.
pub(crate) fn handle(master: &mut Master, caller: &Caller, call: Call) {
    let from = caller.connection;
    match call.r#type.map(Type::try_from) {
        Some(Ok(Type::Subscribe)) => publish::subscribe(master, from),
        Some(Ok(Type::Teardown)) => teardown(master, from, &call),
        Some(Ok(Type::MarkAgentGone)) => mark_agent_gone(master, from, &call),
        Some(Ok(Type::DrainAgent)) => drain::drain_agent(master, from, &call),
        Some(Ok(Type::DeactivateAgent)) => drain::deactivate_agent(master, from, &call),
        Some(Ok(Type::ReactivateAgent)) => drain::reactivate_agent(master, from, &call),
        Some(Ok(Type::Unknown)) => {
            master.reply(from, RefusalKind::Unsupported.because("501 Not Implemented."))
        }
        Some(Ok(kind)) => {
            let text = format!("{} is not implemented", kind.as_str_name());
            master.reply(from, RefusalKind::Unsupported.because(text));
        }
        _ => {
            let text = "Failed to validate master::Call: Expecting 'type' to be present";
            master.reply(from, RefusalKind::Invalid.because(text));
        }
    }
}

fn teardown(master: &mut Master, from: ConnectionId, call: &Call) {
    let Some(teardown) = &call.teardown else {
        let text = "Failed to validate master::Call: Expecting 'teardown' to be present";
        return master.reply(from, RefusalKind::Invalid.because(text));
    };
    let id = FrameworkId::new(teardown.framework_id.value.as_str());
    if !master.books.frameworks().contains_key(&id) {
        return master.reply(from, RefusalKind::Invalid.because("No framework found with specified ID"));
    }
    framework::teardown(master, &id, Some((from, Outcome::Done)));
}

/// An operator ends a task, as its scheduler could. Mesos has no such call; the scheduler learns of it by the
/// task's updates.
pub(crate) fn kill_task(master: &mut Master, caller: &Caller, id: &FrameworkId, task_id: &TaskId) {
    let from = caller.connection;
    let live = master
        .books
        .frameworks()
        .get(id)
        .and_then(|framework| framework.tasks.get(task_id))
        .is_some_and(|task| !task.state.is_terminal());
    if !live {
        let text = format!("Framework '{id}' has no task '{task_id}' that could be killed");
        return master.reply(from, RefusalKind::NotFound.because(text));
    }
    let task_id = v1::TaskId { value: task_id.as_str().to_owned() };
    kill::kill(master, id, v1::scheduler::call::Kill { task_id, agent_id: None, kill_policy: None });
    master.reply(from, Outcome::Accepted);
}

fn mark_agent_gone(master: &mut Master, from: ConnectionId, call: &Call) {
    let Some(mark) = &call.mark_agent_gone else {
        let text = "Failed to validate master::Call: Expecting 'mark_agent_gone' to be present";
        return master.reply(from, RefusalKind::Invalid.because(text));
    };
    let id = AgentId::new(mark.agent_id.value.as_str());
    if master.books.gone().contains_key(&id) {
        return master.reply(from, Outcome::Done);
    }
    if !master.books.knows_agent(&id) {
        return master.reply(from, RefusalKind::NotFound.because("Agent not found"));
    }
    removal::end(master, &id, Removal::Gone, Some(from));
}
