//! The default executor's decisions: it runs task groups, each task as a container nested in the executor's own.
//!
//! It stands on two feet: the executor driver, which brings it groups and kills and takes its updates, and the agent's
//! own API, through which it launches containers, waits for their ends and signals them.
//!
//! ```text
//!   LAUNCH_GROUP, KILL ──►┌─────────────────┐── Update ─────────────► the executor driver
//!   acknowledgements ────►│ DefaultExecutor │── Call ───────────────► the agent's API
//!   the agent's answers ─►│                 │── Probe, Link, Stop ──► the shell
//!   probes' results ─────►└─────────────────┘
//! ```
//!
//! The life of a task:
//!
//! ```text
//!   TASK_STARTING ──all launched──► TASK_RUNNING ──────────────► its end
//!        │                               │ kill, unhealthy,         ▲
//!        └───────────────────────────────┴─► TASK_KILLING ──────────┘
//!                                            TERM, grace, KILL
//! ```
//!
//! A group is one: when a task of it fails or is killed, the others are killed. When nothing runs any more and every
//! update has arrived, the executor ends.
//!
//! It must not be any different under a genuine Mesos agent.
//!
//! Must not live here: sockets, and what the executor driver does (subscriptions, repeated updates).

mod calls;
mod container;
mod effect;
mod end;
mod event;
mod executor;
mod kill;
mod launch;
mod probing;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use effect::{CallId, Effect};
pub use event::{Answer, Event};
pub use executor::{DefaultExecutor, Start};

/// What the executor is told at its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// What tasks find in `MESOS_CONTAINER_IP`.
    pub container_ip: String,
    /// Between TERM and KILL, where neither the task nor the kill says otherwise. Default: 3 s.
    pub kill_grace_period: Duration,
    /// What the agent allows between SHUTDOWN and the end of everything. Default: 5 s.
    pub shutdown_grace_period: Duration,
    /// Before a call that did not arrive is made again. Default: 1 s.
    pub retry_interval: Duration,
    /// How long the last updates are waited for. Default: 60 s.
    pub last_updates_max: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            container_ip: "127.0.0.1".to_owned(),
            kill_grace_period: Duration::from_secs(3),
            shutdown_grace_period: Duration::from_secs(5),
            retry_interval: Duration::from_secs(1),
            last_updates_max: Duration::from_mins(1),
        }
    }
}
