//! Random lives of one agent, with crashes: whatever happens, the books agree, an end is an end, and what was promised holds.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use tepui_core_kit::{Core as _, Seed};
use tepui_model::{ConnectionId, ContainerId, TaskState, Tick, Token};
use tepui_wire_mesos::{
    Message, internal,
    v1::{self, executor::call},
};

use super::{
    AGENT, FRAMEWORK, aware, call as call_of, command_task, config, disk::Disk, executor_task, master,
    run_task, status,
};
use crate::{Agent, ContainerState, Effect, Exit, LaunchFailure, LaunchFailureReason, Recovered};

struct World {
    rng: ChaCha8Rng,
    agent: Agent,
    now: Tick,
    disk: Disk,
    /// Written, but not yet on disk: lost in a crash.
    writing: Vec<(Token, Effect)>,
    /// Containers that were asked for (`false`) or run (`true`).
    containers: BTreeMap<String, bool>,
    streams: Vec<(ConnectionId, String)>,
    open: Vec<internal::StatusUpdate>,
    /// Terminal states that the scheduler heard of, by task.
    ended: BTreeMap<String, i32>,
    /// Updates of tasks that had ended already: acknowledged to their executor and dropped.
    late: BTreeSet<Vec<u8>>,
    /// Updates that executors were told to forget.
    acknowledged: BTreeSet<Vec<u8>>,
    heard: BTreeSet<Vec<u8>>,
    connections: u64,
    tasks: u32,
}

fn start(now: Tick, seed: u64, recovered: Recovered) -> Agent {
    Agent::start(now, crate::Start { config: config(), seed: Seed::from(seed), recovered })
}

impl World {
    fn new(seed: u64) -> Self {
        let now = Tick::ZERO + std::time::Duration::from_secs(1);
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            agent: start(now, seed, Recovered::default()),
            now,
            disk: Disk::default(),
            writing: Vec::new(),
            containers: BTreeMap::new(),
            streams: Vec::new(),
            open: Vec::new(),
            ended: BTreeMap::new(),
            late: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            heard: BTreeSet::new(),
            connections: 0,
            tasks: 0,
        }
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.rng.next_u64() % n.max(1) as u64).unwrap()
    }

    fn uuid(&mut self) -> bytes::Bytes {
        let mut bytes = [0; 16];
        self.rng.fill_bytes(&mut bytes);
        bytes::Bytes::copy_from_slice(uuid::Builder::from_random_bytes(bytes).into_uuid().as_bytes())
    }

    fn drain(&mut self) {
        while let Some(effect) = self.agent.poll_effect() {
            match &effect {
                Effect::Persist(persist) => self.writing.push((persist.token, effect)),
                Effect::RemoveCheckpoint(_) => {
                    self.flush();
                    self.disk.take(&[effect]);
                }
                Effect::Launch(launch) => {
                    self.containers.insert(launch.container_id.to_string(), false);
                }
                Effect::OpenStream { .. } | Effect::Reply { .. } | Effect::Link { .. } => {}
                Effect::CloseStream { to } => self.streams.retain(|(stream, _)| stream != to),
                Effect::SendEvent { event, .. } => {
                    if let Some(acknowledged) = &event.acknowledged {
                        self.acknowledged.insert(acknowledged.uuid.to_vec());
                    }
                }
                Effect::Send { message, .. } => self.sent(message),
                _ => {}
            }
        }
        self.agent.check_invariants().unwrap();
    }

    fn sent(&mut self, message: &Message) {
        let Message::StatusUpdate(message) = message else { return };
        let update = message.update.clone();
        let task = update.status.task_id.value.clone();
        let uuid = update.uuid.clone().unwrap().to_vec();
        if let Some(end) = self.ended.get(&task) {
            assert!(self.heard.contains(&uuid), "task {task} goes on after {end}: {update:?}");
        }
        if TaskState::from_number(update.status.state).is_some_and(TaskState::is_terminal) {
            self.ended.insert(task, update.status.state);
        }
        self.heard.insert(uuid);
        self.open.push(update);
    }

    fn flush(&mut self) {
        for (token, effect) in std::mem::take(&mut self.writing) {
            self.disk.take(&[effect]);
            self.agent.handle(self.now, crate::Event::Persisted(token));
        }
    }

    fn crash(&mut self) {
        self.writing.clear();
        let mut recovered = self.disk.0.clone();
        let known: BTreeSet<String> = recovered
            .frameworks
            .iter_mut()
            .flat_map(|framework| &mut framework.executors)
            .map(|executor| {
                let id = executor.container_id.to_string();
                executor.container = match self.containers.get(&id) {
                    Some(true) => ContainerState::Alive,
                    _ => ContainerState::Unknown,
                };
                id
            })
            .collect();
        self.containers.retain(|id, running| *running && known.contains(id));
        self.streams.clear();
        let seed = self.rng.next_u64();
        self.agent = start(self.now, seed, recovered);
    }

    fn register(&mut self) {
        self.agent.handle(self.now, crate::Event::MasterDetected(Some(master())));
        self.drain();
        let slave_id = v1::AgentId { value: AGENT.to_owned() };
        let message: Message = if self.agent.agent_id().is_none() {
            internal::SlaveRegisteredMessage { slave_id, connection: None }.into()
        } else {
            internal::SlaveReregisteredMessage { slave_id, ..Default::default() }.into()
        };
        self.agent.handle(self.now, crate::Event::Message { from: master(), message });
    }

    fn container(&mut self, running: bool) -> Option<ContainerId> {
        let all: Vec<String> =
            self.containers.iter().filter(|(_, is)| **is == running).map(|(id, _)| id.clone()).collect();
        let value = all.get(self.below(all.len()))?.clone();
        Some(ContainerId::new(value))
    }

    fn call(&mut self, call: v1::executor::Call) -> ConnectionId {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        self.agent
            .handle(self.now, crate::Event::Called { from: connection, caller: None, call: Box::new(call) });
        connection
    }

    fn step(&mut self) {
        let executor = format!("e{}", self.below(2));
        let task = format!("t{}", self.below(self.tasks as usize));
        match self.below(20) {
            0..=2 => {
                let id = format!("t{}", self.tasks);
                self.tasks += 1;
                let task =
                    if self.below(2) == 0 { command_task(&id, "x") } else { executor_task(&id, &executor) };
                self.agent.handle(
                    self.now,
                    crate::Event::Message { from: master(), message: run_task(aware(), task).into() },
                );
            }
            // The master does not kill what it knows to be over.
            3 if self.ended.contains_key(&task) => {}
            3 => {
                let framework_id = v1::FrameworkId { value: FRAMEWORK.to_owned() };
                let task_id = v1::TaskId { value: task };
                let message = internal::KillTaskMessage { framework_id, task_id, kill_policy: None };
                self.agent
                    .handle(self.now, crate::Event::Message { from: master(), message: message.into() });
            }
            4..=7 => {
                let index = self.below(self.open.len());
                if let Some(update) = self.open.get(index).cloned() {
                    let message = internal::StatusUpdateAcknowledgementMessage {
                        slave_id: v1::AgentId { value: AGENT.to_owned() },
                        framework_id: update.framework_id,
                        task_id: update.status.task_id,
                        uuid: update.uuid.unwrap(),
                    };
                    self.agent
                        .handle(self.now, crate::Event::Message { from: master(), message: message.into() });
                }
            }
            8 | 9 => {
                if let Some(container) = self.container(false) {
                    if self.below(4) == 0 {
                        self.containers.remove(container.as_str());
                        let failure =
                            LaunchFailure { reason: LaunchFailureReason::Other, message: "x".to_owned() };
                        self.agent.handle(
                            self.now,
                            crate::Event::Launched { container: container.clone(), outcome: Err(failure) },
                        );
                    } else {
                        self.containers.insert(container.to_string(), true);
                        self.agent.handle(
                            self.now,
                            crate::Event::Launched { container: container.clone(), outcome: Ok(1) },
                        );
                    }
                }
            }
            10 => {
                if let Some(container) = self.container(true) {
                    self.containers.remove(container.as_str());
                    let exit = Exit { wait_status: Some(0), limitation: None };
                    self.agent.handle(
                        self.now,
                        crate::Event::ContainerExited { container: container.clone(), exit },
                    );
                }
            }
            11 => {
                let subscribe = Some(call::Subscribe::default());
                let stream =
                    self.call(v1::executor::Call { subscribe, ..call_of(call::Type::Subscribe, &executor) });
                self.streams.push((stream, executor));
            }
            12 | 13 => {
                let states =
                    [TaskState::Starting, TaskState::Running, TaskState::Finished, TaskState::Failed];
                let state = states[self.below(4)];
                let status = v1::TaskStatus { uuid: Some(self.uuid()), ..status(&task, state, 0) };
                // Only tasks that are the executor's own: others have no place in the books.
                let own = self.agent.executors.get(&FRAMEWORK.into()).is_some_and(|known| {
                    known.tasks().get(task.as_str()).is_some_and(|known| known.as_str() == executor)
                });
                let over = self.agent.updates.get(&FRAMEWORK.into(), &task.as_str().into());
                if over.is_some_and(|stream| stream.latest().is_terminal()) {
                    self.late.insert(status.uuid.clone().unwrap().to_vec());
                }
                if own {
                    let update = Some(call::Update { status });
                    self.call(v1::executor::Call { update, ..call_of(call::Type::Update, &executor) });
                }
            }
            14 => {
                if let Some((stream, _)) = self.streams.pop() {
                    self.agent.handle(self.now, crate::Event::StreamClosed(stream));
                }
            }
            15 => self.flush(),
            16 => {
                let wait = u64::try_from(self.below(20)).unwrap();
                self.now = self.now + std::time::Duration::from_secs(wait);
                self.agent.handle_timeout(self.now);
            }
            17 => self.agent.handle(self.now, crate::Event::Exited(master())),
            18 => self.register(),
            _ if self.below(4) == 0 => self.crash(),
            _ => {}
        }
        self.drain();
    }

    /// No more faults: everything ends, and the scheduler hears of it.
    fn settle(&mut self) {
        self.register();
        for _ in 0..200 {
            self.drain();
            self.flush();
            self.drain();
            self.now = self.now + std::time::Duration::from_secs(1);
            self.agent.handle_timeout(self.now);
            self.register();
            while let Some(container) = self.container(false) {
                self.containers.insert(container.to_string(), true);
                self.agent.handle(
                    self.now,
                    crate::Event::Launched { container: container.clone(), outcome: Ok(1) },
                );
            }
            while let Some(container) = self.container(true) {
                self.containers.remove(container.as_str());
                let exit = Exit { wait_status: Some(9), limitation: None };
                self.agent
                    .handle(self.now, crate::Event::ContainerExited { container: container.clone(), exit });
            }
            self.drain();
            for update in std::mem::take(&mut self.open) {
                let message = internal::StatusUpdateAcknowledgementMessage {
                    slave_id: v1::AgentId { value: AGENT.to_owned() },
                    framework_id: update.framework_id,
                    task_id: update.status.task_id,
                    uuid: update.uuid.unwrap(),
                };
                self.agent
                    .handle(self.now, crate::Event::Message { from: master(), message: message.into() });
            }
        }
        self.drain();
        assert!(self.agent.executors.is_empty(), "{:#?}", self.agent.executors);
        assert!(self.agent.updates.is_empty(), "{:#?}", self.agent.updates);
        let known: BTreeSet<_> = self.heard.union(&self.late).cloned().collect();
        let lost: Vec<_> = self.acknowledged.difference(&known).collect();
        assert!(lost.is_empty(), "acknowledged and never heard of: {lost:?}");
    }
}

#[test]
fn random_lives() {
    for seed in 0..100 {
        let mut world = World::new(seed);
        world.register();
        world.drain();
        world.flush();
        for _ in 0..300 {
            world.step();
        }
        world.settle();
    }
}
