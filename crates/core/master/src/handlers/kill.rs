//! KILL, SHUTDOWN and MESSAGE: what goes through to an agent.

use tepui_model::{ExecutorId, FrameworkId};
use tepui_wire_mesos::{internal, v1::scheduler::call};

use super::reconcile;
use crate::{Counter, Master};

/// KILL. The wish is remembered with the task, so that it is not lost with a broken link.
pub(crate) fn kill(master: &mut Master, id: &FrameworkId, kill: call::Kill) {
    master.counters.add(Counter::MessagesKillTask);
    let Some(framework) = master.books.frameworks().get(id) else { return };
    let Some(task) = framework.tasks.get(kill.task_id.value.as_str()) else {
        // The scheduler learns what is known instead.
        return reconcile::one(
            master,
            id,
            &kill.task_id.value,
            kill.agent_id.as_ref().map(|id| id.value.as_str()),
        );
    };
    if let Some(claimed) = &kill.agent_id
        && !claimed.value.is_empty()
        && claimed.value != task.agent_id.as_str()
    {
        let text = format!(
            "Dropping KILL of task '{}' of framework {id}: it is on agent {}, not on {}",
            task.id, task.agent_id, claimed.value
        );
        return master.warn(text);
    }
    let agent_id = task.agent_id.clone();
    if !task.state.is_terminal() {
        let task_id = task.id.clone();
        master.books.wish_kill(id, &task_id, kill.kill_policy);
    }
    if let Some(agent) = master.books.agents().get(&agent_id)
        && agent.is_connected()
    {
        let pid = agent.pid.clone();
        let message = internal::KillTaskMessage {
            framework_id: tepui_wire_mesos::v1::FrameworkId { value: id.as_str().to_owned() },
            task_id: kill.task_id,
            kill_policy: kill.kill_policy,
        };
        master.send(pid, message);
    }
}

/// SHUTDOWN of an executor; remembered with it, like a kill.
pub(crate) fn shutdown_executor(master: &mut Master, id: &FrameworkId, shutdown: &call::Shutdown) {
    let Some(agent) = master.books.agents().get(shutdown.agent_id.value.as_str()) else {
        let text = format!(
            "Dropping SHUTDOWN of executor '{}' of framework {id}: agent {} is not registered",
            shutdown.executor_id.value, shutdown.agent_id.value
        );
        return master.warn(text);
    };
    let (agent_id, pid, active) = (agent.id.clone(), agent.pid.clone(), agent.is_connected());
    let key = (agent_id, ExecutorId::new(shutdown.executor_id.value.as_str()));
    master.books.wish_shutdown(id, &key);
    if active {
        let message = internal::ShutdownExecutorMessage {
            executor_id: Some(shutdown.executor_id.clone()),
            framework_id: Some(tepui_wire_mesos::v1::FrameworkId { value: id.as_str().to_owned() }),
        };
        master.send(pid, message);
    }
}

/// MESSAGE: passed on to the executor's agent; best effort.
pub(crate) fn message(master: &mut Master, id: &FrameworkId, message: call::Message) {
    master.counters.add(Counter::MessagesFrameworkToExecutor);
    let agent =
        master.books.agents().get(message.agent_id.value.as_str()).filter(|agent| agent.is_connected());
    let Some(pid) = agent.map(|agent| agent.pid.clone()) else {
        master.counters.add(Counter::InvalidFrameworkToExecutorMessages);
        return;
    };
    master.counters.add(Counter::ValidFrameworkToExecutorMessages);
    let message = internal::FrameworkToExecutorMessage {
        slave_id: message.agent_id,
        framework_id: tepui_wire_mesos::v1::FrameworkId { value: id.as_str().to_owned() },
        executor_id: message.executor_id,
        data: message.data,
    };
    master.send(pid, message);
}
