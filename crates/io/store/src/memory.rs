//! A store that survives nothing: for clusters that are thrown away, and for tests.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tepui_core_kit::Write;

use crate::{Store, StoreError};

/// Keys and values in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    term: u64,
    entries: BTreeMap<String, Bytes>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn begin_term(&self) -> Result<u64, StoreError> {
        let mut state = self.state();
        state.term += 1;
        Ok(state.term)
    }

    fn commit(&self, term: u64, writes: &[Write]) -> Result<(), StoreError> {
        let mut state = self.state();
        if term < state.term {
            return Err(StoreError::Deposed { term, current: state.term });
        }
        for Write { key, value } in writes {
            match value {
                Some(value) => state.entries.insert(key.clone(), value.clone()),
                None => state.entries.remove(key),
            };
        }
        Ok(())
    }

    fn scan(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, StoreError> {
        let state = self.state();
        let range = state.entries.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(range.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}
