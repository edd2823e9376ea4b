//! The state machine's face: what goes in and what comes out. Must not live here: the rules, which have a file per family.

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use tepui_core_kit::{Chance, Core, Timers};
use tepui_model::{AgentId, ConnectionId, ContainerId, ExecutorId, FrameworkId, Tick, Token};
use tepui_wire_mesos::v1;

use crate::{
    Upid,
    checks::CheckContainer,
    config::Config,
    drain::Drain,
    effect::{Effect, Exit, LaunchFailure},
    event::{Event, Start},
    executors::Framework,
    gc::Gc,
    metrics::Stats,
    nested::Nested,
    outbox::{After, Outbox},
    registration::Registration,
    snapshot::{FrameworkView, Phase, Snapshot},
    timers::Timer,
    update_stream::Streams,
};

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
    pub(crate) frameworks: BTreeMap<FrameworkId, Framework>,
    pub(crate) completed_frameworks: VecDeque<Arc<FrameworkView>>,
    /// What was last written about frameworks, so that it is not written again for every task.
    pub(crate) written_frameworks: BTreeMap<FrameworkId, (Arc<v1::FrameworkInfo>, String)>,
    /// Whose a container is: framework and executor.
    pub(crate) containers: BTreeMap<ContainerId, (FrameworkId, ExecutorId)>,
    /// Whose an event stream is: framework and executor.
    pub(crate) connections: BTreeMap<ConnectionId, (FrameworkId, ExecutorId)>,
    /// Containers that were launched through the agent's own API.
    pub(crate) nested: Nested,
    /// Containers in which checks' commands run, by flat id.
    pub(crate) check_containers: BTreeMap<ContainerId, CheckContainer>,
    pub(crate) streams: Streams,
    pub(crate) timers: Timers<Timer>,
    pub(crate) out: Outbox,
    pub(crate) gc: Gc,
    pub(crate) drain: Option<Drain>,
    pub(crate) stats: Stats,
    /// The shell was told to end the process.
    pub(crate) stopped: bool,
}

impl Core for Agent {
    const NAME: &'static str = "agent";
    type Start = Start;
    type Event = Event;
    type Effect = Effect;

    /// Starts an agent on what the last one left behind.
    fn start(now: Tick, start: Start) -> Self {
        let Start { config, seed, recovered } = start;
        let mut chance = Chance::new(seed);
        let registration = Registration::new(&config, chance.uuid_bytes());
        let gc = Gc::new(&config);
        let mut agent = Self {
            config,
            chance,
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
            timers: Timers::new(),
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

    fn handle(&mut self, now: Tick, event: Event) {
        match event {
            Event::MasterDetected(master) => self.master_detected(now, master),
            Event::Message { from, message } => self.message(now, &from, message),
            Event::Exited(peer) if self.master.as_ref() == Some(&peer) => self.master_lost(now),
            Event::Exited(peer) => self.process_exited(now, &peer),
            Event::Called { from, caller, call } => self.call(now, from, caller.as_ref(), *call),
            Event::ContainerCalled { from, call } => self.container_call(now, from, call),
            Event::StreamClosed(stream) => self.stream_closed(now, stream),
            Event::Launched { container, outcome } => self.container_started(now, container, outcome),
            Event::ContainerExited { container, exit } => self.container_gone(now, &container, exit),
            Event::Probed { container, id, outcome } => self.probed(now, &container, id, &outcome),
            Event::Persisted(token) => self.persisted(now, token),
            Event::DiskUsage(fraction) => self.disk_usage(now, fraction),
        }
    }

    fn handle_timeout(&mut self, now: Tick) {
        while let Some(timer) = self.timers.pop(now) {
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

    fn poll_timeout(&self) -> Option<Tick> {
        self.timers.next()
    }

    fn poll_effect(&mut self) -> Option<Effect> {
        self.out.pop()
    }

    fn check_invariants(&self) -> Result<(), String> {
        self.check_streams()?;
        self.nested.check()?;
        self.check_books()
    }
}

impl Agent {
    /// An executor may subscribe again; the container of a session ends.
    fn stream_closed(&mut self, now: Tick, stream: ConnectionId) {
        self.forget_stream(stream);
        self.session_closed(now, stream);
    }

    /// What became of an [`Effect::Launch`]: the process id of the container's first process, or why not.
    fn container_started(&mut self, now: Tick, container: ContainerId, outcome: Result<u32, LaunchFailure>) {
        let Some((framework, executor)) = self.containers.get(&container).cloned() else {
            if self.nested.knows(&container) {
                self.container_launched(now, &container, outcome);
            } else if outcome.is_ok() {
                self.out.push(Effect::Destroy { container });
            }
            return;
        };
        match outcome {
            Ok(pid) => {
                self.launched(now, &framework, &executor, pid);
                self.begin_children(&container);
            }
            Err(failure) => self.launch_failed(now, &framework, &executor, failure),
        }
    }

    /// A container ended, all of it.
    pub(crate) fn container_gone(&mut self, now: Tick, container: &ContainerId, exit: Exit) {
        match self.containers.get(container).cloned() {
            Some((framework, executor)) => {
                if self.children_are_over(now, container, &exit) {
                    self.executor_exited(now, &framework, &executor, exit);
                }
            }
            None => self.container_exited(now, container, exit),
        }
    }

    /// An [`Effect::Persist`] is durable.
    fn persisted(&mut self, now: Tick, token: Token) {
        for after in self.out.persisted(token) {
            match after {
                After::Registered => self.registered_durable(now),
                After::Task { framework, executor, container, task } => {
                    self.task_durable(now, &framework, &executor, &container, &task);
                }
                After::Update { framework, task, uuid, executor } => {
                    self.update_durable(now, &framework, &task, &uuid, executor.as_ref());
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

    /// A picture for readers; costs a pointer for each task.
    pub fn snapshot(&self, now: Tick) -> Arc<Snapshot> {
        Arc::new(self.picture(now))
    }

    /// The sandboxes of an executor, the latest last; much cheaper than a snapshot.
    pub fn sandboxes(&self, framework_id: &FrameworkId, executor_id: &ExecutorId) -> Vec<String> {
        let ended = self.completed_frameworks.iter().filter(|framework| {
            framework.info.id.as_ref().is_some_and(|id| id.value == framework_id.as_str())
        });
        let ended = ended.flat_map(|framework| framework.completed_executors.iter());
        let framework = self.frameworks.get(framework_id);
        let completed = framework.into_iter().flat_map(|framework| framework.completed_executors.iter());
        let live = framework.and_then(|framework| framework.executors.get(executor_id));
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
}
