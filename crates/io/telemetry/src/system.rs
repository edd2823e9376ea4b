//! What the machine itself is like: load and memory, as `/system/stats.json` and the metrics show them.

use std::{fs, thread};

use tepui_wire_mesos::json::number;

use crate::Sample;

/// Load and memory at one moment. What cannot be found out is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SystemStats {
    /// Processors.
    pub cpus_total: u32,
    /// Load averages of one, five and fifteen minutes.
    pub load: [f64; 3],
    /// Memory in bytes.
    pub mem_total_bytes: u64,
    /// Unused memory in bytes.
    pub mem_free_bytes: u64,
}

/// Reads them.
pub fn stats() -> SystemStats {
    let mut load = [0.0; 3];
    let averages = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    for (slot, word) in load.iter_mut().zip(averages.split_whitespace()) {
        *slot = word.parse().unwrap_or(0.0);
    }
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    SystemStats {
        cpus_total: thread::available_parallelism()
            .map_or(0, |count| u32::try_from(count.get()).unwrap_or(u32::MAX)),
        load,
        mem_total_bytes: meminfo(&memory, "MemTotal:"),
        mem_free_bytes: meminfo(&memory, "MemFree:"),
    }
}

fn meminfo(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes.saturating_mul(1024))
}

impl SystemStats {
    /// As metrics.
    #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
    pub fn samples(&self) -> [Sample; 6] {
        [
            Sample::gauge("system/cpus_total", f64::from(self.cpus_total)),
            Sample::gauge("system/load_1min", self.load[0]),
            Sample::gauge("system/load_5min", self.load[1]),
            Sample::gauge("system/load_15min", self.load[2]),
            Sample::gauge("system/mem_free_bytes", self.mem_free_bytes as f64),
            Sample::gauge("system/mem_total_bytes", self.mem_total_bytes as f64),
        ]
    }

    /// The body of `/system/stats.json`.
    pub fn json(&self) -> String {
        let double = |value| number(value, str::to_owned);
        format!(
            r#"{{"avg_load_15min":{},"avg_load_1min":{},"avg_load_5min":{},"cpus_total":{},"mem_free_bytes":{},"mem_total_bytes":{}}}"#,
            double(self.load[2]),
            double(self.load[0]),
            double(self.load[1]),
            self.cpus_total,
            self.mem_free_bytes,
            self.mem_total_bytes
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_memory() {
        let stats = stats();
        assert!(stats.cpus_total > 0);
        assert!(stats.mem_total_bytes >= stats.mem_free_bytes && stats.mem_free_bytes > 0);
        assert!(stats.json().starts_with(r#"{"avg_load_15min":"#));
    }
}
