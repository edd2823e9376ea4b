//! Statuses that the agent itself makes, and what task states mean. Must not live here: where they go.

use bytes::Bytes;
use tepui_model::{Reason, Source, TaskState, Tick};
use tepui_wire_mesos::v1;

/// What the agent says about a task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) reason: Option<Reason>,
    pub(crate) message: Option<String>,
    pub(crate) limitation: Option<v1::TaskResourceLimitation>,
    pub(crate) check_status: Option<v1::CheckStatusInfo>,
    pub(crate) healthy: Option<bool>,
}

impl Report {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason: Some(reason), message: Some(message.into()), ..Self::default() }
    }

    pub(crate) fn message(message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..Self::default() }
    }
}

/// A status, complete but for what the container adds.
pub(crate) fn status(
    now: Tick,
    task: &str,
    state: TaskState,
    source: Source,
    uuid: Bytes,
    report: Report,
) -> v1::TaskStatus {
    v1::TaskStatus {
        task_id: v1::TaskId { value: task.to_owned() },
        state: state.number(),
        source: Some(source.number()),
        reason: report.reason.map(Reason::number),
        message: report.message,
        limitation: report.limitation,
        check_status: report.check_status,
        healthy: report.healthy,
        uuid: Some(uuid),
        timestamp: Some(now.as_secs_f64()),
        ..v1::TaskStatus::default()
    }
}

/// The state of a task that never started.
pub(crate) fn dropped(partition_aware: bool) -> TaskState {
    if partition_aware { TaskState::Dropped } else { TaskState::Lost }
}

/// The state of a task that ended unseen.
pub(crate) fn gone(partition_aware: bool) -> TaskState {
    if partition_aware { TaskState::Gone } else { TaskState::Lost }
}

/// Whether a number on the wire is a state that nothing follows.
pub(crate) fn is_terminal(state: i32) -> bool {
    TaskState::from_number(state).is_some_and(TaskState::is_terminal)
}

/// How a command ended, as Mesos's command executor says it: `Command exited with status 0`,
/// `Command terminated with signal Killed`.
pub(crate) fn describe_exit(wait_status: Option<i32>) -> String {
    let Some(raw) = wait_status else { return "Failed to get exit status for Command".to_owned() };
    let signal = raw & 0x7f;
    if signal == 0 {
        return format!("Command exited with status {}", (raw >> 8) & 0xff);
    }
    let core = if raw & 0x80 == 0 { "" } else { " (core dumped)" };
    format!("Command terminated with signal {}{core}", signal_name(signal))
}

/// What a C library calls a signal.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "Hangup",
        2 => "Interrupt",
        3 => "Quit",
        4 => "Illegal instruction",
        5 => "Trace/breakpoint trap",
        6 => "Aborted",
        7 => "Bus error",
        8 => "Floating point exception",
        9 => "Killed",
        10 => "User defined signal 1",
        11 => "Segmentation fault",
        12 => "User defined signal 2",
        13 => "Broken pipe",
        14 => "Alarm clock",
        15 => "Terminated",
        16 => "Stack fault",
        17 => "Child exited",
        18 => "Continued",
        19 => "Stopped (signal)",
        20 => "Stopped",
        21 => "Stopped (tty input)",
        22 => "Stopped (tty output)",
        23 => "Urgent I/O condition",
        24 => "CPU time limit exceeded",
        25 => "File size limit exceeded",
        26 => "Virtual timer expired",
        27 => "Profiling timer expired",
        28 => "Window changed",
        29 => "I/O possible",
        30 => "Power failure",
        31 => "Bad system call",
        34..=64 => return format!("Real-time signal {}", signal - 34),
        other => return format!("Unknown signal {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::describe_exit;

    #[test]
    fn exits_in_mesos_words() {
        for (raw, text) in [
            (Some(0), "Command exited with status 0"),
            (Some(3 << 8), "Command exited with status 3"),
            (Some(9), "Command terminated with signal Killed"),
            (Some(15), "Command terminated with signal Terminated"),
            (Some(0x80 | 11), "Command terminated with signal Segmentation fault (core dumped)"),
            (Some(-1), "Command terminated with signal Unknown signal 127 (core dumped)"),
            (None, "Failed to get exit status for Command"),
        ] {
            assert_eq!(describe_exit(raw), text);
        }
    }
}
