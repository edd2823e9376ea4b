//! The JSON of the endpoints that are older than the v1 API, as far as master and agent write the same.
//!
//! Names differ from the v1 API's (`slave_id`), resources are sums, times are seconds. Must not live here: what an
//! endpoint shows, which is decided where it is served.

mod build;
mod frameworks;
mod number;
pub mod resources;
mod tasks;

use serde_json::{Map, Value};
use tepui_wire_mesos::{json, v1};
use tepui_wire_protobuf::Described;

pub use build::version_info;
pub use frameworks::put_roles;
pub use number::to_bytes;
pub use tasks::task;

/// Puts a member at the end of an object.
pub fn put(object: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    object.insert(name.to_owned(), value.into());
}

/// A part that the endpoints show as the v1 API does.
pub fn verbatim<M: Described>(message: &M) -> Value {
    // Our own JSON is JSON.
    serde_json::from_slice(&json::to_vec(message)).unwrap_or_default()
}

/// A part that the endpoints show as the v1 API does, but with the members of its objects ordered by name.
pub fn sorted<M: Described>(message: &M) -> Value {
    let mut value = verbatim(message);
    value.sort_all_objects();
    value
}

/// Labels as a list.
pub fn labels(labels: &v1::Labels) -> Value {
    labels.labels.iter().map(verbatim).collect::<Vec<Value>>().into()
}

/// Settings: `{"name":"value",...}`.
pub fn flags<'a>(flags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Value {
    let mut object = Map::new();
    for (name, value) in flags {
        put(&mut object, name, value.as_str());
    }
    object.into()
}

/// The name of a task's state.
pub fn state_name(state: i32) -> &'static str {
    v1::TaskState::try_from(state).map_or("TASK_UNKNOWN", |state| state.as_str_name())
}
