//! Real processes, a real supervisor.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod harness;
mod isolation;
mod limits;
mod nested;
mod processes;
