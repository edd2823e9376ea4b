//! Reading what is used.

use super::{Cgroup, Controller, Place, Version};

/// What a container uses by the account of its cgroups. What they do not tell is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Use {
    /// Seconds in user mode, of all processes that ever were in it.
    pub user_secs: Option<f64>,
    /// Seconds in the kernel.
    pub system_secs: Option<f64>,
    /// Periods in which a cpu limit held.
    pub periods: Option<u32>,
    /// Periods in which it was reached.
    pub throttled_periods: Option<u32>,
    /// Seconds for which it held processes back.
    pub throttled_secs: Option<f64>,
    /// Cpus that may be used, where that is limited.
    pub cpus_limit: Option<f64>,
    /// Processes.
    pub processes: Option<u32>,
    /// Bytes of memory.
    pub memory: MemoryUse,
}

/// Bytes of memory, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// All that counts for the limit.
    pub total: Option<u64>,
    /// The same with swap.
    pub total_with_swap: Option<u64>,
    /// What may be used.
    pub limit: Option<u64>,
    /// What is promised.
    pub soft_limit: Option<u64>,
    /// Of no file.
    pub anonymous: Option<u64>,
    /// Cached from files.
    pub file: Option<u64>,
    /// Of files that are mapped.
    pub mapped_file: Option<u64>,
    /// Swapped out.
    pub swap: Option<u64>,
    /// That cannot be taken away.
    pub unevictable: Option<u64>,
    /// The kernel's own for it.
    pub kernel: Option<u64>,
}

/// What is to be told of a container that ran out of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bytes that it may use.
    pub limit: Option<u64>,
    /// The most that it used.
    pub peak: Option<u64>,
    /// The kernel's own table.
    pub table: String,
}

/// Version 1 says "no limit" by a number next to the largest.
const UNLIMITED: u64 = i64::MAX as u64 & !0xffff;

impl Cgroup {
    /// The figures of its memory.
    pub fn figures(&self) -> Figures {
        let Some(memory) = self.place(Controller::Memory) else { return Figures::default() };
        let (limit, peak) = match memory.version {
            Version::One => ("memory.limit_in_bytes", "memory.max_usage_in_bytes"),
            Version::Two => ("memory.max", "memory.peak"),
        };
        Figures {
            limit: memory.number(limit).filter(|limit| *limit < UNLIMITED),
            peak: memory.number(peak),
            table: memory.read("memory.stat").unwrap_or_default(),
        }
    }

    /// Measures it.
    pub fn measure(&self) -> Use {
        let mut used = Use { memory: self.memory(), ..Use::default() };
        if let Some(cpu) = self.place(Controller::Cpu) {
            limited(&mut used, cpu);
        }
        if let Some(account) = self
            .place(Controller::Cpuacct)
            .or_else(|| self.place(Controller::Cpu).filter(|place| place.version == Version::Two))
        {
            cpu_time(&mut used, account);
        }
        used.processes = self.processes();
        used
    }

    fn processes(&self) -> Option<u32> {
        let count = |place: &Place| -> usize {
            let text = std::fs::read_to_string(place.leaf().join("cgroup.procs")).unwrap_or_default();
            text.lines().count()
        };
        self.places.first().map(|place| u32::try_from(count(place)).unwrap_or(u32::MAX))
    }

    fn memory(&self) -> MemoryUse {
        let Some(place) = self.place(Controller::Memory) else { return MemoryUse::default() };
        let table = place.read("memory.stat").unwrap_or_default();
        let number = |file: &str| place.number(file).filter(|bytes| *bytes < UNLIMITED);
        match place.version {
            Version::One => {
                // With what is in cgroups below, where the kernel tells.
                let of = |name: &str| entry(&table, &format!("total_{name}")).or_else(|| entry(&table, name));
                MemoryUse {
                    total: number("memory.usage_in_bytes"),
                    total_with_swap: number("memory.memsw.usage_in_bytes"),
                    limit: number("memory.limit_in_bytes"),
                    soft_limit: number("memory.soft_limit_in_bytes"),
                    anonymous: of("rss"),
                    file: of("cache"),
                    mapped_file: of("mapped_file"),
                    swap: of("swap"),
                    unevictable: of("unevictable"),
                    kernel: number("memory.kmem.usage_in_bytes"),
                }
            }
            Version::Two => MemoryUse {
                total: number("memory.current"),
                total_with_swap: None,
                limit: number("memory.max"),
                soft_limit: number("memory.low"),
                anonymous: entry(&table, "anon"),
                file: entry(&table, "file"),
                mapped_file: entry(&table, "file_mapped"),
                swap: number("memory.swap.current"),
                unevictable: entry(&table, "unevictable"),
                kernel: entry(&table, "kernel"),
            },
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "times that fit a double for ages")]
fn limited(used: &mut Use, cpu: &Place) {
    let table = cpu.read("cpu.stat").unwrap_or_default();
    let count = |name: &str| entry(&table, name).and_then(|count| u32::try_from(count).ok());
    used.periods = count("nr_periods");
    used.throttled_periods = count("nr_throttled");
    let quota = match cpu.version {
        Version::One => {
            used.throttled_secs = entry(&table, "throttled_time").map(|nanos| nanos as f64 / 1e9);
            cpu.number("cpu.cfs_quota_us").zip(cpu.number("cpu.cfs_period_us"))
        }
        Version::Two => {
            used.throttled_secs = entry(&table, "throttled_usec").map(|micros| micros as f64 / 1e6);
            let text = cpu.read("cpu.max").unwrap_or_default();
            let mut words = text.split_whitespace().map(|word| word.parse().ok());
            words.next().flatten().zip(words.next().flatten())
        }
    };
    used.cpus_limit =
        quota.filter(|(_, period)| *period > 0).map(|(quota, period)| quota as f64 / period as f64);
}

#[expect(clippy::cast_precision_loss, reason = "times that fit a double for ages")]
fn cpu_time(used: &mut Use, account: &Place) {
    match account.version {
        Version::One => {
            let table = account.read("cpuacct.stat").unwrap_or_default();
            let ticks = rustix::param::clock_ticks_per_second().max(1) as f64;
            used.user_secs = entry(&table, "user").map(|time| time as f64 / ticks);
            used.system_secs = entry(&table, "system").map(|time| time as f64 / ticks);
        }
        Version::Two => {
            let table = account.read("cpu.stat").unwrap_or_default();
            used.user_secs = entry(&table, "user_usec").map(|time| time as f64 / 1e6);
            used.system_secs = entry(&table, "system_usec").map(|time| time as f64 / 1e6);
        }
    }
}

/// One number of a table of `name number` lines.
pub(super) fn entry(table: &str, name: &str) -> Option<u64> {
    table.lines().find_map(|line| {
        let (key, value) = line.split_once(' ')?;
        (key == name).then(|| value.trim().parse().ok()).flatten()
    })
}
