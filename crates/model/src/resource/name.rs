//! Names of resources; the common ones cost nothing.

use serde::{Deserialize, Serialize};
use std::{borrow::Borrow, fmt, sync::Arc};

/// The name of a kind of resource. Ordered as the text that it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceName(Name);

/// Each text in one shape only, so that most comparisons need not look at it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Name {
    Cpus,
    Mem,
    Disk,
    Gpus,
    Ports,
    Other(Arc<str>),
}

impl ResourceName {
    /// Processors.
    pub const CPUS: Self = Self(Name::Cpus);
    /// Memory, in MB.
    pub const MEM: Self = Self(Name::Mem);
    /// Disk, in MB.
    pub const DISK: Self = Self(Name::Disk);
    /// Graphics processors.
    pub const GPUS: Self = Self(Name::Gpus);
    /// TCP and UDP ports.
    pub const PORTS: Self = Self(Name::Ports);

    /// A name of any sort.
    pub fn new(name: &str) -> Self {
        match name {
            "cpus" => Self::CPUS,
            "mem" => Self::MEM,
            "disk" => Self::DISK,
            "gpus" => Self::GPUS,
            "ports" => Self::PORTS,
            _ => Self(Name::Other(name.into())),
        }
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Name::Cpus => "cpus",
            Name::Mem => "mem",
            Name::Disk => "disk",
            Name::Gpus => "gpus",
            Name::Ports => "ports",
            Name::Other(name) => name,
        }
    }
}

impl PartialOrd for ResourceName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ResourceName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Borrow<str> for ResourceName {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl std::hash::Hash for ResourceName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl From<&str> for ResourceName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for ResourceName {
    fn from(name: String) -> Self {
        Self::new(&name)
    }
}

impl From<&Self> for ResourceName {
    fn from(name: &Self) -> Self {
        name.clone()
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        hash::{BuildHasher, RandomState},
    };

    use super::*;

    #[test]
    fn a_name_is_its_text() {
        let texts = ["cpus", "disk", "gpus", "mem", "ports", "racks"];
        let state = RandomState::new();
        let names: BTreeMap<ResourceName, &str> = texts.iter().map(|text| ((*text).into(), *text)).collect();
        assert!(names.values().eq(&texts), "in the order of the texts");
        for (name, text) in &names {
            assert_eq!((name.as_str(), name.to_string().as_str()), (*text, *text));
            assert_eq!(format!("{name:?}"), format!("{text:?}"));
            assert_eq!(ResourceName::from((*text).to_owned()), *name);
            assert_eq!(names.get(*text), Some(text), "found by its text");
            assert_eq!(state.hash_one(name), state.hash_one(*text));
            assert_eq!(name.partial_cmp(&ResourceName::MEM), Some((*text).cmp("mem")));
        }
    }
}
