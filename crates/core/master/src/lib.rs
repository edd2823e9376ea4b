//! The master's decisions: agents, frameworks, offers, tasks, reconciliation, registry.
//!
//! [`Master`] is a [`tepui_core_kit::Core`]: [`Event`]s in, [`Effect`]s out. Whatever promises durability waits inside
//! until [`Event::Persisted`].
//!
//! Must not live here: HTTP, sockets, storage, clocks, encodings other than the registry's own records, and
//! who is offered what (that is `core/allocator`).

mod agent;
mod allocation;
mod audience;
mod books;
mod config;
mod core;
mod counters;
mod deactivation;
mod effect;
mod event;
mod explain;
mod framework;
mod handlers;
mod ids;
mod invariants;
mod master;
mod pending;
mod publish;
mod registrar;
mod registry;
mod schedulers;
mod settings;
mod snapshot;
mod status;
mod task;
mod validate;
pub mod views;

pub use agent::{Agent, AgentState};
pub use config::Config;
pub use counters::{Counter, Counters};
pub use deactivation::{Deactivation, Drain};
pub use effect::{Effect, OperatorEvent};
pub use event::{Event, Start};
pub use explain::{Explanation, Fact, OutOfUse, Standing};
pub use framework::{Framework, FrameworkState};
pub use master::Master;
pub use registry::{InvalidRegistry, Registry};
pub use settings::{Alternatives, Settings};
pub use snapshot::Snapshot;
pub use task::Task;

#[cfg(test)]
mod tests;
