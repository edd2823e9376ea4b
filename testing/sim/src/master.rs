//! The master's machine: its core, its registry on disk, and what runs while it is up.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use rand_chacha::{ChaCha8Rng, rand_core::Rng};
use tepui_core_kit::{Persist, Seed, Write};
use tepui_core_master::{Config, Master, Registry, Start};
use tepui_model::{Tick, Token};
use tepui_wire_mesos::v1;
use uuid::Builder;

use crate::{host::Host, network::master_upid};

/// The master's machine.
#[derive(Debug)]
pub struct MasterNode {
    /// Its number.
    pub number: usize,
    /// The process.
    pub host: Host<Master>,
    /// What is durable.
    pub disk: BTreeMap<String, Bytes>,
    /// Writes under way, in order.
    pub writing: VecDeque<Persist<Write>>,
    /// What its processes are told, if that is not Mesos's defaults.
    pub config: Option<Config>,
}

impl MasterNode {
    /// A machine with an empty disk; nothing runs yet.
    pub fn new(number: usize) -> Self {
        Self { number, host: Host::default(), disk: BTreeMap::new(), writing: VecDeque::new(), config: None }
    }

    /// Starts the process on what is on disk.
    pub fn start(&mut self, rng: &mut ChaCha8Rng, now: Tick) {
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let upid = master_upid(self.number);
        let info = v1::MasterInfo {
            id: Builder::from_random_bytes(id).into_uuid().to_string(),
            ip: 0x0100_000a + (u32::try_from(self.number).unwrap_or_default() << 24),
            port: u32::from(upid.address.port()),
            pid: Some(upid.to_string()),
            hostname: Some(upid.address.ip().to_string()),
            version: Some("1.11.0".to_owned()),
            ..v1::MasterInfo::default()
        };
        let restored = Registry::decode(self.disk.clone()).unwrap_or_default();
        let config = match &self.config {
            Some(config) => Config { info, ..config.clone() },
            None => Config::new(info),
        };
        self.host.start(now, Start { config, seed: Seed(seed), restored });
    }

    /// Ends the process in the middle of whatever it does. Some of the writes under way, from the first on,
    /// have reached the disk.
    pub fn crash(&mut self, rng: &mut ChaCha8Rng) {
        self.host.stop();
        let reached =
            if self.writing.is_empty() { 0 } else { rng.next_u64() as usize % (self.writing.len() + 1) };
        for Persist { writes, .. } in std::mem::take(&mut self.writing).into_iter().take(reached) {
            self.apply(writes);
        }
    }

    /// The oldest write under way is durable.
    pub fn written(&mut self) -> Option<Token> {
        let Persist { token, writes } = self.writing.pop_front()?;
        self.apply(writes);
        Some(token)
    }

    fn apply(&mut self, writes: Vec<Write>) {
        for Write { key, value } in writes {
            match value {
                Some(value) => self.disk.insert(key, value),
                None => self.disk.remove(&key),
            };
        }
    }
}
