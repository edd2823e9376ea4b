//! Whether a container went beyond a limit, in the words that Mesos has for it.

use std::path::Path;

use tepui_model::Size;

use super::{Limitation, Limited, containers::Noted};
use crate::{cgroup::Cgroup, disk};

/// Whether the kernel killed the container, or something in it, for its memory. The figures are those that were
/// noted then, or else what there is now.
pub(super) fn of_memory(cgroup: &Cgroup, status: Option<i32>, noted: &Noted) -> Option<Limitation> {
    if status == Some(0) || cgroup.memory_kills() == 0 {
        return None;
    }
    let figures = noted.get().cloned().unwrap_or_else(|| cgroup.figures());
    let amount =
        |bytes: Option<u64>| bytes.map_or_else(|| "unknown".to_owned(), |bytes| Size(bytes).to_string());
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
        let message = format!("Disk usage ({}) exceeds quota ({})", Size(used_bytes), Size(quota));
        Limitation { limited: Limited::Disk, message, used_bytes }
    });
    (used_bytes, limitation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_may_be_too_large() {
        let work = tempfile::tempdir().unwrap();
        std::fs::write(work.path().join("file"), vec![0; 1 << 20]).unwrap();
        let (used, none) = of_disk(work.path(), None);
        assert!(used >= 1 << 20 && none.is_none());
        assert_eq!(of_disk(work.path(), Some(used)).1, None);
        let limitation = of_disk(work.path(), Some(1 << 19)).1.unwrap();
        assert_eq!(limitation.message, format!("Disk usage ({}) exceeds quota (512KB)", Size(used)));
    }
}
