//! What readers see: a picture of the agent that costs a few pointers, to be rendered elsewhere.
//! Must not live here: wire answers (see `views`).

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use tepui_model::{ContainerId, Tick};
use tepui_wire_mesos::v1;

use crate::{Upid, metrics::Stats};

/// The agent at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// When the picture was taken.
    pub taken: Tick,
    /// When the agent started.
    pub started: Tick,
    /// The agent's info; with an id once it has one.
    pub agent_info: v1::AgentInfo,
    /// Own address.
    pub pid: Upid,
    /// Version told to the master.
    pub version: String,
    /// What the agent is doing.
    pub phase: Phase,
    /// The leading master, if one is known.
    pub master: Option<Upid>,
    /// Counters and gauges.
    pub stats: Stats,
    /// Live frameworks by id.
    pub frameworks: Vec<FrameworkView>,
    /// Finished frameworks, oldest first.
    pub completed_frameworks: Vec<Arc<FrameworkView>>,
    /// Containers that were launched through the agent's own API and have not ended, parents first.
    pub containers: Vec<ContainerView>,
    /// The drain under way.
    pub drain: Option<v1::DrainConfig>,
    /// When the drain began.
    pub drain_started: Option<Tick>,
}

/// The agent's own life:
///
/// ```text
/// Recovering -> Disconnected <-> Running -> Terminating
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Waits for executors of the last agent to subscribe again.
    Recovering,
    /// Not registered.
    Disconnected,
    /// Registered with the master.
    Running,
    /// Told to stop everything.
    Terminating,
}

/// A framework on this agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FrameworkView {
    /// Its info.
    pub info: Arc<v1::FrameworkInfo>,
    /// False once it is being shut down.
    pub active: bool,
    /// Live executors by id.
    pub executors: Vec<Arc<ExecutorView>>,
    /// Finished executors, oldest first.
    pub completed_executors: Vec<Arc<ExecutorView>>,
}

/// An executor, or the stand-in for one that a command task has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExecutorView {
    /// Its info.
    pub info: Arc<v1::ExecutorInfo>,
    /// Its container.
    pub container_id: ContainerId,
    /// Its sandbox.
    pub directory: String,
    /// Where in its life it is.
    pub state: ExecutorState,
    /// Made for a command task.
    pub command_task: bool,
    /// The container's first process.
    pub pid: Option<u32>,
    /// Tasks that were not delivered yet.
    pub queued_tasks: Vec<Arc<v1::Task>>,
    /// Tasks that were delivered and have not ended.
    pub launched_tasks: Vec<Arc<v1::Task>>,
    /// Tasks that have ended, with updates that were not acknowledged yet.
    pub terminated_tasks: Vec<Arc<v1::Task>>,
    /// Tasks that are over, oldest first.
    pub completed_tasks: Vec<Arc<v1::Task>>,
}

/// A container that was launched through the agent's own API.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContainerView {
    /// Its id.
    pub container_id: ContainerId,
    /// Its first process.
    pub pid: Option<u32>,
    /// Its sandbox.
    pub directory: String,
    /// What it was launched with.
    pub resources: Vec<v1::Resource>,
}

/// An executor's life:
///
/// ```text
/// Registering -> Running -> Terminating -> Terminated
///      \____________\___________________/
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExecutorState {
    /// Started, or about to be; has not subscribed.
    Registering,
    /// Subscribed once; of a command task: its process runs.
    Running,
    /// Being ended.
    Terminating,
    /// Its container is gone.
    Terminated,
}
