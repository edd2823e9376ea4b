//! The client machines: what an executor or a scheduler has to do to live with an agent or a master.
//!
//! [`executor::ExecutorDriver`] keeps an executor subscribed to its agent, [`scheduler::SchedulerDriver`] a
//! scheduler to the leading master. Both are a [`Core`](tepui_core_kit::Core): what their users ask for is an event like any
//! other. They persist nothing: what a client must remember across its own restarts (a framework's id, the tasks it
//! wants) is its user's to keep.
//!
//! ```text
//!   user's methods ──►┌────────┐── Subscribe, Call, Close ──► a shell's sockets, or a simulated network
//!   stream, replies ─►│  core  │── Deliver ─────────────────► the user's callbacks or event loop
//!   clock ───────────►└────────┘── KillProcessGroup, Warn ──► the shell's process
//! ```
//!
//! Must not live here: sockets, encodings, clocks, the process's environment (it is given as a map to
//! [`DriverEnv::parse`]).

pub mod env;
pub mod executor;
pub mod scheduler;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use env::{DriverEnv, InvalidEnv, Protocol};

/// One attempt to subscribe and the event stream that it may become. The core numbers them, from 1 up; what
/// comes from an earlier one than the current is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subscription(pub u64);

impl From<u64> for Subscription {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subscription {}", self.0)
    }
}

/// A call under way that is not a SUBSCRIBE. The core numbers them; the shell gives the number back with what became
/// of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallToken(pub u64);

impl From<u64> for CallToken {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

/// Where a driver is in its life. The numbers are those of Mesos's language bindings.
///
/// ```text
///   NotStarted ──start──► Running ──stop───► Stopped
///                            │                  ▲
///                            └──abort, error──► Aborted ──stop──┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(i32)]
pub enum DriverStatus {
    /// Made, but `start` was not called yet.
    NotStarted = 1,
    /// Connected, or at work on it.
    Running = 2,
    /// Ended by `abort` or by an error; nothing is delivered any more.
    Aborted = 3,
    /// Ended by `stop`.
    Stopped = 4,
}

impl DriverStatus {
    /// What a method answers that found the driver in this status and left it in `after`: the latter, but of a driver
    /// that was aborted that it was, so that whoever stops it learns of it.
    #[must_use]
    pub const fn answer(self, after: Self) -> Self {
        if matches!(self, Self::Aborted) { Self::Aborted } else { after }
    }
}

impl fmt::Display for DriverStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotStarted => "DRIVER_NOT_STARTED",
            Self::Running => "DRIVER_RUNNING",
            Self::Aborted => "DRIVER_ABORTED",
            Self::Stopped => "DRIVER_STOPPED",
        })
    }
}
