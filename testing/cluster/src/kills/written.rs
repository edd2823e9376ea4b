//! What an agent had written down at the moment at which it was killed: all of that the next one has to answer for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use prost::Message as _;
use tepui_wire_mesos::internal::StatusUpdateRecord;

use super::{notes, remains::grandchildren};

/// Tasks that agents had written down, with the uuids of their updates.
#[derive(Debug, Default)]
pub struct Written(BTreeMap<String, BTreeSet<String>>);

impl Written {
    /// Reads the checkpoints in a work directory whose agent is dead.
    pub fn read(&mut self, work: &Path) {
        for run in
            grandchildren(&work.join("meta/slaves"), &["*", "frameworks", "*", "executors", "*", "runs"])
        {
            // The link to a run is made after its directory, and deleted before it.
            let Ok(latest) = fs::read_link(run.join("latest")) else { continue };
            for task in grandchildren(&latest, &["tasks", "*"]) {
                let Some(id) = task.file_name().and_then(|name| name.to_str()) else { continue };
                // The same: with it the task is there, without it nothing of it counts.
                if task.join("task.info").exists() {
                    let updates = fs::read(task.join("task.updates")).unwrap_or_default();
                    self.0.entry(id.to_owned()).or_default().extend(uuids(&updates));
                }
            }
        }
    }

    /// Whether an agent had written this task down.
    pub fn task(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// The uuids of its updates that were written down.
    pub fn updates(&self, id: &str) -> impl Iterator<Item = &str> {
        self.0.get(id).into_iter().flatten().map(String::as_str)
    }
}

/// The uuids of the updates in a log. The last record may have been cut off, and does not count then.
fn uuids(mut log: &[u8]) -> Vec<String> {
    let mut uuids = Vec::new();
    while let Some((length, rest)) = log.split_first_chunk::<4>()
        && let Some((record, rest)) =
            rest.split_at_checked(usize::try_from(u32::from_ne_bytes(*length)).unwrap_or(usize::MAX))
        && let Ok(record) = StatusUpdateRecord::decode(record)
    {
        uuids.extend(record.update.and_then(|update| update.uuid).map(|uuid| notes::uuid(&uuid)));
        log = rest;
    }
    uuids
}
