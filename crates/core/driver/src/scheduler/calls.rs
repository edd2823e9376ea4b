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

#[cfg(test)]
mod tests {
    use tepui_wire_mesos::json;

    use super::*;

    #[test]
    fn what_each_says() {
        let info = FrameworkInfo { user: "u".to_owned(), name: "n".to_owned(), ..FrameworkInfo::default() };
        let (agent, task) = (AgentId { value: "a".to_owned() }, TaskId { value: "t".to_owned() });
        let executor = ExecutorId { value: "e".to_owned() };
        let offers = || vec![OfferId { value: "o".to_owned() }];
        let filters = || Some(Filters { refuse_seconds: Some(2.0) });
        let receipt =
            Receipt { agent_id: agent.clone(), task_id: task.clone(), uuid: Bytes::from_static(b"id") };
        for (call, text) in [
            (
                subscribe(info, vec!["r".to_owned()], None),
                r#"{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","failover_timeout":0.0,"checkpoint":false},"suppressed_roles":["r"]}}"#,
            ),
            (teardown(), r#"{"type":"TEARDOWN"}"#),
            (
                accept(offers(), Vec::new(), filters()),
                r#"{"type":"ACCEPT","accept":{"offer_ids":[{"value":"o"}],"filters":{"refuse_seconds":2.0}}}"#,
            ),
            (
                decline(offers(), filters()),
                r#"{"type":"DECLINE","decline":{"offer_ids":[{"value":"o"}],"filters":{"refuse_seconds":2.0}}}"#,
            ),
            (revive(vec!["r".to_owned()]), r#"{"type":"REVIVE","revive":{"roles":["r"]}}"#),
            (suppress(vec!["r".to_owned()]), r#"{"type":"SUPPRESS","suppress":{"roles":["r"]}}"#),
            (
                kill(task, Some(agent.clone()), Some(KillPolicy::default())),
                r#"{"type":"KILL","kill":{"task_id":{"value":"t"},"agent_id":{"value":"a"},"kill_policy":{}}}"#,
            ),
            (
                shutdown(executor.clone(), agent.clone()),
                r#"{"type":"SHUTDOWN","shutdown":{"executor_id":{"value":"e"},"agent_id":{"value":"a"}}}"#,
            ),
            (
                acknowledge(receipt),
                r#"{"type":"ACKNOWLEDGE","acknowledge":{"agent_id":{"value":"a"},"task_id":{"value":"t"},"uuid":"aWQ="}}"#,
            ),
            (
                reconcile([("t", Some(agent.clone()))]),
                r#"{"type":"RECONCILE","reconcile":{"tasks":[{"task_id":{"value":"t"},"agent_id":{"value":"a"}}]}}"#,
            ),
            (
                message(agent, executor, Bytes::from_static(b"hi")),
                r#"{"type":"MESSAGE","message":{"agent_id":{"value":"a"},"executor_id":{"value":"e"},"data":"aGk="}}"#,
            ),
        ] {
            assert_eq!(json::to_string(&call), text);
        }
    }
}
