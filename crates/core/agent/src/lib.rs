//! The agent's decisions: executors, tasks, status-update streams, recovery.
//!
//! [`Agent`] is a state machine: events go in with `handle_...`, what is to be done comes out of [`Agent::poll_effect`].
//! No I/O, clock or entropy here: time and seed are arguments, and everything else is an [`Effect`].

pub mod agent;
pub mod config;
pub mod effect;
pub mod recovered;
pub mod snapshot;
pub mod stats;
mod upid;

pub use agent::Agent;
pub use config::Config;
pub use effect::{
    Checkpoint, Effect, Exit, Launch, LaunchFailure, LaunchFailureReason, LaunchKind, Limitation, Limits, Removal, Run,
};
pub use recovered::{ContainerState, Recovered, RecoveredExecutor, RecoveredFramework, RecoveredSandbox, RecoveredTask};
pub use snapshot::{ExecutorState, ExecutorView, FrameworkView, Phase, Snapshot};
pub use stats::Stats;
pub use upid::Upid;
