//! What this machine has: facts only. What an agent offers of it is decided by the model's rules.

use std::{fs, io, path::Path};

/// A machine's resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Cpus that this process may run on.
    pub cpus: u32,
    /// Bytes of memory in all.
    pub memory_bytes: u64,
    /// Bytes of the file system that was asked for.
    pub disk_bytes: u64,
}

/// How the machine is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Load averages over 1, 5 and 15 minutes.
    pub averages: [f64; 3],
    /// Bytes of memory in all.
    pub memory_total_bytes: u64,
    /// Bytes of memory that nobody uses (caches count as used, as Mesos has it).
    pub memory_free_bytes: u64,
}

impl Machine {
    /// Measures the machine, and the disk that `work_dir` is on.
    ///
    /// # Errors
    /// The file system's, when `work_dir` cannot be looked at.
    pub fn detect(work_dir: &Path) -> io::Result<Self> {
        let statistics = rustix::fs::statvfs(work_dir)?;
        Ok(Self {
            cpus: cpus(),
            memory_bytes: memory_total(),
            disk_bytes: statistics.f_blocks.saturating_mul(statistics.f_frsize),
        })
    }
}

/// Number of cpus that this process may use.
pub fn cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

fn memory_total() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(u64::from(info.mem_unit))
}

/// Load and free memory now.
pub fn load() -> Load {
    let info = rustix::system::sysinfo();
    let mut averages = [0.0; 3];
    if let Ok(text) = fs::read_to_string("/proc/loadavg") {
        for (average, word) in averages.iter_mut().zip(text.split_whitespace()) {
            *average = word.parse().unwrap_or(0.0);
        }
    }
    Load {
        averages,
        memory_total_bytes: memory_total(),
        memory_free_bytes: info.freeram.saturating_mul(u64::from(info.mem_unit)),
    }
}

/// How full the file system of `path` is, from 0 to 1, as somebody without privileges sees it.
///
/// # Errors
/// The file system's.
#[expect(clippy::cast_precision_loss, reason = "a fraction")]
pub fn disk_usage(path: &Path) -> io::Result<f64> {
    let statistics = rustix::fs::statvfs(path)?;
    if statistics.f_blocks == 0 {
        return Ok(0.0);
    }
    Ok(1.0 - (statistics.f_bavail as f64 / statistics.f_blocks as f64).min(1.0))
}

/// Identifies this boot of the machine; empty when the system does not say.
pub fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_something() {
        let machine = Machine::detect(Path::new("/")).unwrap();
        assert!(machine.cpus >= 1);
        assert!(machine.memory_bytes > 1 << 20);
        assert!(machine.disk_bytes > 1 << 20);
        let usage = disk_usage(Path::new("/")).unwrap();
        assert!((0.0..=1.0).contains(&usage));
        assert_eq!(boot_id().len(), 36);
        assert!(load().memory_total_bytes >= load().memory_free_bytes);
        assert!(Machine::detect(Path::new("/nowhere/at/all")).is_err());
    }
}
