//! The state machine's face: what goes in and what comes out. Must not live here: the rules, which have a file per family.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use tepui_core_checks::{Outcome, ProbeId};
use tepui_model::{ConnectionId, Tick, Token};
use tepui_wire_mesos::{Message, v1};

use crate::{
    Upid,
    checks::CheckContainer,
    config::Config,
    drain::Drain,
    effect::{Effect, Exit, LaunchFailure},
    gc::Gc,
    nested::{Nested, flat_id},
    outbox::{After, Outbox},
    recovered::Recovered,
    registration::Registration,
    snapshot::{FrameworkView, Phase, Snapshot},
    state::Framework,
    stats::Stats,
    stream::Streams,
    timers::{Timer, Timers},
    token::Claims,
};

/// An agent.
#[derive(Debug)]
pub struct Agent {
    pub(crate) config: Config,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) started: Tick,
    pub(crate) phase: Phase,
    pub(crate) agent_id: Option<v1::AgentId>,
    pub(crate) master: Option<Upid>,
    pub(crate) registration: Registration,
    pub(crate) frameworks: BTreeMap<String, Framework>,
    pub(crate) completed_frameworks: VecDeque<Arc<FrameworkView>>,
    /// What was last written about frameworks, so that it is not written again for every task.
    pub(crate) written_frameworks: BTreeMap<String, (Arc<v1::FrameworkInfo>, String)>,
    /// Whose a container is: framework and executor.
    pub(crate) containers: BTreeMap<String, (String, String)>,
    /// Whose an event stream is: framework and executor.
    pub(crate) connections: BTreeMap<ConnectionId, (String, String)>,
    /// Containers that were launched through the agent's own API.
    pub(crate) nested: Nested,
    /// Containers in which checks' commands run, by flat id.
    pub(crate) check_containers: BTreeMap<String, CheckContainer>,
    pub(crate) streams: Streams,
    pub(crate) timers: Timers,
    pub(crate) out: Outbox,
    pub(crate) gc: Gc,
    pub(crate) drain: Option<Drain>,
    pub(crate) stats: Stats,
    /// The shell was told to end the process.
    pub(crate) stopped: bool,
}

impl Agent {
    /// Starts an agent on what the last one left behind. `seed` and `now` are all the chance that it will use; together they
    /// must be new at every start, as ids are drawn from them.
    pub fn new(config: Config, seed: u64, recovered: Recovered, now: Tick) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ now.as_nanos());
        let registration = Registration::new(&config, draw_uuid(&mut rng));
        let gc = Gc::new(&config);
        let mut agent = Self {
            config,
            rng,
            started: now,
            phase: Phase::Recovering,
            agent_id: None,
            master: None,
            registration,
            frameworks: BTreeMap::new(),
            completed_frameworks: VecDeque::new(),
            written_frameworks: BTreeMap::new(),
            containers: BTreeMap::new(),
            connections: BTreeMap::new(),
            nested: Nested::default(),
            check_containers: BTreeMap::new(),
            streams: Streams::new(),
            timers: Timers::default(),
            out: Outbox::default(),
            gc,
            drain: None,
            stats: Stats::default(),
            stopped: false,
        };
        agent.schedule_heartbeat(now);
        agent.recover(now, recovered);
        agent
    }

    /// A master leads now, or none does.
    pub fn handle_master_detected(&mut self, now: Tick, master: Option<Upid>) {
        self.master_detected(now, master);
    }

    /// A message of the agent protocol.
    pub fn handle_message(&mut self, now: Tick, from: &Upid, message: Message) {
        self.message(now, from, message);
    }

    /// The linked connection to a peer broke, or could not be made.
    pub fn handle_exited(&mut self, now: Tick, peer: &Upid) {
        if self.master.as_ref() == Some(peer) {
            self.master_lost(now);
        } else {
            self.process_exited(now, peer);
        }
    }

    /// An executor's call. Exactly one [`Effect::Reply`] or [`Effect::OpenStream`] follows for it.
    pub fn handle_call(&mut self, now: Tick, from: ConnectionId, call: v1::executor::Call) {
        self.call(now, from, None, call);
    }

    /// As [`Self::handle_call`], of a caller that has shown a token: the call must be of the executor that got it.
    pub fn handle_authenticated_call(
        &mut self,
        now: Tick,
        from: ConnectionId,
        caller: &Claims,
        call: v1::executor::Call,
    ) {
        self.call(now, from, Some(caller), call);
    }

    /// A stream ended, or was cut because its reader did not read. An executor may subscribe again; the container of a
    /// session ends.
    pub fn handle_stream_closed(&mut self, now: Tick, stream: ConnectionId) {
        self.forget_stream(stream);
        self.session_closed(now, stream);
    }

    /// What became of an [`Effect::Launch`]: the process id of the container's first process, or why not.
    pub fn handle_launched(
        &mut self,
        now: Tick,
        container: &v1::ContainerId,
        outcome: Result<u32, LaunchFailure>,
    ) {
        let Some((framework, executor)) = self.owner_of(container) else {
            let flat = flat_id(container);
            if self.nested.knows(&flat) {
                self.container_launched(now, &flat, outcome);
            } else if outcome.is_ok() {
                self.out.push(Effect::Destroy { container: container.clone() });
            }
            return;
        };
        match outcome {
            Ok(pid) => {
                self.launched(now, &framework, &executor, pid);
                self.begin_children(&container.value);
            }
            Err(failure) => self.launch_failed(now, &framework, &executor, failure),
        }
    }

    /// A container ended, all of it.
    pub fn handle_container_exited(&mut self, now: Tick, container: &v1::ContainerId, exit: Exit) {
        match self.owner_of(container) {
            Some((framework, executor)) => {
                if self.children_are_over(now, &container.value, &exit) {
                    self.executor_exited(now, &framework, &executor, exit);
                }
            }
            None => self.container_exited(now, &flat_id(container), exit),
        }
    }

    /// What came of an [`Effect::Probe`]; of one that was cancelled nothing needs to be said.
    pub fn handle_probed(&mut self, now: Tick, container: &v1::ContainerId, id: ProbeId, outcome: &Outcome) {
        self.probed(now, &container.value, id, outcome);
    }

    /// An [`Effect::Persist`] is durable.
    pub fn handle_persisted(&mut self, now: Tick, token: Token) {
        for after in self.out.persisted(token) {
            match after {
                After::Registered => self.registered_durable(now),
                After::Task { framework, executor, container, task } => {
                    self.task_durable(now, &framework, &executor, &container, &task);
                }
                After::Update { framework, task, uuid, executor } => {
                    self.update_durable(now, &framework, &task, &uuid, executor.as_deref());
                }
                After::Container { container } => self.container_durable(&container),
                After::Process { framework, executor, container } => {
                    self.process_durable(now, &framework, &executor, &container);
                }
                After::Kill { container } => self.kill_durable(container),
                After::Acknowledgement { framework, task } => {
                    self.acknowledgement_durable(now, &framework, &task)
                }
            }
        }
    }

    /// How full the disk of the work dir is, from 0 to 1. To be told about once a minute.
    pub fn handle_disk_usage(&mut self, now: Tick, fraction: f64) {
        self.disk_usage(now, fraction);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Tick) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Registration => self.attempt_registration(now),
                Timer::Ping => self.master_lost(now),
                Timer::Recovery => self.recovery_over(now),
                Timer::Heartbeat => {
                    self.heartbeat();
                    self.schedule_heartbeat(now);
                }
                Timer::Gc => self.collect_garbage(now),
                Timer::ExecutorRegistration(container) => self.executor_not_registered(now, &container),
                Timer::ShutdownGrace(container) => self.destroy_container(&container),
                Timer::KillGrace(container) => self.kill_grace_over(&container),
                Timer::Completion(container) => self.completion_time_reached(now, &container),
                Timer::Reconnect(container) => self.ask_to_reconnect(now, &container),
                Timer::Checks(container) => self.checks_due(now, &container),
                Timer::Retry { framework, task } => self.retry(now, &framework, &task),
            }
        }
    }

    /// When [`Agent::handle_timeout`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Tick> {
        self.timers.next()
    }

    /// The next thing to do, until `None`. To be drained after every event, or after several of them: what is written is
    /// batched over the events between two drains.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.out.pop()
    }

    /// A picture for readers; costs a pointer for each task.
    pub fn snapshot(&self, now: Tick) -> Arc<Snapshot> {
        Arc::new(self.picture(now))
    }

    /// The sandboxes of an executor, the latest last; much cheaper than a snapshot.
    pub fn sandboxes(&self, framework_id: &str, executor_id: &str) -> Vec<String> {
        let ended = self
            .completed_frameworks
            .iter()
            .filter(|framework| framework.info.id.as_ref().is_some_and(|id| id.value == framework_id));
        let ended = ended.flat_map(|framework| framework.completed_executors.iter());
        let framework = self.frameworks.get(framework_id);
        let completed = framework.into_iter().flat_map(|framework| framework.completed_executors.iter());
        let live = framework.and_then(|framework| framework.executors.get(executor_id));
        ended
            .chain(completed)
            .filter(|executor| executor.info.executor_id.value == executor_id)
            .map(|executor| executor.directory.clone())
            .chain(live.map(|executor| executor.directory.clone()))
            .collect()
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The id that the master gave, once it is durable.
    pub fn agent_id(&self) -> Option<&v1::AgentId> {
        self.agent_id.as_ref()
    }

    /// What the agent is doing.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whose an executor's container is: framework and executor.
    fn owner_of(&self, container: &v1::ContainerId) -> Option<(String, String)> {
        self.containers.get(&container.value).filter(|_| container.parent.is_none()).cloned()
    }

    /// Looks for contradictions in the agent's own books.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.check_streams()?;
        self.nested.check()?;
        self.check_books()
    }

    pub(crate) fn random_uuid(&mut self) -> Bytes {
        Bytes::copy_from_slice(draw_uuid(&mut self.rng).as_bytes())
    }

    pub(crate) fn random_container_id(&mut self) -> v1::ContainerId {
        v1::ContainerId { value: draw_uuid(&mut self.rng).to_string(), parent: None }
    }
}

/// A version 4 UUID from the core's own generator.
fn draw_uuid(rng: &mut ChaCha8Rng) -> uuid::Uuid {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
