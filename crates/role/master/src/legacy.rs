//! The JSON of the endpoints that are older than the v1 API. Tools still read it.
//!
//! Made of the v1 answers, field by field and in the order in which a Mesos master writes them. Names
//! differ (`slave_id`), resources are sums, times are seconds.

mod frameworks;
mod slaves;
mod state;
mod summary;
mod tasks;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value};
use tepui_core_master::{Snapshot, views};
pub(crate) use tepui_wire_legacy::to_bytes;
use tepui_wire_legacy::{labels, put, resources, verbatim};
use tepui_wire_mesos::v1::{self, TimeInfo, master::response::GetState};

pub(crate) use state::State;
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

#[expect(clippy::cast_precision_loss, reason = "the endpoints write doubles")]
fn seconds(time: Option<&TimeInfo>) -> f64 {
    // Microseconds are what a double holds exactly for dates of our time.
    time.map_or(0.0, |time| (time.nanoseconds / 1_000) as f64 / 1e6)
}
