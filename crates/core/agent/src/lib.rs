//! The agent's decisions: executors, tasks, status-update streams, recovery.
//!
//! [`Agent`] is a state machine: [`Event`]s go in, [`Effect`]s come out. No I/O, clock or entropy here: time and seed are
//! arguments.

pub mod agent;
mod checks;
mod claims;
mod command;
pub mod config;
mod contact;
mod drain;
pub mod effect;
mod environment;
pub mod event;
mod events;
mod executor_api;
mod executor_process;
mod executors;
mod exit;
mod face;
mod failure;
mod full;
mod gc;
mod invariants;
mod kill;
mod kill_record;
mod launch;
mod life;
mod master;
mod messages;
pub mod metrics;
mod nested;
mod outbox;
mod picture;
mod probes;
mod reconfiguration;
pub mod recovered;
mod recovery;
mod registration;
mod report;
mod resources;
mod run_task;
mod sandboxes;
mod settings;
pub mod snapshot;
mod timers;
mod update_stream;
mod update_streams;
mod updates;
pub mod views;

#[cfg(test)]
mod tests;

pub use agent::Agent;
pub use claims::Claims;
pub use config::Config;
pub use effect::{
    Checkpoint, ContainerClass, Effect, Exit, Launch, LaunchKind, Limitation, Limits, Removal, Run, Stdio,
};
pub use environment::TOKEN;
pub use event::{Event, Start};
pub use failure::{LaunchFailure, LaunchFailureReason};
pub use metrics::Stats;
pub use nested::{ContainerCall, LaunchRequest};
pub use reconfiguration::RecoveryRefused;
pub use recovered::{
    ContainerState, Recovered, RecoveredContainer, RecoveredExecutor, RecoveredFramework, RecoveredSandbox,
    RecoveredTask,
};
pub use settings::{ReconfigurationPolicy, Recover, Settings, Variables};
pub use snapshot::{ContainerView, ExecutorState, ExecutorView, FrameworkView, Phase, Snapshot};
pub use tepui_core_checks::{Outcome, Probe, ProbeId, Scheme};
pub use tepui_wire_libprocess::Upid;
