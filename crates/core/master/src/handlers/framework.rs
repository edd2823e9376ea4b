//! The end of a framework: TEARDOWN and the failover timeout.

use tepui_model::{ConnectionId, FrameworkId, Outcome, Reason, TaskState};
use tepui_wire_mesos::internal;

use super::{drain, executors, offers, tasks};
use crate::{
    Master, allocation,
    master::Timer,
    pending::{End, Pending},
    publish, registry, schedulers, status,
};

/// Whether the framework has ended, or is being written as ended.
pub(crate) fn is_completed(master: &Master, id: &str) -> bool {
    master.registrar.is_ending(id)
        || master.books.completed_frameworks().iter().any(|framework| framework.id.as_str() == id)
}

/// Ends a framework; `reply` goes out when that is written.
pub(crate) fn teardown(master: &mut Master, id: &FrameworkId, reply: Option<(ConnectionId, Outcome)>) {
    end(master, id, reply, End::Teardown);
}

/// The time of a framework to come back is over.
pub(crate) fn failover_timeout(master: &mut Master, id: &FrameworkId) {
    if master.books.frameworks().get(id).is_some_and(|framework| !framework.is_connected()) {
        master.log(format!("Framework {id} did not come back within its failover timeout: it is removed"));
        end(master, id, None, End::FailoverTimeout);
    }
}

fn end(master: &mut Master, id: &FrameworkId, reply: Option<(ConnectionId, Outcome)>, why: End) {
    let Some(framework) = master.books.frameworks().get(id) else { return };
    let write = registry::write_framework(
        (*framework.info).clone(),
        framework.registered,
        framework.disconnected,
        Some(master.now),
    );
    master.registrar.begin_end(id.clone());
    master.write_then([write], Pending::RemoveFramework { id: id.clone(), reply, why });
}

/// The end is written: everything of the framework goes.
pub(crate) fn remove(master: &mut Master, id: &FrameworkId, why: End) {
    master.registrar.ended(id);
    if !master.books.frameworks().contains_key(id) {
        return;
    }
    master.timers.cancel(&Timer::Failover(id.clone()));
    offers::discard_all_of_framework(master, id, false);
    shut_down_on_agents(master, id);
    end_tasks(master, id, why);
    executors::remove_all_of_framework(master, id);
    schedulers::leave_stream(master, id, None);
    allocation::framework_removed(master, id);
    let limit = master.config.max_completed_frameworks;
    let Some((framework, forgotten)) = master.books.end_framework(id, master.now, limit) else { return };
    publish::framework_removed(master, &framework);
    master.write(forgotten.iter().map(|oldest| registry::remove_framework(oldest.as_str())));
}

/// Every agent that has something of the framework ends it. An agent that does not hear of it is told again
/// when it comes back.
fn shut_down_on_agents(master: &mut Master, id: &FrameworkId) {
    let Some(framework) = master.books.frameworks().get(id) else { return };
    let message = internal::ShutdownFrameworkMessage { framework_id: framework.wire_id() };
    for agent in master.books.agents_with(id) {
        if let Some(agent) = master.books.agents().get(&agent) {
            let pid = agent.pid.clone();
            master.send(pid, message.clone());
        }
    }
}

/// Tasks of an ended framework count as killed; nobody is left to be told, but operators watch.
fn end_tasks(master: &mut Master, id: &FrameworkId, why: End) {
    let tasks: Vec<_> =
        master.books.frameworks().get(id).map_or_else(Vec::new, |f| f.tasks.values().cloned().collect());
    let message = match why {
        End::Teardown => format!("Framework {id} removed"),
        End::FailoverTimeout => format!("Framework {id} removed: its scheduler did not come back"),
    };
    for task in tasks {
        if !task.state.is_terminal() {
            let status = status::from_master(
                &task.id,
                Some(&task.agent_id),
                TaskState::Killed,
                Reason::FrameworkRemoved,
                message.clone(),
                master.now,
            );
            tasks::apply_from_master(master, &task, &status);
        }
        tasks::complete(master, id, &task.id);
        drain::check(master, &task.agent_id);
    }
}
