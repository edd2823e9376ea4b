//! Linux capabilities: names and sets.

use std::fmt;

/// The names of the kernel's capabilities without `CAP_`, by number.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// A set of capabilities: bit by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapabilitySet(pub u64);

/// What a process has and can get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// What its program has from the start.
    pub effective: u64,
    /// What it can ever have.
    pub bounding: u64,
}

impl CapabilitySet {
    /// The number of a capability by its name without prefix (`NET_ADMIN`).
    pub fn number(name: &str) -> Option<usize> {
        NAMES.iter().position(|known| *known == name)
    }

    /// The set with these names.
    ///
    /// # Errors
    /// The first name that is none.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        names.into_iter().try_fold(Self(0), |set, name| {
            let number = Self::number(name).ok_or_else(|| format!("there is no capability '{name}'"))?;
            Ok(Self(set.0 | 1 << number))
        })
    }

    /// What is in this set and not in `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What this process may use, and so give.
    pub fn own() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let bits = status.lines().find_map(|line| line.strip_prefix("CapPrm:"));
        Self(bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0))
    }
}

impl CapabilitySet {
    /// The names of what is in it, in the kernel's order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES
            .into_iter()
            .enumerate()
            .filter(move |(number, _)| self.0 & (1 << number) != 0)
            .map(|(_, name)| name)
    }
}

impl fmt::Display for CapabilitySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, name) in self.names().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(formatter, "{comma}{name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbers_and_back() {
        assert_eq!((CapabilitySet::number("CHOWN"), CapabilitySet::number("BPF")), (Some(0), Some(39)));
        let set = CapabilitySet::named(["NET_RAW", "CHOWN"]).unwrap();
        assert_eq!((set.0, set.to_string()), (1 << 13 | 1, "CHOWN, NET_RAW".to_owned()));
        assert_eq!(CapabilitySet::named(["CAP_CHOWN"]), Err("there is no capability 'CAP_CHOWN'".to_owned()));
        assert!(set.without(set).is_empty());
    }
}
