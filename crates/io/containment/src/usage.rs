//! What containers use, as far as /proc says: a container's processes are those of its session.

use std::{collections::BTreeMap, fs};

/// What the processes of one session use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Seconds of cpu time in user mode, of living processes and those that they have waited for.
    pub user_secs: f64,
    /// Seconds of cpu time in the kernel, of the same.
    pub system_secs: f64,
    /// Resident memory in bytes.
    pub rss_bytes: u64,
    /// Number of processes.
    pub processes: u32,
    /// Number of threads.
    pub threads: u32,
}

/// Looks at all processes once; gives the use of each session by its id, which is the process id that a
/// container was started with.
pub fn by_session() -> BTreeMap<i32, Usage> {
    let mut sessions: BTreeMap<i32, Usage> = BTreeMap::new();
    let Ok(entries) = fs::read_dir("/proc") else { return sessions };
    for entry in entries.filter_map(Result::ok) {
        if entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit)
            && let Ok(stat) = fs::read_to_string(entry.path().join("stat"))
        {
            add(&mut sessions, &stat);
        }
    }
    sessions
}

#[expect(clippy::cast_precision_loss, reason = "cpu time in hundredths of seconds fits a double for ages")]
fn add(sessions: &mut BTreeMap<i32, Usage>, stat: &str) -> Option<()> {
    // The name is in parentheses and may have anything in it.
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let session = fields.get(3)?.parse().ok()?;
    let ticks = rustix::param::clock_ticks_per_second().max(1) as f64;
    let user = (number(11)? + number(13)?) as f64 / ticks;
    let system = (number(12)? + number(14)?) as f64 / ticks;
    let threads = u32::try_from(number(17)?).unwrap_or(u32::MAX);
    let rss = number(21)?.saturating_mul(rustix::param::page_size() as u64);
    let usage = sessions.entry(session).or_default();
    usage.user_secs += user;
    usage.system_secs += system;
    usage.rss_bytes = usage.rss_bytes.saturating_add(rss);
    usage.processes += 1;
    usage.threads = usage.threads.saturating_add(threads);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_a_session() {
        let mut sessions = BTreeMap::new();
        for stat in [
            "10 (a (b) c) S 1 10 7 0 -1 0 0 0 0 0 150 50 0 0 20 0 1 0 100 1000 3 0",
            "11 (d) S 10 10 7 0 -1 0 0 0 0 0 50 0 0 0 20 0 1 0 100 1000 2 0",
            "garbage",
            "12 (e) S 1",
        ] {
            add(&mut sessions, stat);
        }
        let usage = sessions[&7];
        assert_eq!((usage.processes, usage.threads), (2, 2));
        assert_eq!(usage.rss_bytes, 5 * rustix::param::page_size() as u64);
        assert!(usage.user_secs > usage.system_secs && usage.system_secs > 0.0);
        assert_eq!(sessions.len(), 1);
    }

    #[test]
    fn finds_this_process() {
        let session = crate::sys::session(0).unwrap();
        assert!(by_session()[&session].rss_bytes > 0);
    }
}
