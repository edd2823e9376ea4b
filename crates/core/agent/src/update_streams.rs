//! The status-update streams of all tasks. Must not live here: what a stream is (see `update_stream`), when an update is sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tepui_model::{FrameworkId, TaskId};

use crate::update_stream::Stream;

/// All streams by framework and task. A framework without one is not in it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Updates(BTreeMap<FrameworkId, BTreeMap<TaskId, Stream>>);

impl Updates {
    pub(crate) fn get(&self, framework: &FrameworkId, task: &TaskId) -> Option<&Stream> {
        self.0.get(framework)?.get(task)
    }

    pub(crate) fn get_mut(&mut self, framework: &FrameworkId, task: &TaskId) -> Option<&mut Stream> {
        self.0.get_mut(framework)?.get_mut(task)
    }

    /// Whether a task has a stream.
    pub(crate) fn has(&self, framework: &FrameworkId, task: &TaskId) -> bool {
        self.get(framework, task).is_some()
    }

    /// How many tasks of a framework have one.
    pub(crate) fn count(&self, framework: &FrameworkId) -> usize {
        self.0.get(framework).map_or(0, BTreeMap::len)
    }

    /// A task's stream, a new one if it has none.
    pub(crate) fn of(
        &mut self,
        framework: &FrameworkId,
        task: &TaskId,
        new: impl FnOnce() -> Stream,
    ) -> &mut Stream {
        self.0.entry(framework.clone()).or_default().entry(task.clone()).or_insert_with(new)
    }

    /// Forgets a task's stream.
    pub(crate) fn remove(&mut self, framework: &FrameworkId, task: &TaskId) {
        let Some(streams) = self.0.get_mut(framework) else { return };
        streams.remove(task);
        if streams.is_empty() {
            self.0.remove(framework);
        }
    }

    /// Takes out all streams of a framework.
    pub(crate) fn take_all(&mut self, framework: &FrameworkId) -> BTreeMap<TaskId, Stream> {
        self.0.remove(framework).unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&FrameworkId, &TaskId, &Stream)> {
        self.0
            .iter()
            .flat_map(|(framework, streams)| streams.iter().map(move |(task, it)| (framework, task, it)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&FrameworkId, &TaskId, &mut Stream)> {
        self.0
            .iter_mut()
            .flat_map(|(framework, streams)| streams.iter_mut().map(move |(task, it)| (framework, task, it)))
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
