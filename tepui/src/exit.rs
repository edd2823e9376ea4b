//! How a command ends: its exit code, and the words on stderr.

use std::{io, process::ExitCode};

/// Why a command failed, with its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// For the person who reads it: what was wrong, where, what to do.
    message: String,
    /// 2 for a wrong request, 126 and 127 for a command that could not be run, 1 for anything else.
    code: u8,
}

impl Failure {
    /// The request was wrong: another name or flag mends it.
    pub(crate) fn user(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    /// Something did not work.
    pub(crate) fn fault(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// The command that was to be run is not there: what shells answer then.
    pub(crate) fn no_program(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 127 }
    }

    /// The command that was to be run is no program, or not one that may be executed: what shells answer then.
    pub(crate) fn not_executable(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 126 }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::fault(error.to_string())
    }
}

/// The exit code of `tepui run` when its time was up, as `timeout` has it.
pub(crate) const TIMED_OUT: u8 = 124;

/// The exit code of something that signal `number` ended, as shells have it.
pub(crate) fn of_signal(number: i32) -> u8 {
    u8::try_from(128 + number).unwrap_or(255)
}
