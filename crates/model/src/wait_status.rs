//! How processes end, in Mesos's words.

/// A raw wait status: `exited with status 3`, `terminated with signal Killed`.
pub fn describe_wait_status(raw: i32) -> String {
    let signal = raw & 0x7f;
    if signal == 0 {
        return format!("exited with status {}", (raw >> 8) & 0xff);
    }
    let core = if raw & 0x80 == 0 { "" } else { " (core dumped)" };
    format!("terminated with signal {}{core}", signal_name(signal))
}

/// What a C library calls the signals from 1 on.
const SIGNALS: [&str; 31] = [
    "Hangup",
    "Interrupt",
    "Quit",
    "Illegal instruction",
    "Trace/breakpoint trap",
    "Aborted",
    "Bus error",
    "Floating point exception",
    "Killed",
    "User defined signal 1",
    "Segmentation fault",
    "User defined signal 2",
    "Broken pipe",
    "Alarm clock",
    "Terminated",
    "Stack fault",
    "Child exited",
    "Continued",
    "Stopped (signal)",
    "Stopped",
    "Stopped (tty input)",
    "Stopped (tty output)",
    "Urgent I/O condition",
    "CPU time limit exceeded",
    "File size limit exceeded",
    "Virtual timer expired",
    "Profiling timer expired",
    "Window changed",
    "I/O possible",
    "Power failure",
    "Bad system call",
];

fn signal_name(signal: i32) -> String {
    let name = usize::try_from(signal).ok().and_then(|signal| SIGNALS.get(signal.checked_sub(1)?));
    match (name, signal) {
        (Some(name), _) => (*name).to_owned(),
        (None, 34..=64) => format!("Real-time signal {}", signal - 34),
        (None, other) => format!("Unknown signal {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::describe_wait_status;

    #[test]
    fn exits_in_mesos_words() {
        for (raw, text) in [
            (0, "exited with status 0"),
            (3 << 8, "exited with status 3"),
            (9, "terminated with signal Killed"),
            (0xff << 8, "exited with status 255"),
            (1, "terminated with signal Hangup"),
            (15, "terminated with signal Terminated"),
            (31, "terminated with signal Bad system call"),
            (32, "terminated with signal Unknown signal 32"),
            (33, "terminated with signal Unknown signal 33"),
            (34, "terminated with signal Real-time signal 0"),
            (64, "terminated with signal Real-time signal 30"),
            (65, "terminated with signal Unknown signal 65"),
            (0x80 | 11, "terminated with signal Segmentation fault (core dumped)"),
            (-1, "terminated with signal Unknown signal 127 (core dumped)"),
        ] {
            assert_eq!(describe_wait_status(raw), text);
        }
    }
}
