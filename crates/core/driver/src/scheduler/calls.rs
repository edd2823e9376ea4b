//! Builders of calls. None of them has a framework id: the driver fills it in.

use bytes::Bytes;
use tepui_wire_mesos::v1::{
    AgentId, ExecutorId, Filters, FrameworkInfo, KillPolicy, OfferId, TaskId,
    offer::Operation,
    scheduler::{Call, OfferConstraints, call},
};

use super::Receipt;

fn of(kind: call::Type) -> Call {
    Call { r#type: Some(kind.into()), ..Call::default() }
}

/// SUBSCRIBE; made by the driver itself.
pub(super) fn subscribe(
    framework_info: FrameworkInfo,
    suppressed_roles: Vec<String>,
    offer_constraints: Option<OfferConstraints>,
) -> Call {
    Call {
        framework_id: framework_info.id.clone(),
        subscribe: Some(Box::new(call::Subscribe { framework_info, suppressed_roles, offer_constraints })),
        ..of(call::Type::Subscribe)
    }
}

/// TEARDOWN: ends the framework, its executors and its tasks.
pub fn teardown() -> Call {
    of(call::Type::Teardown)
}

/// ACCEPT: uses offers of one agent and one role; what the operations leave over is declined with `filters`.
pub fn accept(offer_ids: Vec<OfferId>, operations: Vec<Operation>, filters: Option<Filters>) -> Call {
    Call { accept: Some(call::Accept { offer_ids, operations, filters }), ..of(call::Type::Accept) }
}

/// DECLINE: gives offers back and hides their resources for `filters.refuse_seconds` (5 s when not given).
pub fn decline(offer_ids: Vec<OfferId>, filters: Option<Filters>) -> Call {
    Call { decline: Some(call::Decline { offer_ids, filters }), ..of(call::Type::Decline) }
}

/// REVIVE: drops the filters of these roles (of all, if empty) and ends their suppression.
pub fn revive(roles: Vec<String>) -> Call {
    Call { revive: Some(call::Revive { roles }), ..of(call::Type::Revive) }
}

/// SUPPRESS: no more offers for these roles (for all, if empty) until REVIVE.
pub fn suppress(roles: Vec<String>) -> Call {
    Call { suppress: Some(call::Suppress { roles }), ..of(call::Type::Suppress) }
}

/// KILL: of an unknown task it is answered as an explicit RECONCILE is.
pub fn kill(task_id: TaskId, agent_id: Option<AgentId>, kill_policy: Option<KillPolicy>) -> Call {
    Call { kill: Some(call::Kill { task_id, agent_id, kill_policy }), ..of(call::Type::Kill) }
}

/// SHUTDOWN: asks an executor to end, and its agent to see to it.
pub fn shutdown(executor_id: ExecutorId, agent_id: AgentId) -> Call {
    Call { shutdown: Some(call::Shutdown { executor_id, agent_id }), ..of(call::Type::Shutdown) }
}

/// ACKNOWLEDGE of a task's update.
pub fn acknowledge(receipt: Receipt) -> Call {
    let Receipt { agent_id, task_id, uuid } = receipt;
    Call { acknowledge: Some(call::Acknowledge { agent_id, task_id, uuid }), ..of(call::Type::Acknowledge) }
}

/// RECONCILE: the master sends an update for each of these tasks; for every task it knows, if there are none.
pub fn reconcile<'a>(tasks: impl IntoIterator<Item = (&'a str, Option<AgentId>)>) -> Call {
    let tasks = tasks
        .into_iter()
        .map(|(task, agent_id)| call::reconcile::Task {
            task_id: TaskId { value: task.to_owned() },
            agent_id,
        })
        .collect();
    Call { reconcile: Some(call::Reconcile { tasks }), ..of(call::Type::Reconcile) }
}

/// MESSAGE to an executor; best effort.
pub fn message(agent_id: AgentId, executor_id: ExecutorId, data: Bytes) -> Call {
    Call { message: Some(call::Message { agent_id, executor_id, data }), ..of(call::Type::Message) }
}
