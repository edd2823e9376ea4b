//! The master's shell: it waits, asks the core, and performs what the core decided.
//!
//! One task owns the core ([`tepui_core_master::Master`]) and does nothing but hand it what happened; a second one
//! performs what the core wants done, so that encoding and sending never hold up a decision. Requests are
//! read and decoded on their own connections, and reads are answered from a snapshot, outside both.
//!
//! No decision about the cluster is made here.

mod api;
mod flags;
mod inputs;
mod legacy;
mod options;
mod performer;
mod pump;
mod routes;
mod server;
mod settings;

pub use options::Options;
pub use server::{MasterServer, StartError};
pub use settings::Settings;
pub use tepui_core_master::Snapshot;

/// The version of Mesos that clients are told. Numbers and dots only: clients take it apart and compare.
pub const MESOS_VERSION: &str = "1.11.0";
