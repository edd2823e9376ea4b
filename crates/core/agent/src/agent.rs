//! The state machine's face: what goes in and what comes out. Must not live here: the rules, which have a file per family.

use std::sync::Arc;

use tepui_model::{ConnectionId, Tick, Token};
use tepui_wire_mesos::{Message, v1};

use crate::{
    Upid,
    config::Config,
    effect::{Effect, Exit, LaunchFailure},
    recovered::Recovered,
    snapshot::Snapshot,
};

/// An agent.
#[derive(Debug)]
pub struct Agent {
    config: Config,
}

impl Agent {
    /// Starts an agent on what the last one left behind. `seed` is all the chance that it will use.
    pub fn new(config: Config, _seed: u64, _recovered: Recovered, _now: Tick) -> Self {
        Self { config }
    }

    /// A master leads now, or none does.
    pub fn handle_master_detected(&mut self, _now: Tick, _master: Option<Upid>) {}

    /// A message of the agent protocol.
    pub fn handle_message(&mut self, _now: Tick, _from: &Upid, _message: Message) {}

    /// The linked connection to a peer broke, or could not be made.
    pub fn handle_exited(&mut self, _now: Tick, _peer: &Upid) {}

    /// An executor's call. Exactly one [`Effect::Reply`] or [`Effect::OpenStream`] follows for it, maybe later.
    pub fn handle_call(&mut self, _now: Tick, _from: ConnectionId, _call: v1::executor::Call) {}

    /// An executor's stream ended, or was cut because it did not read.
    pub fn handle_stream_closed(&mut self, _now: Tick, _stream: ConnectionId) {}

    /// What became of an [`Effect::Launch`]: the process id of the container's first process, or why not.
    pub fn handle_launched(&mut self, _now: Tick, _container: &v1::ContainerId, _outcome: Result<u32, LaunchFailure>) {}

    /// A container ended, all of it.
    pub fn handle_container_exited(&mut self, _now: Tick, _container: &v1::ContainerId, _exit: Exit) {}

    /// An [`Effect::Persist`] is durable.
    pub fn handle_persisted(&mut self, _now: Tick, _token: Token) {}

    /// How full the disk of the work dir is, from 0 to 1. To be told about once a minute.
    pub fn handle_disk_usage(&mut self, _now: Tick, _fraction: f64) {}

    /// Does what is due.
    pub fn handle_timeout(&mut self, _now: Tick) {}

    /// When [`Agent::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Tick> {
        None
    }

    /// The next thing to do, until `None`. To be drained after every event, or after several of them: what is written is
    /// batched over the events between two drains.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        None
    }

    /// A picture for readers; costs a pointer for each task.
    pub fn snapshot(&self, _now: Tick) -> Arc<Snapshot> {
        unreachable!()
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The id that the master gave, once it is durable.
    pub fn agent_id(&self) -> Option<&v1::AgentId> {
        None
    }

    /// Looks for contradictions in the agent's own books.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn check_invariants(&self) -> Result<(), String> {
        Ok(())
    }
}
