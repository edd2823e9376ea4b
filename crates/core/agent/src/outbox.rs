//! What is to be done, in order, with the writes of several events in one batch and the limits of a container set once.
//! Must not live here: what a finished write leads to.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use bytes::Bytes;
use tepui_model::{ConnectionId, ContainerId, ExecutorId, FrameworkId, Outcome, TaskId, Token};
use tepui_wire_mesos::{Message, v1};

use crate::{
    Upid,
    effect::{Checkpoint, Effect, Limits, Removal},
};

/// What waits for a write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum After {
    /// The agent has an id.
    Registered,
    /// A task cannot be forgotten any more: it may be given to its executor, and an executor made for it be started.
    Task {
        /// The framework's id.
        framework: FrameworkId,
        /// The executor's id.
        executor: ExecutorId,
        /// The executor's container.
        container: ContainerId,
        /// The task.
        task: TaskId,
    },
    /// An update may be acknowledged to its executor and forwarded.
    Update {
        /// The framework's id.
        framework: FrameworkId,
        /// The task's id.
        task: TaskId,
        /// The update.
        uuid: Bytes,
        /// The executor that sent it; `None`: the agent made it.
        executor: Option<ExecutorId>,
    },
    /// A container that was asked for through the agent's own API may be begun.
    Container {
        /// Its flat id.
        container: ContainerId,
    },
    /// Where an executor listens is known for good: it may be given something to do.
    Process {
        /// The framework's id.
        framework: FrameworkId,
        /// The executor's id.
        executor: ExecutorId,
        /// Its container.
        container: ContainerId,
    },
    /// Why a command ends is known for good: it may be asked to.
    Kill {
        /// Its container.
        container: ContainerId,
    },
    /// An acknowledgement is known for good: the task's next update may go.
    Acknowledgement {
        /// The framework's id.
        framework: FrameworkId,
        /// The task's id.
        task: TaskId,
    },
}

/// Effects that were not taken yet, and what waits for writes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outbox {
    queue: tepui_core_kit::Outbox<Effect, Checkpoint, After>,
    limits: BTreeMap<ContainerId, Limits>,
}

impl Outbox {
    pub(crate) fn push(&mut self, effect: Effect) {
        self.queue.push(effect);
    }

    pub(crate) fn send(&mut self, to: &Upid, message: impl Into<Message>) {
        self.push(Effect::Send { to: to.clone(), message: message.into() });
    }

    pub(crate) fn reply(&mut self, to: ConnectionId, outcome: impl Into<Outcome>) {
        self.push(Effect::Reply { to, outcome: outcome.into() });
    }

    pub(crate) fn event(&mut self, to: ConnectionId, event: v1::executor::Event) {
        self.push(Effect::SendEvent { to, event: Box::new(event) });
    }

    /// Writes something that nothing waits for.
    pub(crate) fn write(&mut self, checkpoint: Checkpoint) {
        self.queue.write(checkpoint);
    }

    /// Writes something that `after` waits for.
    pub(crate) fn write_then(&mut self, checkpoint: Checkpoint, after: After) {
        self.queue.write(checkpoint);
        self.queue.then(after);
    }

    /// Waits for what was just written.
    pub(crate) fn then(&mut self, after: After) {
        self.queue.then(after);
    }

    /// Forgets something: after the writes made so far, before those made later.
    pub(crate) fn remove(&mut self, removal: Removal) {
        self.queue.push_between_writes(Effect::RemoveCheckpoint(removal));
    }

    /// Changes a container's limits; only the last change of a batch comes out.
    pub(crate) fn set_limits(&mut self, container: &ContainerId, limits: Limits) {
        self.limits.insert(container.clone(), limits);
    }

    /// Forgets a change of limits that was not taken yet: the container is gone.
    pub(crate) fn drop_limits(&mut self, container: &ContainerId) {
        self.limits.remove(container);
    }

    /// What waited for a write.
    pub(crate) fn persisted(&mut self, token: Token) -> Vec<After> {
        self.queue.persisted(token)
    }

    /// The next effect. Limits come before the tasks that they are for, writes before what relies on them.
    pub(crate) fn pop(&mut self) -> Option<Effect> {
        if let Some((container, limits)) = self.limits.pop_first() {
            return Some(Effect::UpdateLimits { container, limits });
        }
        self.queue.pop()
    }
}
