//! Tasks, as master and agent show them.

use serde_json::{Map, Value};
use tepui_wire_mesos::v1::{self, TaskStatus};

use super::{labels, put, resources, state_name, verbatim};

/// A task with its statuses.
pub fn task(task: &v1::Task) -> Value {
    let mut object = Map::new();
    put(&mut object, "id", task.task_id.value.as_str());
    put(&mut object, "name", task.name.as_str());
    put(&mut object, "framework_id", task.framework_id.value.as_str());
    put(&mut object, "executor_id", task.executor_id.as_ref().map_or("", |id| id.value.as_str()));
    put(&mut object, "slave_id", task.agent_id.value.as_str());
    put(&mut object, "state", state_name(task.state));
    put(&mut object, "resources", resources::summary(&task.resources));
    if !task.limits.is_empty() {
        let mut limits = Map::new();
        for (name, limit) in &task.limits {
            let infinite = Value::from("Infinity");
            put(&mut limits, name, if limit.value.is_finite() { limit.value.into() } else { infinite });
        }
        put(&mut object, "limits", limits);
    }
    if let Some(role) = task.resources.iter().find_map(resources::allocated_to) {
        put(&mut object, "role", role);
    }
    put(&mut object, "statuses", task.statuses.iter().map(status).collect::<Vec<Value>>());
    if let Some(user) = &task.user {
        put(&mut object, "user", user.as_str());
    }
    if let Some(found) = &task.labels {
        put(&mut object, "labels", labels(found));
    }
    if let Some(discovery) = &task.discovery {
        put(&mut object, "discovery", verbatim(discovery.as_ref()));
    }
    if let Some(container) = &task.container {
        put(&mut object, "container", verbatim(container.as_ref()));
    }
    if let Some(check) = &task.health_check {
        put(&mut object, "health_check", verbatim(check.as_ref()));
    }
    object.into()
}

fn status(status: &TaskStatus) -> Value {
    let mut object = Map::new();
    put(&mut object, "state", state_name(status.state));
    put(&mut object, "timestamp", status.timestamp.unwrap_or(0.0));
    if let Some(found) = &status.labels {
        put(&mut object, "labels", labels(found));
    }
    if let Some(container) = &status.container_status {
        // The endpoints leave the process id out.
        let container = v1::ContainerStatus { executor_pid: None, ..container.clone() };
        put(&mut object, "container_status", verbatim(&container));
    }
    if let Some(healthy) = status.healthy {
        put(&mut object, "healthy", healthy);
    }
    object.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_as_the_endpoints_write_them() {
        let table = [
            ("", r#"{"state":"TASK_LOST","timestamp":0.0}"#),
            (
                r#","timestamp":1.5,"message":"m","uuid":"AAAA","healthy":true"#,
                r#"{"state":"TASK_LOST","timestamp":1.5,"healthy":true}"#,
            ),
            (
                r#","container_status":{"container_id":{"value":"c"},"executor_pid":7}"#,
                r#"{"state":"TASK_LOST","timestamp":0.0,"container_status":{"container_id":{"value":"c"}}}"#,
            ),
        ];
        for (v1, legacy) in table {
            let v1 = format!(r#"{{"task_id":{{"value":"t"}},"state":"TASK_LOST"{v1}}}"#);
            let parsed: TaskStatus = tepui_wire_mesos::json::from_slice(v1.as_bytes()).unwrap();
            assert_eq!(status(&parsed).to_string(), legacy);
        }
    }
}
