//! `/state-summary`: no tasks, but how many there are in each state.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Map, Value};
use tepui_wire_mesos::v1::TaskState;

use super::{
    Source,
    frameworks::{self, framework_id},
    put,
    slaves::agent_id,
    to_bytes,
};

/// The states that are counted, in the order in which they are shown.
const STATES: [TaskState; 10] = [
    TaskState::TaskStaging,
    TaskState::TaskStarting,
    TaskState::TaskRunning,
    TaskState::TaskKilling,
    TaskState::TaskFinished,
    TaskState::TaskKilled,
    TaskState::TaskFailed,
    TaskState::TaskLost,
    TaskState::TaskError,
    TaskState::TaskUnreachable,
];

/// Tasks by state, and who is at the other end.
#[derive(Default)]
struct Count<'a> {
    states: BTreeMap<i32, u64>,
    others: BTreeSet<&'a str>,
}

impl Count<'_> {
    fn put(&self, object: &mut Map<String, Value>, others: &str) {
        for state in STATES {
            let count = self.states.get(&(state as i32)).copied().unwrap_or(0);
            put(object, state.as_str_name(), count);
        }
        put(object, others, self.others.iter().map(|id| Value::from(*id)).collect::<Vec<Value>>());
    }
}

impl Source<'_> {
    /// `/state-summary`.
    pub(crate) fn summary(&self) -> Bytes {
        let (registered, _) = self.framework_slices();
        let known: BTreeSet<&str> = registered.iter().map(framework_id).collect();
        let mut by_agent: BTreeMap<&str, Count<'_>> = BTreeMap::new();
        let mut by_framework: BTreeMap<&str, Count<'_>> = BTreeMap::new();
        for (_, task) in self.all_tasks() {
            let (agent, framework) = (task.agent_id.value.as_str(), task.framework_id.value.as_str());
            if !known.contains(framework) {
                continue;
            }
            for (count, other) in [
                (by_agent.entry(agent).or_default(), framework),
                (by_framework.entry(framework).or_default(), agent),
            ] {
                *count.states.entry(task.state).or_default() += 1;
                count.others.insert(other);
            }
        }
        let none = Count::default();
        let slave = |agent| {
            let mut object = self.slave(agent);
            by_agent.get(agent_id(agent)).unwrap_or(&none).put(&mut object, "framework_ids");
            Value::from(object)
        };
        let framework = |framework| {
            let mut object = frameworks::summary(framework);
            by_framework.get(framework_id(framework)).unwrap_or(&none).put(&mut object, "slave_ids");
            Value::from(object)
        };
        let config = &self.snapshot.config;
        let mut object = Map::new();
        put(&mut object, "hostname", config.info.hostname.as_deref().unwrap_or_default());
        if let Some(cluster) = &config.cluster {
            put(&mut object, "cluster", cluster.as_str());
        }
        put(&mut object, "slaves", self.agents().iter().map(slave).collect::<Vec<Value>>());
        put(&mut object, "frameworks", registered.iter().map(framework).collect::<Vec<Value>>());
        to_bytes(&object.into())
    }
}
