//! Whether a container went beyond a limit, in the words that Mesos has for it.

use std::path::Path;

use super::{Limitation, Limited, containers::Noted};
use crate::{cgroup::Cgroup, disk};

/// Whether the kernel killed the container, or something in it, for its memory. The figures are those that were
/// noted then, or else what there is now.
pub(super) fn of_memory(cgroup: &Cgroup, status: Option<i32>, noted: &Noted) -> Option<Limitation> {
    if status == Some(0) || cgroup.memory_kills() == 0 {
        return None;
    }
    let figures = noted.get().cloned().unwrap_or_else(|| cgroup.figures());
    let amount = |bytes: Option<u64>| bytes.map_or_else(|| "unknown".to_owned(), amount);
    let mut message = format!(
        "Memory limit exceeded: Requested: {} Maximum Used: {}\n",
        amount(figures.limit),
        amount(figures.peak)
    );
    if !figures.table.is_empty() {
        message.push_str("\nMEMORY STATISTICS: \n");
        message.push_str(&figures.table);
        message.push('\n');
    }
    let used_bytes = figures.peak.or(figures.limit).unwrap_or_default();
    Some(Limitation { limited: Limited::Memory, message, used_bytes })
}

/// Measures a sandbox; with a quota, whether it is too large.
pub(super) fn of_disk(sandbox: &Path, quota: Option<u64>) -> (u64, Option<Limitation>) {
    let used_bytes = disk::usage(sandbox);
    let limitation = quota.filter(|quota| used_bytes > *quota).map(|quota| {
        let message = format!("Disk usage ({}) exceeds quota ({})", amount(used_bytes), amount(quota));
        Limitation { limited: Limited::Disk, message, used_bytes }
    });
    (used_bytes, limitation)
}

/// An amount in the largest unit that it is a whole number of.
fn amount(bytes: u64) -> String {
    let units = [(40, "TB"), (30, "GB"), (20, "MB"), (10, "KB")];
    let unit = units.iter().find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    match unit {
        Some((shift, name)) => format!("{}{name}", bytes >> shift),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole() {
        for (bytes, text) in [
            (0, "0B"),
            (1, "1B"),
            (1024, "1KB"),
            (1025, "1025B"),
            (32 << 20, "32MB"),
            ((32 << 20) + 4096, "32772KB"),
            (3 << 30, "3GB"),
            (1 << 40, "1TB"),
        ] {
            assert_eq!(amount(bytes), text);
        }
    }

    #[test]
    fn a_sandbox_may_be_too_large() {
        let work = tempfile::tempdir().unwrap();
        std::fs::write(work.path().join("file"), vec![0; 1 << 20]).unwrap();
        let (used, none) = of_disk(work.path(), None);
        assert!(used >= 1 << 20 && none.is_none());
        assert_eq!(of_disk(work.path(), Some(used)).1, None);
        let limitation = of_disk(work.path(), Some(1 << 19)).1.unwrap();
        assert_eq!(limitation.message, format!("Disk usage ({}) exceeds quota (512KB)", amount(used)));
    }
}
