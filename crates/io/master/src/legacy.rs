//! The JSON of the endpoints that are older than the v1 API. Tools still read it.
//!
//! Made of the v1 answers, field by field and in the order in which a Mesos master writes them. Names
//! differ (`slave_id`), resources are sums, times are seconds.

mod frameworks;
mod number;
mod resources;
mod slaves;
mod state;
mod summary;
mod tasks;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value};
use tepui_core_master::{Snapshot, views};
use tepui_wire_mesos::{
    Described, json,
    v1::{self, TaskState, TimeInfo, master::response::GetState},
};

pub(crate) use number::to_bytes;
pub(crate) use state::{State, flags};
pub(crate) use tasks::Selection;

/// Everything that the endpoints show, as the v1 API has it.
pub(crate) struct Source<'a> {
    pub(crate) snapshot: &'a Snapshot,
    state: GetState,
}

impl<'a> Source<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, state: views::state(snapshot) }
    }

    /// `/slaves`.
    pub(crate) fn slaves(&self, id: Option<&str>) -> Bytes {
        let mut object = Map::new();
        put(&mut object, "slaves", self.slave_list(id, true));
        put(&mut object, "recovered_slaves", self.recovered_slaves(id));
        to_bytes(&object.into())
    }

    /// `/frameworks`.
    pub(crate) fn frameworks(&self, id: Option<&str>) -> Bytes {
        let mut object = Map::new();
        let (active, completed) = self.framework_lists(id);
        put(&mut object, "frameworks", active);
        put(&mut object, "completed_frameworks", completed);
        put(&mut object, "unregistered_frameworks", Vec::<Value>::new());
        to_bytes(&object.into())
    }

    /// All tasks, and whether each is completed, unreachable or neither.
    fn all_tasks(&self) -> impl Iterator<Item = (Phase, &v1::Task)> {
        let tasks = self.state.get_tasks.as_ref();
        let list = |phase: Phase| {
            let found: &[v1::Task] = match (tasks, phase) {
                (None, _) => &[],
                (Some(tasks), Phase::Active) => &tasks.tasks,
                (Some(tasks), Phase::Unreachable) => &tasks.unreachable_tasks,
                (Some(tasks), Phase::Completed) => &tasks.completed_tasks,
            };
            found.iter().map(move |task| (phase, task))
        };
        list(Phase::Active).chain(list(Phase::Unreachable)).chain(list(Phase::Completed))
    }

    fn tasks_by_framework(&self) -> BTreeMap<&str, Vec<(Phase, &v1::Task)>> {
        let mut by_framework: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (phase, task) in self.all_tasks() {
            by_framework.entry(task.framework_id.value.as_str()).or_default().push((phase, task));
        }
        by_framework
    }
}

/// In which of a framework's lists a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Active,
    Unreachable,
    Completed,
}

fn put(object: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    object.insert(name.to_owned(), value.into());
}

/// A part that the endpoints show as the v1 API does.
fn verbatim<M: Described>(message: &M) -> Value {
    // Our own JSON is JSON.
    serde_json::from_slice(&json::to_vec(message)).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "the endpoints write doubles")]
fn seconds(time: Option<&TimeInfo>) -> f64 {
    // Microseconds are what a double holds exactly for dates of our time.
    time.map_or(0.0, |time| (time.nanoseconds / 1_000) as f64 / 1e6)
}

fn state_name(state: i32) -> &'static str {
    TaskState::try_from(state).map_or("TASK_UNKNOWN", |state| state.as_str_name())
}

fn labels(labels: &v1::Labels) -> Value {
    labels.labels.iter().map(verbatim).collect::<Vec<Value>>().into()
}
