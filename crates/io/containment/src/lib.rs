//! Starting, limiting and ending processes: sandboxes, users, cgroups, the fetcher, log rotation.
//!
//! Processes are children of a [supervisor](mod@supervisor): a tiny process of the same binary, one per
//! agent, that outlives the agent, holds the process groups, and leaves every exit status where a restarted
//! agent finds it. The agent talks to it through a [`Containerizer`], which also does what must be done
//! before a process starts (sandbox, fetcher, cgroup) and after it ended (cgroup, leftovers).
//!
//! What does not live here: deciding what to start and what an exit means. That is the agent's core.

pub mod capabilities;
pub mod cgroup;
pub mod containerizer;
pub mod disk;
pub mod fetcher;
mod handover;
pub mod io;
pub mod isolation;
pub mod launch;
pub mod machine;
pub mod rotation;
pub mod sandbox;
mod settings;
pub mod supervisor;
mod sys;
pub mod usage;
pub mod user;

pub use containerizer::{
    Containerizer, ContainerizerClosed, Event, FailureKind, Limitation, Limited, Measured, Options,
    RecoveredContainer, StartError, SupervisorCommand,
};
pub use io::{ContainerIo, Tty};
pub use isolation::{Isolator, Launcher};
pub use launch::{Class, IpcMode, Launch, Limits, Linux, Program, Rlimit, Stdio, Uri};
pub use settings::Containment;
