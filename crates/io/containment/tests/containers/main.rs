//! Real processes, a real supervisor.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod harness;
mod nested;
mod processes;
