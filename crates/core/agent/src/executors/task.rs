//! A task as the agent keeps it. Must not live here: what events do to it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tepui_model::{TaskState, Tick};
use tepui_wire_mesos::v1;

use crate::resources::Sum;

/// A task that is not over: it has not ended, or its end was not acknowledged.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) task: Arc<v1::Task>,
    /// As the master sent it, until it is delivered.
    pub(crate) info: Option<Box<v1::TaskInfo>>,
    pub(super) stage: Stage,
    /// Written down, or not to be: it may be given to its executor.
    pub(crate) durable: bool,
    /// What it adds to its container while it lives.
    pub(super) usage: Sum,
    /// When it has to be over.
    pub(crate) deadline: Option<Tick>,
    /// The check of a command task.
    pub(crate) check: Option<Box<v1::CheckInfo>>,
}

impl Task {
    /// A task as it is written in its record.
    pub(crate) fn new(task: v1::Task, stage: Stage, durable: bool) -> Self {
        let usage = Sum::of_task(&task);
        Self { task: Arc::new(task), info: None, stage, durable, usage, deadline: None, check: None }
    }

    pub(crate) const fn stage(&self) -> Stage {
        self.stage
    }

    /// It was given to its executor. Answers with its description.
    pub(crate) fn launch(&mut self) -> Option<Box<v1::TaskInfo>> {
        if self.stage == Stage::Queued {
            self.stage = Stage::Launched;
        }
        self.info.take()
    }

    /// The last agent did not say that it was given to its executor.
    pub(crate) fn requeue(&mut self) {
        if self.stage == Stage::Launched {
            self.stage = Stage::Queued;
        }
    }

    pub(crate) fn state(&self) -> TaskState {
        TaskState::from_number(self.task.state).unwrap_or(TaskState::Staging)
    }

    pub(crate) fn is_live(&self) -> bool {
        self.stage != Stage::Terminated
    }
}

/// Where a task is on this agent:
///
/// ```text
/// Queued -> Launched -> Terminated -> (acknowledged: over)
///      \________________/
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// Waits for its executor.
    Queued,
    /// Given to its executor.
    Launched,
    /// Ended; its updates are not all acknowledged.
    Terminated,
}
