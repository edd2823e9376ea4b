//! `tepui kill | teardown`: what an operator does to tasks and frameworks.

use serde_json::{Value, json};

use crate::{
    api::Api,
    cli::{OnFramework, OnTask},
    exit::Failure,
    query::{items, text},
};

/// `tepui kill`.
pub(crate) async fn kill(on: &OnTask) -> Result<(), Failure> {
    let api = Api::new(&on.target.master);
    let task = find_task(&api, &on.task).await?;
    let (id, framework) = (text(&task, "/task_id/value"), text(&task, "/framework_id/value"));
    Ok(api.form("/kill", &[("taskId", &id), ("frameworkId", &framework)]).await?)
}

/// `tepui teardown`.
pub(crate) async fn teardown(on: &OnFramework) -> Result<(), Failure> {
    let api = Api::new(&on.target.master);
    let id = find_framework(&api, &on.framework).await?;
    Ok(api.form("/teardown", &[("frameworkId", &id)]).await?)
}

/// The id of the framework that is called `wanted`, or whose id begins or ends with it.
pub(crate) async fn find_framework(api: &Api, wanted: &str) -> Result<String, Failure> {
    let answer = api.call(&json!({ "type": "GET_FRAMEWORKS" })).await?;
    let matching: Vec<String> = items(&answer, "/get_frameworks/frameworks")
        .iter()
        .filter(|framework| {
            let id = text(framework, "/framework_info/id/value");
            id.starts_with(wanted)
                || id.ends_with(wanted)
                || text(framework, "/framework_info/name") == wanted
        })
        .map(|framework| text(framework, "/framework_info/id/value"))
        .collect();
    only(&matching, "framework", wanted, "tepui frameworks")
}

/// The task whose id is `wanted` or begins with it.
pub(crate) async fn find_task(api: &Api, wanted: &str) -> Result<Value, Failure> {
    let answer = api.call(&json!({ "type": "GET_TASKS" })).await?;
    let pointers = ["/get_tasks/tasks", "/get_tasks/unreachable_tasks", "/get_tasks/completed_tasks"];
    let tasks: Vec<&Value> = pointers.iter().flat_map(|pointer| items(&answer, pointer)).collect();
    // A whole id wins, and among equal ones the task that runs: the lists are in that order.
    if let Some(task) = tasks.iter().find(|task| text(task, "/task_id/value") == wanted) {
        return Ok((*task).clone());
    }
    let matching: Vec<String> =
        tasks.iter().map(|task| text(task, "/task_id/value")).filter(|id| id.starts_with(wanted)).collect();
    let id = only(&matching, "task", wanted, "tepui tasks")?;
    let task = tasks.into_iter().find(|task| text(task, "/task_id/value") == id);
    task.cloned().ok_or_else(|| Failure::fault("the task has gone"))
}

pub(crate) fn only(matching: &[String], kind: &str, wanted: &str, list: &str) -> Result<String, Failure> {
    match matching {
        [one] => Ok(one.clone()),
        [] => Err(Failure::user(format!("no {kind} is called '{wanted}'; `{list}` lists them"))),
        many => Err(Failure::user(format!("'{wanted}' could be any of {}: say more of it", many.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_must_mean_one_thing() {
        assert_eq!(only(&["a".into()], "task", "a", "tepui tasks").ok(), Some("a".to_owned()));
        let none = only(&[], "task", "x", "tepui tasks").unwrap_err().to_string();
        assert_eq!(none, "no task is called 'x'; `tepui tasks` lists them");
        let many = only(&["a1".into(), "a2".into()], "task", "a", "tepui tasks").unwrap_err().to_string();
        assert_eq!(many, "'a' could be any of a1, a2: say more of it");
    }
}
