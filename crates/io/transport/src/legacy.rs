//! The JSON of the endpoints that are older than the v1 API, as far as master and agent write the same.
//!
//! Names differ from the v1 API's (`slave_id`), resources are sums, times are seconds. What an endpoint
//! shows is decided where it is served.

mod build;
mod number;
pub mod resources;
mod tasks;

use serde_json::{Map, Value};
use tepui_wire_mesos::{Described, json, v1};

pub use build::{build_date, build_time};
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

/// The name of a task's state.
pub fn state_name(state: i32) -> &'static str {
    v1::TaskState::try_from(state).map_or("TASK_UNKNOWN", |state| state.as_str_name())
}
