//! The agent's books: all that it keeps. Must not live here: the rules, which have a file per family; the face (see `face`).

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use tepui_core_kit::{Chance, Seed, Timers};
use tepui_model::{AgentId, ContainerId, ExecutorId, FrameworkId, Tick};
use tepui_wire_mesos::v1;

use crate::{
    Upid,
    config::Config,
    contact::Speaker,
    executors::{Executor, Executors},
    gc::Gc,
    metrics::Stats,
    nested::Nested,
    outbox::Outbox,
    probes::Probes,
    registration::Registration,
    snapshot::{FrameworkView, Phase},
    timers::Timer,
    update_streams::Updates,
};

/// A drain under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Drain {
    pub(crate) config: v1::DrainConfig,
    pub(crate) started: Tick,
}

/// An agent.
#[derive(Debug, Serialize, Deserialize)]
pub struct Agent {
    pub(crate) config: Config,
    pub(crate) chance: Chance,
    pub(crate) started: Tick,
    pub(crate) phase: Phase,
    pub(crate) agent_id: Option<AgentId>,
    pub(crate) master: Option<Upid>,
    pub(crate) registration: Registration,
    pub(crate) executors: Executors,
    pub(crate) completed_frameworks: VecDeque<Arc<FrameworkView>>,
    /// What was last written about frameworks, so that it is not written again for every task.
    pub(crate) written_frameworks: BTreeMap<FrameworkId, (Arc<v1::FrameworkInfo>, String)>,
    /// Containers that were launched through the agent's own API.
    pub(crate) nested: Nested,
    pub(crate) probes: Probes,
    pub(crate) updates: Updates,
    pub(crate) timers: Timers<Timer>,
    pub(crate) out: Outbox,
    pub(crate) gc: Gc,
    pub(crate) drain: Option<Drain>,
    pub(crate) stats: Stats,
    /// The shell was told to end the process.
    pub(crate) stopped: bool,
}

impl Agent {
    /// An agent that knows of nothing.
    pub(crate) fn new(now: Tick, config: Config, seed: Seed) -> Self {
        let mut chance = Chance::new(seed);
        let registration = Registration::new(&config, chance.uuid_bytes());
        let gc = Gc::new(&config);
        Self {
            config,
            chance,
            started: now,
            phase: Phase::Recovering,
            agent_id: None,
            master: None,
            registration,
            executors: Executors::default(),
            completed_frameworks: VecDeque::new(),
            written_frameworks: BTreeMap::new(),
            nested: Nested::default(),
            probes: Probes::default(),
            updates: Updates::default(),
            timers: Timers::new(),
            out: Outbox::default(),
            gc,
            drain: None,
            stats: Stats::default(),
            stopped: false,
        }
    }

    /// The sandboxes of an executor, the latest last; much cheaper than a snapshot.
    pub fn sandboxes(&self, framework_id: &FrameworkId, executor_id: &ExecutorId) -> Vec<String> {
        let ended = self.completed_frameworks.iter().filter(|framework| {
            framework.info.id.as_ref().is_some_and(|id| id.value == framework_id.as_str())
        });
        let ended = ended.flat_map(|framework| framework.completed_executors.iter());
        let framework = self.executors.get(framework_id);
        let completed = framework.into_iter().flat_map(|framework| framework.completed_executors.iter());
        let live = framework.and_then(|framework| framework.executor(executor_id));
        ended
            .chain(completed)
            .filter(|executor| executor.info.executor_id.value == executor_id.as_str())
            .map(|executor| executor.directory.clone())
            .chain(live.map(|executor| executor.directory.clone()))
            .collect()
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The id that the master gave, once it is durable.
    pub fn agent_id(&self) -> Option<&AgentId> {
        self.agent_id.as_ref()
    }

    /// What the agent is doing.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn random_uuid(&mut self) -> Bytes {
        self.chance.uuid_bytes()
    }

    pub(crate) fn random_container_id(&mut self) -> ContainerId {
        ContainerId::new(self.chance.uuid().to_string())
    }

    /// Tells an executor something, if it listens. `false`: it does not.
    pub(crate) fn tell(
        &mut self,
        framework: &FrameworkId,
        executor_id: &ExecutorId,
        event: v1::executor::Event,
    ) -> bool {
        let Self { executors, out, agent_id, .. } = self;
        let Some(framework) = executors.get(framework) else { return false };
        let Some(contact) = framework.executor(executor_id).and_then(Executor::contact) else {
            return false;
        };
        let speaker = Speaker {
            agent: agent_id.as_ref(),
            framework: &framework.id,
            info: &framework.info,
            scheduler: &framework.pid,
        };
        contact.tell(out, &speaker, executor_id, event);
        true
    }
}
