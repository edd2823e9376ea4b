//! What the shell found on disk and among the processes when the agent started. Must not live here: what follows from it.

use serde::{Deserialize, Serialize};
use tepui_model::{AgentId, ContainerId, Tick};
use tepui_wire_mesos::{internal, v1};

use crate::{Upid, effect::Exit};

/// Everything that survived the last agent; empty for a new one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Recovered {
    /// The agent's info with its id, if it ever registered.
    pub agent: Option<internal::SlaveInfo>,
    /// The machine was started anew since: no process survived.
    pub rebooted: bool,
    /// Frameworks with their executors.
    pub frameworks: Vec<RecoveredFramework>,
    /// Containers that the launcher knows and that belong to no executor below.
    pub orphans: Vec<ContainerId>,
    /// Sandboxes on disk, of any age, that belong to no executor below.
    pub sandboxes: Vec<RecoveredSandbox>,
    /// Containers that were launched through the agent's own API.
    pub containers: Vec<RecoveredContainer>,
    /// The drain that was under way.
    pub drain: Option<v1::DrainConfig>,
    /// Files that could not be read and were skipped.
    pub errors: u64,
    /// What is the matter with the first of them, for people.
    pub complaints: Vec<String>,
    /// The agent that was here before, which this one does not go on as.
    pub replaced: Option<AgentId>,
}

/// A framework as it was written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecoveredFramework {
    /// Its info.
    pub info: v1::FrameworkInfo,
    /// The address of its scheduler.
    pub pid: String,
    /// Its executors.
    pub executors: Vec<RecoveredExecutor>,
}

/// An executor as it was written down: its latest run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecoveredExecutor {
    /// Its info.
    pub info: v1::ExecutorInfo,
    /// Made for a command task.
    pub command_task: bool,
    /// Its container.
    pub container_id: ContainerId,
    /// What is the matter with the container.
    pub container: ContainerState,
    /// It had subscribed before.
    pub subscribed: bool,
    /// Where it listens, if it had registered over libprocess.
    pub process: Option<Upid>,
    /// Its end was dealt with (the sentinel is there).
    pub completed: bool,
    /// The container's first process, if it was written down.
    pub pid: Option<u32>,
    /// Its tasks.
    pub tasks: Vec<RecoveredTask>,
}

/// A container that was launched through the agent's own API, as it was written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecoveredContainer {
    /// What was asked for.
    pub launch: v1::agent::call::LaunchContainer,
    /// What is the matter with it.
    pub container: ContainerState,
    /// How it ended, if that was written down.
    pub ended: Option<Exit>,
    /// Its first process, while it runs.
    pub pid: Option<u32>,
}

/// A container after the agent's restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ContainerState {
    /// It runs; [`crate::Event::ContainerExited`] will tell when it ends.
    Alive,
    /// It ended meanwhile.
    Exited(Exit),
    /// It is not there, and nobody knows how it ended.
    Unknown,
}

/// A task as it was written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecoveredTask {
    /// The task.
    pub task: v1::Task,
    /// When it has to be over.
    pub deadline: Option<Tick>,
    /// The check of a command task.
    pub check: Option<Box<v1::CheckInfo>>,
    /// Its log: updates and acknowledgements, in the order in which they were written.
    pub records: Vec<internal::StatusUpdateRecord>,
}

/// A sandbox that nobody uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveredSandbox {
    /// Absolute path.
    pub path: String,
    /// When it was last changed.
    pub modified: Tick,
}
