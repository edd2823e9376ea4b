//! A file in a sandbox, read as it grows; also when its agent is started again meanwhile.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tepui_wire_mesos::v1::agent::response::ReadFile;

use crate::{
    api::{Api, Unanswered},
    logs::agent_address,
};

/// How long somebody who does not answer is asked again: longer than a master waits for its agents.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
/// How often the master is asked where such an agent is.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// An agent, wherever it listens at the moment: one that was started again may have another address.
#[derive(Debug)]
pub(crate) struct Agent {
    master: Api,
    id: String,
    place: Mutex<Place>,
}

#[derive(Debug)]
struct Place {
    api: Api,
    /// When the master was last asked for it.
    looked: Option<Instant>,
}

impl Agent {
    /// The agent with this id, which listens at `address` as far as is known.
    pub(crate) fn new(master: Api, id: String, address: &str) -> Arc<Self> {
        Arc::new(Self { master, id, place: Mutex::new(Place { api: Api::new(address), looked: None }) })
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read_file(&self, path: &str, offset: u64) -> Result<ReadFile, Unanswered> {
        let api = self.place().api.clone();
        let answer = api.read_file(path, offset).await;
        if let Err(error) = &answer {
            tracing::debug!("cannot read a task's output: {error}");
            self.look_again().await;
        }
        answer
    }

    /// Asks the master where it is. However many files are read, one asks, and now and then.
    async fn look_again(&self) {
        {
            let mut place = self.place();
            if place.looked.is_some_and(|looked| looked.elapsed() < LOOK_AGAIN) {
                return;
            }
            place.looked = Some(Instant::now());
        }
        // The master may be away as well: there is a next time.
        if let Ok(address) = agent_address(&self.master, &self.id).await {
            let mut place = self.place();
            if place.api.address() != address {
                place.api = Api::new(&address);
            }
        }
    }
}

/// A place in a file on an agent.
#[derive(Debug)]
pub(crate) struct Tail {
    agent: Arc<Agent>,
    path: String,
    offset: u64,
}

impl Tail {
    /// The beginning of `file` in the sandbox at the (virtual) path `sandbox`.
    pub(crate) fn new(agent: Arc<Agent>, sandbox: &str, file: &str) -> Self {
        Self { agent, path: format!("{sandbox}/{file}"), offset: 0 }
    }

    /// Whether there is such a file.
    pub(crate) async fn exists(&self) -> Result<bool, Unanswered> {
        match self.agent.read_file(&self.path, 0).await {
            Err(Unanswered::Refused { status: 404, .. }) => Ok(false),
            read => read.map(|_| true),
        }
    }

    /// What was written since the last time; none: nothing now. After an error it may be tried again, and nothing is
    /// read twice or left out.
    pub(crate) async fn read(&mut self) -> Result<Option<Bytes>, Unanswered> {
        let file = match self.agent.read_file(&self.path, self.offset).await {
            // It was never there: of a program that cannot be executed there is no output.
            Err(Unanswered::Refused { status: 404, .. }) if self.offset == 0 => return Ok(None),
            read => read?,
        };
        let data = if file.size < self.offset {
            // Its agent has rotated it: what is there now is new.
            self.offset = 0;
            self.agent.read_file(&self.path, 0).await?.data
        } else {
            file.data
        };
        self.offset += data.len() as u64;
        Ok(Some(data).filter(|data| !data.is_empty()))
    }
}
