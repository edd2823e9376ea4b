//! The agent's decisions: executors, tasks, status-update streams, recovery.
//!
//! [`Agent`] is a state machine: events go in with `handle_...`, what is to be done comes out of [`Agent::poll_effect`].
//! No I/O, clock or entropy here: time and seed are arguments, and everything else is an [`Effect`].

pub mod agent;
mod checks;
mod command;
pub mod config;
mod contact;
mod drain;
pub mod effect;
mod environment;
mod events;
mod executor_api;
mod executor_process;
mod exit;
mod gc;
mod invariants;
mod kill;
mod killing;
mod messages;
pub mod nested;
mod outbox;
mod picture;
mod reconfiguration;
pub mod recovered;
mod recovery;
mod registration;
mod resources;
mod run_task;
pub mod snapshot;
mod state;
pub mod stats;
mod status;
mod stream;
mod timers;
pub mod token;
mod updates;
pub mod views;

#[cfg(test)]
mod tests;

pub use agent::Agent;
pub use config::Config;
pub use effect::{
    Checkpoint, ContainerClass, Effect, Exit, Launch, LaunchFailure, LaunchFailureReason, LaunchKind,
    Limitation, Limits, Removal, Run, Stdio,
};
pub use nested::{ContainerCall, LaunchRequest, container_id, flat_id};
pub use reconfiguration::{ReconfigurationPolicy, Recover, RecoveryRefused};
pub use recovered::{
    ContainerState, Recovered, RecoveredContainer, RecoveredExecutor, RecoveredFramework, RecoveredSandbox,
    RecoveredTask,
};
pub use snapshot::{ContainerView, ExecutorState, ExecutorView, FrameworkView, Phase, Snapshot};
pub use stats::Stats;
pub use tepui_core_checks::{Outcome, Probe, ProbeId, Scheme};
pub use tepui_wire_libprocess::Upid;
pub use token::{Claims, SecretKey};
