//! Tasks and executors.

use bytes::Bytes;
use serde_json::{Map, Value};
use tepui_wire_legacy::task;
use tepui_wire_mesos::v1;

use super::{Source, labels, put, resources, to_bytes, verbatim};

/// What `/tasks` was asked for.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    pub(crate) ascending: bool,
    pub(crate) framework_id: Option<String>,
    pub(crate) task_id: Option<String>,
}

impl Source<'_> {
    /// `/tasks`: the newest first, unless the oldest are asked for.
    pub(crate) fn tasks(&self, selection: &Selection) -> Bytes {
        let wanted = |wanted: &Option<String>, id: &str| wanted.as_deref().is_none_or(|wanted| wanted == id);
        let mut tasks: Vec<&v1::Task> = self
            .all_tasks()
            .map(|(_, task)| task)
            .filter(|task| wanted(&selection.framework_id, &task.framework_id.value))
            .filter(|task| wanted(&selection.task_id, &task.task_id.value))
            .collect();
        let started =
            |task: &v1::Task| task.statuses.first().and_then(|status| status.timestamp).unwrap_or(0.0);
        tasks.sort_by(|one, other| {
            let order = started(one).total_cmp(&started(other));
            if selection.ascending { order } else { order.reverse() }
        });
        let page = tasks.into_iter().skip(selection.offset).take(selection.limit).map(task);
        let mut object = Map::new();
        put(&mut object, "tasks", page.collect::<Vec<Value>>());
        to_bytes(&object.into())
    }
}

pub(super) fn executor(info: &v1::ExecutorInfo, agent_id: &str) -> Value {
    let mut object = Map::new();
    put(&mut object, "executor_id", info.executor_id.value.as_str());
    put(&mut object, "name", info.name.as_deref().unwrap_or_default());
    put(&mut object, "framework_id", info.framework_id.as_ref().map_or("", |id| id.value.as_str()));
    put(&mut object, "command", command(info.command.as_ref()));
    put(&mut object, "resources", resources::summary(&info.resources));
    if let Some(role) = info.resources.iter().find_map(resources::allocated_to) {
        put(&mut object, "role", role);
    }
    if let Some(found) = &info.labels {
        put(&mut object, "labels", labels(found));
    }
    if let Some(kind) = info.r#type.and_then(|kind| v1::executor_info::Type::try_from(kind).ok()) {
        put(&mut object, "type", kind.as_str_name());
    }
    put(&mut object, "slave_id", agent_id);
    object.into()
}

fn command(command: Option<&v1::CommandInfo>) -> Value {
    let mut object = Map::new();
    let unset = v1::CommandInfo::default();
    let command = command.unwrap_or(&unset);
    if let Some(shell) = command.shell {
        put(&mut object, "shell", shell);
    }
    if let Some(value) = &command.value {
        put(&mut object, "value", value.as_str());
    }
    put(&mut object, "argv", command.arguments.clone());
    if let Some(environment) = &command.environment {
        put(&mut object, "environment", verbatim(environment));
    }
    let uri = |uri: &v1::command_info::Uri| {
        let mut object = Map::new();
        put(&mut object, "value", uri.value.as_str());
        put(&mut object, "executable", uri.executable.unwrap_or(false));
        Value::from(object)
    };
    put(&mut object, "uris", command.uris.iter().map(uri).collect::<Vec<Value>>());
    object.into()
}
