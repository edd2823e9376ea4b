//! The master's decisions: agents, frameworks, offers, tasks, reconciliation, registry.
//!
//! [`Master`] is a state machine. A shell tells it what happened (`handle_*`), asks when it wants to be
//! woken ([`Master::poll_timeout`]) and performs what it decides ([`Master::poll_effect`]). Whatever promises
//! durability waits inside the machine until the shell has confirmed the write with
//! [`Master::handle_persisted`].
//!
//! Must not live here: HTTP, sockets, storage, clocks, encodings other than the registry's own records, and
//! who is offered what (that is `core/allocator`).

mod agent;
mod config;
mod deactivation;
mod effect;
mod explain;
mod framework;
mod handlers;
mod invariants;
mod master;
mod offer;
mod operators;
mod registry;
mod snapshot;
mod stats;
mod status;
mod task;
mod timers;
mod validate;
pub mod views;

pub use agent::{Agent, AgentState};
pub use config::Config;
pub use deactivation::{Deactivation, Drain};
pub use effect::{Effect, OperatorEvent, Write};
pub use framework::{Framework, FrameworkState};
pub use master::Master;
pub use registry::{InvalidRegistry, Registry};
pub use snapshot::Snapshot;
pub use stats::Stats;
pub use task::Task;

#[cfg(test)]
mod tests;
