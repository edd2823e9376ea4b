//! Events for executors. Must not live here: when they are sent.

use bytes::Bytes;
use tepui_model::TaskId;
use tepui_wire_mesos::v1::{
    self,
    executor::{Event, event},
};

fn of(kind: event::Type) -> Event {
    Event { r#type: Some(kind.into()), ..Event::default() }
}

pub(crate) fn subscribed(subscribed: event::Subscribed) -> Event {
    Event { subscribed: Some(Box::new(subscribed)), ..of(event::Type::Subscribed) }
}

pub(crate) fn launch(task: v1::TaskInfo) -> Event {
    Event { launch: Some(event::Launch { task }), ..of(event::Type::Launch) }
}

pub(crate) fn launch_group(tasks: Vec<v1::TaskInfo>) -> Event {
    let task_group = v1::TaskGroupInfo { tasks };
    Event { launch_group: Some(event::LaunchGroup { task_group }), ..of(event::Type::LaunchGroup) }
}

pub(crate) fn kill(task: &TaskId, kill_policy: Option<v1::KillPolicy>) -> Event {
    let task_id = task.into();
    Event { kill: Some(event::Kill { task_id, kill_policy }), ..of(event::Type::Kill) }
}

pub(crate) fn acknowledged(task: &TaskId, uuid: Bytes) -> Event {
    let task_id = task.into();
    Event { acknowledged: Some(event::Acknowledged { task_id, uuid }), ..of(event::Type::Acknowledged) }
}

pub(crate) fn message(data: Bytes) -> Event {
    Event { message: Some(event::Message { data }), ..of(event::Type::Message) }
}

pub(crate) fn shutdown() -> Event {
    of(event::Type::Shutdown)
}

pub(crate) fn heartbeat() -> Event {
    of(event::Type::Heartbeat)
}
