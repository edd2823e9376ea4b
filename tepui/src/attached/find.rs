//! Which container a task runs in, and where.

use serde_json::{Value, json};
use tepui_wire_mesos::v1;

use crate::{
    api::Api,
    exit::Failure,
    logs::agent_address,
    operate::find_task,
    query::{items, text},
};

/// A task's container.
pub(super) struct Place {
    /// The task's whole id.
    pub(super) task: String,
    pub(super) agent: Api,
    pub(super) container: v1::ContainerId,
    /// It was launched with a terminal.
    pub(super) tty: bool,
}

/// Finds a task that runs.
pub(super) async fn task(master: &str, wanted: &str) -> Result<Place, Failure> {
    let master = Api::new(master);
    let task = find_task(&master, wanted).await?;
    let id = text(&task, "/task_id/value");
    let state = text(&task, "/state");
    match state.as_str() {
        "TASK_RUNNING" | "TASK_STARTING" | "TASK_KILLING" => {}
        "TASK_STAGING" => {
            return Err(Failure::fault(format!("task {id} does not run yet; try again in a moment")));
        }
        "TASK_UNREACHABLE" => {
            let agent = text(&task, "/agent_id/value");
            return Err(Failure::fault(format!(
                "task {id} is on agent {agent}, which the master cannot reach"
            )));
        }
        ended => {
            return Err(Failure::user(format!(
                "task {id} does not run any more ({ended}); `tepui logs {id}` shows what it wrote"
            )));
        }
    }
    let agent = Api::new(&agent_address(&master, &text(&task, "/agent_id/value")).await?);
    let statuses = items(&task, "/statuses").iter().rev();
    let container = match statuses
        .filter_map(|status| container_id(status.pointer("/container_status/container_id")))
        .next()
    {
        Some(container) => container,
        None => of_executor(&agent, &task).await?,
    };
    let tty = task.pointer("/container/tty_info").is_some();
    Ok(Place { task: id, agent, container, tty })
}

/// The container of a task's executor, as the agent knows it.
async fn of_executor(agent: &Api, task: &Value) -> Result<v1::ContainerId, Failure> {
    let executor = match text(task, "/executor_id/value") {
        // A command task's executor is called like the task.
        none if none.is_empty() => text(task, "/task_id/value"),
        executor => executor,
    };
    let framework = text(task, "/framework_id/value");
    let answer = agent.call(&json!({ "type": "GET_CONTAINERS" })).await?;
    items(&answer, "/get_containers/containers")
        .iter()
        .find(|container| {
            text(container, "/executor_id/value") == executor
                && text(container, "/framework_id/value") == framework
        })
        .and_then(|container| container_id(container.pointer("/container_id")))
        .ok_or_else(|| {
            Failure::fault(format!(
                "task {} has no container on its agent any more",
                text(task, "/task_id/value")
            ))
        })
}

fn container_id(json: Option<&Value>) -> Option<v1::ContainerId> {
    let json = json?;
    let value = json.get("value")?.as_str()?.to_owned();
    Some(v1::ContainerId { value, parent: container_id(json.get("parent")).map(Box::new) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_with_their_parents() {
        let json = json!({ "value": "c", "parent": { "value": "b", "parent": { "value": "a" } } });
        let id = container_id(Some(&json)).unwrap();
        assert_eq!(id.value, "c");
        assert_eq!(id.parent.unwrap().parent.unwrap().value, "a");
        assert_eq!(container_id(Some(&json!({ "parent": {} }))), None);
    }
}
