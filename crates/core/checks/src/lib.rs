//! A task's check and health check, as one machine: when to probe, what a result means, when to report, when to kill.
//!
//! Whoever runs the task owns a [`Checks`] for it: the agent for a command task, the default executor for a task of a
//! group. It begins when the task runs and is stopped when the task ends or is to end.
//!
//! ```text
//!              delay                    result, timeout
//!   (begin) ─────────► probe under way ─────────────────► interval ──► probe under way ...
//!                            │  ▲
//!                      pause │  │ resume
//!                            ▼  │
//!                          (paused)
//! ```
//!
//! A **check** only reports: each time its result differs from the last one. A **health check** reports when the task
//! becomes healthy and at each failure; failures before the first success do not count within the grace period; after
//! so many failures in a row the task is to be killed.
//!
//! Must not live here: probing itself, and status updates.

mod checks;
mod effect;
mod probe;
mod schedule;
#[cfg(test)]
mod tests;
pub mod validate;

pub use checks::Checks;
pub use effect::{Effect, Outcome, ProbeId, Report};
pub use probe::{Probe, Scheme};
pub use validate::InvalidCheck;

use tepui_wire_mesos::v1::{CheckInfo, CheckStatusInfo, check_info::Type, check_status_info};

/// The status of a check that has no result: what a task's updates carry before the first one, and at the task's end.
pub fn empty_status(check: &CheckInfo) -> CheckStatusInfo {
    let mut status = CheckStatusInfo { r#type: check.r#type, ..CheckStatusInfo::default() };
    match check.r#type() {
        Type::Command => status.command = Some(check_status_info::Command::default()),
        Type::Http => status.http = Some(check_status_info::Http::default()),
        Type::Tcp => status.tcp = Some(check_status_info::Tcp::default()),
        Type::Unknown => {}
    }
    status
}
