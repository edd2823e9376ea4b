//! `tepui logs`: what a task wrote, from its sandbox through its agent.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    api::{Api, Unanswered},
    cli::Logs,
    exit::Failure,
    operate::find_task,
    query::{items, text},
    tail::{Agent, PATIENCE, Tail},
};

/// How often a file that is followed is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// `tepui logs`.
pub(crate) async fn logs(logs: &Logs) -> Result<(), Failure> {
    let master = Api::new(&logs.target.master);
    let task = find_task(&master, &logs.task).await?;
    let id = text(&task, "/agent_id/value");
    let address = agent_address(&master, &id).await?;
    let agent = Agent::new(master.clone(), id, &address);
    let mut tail = Tail::new(agent, &sandbox(&task), if logs.stderr { "stderr" } else { "stdout" });
    if !tail.exists().await? {
        return Err(Failure::user(format!(
            "task {} has no sandbox on its agent any more",
            text(&task, "/task_id/value")
        )));
    }
    let mut out = std::io::stdout();
    // Since when there is no answer.
    let mut lost: Option<Instant> = None;
    loop {
        match next(&master, &task, &mut tail, logs.follow).await {
            Ok(Next::Data(data)) => {
                out.write_all(&data)?;
                out.flush()?;
                lost = None;
                continue;
            }
            Ok(Next::Nothing) => lost = None,
            Ok(Next::End) => return Ok(()),
            // They may be back soon, and the task goes on meanwhile.
            Err(error) if logs.follow && lost.get_or_insert_with(Instant::now).elapsed() < PATIENCE => {
                tracing::debug!("no answer, asking again: {error}");
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What a look at a file brings.
enum Next {
    Data(Bytes),
    Nothing,
    End,
}

async fn next(master: &Api, task: &Value, tail: &mut Tail, follow: bool) -> Result<Next, Unanswered> {
    if let Some(data) = tail.read().await? {
        return Ok(Next::Data(data));
    }
    if follow && !has_ended(master, task).await? {
        return Ok(Next::Nothing);
    }
    // What was written before the end is looked at once more after it.
    Ok(tail.read().await?.map_or(Next::End, Next::Data))
}

async fn has_ended(master: &Api, task: &Value) -> Result<bool, Unanswered> {
    let answer = master.call(&json!({ "type": "GET_TASKS" })).await?;
    let (id, framework) = (text(task, "/task_id/value"), text(task, "/framework_id/value"));
    Ok(!items(&answer, "/get_tasks/tasks")
        .iter()
        .any(|task| text(task, "/task_id/value") == id && text(task, "/framework_id/value") == framework))
}

/// `host:port` of an agent.
pub(crate) async fn agent_address(master: &Api, id: &str) -> Result<String, Failure> {
    let answer = master.call(&json!({ "type": "GET_AGENTS" })).await?;
    items(&answer, "/get_agents/agents")
        .iter()
        .find(|agent| text(agent, "/agent_info/id/value") == id)
        .and_then(|agent| text(agent, "/pid").rsplit_once('@').map(|(_, address)| address.to_owned()))
        .ok_or_else(|| Failure::fault(format!("the task's agent {id} is not registered now")))
}

/// The virtual path of a task's sandbox.
fn sandbox(task: &Value) -> String {
    let executor = match text(task, "/executor_id/value") {
        // A command task's executor is called like the task.
        none if none.is_empty() => text(task, "/task_id/value"),
        executor => executor,
    };
    let sandbox =
        format!("/frameworks/{}/executors/{executor}/runs/latest", text(task, "/framework_id/value"));
    // A task of a group has a container of its own in its executor's.
    let status = items(task, "/statuses")
        .iter()
        .rev()
        .find_map(|status| status.pointer("/container_status/container_id"));
    match status.filter(|container| container.get("parent").is_some()) {
        Some(container) => format!("{sandbox}/containers/{}", text(container, "/value")),
        None => sandbox,
    }
}
