//! RECONCILE: what the master knows about tasks.

use tepui_model::{FrameworkId, Reason, TaskId, TaskState};
use tepui_wire_mesos::v1::{
    self, TaskStatus,
    framework_info::capability::Type as Capability,
    scheduler::{Event, call, event},
};

use crate::{
    Counter, Framework, Master, Task,
    schedulers::{self, send_event, typed},
    status,
};

/// RECONCILE: of these tasks or, if none is named, of all that live.
pub(crate) fn reconcile(master: &mut Master, id: &FrameworkId, reconcile: &call::Reconcile) {
    master.counters.add(Counter::MessagesReconcileTasks);
    if reconcile.tasks.is_empty() {
        return implicit(master, id);
    }
    for task in &reconcile.tasks {
        one(master, id, &task.task_id.value, task.agent_id.as_ref().map(|id| id.value.as_str()));
    }
}

fn implicit(master: &mut Master, id: &FrameworkId) {
    let Some(framework) = master.books.frameworks().get(id) else { return };
    let statuses: Vec<TaskStatus> = framework.tasks.values().map(|task| latest(master, task)).collect();
    for status in statuses {
        schedulers::send_status(master, id, status);
    }
}

/// Tells a framework what is known about one task; nothing if that is not known yet.
pub(crate) fn one(master: &mut Master, id: &FrameworkId, task: &str, agent: Option<&str>) {
    let Some(framework) = master.books.frameworks().get(id) else { return };
    let agent = agent.filter(|agent| !agent.is_empty());
    if let Some(status) = answer(master, framework, task, agent) {
        schedulers::send_status(master, id, status);
    }
}

/// The order of these cases is the protocol's.
fn answer(master: &Master, framework: &Framework, task: &str, agent: Option<&str>) -> Option<TaskStatus> {
    if let Some(task) = framework.tasks.get(task) {
        return Some(latest(master, task));
    }
    let about = |state: TaskState, message: &str| {
        let state = state.as_seen_by(framework.has(Capability::PartitionAware));
        let agent = agent.map(tepui_model::AgentId::new);
        let text = format!("Reconciliation: {message}");
        status::from_master(
            &TaskId::new(task),
            agent.as_ref(),
            state,
            Reason::Reconciliation,
            text,
            master.now,
        )
    };
    let Some(agent) = agent else {
        if let Some(task) = framework.unreachable_tasks.get(task) {
            return Some(unreachable(master, framework, task));
        }
        // Any agent that has not come back yet may have it.
        return master
            .books
            .recovered_agents()
            .is_empty()
            .then(|| about(TaskState::Unknown, "Task is unknown"));
    };
    if master.books.recovered_agents().contains_key(agent) {
        return None;
    }
    if master.books.agents().contains_key(agent) {
        return Some(about(TaskState::Gone, "Task is unknown to the agent"));
    }
    if let Some(since) = master.books.unreachable().get(agent) {
        let mut status = about(TaskState::Unreachable, "Task is unreachable");
        status.unreachable_time = Some(time_info(*since));
        return Some(status);
    }
    if master.books.gone().contains_key(agent) {
        return Some(about(TaskState::GoneByOperator, "Task is gone"));
    }
    Some(about(TaskState::Unknown, "Task is unknown"))
}

fn unreachable(master: &Master, framework: &Framework, task: &Task) -> TaskStatus {
    let state = TaskState::Unreachable.as_seen_by(framework.has(Capability::PartitionAware));
    let mut status = status::from_master(
        &task.id,
        Some(&task.agent_id),
        state,
        Reason::Reconciliation,
        "Reconciliation: Task is unreachable",
        master.now,
    );
    status.unreachable_time = master.books.unreachable().get(&task.agent_id).map(|since| time_info(*since));
    status
}

/// The newest state of a task, with what its last update said about health and container.
fn latest(master: &Master, task: &Task) -> TaskStatus {
    let mut status = status::from_master(
        &task.id,
        Some(&task.agent_id),
        task.state,
        Reason::Reconciliation,
        "Reconciliation: Latest task state",
        master.now,
    );
    status.executor_id = task.executor_id.as_ref().map(|id| v1::ExecutorId { value: id.as_str().to_owned() });
    if let Some(last) = task.last_status() {
        status.healthy = last.healthy;
        status.check_status = last.check_status;
        status.container_status = last.container_status;
    }
    status
}

pub(crate) fn time_info(tick: tepui_model::Tick) -> v1::TimeInfo {
    v1::TimeInfo { nanoseconds: i64::try_from(tick.as_nanos()).unwrap_or(i64::MAX) }
}

/// RECONCILE_OPERATIONS: no operation is known, so each that is asked for is unknown.
pub(crate) fn operations(master: &mut Master, id: &FrameworkId, reconcile: &call::ReconcileOperations) {
    for operation in &reconcile.operations {
        let status = v1::OperationStatus {
            operation_id: Some(operation.operation_id.clone()),
            state: v1::OperationState::OperationUnknown as i32,
            message: Some("Reconciliation: Operation is unknown".to_owned()),
            agent_id: operation.agent_id.clone(),
            resource_provider_id: operation.resource_provider_id.clone(),
            ..v1::OperationStatus::default()
        };
        let update = event::UpdateOperationStatus { status };
        let event =
            Event { update_operation_status: Some(update), ..typed(event::Type::UpdateOperationStatus) };
        send_event(master, id, event);
    }
}
