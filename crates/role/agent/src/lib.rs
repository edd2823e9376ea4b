//! The agent's shell: it waits, asks the core, and performs what the core decided.
//!
//! | what | where |
//! |---|---|
//! | start and stop an agent | [`AgentServer`], [`Options`], [`Settings`] |
//! | the task that owns the core | `shell` |
//! | what survives: files as Mesos lays them out | `checkpoint` |
//! | the HTTP side: executors, operators, the older endpoints | `http` |
//! | files of sandboxes, read over HTTP | `files` |
//! | what comes out of containers and goes into them | `switchboard` |
//!
//! No decision about tasks or executors is made here.

mod checkpoint;
mod files;
mod flags;
mod http;
mod options;
mod server;
mod settings;
mod shell;
mod switchboard;
mod token;

pub use options::{InvalidOption, Options};
pub use server::{AgentServer, StartError};
pub use settings::Settings;
pub use shell::containers::{LAUNCH_FAILURE, NO_PROGRAM, NOT_EXECUTABLE};
