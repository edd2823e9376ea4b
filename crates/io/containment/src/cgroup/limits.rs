//! Writing limits.

use std::{fs, io};

use super::{Cgroup, Controller, Place, Version};
use crate::launch::Limits;

/// Least memory limit, in bytes: below it not even a shell starts.
pub const MEMORY_MIN: u64 = 32 << 20;
/// Least weight of version 1, and its weight of one cpu.
const SHARES: (f64, f64) = (2.0, 1024.0);
/// Least weight of version 2, and its weight of one cpu.
const WEIGHT: (f64, f64) = (1.0, 100.0);
const WEIGHT_MAX: f64 = 10_000.0;
/// Period over which a hard cpu limit holds.
const PERIOD_US: f64 = 100_000.0;
const QUOTA_MIN_US: f64 = 1_000.0;

impl Cgroup {
    /// Sets the limits of a container that has no processes yet.
    ///
    /// # Errors
    /// The file system's.
    pub fn limit(&self, limits: &Limits) -> io::Result<()> {
        if let Some(cpu) = self.place(Controller::Cpu) {
            limit_cpu(cpu, limits)?;
        }
        if let Some(memory) = self.place(Controller::Memory) {
            limit_memory(memory, limits)?;
        }
        Ok(())
    }

    /// Changes the limits of a running container. Its memory limit only grows: what it uses it may have
    /// rightly, and the kernel would kill it.
    ///
    /// # Errors
    /// The file system's.
    pub fn change(&self, limits: &Limits) -> io::Result<()> {
        let known = self.figures().limit;
        let bytes = match (limits.memory_bytes, known) {
            (Some(wanted), Some(known)) => Some(wanted.max(known)),
            (wanted, _) => wanted,
        };
        self.limit(&Limits { memory_bytes: bytes, ..*limits })
    }
}

fn limit_cpu(place: &Place, limits: &Limits) -> io::Result<()> {
    let write = |file: &str, value: &str| fs::write(place.directory.join(file), value);
    // None at all is said, because there may have been one before.
    let quota = limits
        .cpus_hard
        .map(|cpus| if cpus.is_finite() { Some((cpus * PERIOD_US).max(QUOTA_MIN_US)) } else { None });
    match place.version {
        Version::One => {
            write("cpu.shares", &whole((limits.cpus * SHARES.1).max(SHARES.0)))?;
            match quota {
                Some(Some(quota)) => {
                    write("cpu.cfs_period_us", &whole(PERIOD_US))?;
                    write("cpu.cfs_quota_us", &whole(quota))?;
                }
                Some(None) => write("cpu.cfs_quota_us", "-1")?,
                None => {}
            }
        }
        Version::Two => {
            write("cpu.weight", &whole((limits.cpus * WEIGHT.1).clamp(WEIGHT.0, WEIGHT_MAX)))?;
            match quota {
                Some(Some(quota)) => write("cpu.max", &format!("{} {}", whole(quota), whole(PERIOD_US)))?,
                Some(None) => write("cpu.max", "max")?,
                None => {}
            }
        }
    }
    Ok(())
}

fn limit_memory(place: &Place, limits: &Limits) -> io::Result<()> {
    let Some(bytes) = limits.memory_bytes.map(|bytes| bytes.max(MEMORY_MIN)) else { return Ok(()) };
    let write = |file: &str, value: &str| fs::write(place.directory.join(file), value);
    let soft = limits.memory_soft_bytes.unwrap_or(bytes).max(MEMORY_MIN).to_string();
    match place.version {
        Version::One => {
            let hard = if bytes == u64::MAX { "-1".to_owned() } else { bytes.to_string() };
            // The one with swap may never be the lower of the two: which comes first depends on which way
            // they go.
            let swap = "memory.memsw.limit_in_bytes";
            let widened = limits.memory_with_swap && write(swap, &hard).is_ok();
            write("memory.limit_in_bytes", &hard)?;
            if limits.memory_with_swap && !widened {
                write(swap, &hard)?;
            }
            // Only a hint for reclaim: its absence does no harm.
            if soft != hard {
                let _ = write("memory.soft_limit_in_bytes", &soft);
            }
            Ok(())
        }
        Version::Two => {
            let _ = write("memory.low", &soft);
            write("memory.max", &if bytes == u64::MAX { "max".to_owned() } else { bytes.to_string() })
        }
    }
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}
