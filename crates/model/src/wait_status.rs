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
    use super::describe_wait_status;

    #[test]
    fn exits_in_mesos_words() {
        for (raw, text) in [
            (0, "exited with status 0"),
            (3 << 8, "exited with status 3"),
            (9, "terminated with signal Killed"),
            (15, "terminated with signal Terminated"),
            (0x80 | 11, "terminated with signal Segmentation fault (core dumped)"),
            (-1, "terminated with signal Unknown signal 127 (core dumped)"),
        ] {
            assert_eq!(describe_wait_status(raw), text);
        }
    }
}
