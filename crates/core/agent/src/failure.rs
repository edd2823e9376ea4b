//! Why a container could not be started. Must not live here: what follows from it.

use serde::{Deserialize, Serialize};

/// Why a container was not started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchFailure {
    /// What kind of failure.
    pub reason: LaunchFailureReason,
    /// Words for the person who reads the task's status.
    pub message: String,
}

/// The kinds of launch failures that schedulers can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LaunchFailureReason {
    /// The sandbox could not be made, or not given to the user (`Failed to chown directory to 'x': No such user 'x'`).
    Sandbox,
    /// A file could not be fetched.
    Fetch,
    /// The program is not there.
    NoProgram,
    /// What is there is no program, or not one that the user may execute.
    NotExecutable,
    /// Anything else.
    Other,
}

impl LaunchFailureReason {
    /// Whether all was ready, and only the program could not be executed. Mesos starts a helper that finds out, and
    /// exits with 1.
    pub const fn is_of_the_program(self) -> bool {
        matches!(self, Self::NoProgram | Self::NotExecutable)
    }
}
