//! Tables of events and the effects that follow, a file per family. Must not live here: tests of one function.

mod checks;
mod command;
mod disk;
mod drain;
mod executor;
mod full;
mod kill;
mod nested;
mod process;
mod random;
mod reconfiguration;
mod recorded;
mod recovery;
mod registration;
mod run_task;
mod scale;
mod updates;

use std::time::Duration;

use bytes::Bytes;
use tepui_core_kit::{Core as _, Persist, Seed};
use tepui_model::{ConnectionId, ContainerId, Outcome, TaskState, Tick, Token};
use tepui_wire_mesos::{Message, internal, v1};

use crate::{Agent, Checkpoint, Config, Effect, Exit, Launch, Recovered, Start, Upid};

pub(super) const AGENT: &str = "m-S0";
pub(super) const FRAMEWORK: &str = "m-0000";

pub(super) fn upid(text: &str) -> Upid {
    text.parse().unwrap()
}

pub(super) fn master() -> Upid {
    upid("master@10.0.0.1:5050")
}

pub(super) fn scalar(name: &str, value: f64) -> v1::Resource {
    v1::Resource {
        name: name.to_owned(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        ..v1::Resource::default()
    }
}

pub(super) fn config() -> Config {
    let mut config = Config::new(upid("slave(1)@127.0.0.1:5051"), "127.0.0.1", 5051);
    config.work_dir = "/w".to_owned();
    config.resources = vec![scalar("cpus", 8.0), scalar("mem", 1024.0)];
    config
}

pub(super) fn framework(capabilities: &[v1::framework_info::capability::Type]) -> v1::FrameworkInfo {
    v1::FrameworkInfo {
        user: "root".to_owned(),
        name: "test".to_owned(),
        id: Some(v1::FrameworkId { value: FRAMEWORK.to_owned() }),
        checkpoint: Some(true),
        capabilities: capabilities
            .iter()
            .map(|kind| v1::framework_info::Capability { r#type: Some((*kind).into()) })
            .collect(),
        ..v1::FrameworkInfo::default()
    }
}

pub(super) fn aware() -> v1::FrameworkInfo {
    use v1::framework_info::capability::Type;
    framework(&[Type::PartitionAware, Type::TaskKillingState])
}

pub(super) fn task(id: &str) -> v1::TaskInfo {
    let allocation_info = Some(v1::resource::AllocationInfo { role: Some("web".to_owned()) });
    let resources = [("cpus", 0.5), ("mem", 64.0)].map(|(name, value)| v1::Resource {
        allocation_info: allocation_info.clone(),
        ..scalar(name, value)
    });
    v1::TaskInfo {
        name: id.to_owned(),
        task_id: v1::TaskId { value: id.to_owned() },
        agent_id: v1::AgentId { value: AGENT.to_owned() },
        resources: resources.to_vec(),
        ..v1::TaskInfo::default()
    }
}

pub(super) fn command_task(id: &str, value: &str) -> v1::TaskInfo {
    let command = v1::CommandInfo { value: Some(value.to_owned()), ..v1::CommandInfo::default() };
    v1::TaskInfo { command: Some(command), ..task(id) }
}

pub(super) fn executor_info(id: &str) -> v1::ExecutorInfo {
    v1::ExecutorInfo {
        executor_id: v1::ExecutorId { value: id.to_owned() },
        command: Some(v1::CommandInfo { value: Some("./executor".to_owned()), ..v1::CommandInfo::default() }),
        resources: vec![scalar("cpus", 0.1), scalar("mem", 32.0)],
        r#type: Some(v1::executor_info::Type::Custom.into()),
        ..v1::ExecutorInfo::default()
    }
}

pub(super) fn executor_task(id: &str, executor: &str) -> v1::TaskInfo {
    v1::TaskInfo { executor: Some(Box::new(executor_info(executor))), ..task(id) }
}

pub(super) fn status(task: &str, state: TaskState, n: u8) -> v1::TaskStatus {
    v1::TaskStatus {
        task_id: v1::TaskId { value: task.to_owned() },
        state: state.number(),
        source: Some(2),
        uuid: Some(uuid(n)),
        timestamp: Some(7.0),
        ..v1::TaskStatus::default()
    }
}

pub(super) fn uuid(n: u8) -> Bytes {
    Bytes::copy_from_slice(uuid::Builder::from_random_bytes([n; 16]).into_uuid().as_bytes())
}

pub(super) fn call(kind: v1::executor::call::Type, executor: &str) -> v1::executor::Call {
    v1::executor::Call {
        executor_id: v1::ExecutorId { value: executor.to_owned() },
        framework_id: v1::FrameworkId { value: FRAMEWORK.to_owned() },
        r#type: Some(kind.into()),
        ..v1::executor::Call::default()
    }
}

/// An agent with a clock, and everything that it asked for.
pub(super) struct Rig {
    pub(super) agent: Agent,
    pub(super) now: Tick,
    /// Whether writes are durable as soon as they are asked for.
    pub(super) durable: bool,
    /// What was written, for a next agent.
    disk: Option<disk::Disk>,
    tokens: Vec<Token>,
    connections: u64,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::recovered(Recovered::default())
    }

    pub(super) fn recovered(recovered: Recovered) -> Self {
        Self::with(config(), recovered)
    }

    pub(super) fn with(config: Config, recovered: Recovered) -> Self {
        let now = Tick::ZERO + Duration::from_secs(1000);
        // Every start has a seed of its own.
        let tasks = recovered
            .frameworks
            .iter()
            .flat_map(|framework| &framework.executors)
            .flat_map(|executor| &executor.tasks);
        let seed: u64 = tasks.map(|task| 1 + task.records.len() as u64).sum();
        let agent = Agent::start(now, Start { config, seed: Seed::from(seed), recovered });
        Self { agent, now, durable: true, disk: None, tokens: Vec::new(), connections: 0 }
    }

    /// An agent that is registered, with nothing left to do.
    pub(super) fn registered() -> Self {
        let mut rig = Self::new();
        rig.register();
        rig
    }

    pub(super) fn register(&mut self) {
        self.agent.handle(self.now, crate::Event::MasterDetected(Some(master())));
        let slave_id = v1::AgentId { value: AGENT.to_owned() };
        if self.agent.agent_id().is_none() {
            self.message(internal::SlaveRegisteredMessage { slave_id, connection: None });
        } else {
            let reconciliations = Vec::new();
            self.message(internal::SlaveReregisteredMessage { slave_id, reconciliations, connection: None });
        }
        self.effects();
    }

    /// Takes all effects; writes become durable if they may.
    pub(super) fn effects(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(effect) = self.agent.poll_effect() {
            if let Effect::Persist(Persist { token, .. }) = &effect {
                if self.durable {
                    self.agent.handle(self.now, crate::Event::Persisted(*token));
                } else {
                    self.tokens.push(*token);
                }
            }
            if let Some(disk) = &mut self.disk {
                disk.take(std::slice::from_ref(&effect));
            }
            effects.push(effect);
        }
        self.agent.check_invariants().unwrap();
        effects
    }

    /// Makes everything durable that was asked for.
    pub(super) fn persist(&mut self) -> Vec<Effect> {
        for token in std::mem::take(&mut self.tokens) {
            self.agent.handle(self.now, crate::Event::Persisted(token));
        }
        self.effects()
    }

    pub(super) fn message(&mut self, message: impl Into<Message>) -> Vec<Effect> {
        self.agent.handle(self.now, crate::Event::Message { from: master(), message: message.into() });
        self.effects()
    }

    pub(super) fn run(&mut self, framework: v1::FrameworkInfo, task: v1::TaskInfo) -> Vec<Effect> {
        self.message(run_task(framework, task))
    }

    pub(super) fn kill(&mut self, task: &str) -> Vec<Effect> {
        self.kill_with(task, None)
    }

    pub(super) fn kill_with(&mut self, task: &str, grace: Option<Duration>) -> Vec<Effect> {
        let grace_period =
            grace.map(|grace| v1::DurationInfo { nanoseconds: i64::try_from(grace.as_nanos()).unwrap() });
        self.message(internal::KillTaskMessage {
            framework_id: v1::FrameworkId { value: FRAMEWORK.to_owned() },
            task_id: v1::TaskId { value: task.to_owned() },
            kill_policy: grace_period.map(|grace| v1::KillPolicy { grace_period: Some(grace) }),
        })
    }

    pub(super) fn acknowledge(&mut self, update: &internal::StatusUpdate) -> Vec<Effect> {
        self.message(internal::StatusUpdateAcknowledgementMessage {
            slave_id: v1::AgentId { value: AGENT.to_owned() },
            framework_id: update.framework_id.clone(),
            task_id: update.status.task_id.clone(),
            uuid: update.uuid.clone().unwrap(),
        })
    }

    /// Acknowledges every update that comes out, until none does; returns their states.
    pub(super) fn acknowledge_all(&mut self, effects: &[Effect]) -> Vec<TaskState> {
        let mut states = Vec::new();
        let mut open = updates(effects);
        while !open.is_empty() {
            let mut next = Vec::new();
            for update in open {
                states.push(TaskState::from_number(update.status.state).unwrap());
                next.extend(updates(&self.acknowledge(&update)));
            }
            open = next;
        }
        states
    }

    pub(super) fn launched(&mut self, container: &ContainerId) -> Vec<Effect> {
        self.agent.handle(self.now, crate::Event::Launched { container: container.clone(), outcome: Ok(42) });
        self.effects()
    }

    pub(super) fn exited(&mut self, container: &ContainerId, wait_status: i32) -> Vec<Effect> {
        let exit = Exit { wait_status: Some(wait_status), limitation: None };
        self.agent.handle(self.now, crate::Event::ContainerExited { container: container.clone(), exit });
        self.effects()
    }

    pub(super) fn call(&mut self, call: v1::executor::Call) -> (ConnectionId, Vec<Effect>) {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        self.agent
            .handle(self.now, crate::Event::Called { from: connection, caller: None, call: Box::new(call) });
        (connection, self.effects())
    }

    pub(super) fn subscribe(&mut self, executor: &str) -> (ConnectionId, Vec<Effect>) {
        let subscribe = Some(v1::executor::call::Subscribe::default());
        self.call(v1::executor::Call { subscribe, ..call(v1::executor::call::Type::Subscribe, executor) })
    }

    pub(super) fn update(&mut self, executor: &str, status: v1::TaskStatus) -> Vec<Effect> {
        let update = Some(v1::executor::call::Update { status });
        self.call(v1::executor::Call { update, ..call(v1::executor::call::Type::Update, executor) }).1
    }

    /// A custom executor that runs and listens, with one task delivered to it.
    pub(super) fn with_executor(&mut self, framework: v1::FrameworkInfo) -> (ContainerId, ConnectionId) {
        let container = launch(&self.run(framework, executor_task("t", "e"))).container_id.clone();
        self.launched(&container);
        let (stream, _) = self.subscribe("e");
        (container, stream)
    }

    /// Lets time pass, firing everything on the way.
    pub(super) fn pass(&mut self, time: Duration) -> Vec<Effect> {
        let end = self.now + time;
        let mut effects = Vec::new();
        while let Some(next) = self.agent.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.agent.handle_timeout(self.now);
            effects.extend(self.effects());
        }
        self.now = end;
        effects
    }
}

pub(super) fn run_task(framework: v1::FrameworkInfo, task: v1::TaskInfo) -> internal::RunTaskMessage {
    internal::RunTaskMessage {
        framework,
        task,
        pid: Some(Upid::NOBODY.to_owned()),
        launch_executor: Some(true),
        ..internal::RunTaskMessage::default()
    }
}

pub(super) fn launch(effects: &[Effect]) -> &Launch {
    effects
        .iter()
        .find_map(|effect| if let Effect::Launch(launch) = effect { Some(launch) } else { None })
        .unwrap()
}

pub(super) fn sent(effects: &[Effect]) -> Vec<&Message> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::Send { message, .. } = effect { Some(message) } else { None })
        .collect()
}

/// Updates that go to the master.
pub(super) fn updates(effects: &[Effect]) -> Vec<internal::StatusUpdate> {
    sent(effects)
        .into_iter()
        .filter_map(
            |message| if let Message::StatusUpdate(m) = message { Some(m.update.clone()) } else { None },
        )
        .collect()
}

pub(super) fn states(effects: &[Effect]) -> Vec<TaskState> {
    updates(effects).iter().map(|update| TaskState::from_number(update.status.state).unwrap()).collect()
}

pub(super) fn events(effects: &[Effect]) -> Vec<&v1::executor::Event> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::SendEvent { event, .. } = effect { Some(&**event) } else { None })
        .collect()
}

pub(super) fn event_types(effects: &[Effect]) -> Vec<v1::executor::event::Type> {
    events(effects).into_iter().map(v1::executor::Event::r#type).collect()
}

pub(super) fn replies(effects: &[Effect]) -> Vec<(u16, &str)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Reply { outcome, .. } => {
                let words = if let Outcome::Refused(refusal) = outcome { &refusal.words } else { "" };
                Some((tepui_wire_mesos::answer(outcome.clone()).status, words))
            }
            Effect::RefuseLaunch { failure, .. } => Some((400, failure.message.as_str())),
            _ => None,
        })
        .collect()
}

pub(super) fn checkpoints(effects: &[Effect]) -> Vec<&Checkpoint> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::Persist(persist) = effect { Some(&persist.writes) } else { None })
        .flatten()
        .collect()
}
