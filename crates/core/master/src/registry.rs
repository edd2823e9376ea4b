//! What survives the master: keys and records, and reading them back.
//!
//! | key | value | written |
//! |---|---|---|
//! | `master` | [`MasterRecord`] | when a master starts |
//! | `agents/<id>` | [`AgentRecord`] | before SlaveRegistered, and when the info changes |
//! | `unreachable/<id>`, `gone/<id>` | [`SinceRecord`] | before anybody hears of it |
//! | `deactivated/<id>` | [`DeactivationRecord`] | before the operator hears of it |
//! | `draining/<id>` | [`DrainRecord`] | before the agent hears of it; when it is drained |
//! | `frameworks/<id>` | [`FrameworkRecord`] | before SUBSCRIBED; at disconnection; at the end |
//!
//! Must not live here: what the records lead to.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tepui_core_kit::Write;
use tepui_model::Tick;
use tepui_wire_mesos::{internal, v1};

/// The version of the records below; a record of another version is refused, not guessed at.
const FORMAT: u32 = 1;

/// Who wrote last.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MasterRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) format: u32,
    /// Id of the master that started last.
    #[prost(string, tag = "2")]
    pub(crate) id: String,
}

/// An admitted agent.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub(crate) struct AgentRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) format: u32,
    #[prost(message, required, tag = "2")]
    pub(crate) info: internal::SlaveInfo,
    /// Where it was; it is asked there to come back when a master starts.
    #[prost(string, tag = "3")]
    pub(crate) pid: String,
}

/// An agent that is unreachable or gone.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SinceRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) format: u32,
    /// Nanoseconds since the epoch.
    #[prost(uint64, tag = "2")]
    pub(crate) since: u64,
}

/// An agent that an operator took out of use. A key of its own, like the next: what else is written about the agent
/// meanwhile, be it another description or that it is unreachable, does not concern it.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DeactivationRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) format: u32,
}

/// An agent that is being emptied, or is empty; such an agent is deactivated, too.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DrainRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) format: u32,
    #[prost(message, required, tag = "2")]
    pub(crate) info: v1::DrainInfo,
}

/// A framework, from its first subscription until it is forgotten.
#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub(crate) struct FrameworkRecord {
    #[prost(uint32, tag = "1")]
    pub(crate) format: u32,
    #[prost(message, required, tag = "2")]
    pub(crate) info: v1::FrameworkInfo,
    /// Nanoseconds since the epoch.
    #[prost(uint64, tag = "3")]
    pub(crate) registered: u64,
    /// When its scheduler went, if it is away: the failover timeout counts from here.
    #[prost(uint64, optional, tag = "4")]
    pub(crate) disconnected: Option<u64>,
    /// When it ended; such an id is never taken again.
    #[prost(uint64, optional, tag = "5")]
    pub(crate) completed: Option<u64>,
}

/// Why a stored registry cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRegistry {
    /// The value is not a record.
    #[error("registry key '{key}' does not hold a record: {reason}")]
    Malformed {
        /// The key.
        key: String,
        /// What is wrong with its value.
        reason: String,
    },
    /// A newer (or broken) program wrote it.
    #[error("registry key '{key}' has format {format}; this program reads format {FORMAT}")]
    Format {
        /// The key.
        key: String,
        /// The format it has.
        format: u32,
    },
    /// Not a key of the master.
    #[error("registry key '{key}' is unknown")]
    UnknownKey {
        /// The key.
        key: String,
    },
}

/// The registry as the store had it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Registry {
    pub(crate) agents: BTreeMap<String, AgentRecord>,
    pub(crate) frameworks: BTreeMap<String, FrameworkRecord>,
    pub(crate) unreachable: BTreeMap<String, Tick>,
    pub(crate) gone: BTreeMap<String, Tick>,
    pub(crate) deactivated: BTreeSet<String>,
    pub(crate) draining: BTreeMap<String, v1::DrainInfo>,
}

impl Registry {
    /// Reads what earlier masters wrote: all keys that [`crate::Effect::Persist`] ever set and not removed.
    ///
    /// # Errors
    /// [`InvalidRegistry`] when a key or a value is not ours; the master must not start then.
    pub fn decode(entries: impl IntoIterator<Item = (String, Bytes)>) -> Result<Self, InvalidRegistry> {
        let mut registry = Self::default();
        for (key, value) in entries {
            registry.insert(&key, value)?;
        }
        Ok(registry)
    }

    fn insert(&mut self, key: &str, value: Bytes) -> Result<(), InvalidRegistry> {
        match key.split_once('/') {
            None if key == "master" => {
                let record: MasterRecord = read(key, value)?;
                check(key, record.format)?;
            }
            Some(("agents", id)) => {
                let record: AgentRecord = read(key, value)?;
                check(key, record.format)?;
                self.agents.insert(id.to_owned(), record);
            }
            Some(("frameworks", id)) => {
                let record: FrameworkRecord = read(key, value)?;
                check(key, record.format)?;
                self.frameworks.insert(id.to_owned(), record);
            }
            Some(("deactivated", id)) => {
                let record: DeactivationRecord = read(key, value)?;
                check(key, record.format)?;
                self.deactivated.insert(id.to_owned());
            }
            Some(("draining", id)) => {
                let record: DrainRecord = read(key, value)?;
                check(key, record.format)?;
                self.draining.insert(id.to_owned(), record.info);
            }
            Some((kind @ ("unreachable" | "gone"), id)) => {
                let record: SinceRecord = read(key, value)?;
                check(key, record.format)?;
                let list = if kind == "gone" { &mut self.gone } else { &mut self.unreachable };
                list.insert(id.to_owned(), Tick::from_nanos(record.since));
            }
            _ => return Err(InvalidRegistry::UnknownKey { key: key.to_owned() }),
        }
        Ok(())
    }
}

fn read<R: prost::Message + Default>(key: &str, value: Bytes) -> Result<R, InvalidRegistry> {
    R::decode(value)
        .map_err(|error| InvalidRegistry::Malformed { key: key.to_owned(), reason: error.to_string() })
}

fn check(key: &str, format: u32) -> Result<(), InvalidRegistry> {
    if format == FORMAT { Ok(()) } else { Err(InvalidRegistry::Format { key: key.to_owned(), format }) }
}

fn set(key: String, record: &impl prost::Message) -> Write {
    Write { key, value: Some(record.encode_to_vec().into()) }
}

pub(crate) fn write_master(id: &str) -> Write {
    set("master".to_owned(), &MasterRecord { format: FORMAT, id: id.to_owned() })
}

pub(crate) fn write_agent(id: &str, info: internal::SlaveInfo, pid: &str) -> Write {
    set(format!("agents/{id}"), &AgentRecord { format: FORMAT, info, pid: pid.to_owned() })
}

pub(crate) fn remove_agent(id: &str) -> Write {
    Write { key: format!("agents/{id}"), value: None }
}

pub(crate) fn write_unreachable(id: &str, since: Tick) -> Write {
    set(format!("unreachable/{id}"), &SinceRecord { format: FORMAT, since: since.as_nanos() })
}

pub(crate) fn remove_unreachable(id: &str) -> Write {
    Write { key: format!("unreachable/{id}"), value: None }
}

pub(crate) fn write_gone(id: &str, since: Tick) -> Write {
    set(format!("gone/{id}"), &SinceRecord { format: FORMAT, since: since.as_nanos() })
}

pub(crate) fn remove_gone(id: &str) -> Write {
    Write { key: format!("gone/{id}"), value: None }
}

pub(crate) fn write_deactivated(id: &str) -> Write {
    set(format!("deactivated/{id}"), &DeactivationRecord { format: FORMAT })
}

pub(crate) fn write_draining(id: &str, info: v1::DrainInfo) -> Write {
    set(format!("draining/{id}"), &DrainRecord { format: FORMAT, info })
}

/// The agent is in use again, or forgotten.
pub(crate) fn remove_deactivation(id: &str) -> [Write; 2] {
    let remove = |key: &str| Write { key: format!("{key}/{id}"), value: None };
    [remove("deactivated"), remove("draining")]
}

pub(crate) fn write_framework(
    info: v1::FrameworkInfo,
    registered: Tick,
    disconnected: Option<Tick>,
    completed: Option<Tick>,
) -> Write {
    let key = format!("frameworks/{}", info.id.as_ref().map_or("", |id| &id.value));
    let record = FrameworkRecord {
        format: FORMAT,
        info,
        registered: registered.as_nanos(),
        disconnected: disconnected.map(Tick::as_nanos),
        completed: completed.map(Tick::as_nanos),
    };
    set(key, &record)
}

pub(crate) fn remove_framework(id: &str) -> Write {
    Write { key: format!("frameworks/{id}"), value: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framework(id: &str) -> v1::FrameworkInfo {
        v1::FrameworkInfo {
            user: "nobody".to_owned(),
            name: "test".to_owned(),
            id: Some(v1::FrameworkId { value: id.to_owned() }),
            ..v1::FrameworkInfo::default()
        }
    }

    fn entry(write: Write) -> (String, Bytes) {
        (write.key, write.value.unwrap())
    }

    #[test]
    fn reads_what_was_written() {
        let drained = v1::DrainInfo { state: v1::DrainState::Drained as i32, config: Default::default() };
        let registry = Registry::decode([
            entry(write_master("m")),
            entry(write_agent("m-S0", internal::SlaveInfo::default(), "slave(1)@127.0.0.1:5051")),
            entry(write_framework(framework("m-0000"), Tick::from_nanos(1), Some(Tick::from_nanos(2)), None)),
            entry(write_unreachable("m-S1", Tick::from_nanos(3))),
            entry(write_gone("m-S2", Tick::from_nanos(4))),
            entry(write_deactivated("m-S0")),
            entry(write_draining("m-S0", drained)),
        ])
        .unwrap();
        assert!(registry.agents.contains_key("m-S0"));
        assert_eq!(registry.frameworks["m-0000"].disconnected, Some(2));
        assert_eq!(registry.unreachable["m-S1"], Tick::from_nanos(3));
        assert_eq!(registry.gone["m-S2"], Tick::from_nanos(4));
        assert!(registry.deactivated.contains("m-S0"));
        assert_eq!(registry.draining["m-S0"], drained);
    }

    #[test]
    fn reads_the_records_of_the_first_release() {
        let records = [
            ("master", "080112016d"),
            (
                "agents/m-S0",
                "080112280a04686f73741a130a046370757310001a0909000000000000204032060a046d2d5330380140bb271a1773\
                 6c617665283129403132372e302e302e313a35303531",
            ),
            ("frameworks/m-0000", "080112180a066e6f626f64791204746573741a080a066d2d3030303018012002"),
            ("frameworks/m-0001", "080112180a066e6f626f64791204746573741a080a066d2d3030303118012803"),
            ("unreachable/m-S1", "0801108080a8b1e39fe7cb17"),
            ("gone/m-S2", "08011004"),
            ("deactivated/m-S0", "0801"),
            ("draining/m-S0", "08011206080112021001"),
        ];
        let bytes = |hex: &str| -> Bytes {
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            (0..hex.len()).step_by(2).map(byte).collect()
        };
        let registry = Registry::decode(records.map(|(key, hex)| (key.to_owned(), bytes(hex)))).unwrap();
        let agent = &registry.agents["m-S0"];
        assert_eq!((agent.info.hostname.as_str(), agent.pid.as_str()), ("host", "slave(1)@127.0.0.1:5051"));
        assert_eq!((agent.info.port, agent.info.resources.len()), (Some(5051), 1));
        let (away, ended) = (&registry.frameworks["m-0000"], &registry.frameworks["m-0001"]);
        assert_eq!((&away.info, away.registered, away.disconnected), (&framework("m-0000"), 1, Some(2)));
        assert_eq!((&ended.info, ended.disconnected, ended.completed), (&framework("m-0001"), None, Some(3)));
        assert_eq!(registry.unreachable["m-S1"], Tick::from_nanos(1_700_000_000_000_000_000));
        assert_eq!(registry.gone["m-S2"], Tick::from_nanos(4));
        assert!(registry.deactivated.contains("m-S0"));
        assert_eq!(registry.draining["m-S0"].config.mark_gone, Some(true));
        let written_now =
            write_framework(framework("m-0000"), Tick::from_nanos(1), Some(Tick::from_nanos(2)), None);
        assert_eq!(entry(written_now).1, bytes(records[2].1), "and writes them so");
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let unknown = Registry::decode([("quotas/x".to_owned(), Bytes::new())]).unwrap_err();
        assert_eq!(unknown.to_string(), "registry key 'quotas/x' is unknown");
        let garbage =
            Registry::decode([("agents/x".to_owned(), Bytes::from_static(b"\xff\xff"))]).unwrap_err();
        assert!(garbage.to_string().starts_with("registry key 'agents/x' does not hold a record: "));
        let newer = set("gone/x".to_owned(), &SinceRecord { format: 2, since: 0 });
        let newer = Registry::decode([entry(newer)]).unwrap_err();
        assert_eq!(newer.to_string(), "registry key 'gone/x' has format 2; this program reads format 1");
    }
}
