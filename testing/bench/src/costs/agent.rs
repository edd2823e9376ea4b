//! Loads of the agent's core: tasks of an executor that do nothing, and command tasks.

use std::net::SocketAddr;

use bytes::Bytes;
use tepui_core_agent::{Agent, Config, Effect, Event, Exit, Recovered, Start};
use tepui_core_kit::{Core as _, Seed};
use tepui_model::{ConnectionId, ContainerId, Tick};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{Message, internal, v1};

use crate::master::scalar;

const TASKS: usize = 500;
const NOW: Tick = Tick::from_nanos(1_790_000_000_000_000_000);

/// Updates that the master got.
pub(crate) fn no_op_tasks() -> usize {
    let mut node = Node::new();
    node.message(run_task("first", true));
    let container = node.launched.clone();
    if let Some(container) = container {
        node.begun(&container);
    }
    node.call(executor_call(v1::executor::call::Type::Subscribe));
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let name = format!("task-{number}");
            let updates =
                [v1::TaskState::TaskRunning, v1::TaskState::TaskFinished].map(|state| update(&name, state));
            (run_task(&name, true), updates)
        })
        .collect();
    crate::measured(|| {
        for (run, updates) in tasks {
            node.message(run);
            for update in updates {
                node.call(update);
            }
        }
    });
    node.updates
}

/// Updates that the master got.
pub(crate) fn command_tasks() -> usize {
    let mut node = Node::new();
    let tasks: Vec<_> = (0..TASKS).map(|number| run_task(&format!("task-{number}"), false)).collect();
    crate::measured(|| {
        for run in tasks {
            node.message(run);
            if let Some(container) = node.launched.take() {
                node.begun(&container);
                node.ended(&container);
            }
        }
    });
    node.updates
}

/// A registered agent whose master acknowledges everything at once.
struct Node {
    agent: Agent,
    launched: Option<ContainerId>,
    updates: usize,
    connections: u64,
}

impl Node {
    fn new() -> Self {
        let pid = Upid::new("slave(1)", SocketAddr::from(([127, 0, 0, 1], 5051)));
        let mut config = Config::new(pid, "127.0.0.1", 5051);
        config.work_dir = "/w".to_owned();
        config.resources = vec![scalar("cpus", 1_000.0, None), scalar("mem", 1_000_000.0, None)];
        let agent = Agent::start(NOW, Start { config, seed: Seed::from(7), recovered: Recovered::default() });
        let mut node = Self { agent, launched: None, updates: 0, connections: 0 };
        node.agent.handle(NOW, Event::MasterDetected(Some(master())));
        node.message(internal::SlaveRegisteredMessage { slave_id: agent_id(), connection: None });
        node
    }

    fn message(&mut self, message: impl Into<Message>) {
        self.agent.handle(NOW, Event::Message { from: master(), message: message.into() });
        self.perform();
    }

    fn call(&mut self, call: v1::executor::Call) {
        self.connections += 1;
        let from = ConnectionId(self.connections);
        self.agent.handle(NOW, Event::Called { from, caller: None, call: Box::new(call) });
        self.perform();
    }

    fn begun(&mut self, container: &ContainerId) {
        self.agent.handle(NOW, Event::Launched { container: container.clone(), outcome: Ok(42) });
        self.perform();
    }

    fn ended(&mut self, container: &ContainerId) {
        let exit = Exit { wait_status: Some(0), limitation: None };
        self.agent.handle(NOW, Event::ContainerExited { container: container.clone(), exit });
        self.perform();
    }

    fn perform(&mut self) {
        while let Some(effect) = self.agent.poll_effect() {
            match effect {
                Effect::Persist(write) => self.agent.handle(NOW, Event::Persisted(write.token)),
                Effect::Launch(launch) => self.launched = Some(launch.container_id),
                Effect::Send { message: Message::StatusUpdate(message), .. } => {
                    self.updates += 1;
                    let message = acknowledgement(message.update).into();
                    self.agent.handle(NOW, Event::Message { from: master(), message });
                }
                _ => {}
            }
        }
    }
}

fn master() -> Upid {
    Upid::new("master", SocketAddr::from(([127, 0, 0, 1], 5050)))
}

fn agent_id() -> v1::AgentId {
    v1::AgentId { value: "7f3a1c52-9b0e-4a57-8d3f-1f2e3d4c5b6a-S0".to_owned() }
}

fn framework_id() -> v1::FrameworkId {
    v1::FrameworkId { value: "7f3a1c52-9b0e-4a57-8d3f-1f2e3d4c5b6a-0000".to_owned() }
}

fn acknowledgement(update: internal::StatusUpdate) -> internal::StatusUpdateAcknowledgementMessage {
    internal::StatusUpdateAcknowledgementMessage {
        slave_id: agent_id(),
        framework_id: update.framework_id,
        task_id: update.status.task_id,
        uuid: update.uuid.unwrap_or_default(),
    }
}

fn command(value: &str) -> v1::CommandInfo {
    v1::CommandInfo { value: Some(value.to_owned()), ..v1::CommandInfo::default() }
}

fn run_task(name: &str, of_executor: bool) -> internal::RunTaskMessage {
    let executor = v1::ExecutorInfo {
        executor_id: v1::ExecutorId { value: "executor".to_owned() },
        command: Some(command("./executor")),
        resources: vec![scalar("cpus", 0.1, None), scalar("mem", 32.0, None)],
        r#type: Some(v1::executor_info::Type::Custom.into()),
        ..v1::ExecutorInfo::default()
    };
    internal::RunTaskMessage {
        framework: v1::FrameworkInfo {
            user: "root".to_owned(),
            name: "costs".to_owned(),
            id: Some(framework_id()),
            checkpoint: Some(true),
            ..v1::FrameworkInfo::default()
        },
        task: v1::TaskInfo {
            name: name.to_owned(),
            task_id: v1::TaskId { value: name.to_owned() },
            agent_id: agent_id(),
            resources: vec![scalar("cpus", 0.1, None), scalar("mem", 32.0, None)],
            executor: of_executor.then(|| Box::new(executor)),
            command: (!of_executor).then(|| command("true")),
            ..v1::TaskInfo::default()
        },
        pid: Some("@0.0.0.0:0".to_owned()),
        launch_executor: Some(true),
        ..internal::RunTaskMessage::default()
    }
}

fn executor_call(kind: v1::executor::call::Type) -> v1::executor::Call {
    v1::executor::Call {
        executor_id: v1::ExecutorId { value: "executor".to_owned() },
        framework_id: framework_id(),
        r#type: Some(kind.into()),
        subscribe: (kind == v1::executor::call::Type::Subscribe).then(v1::executor::call::Subscribe::default),
        ..v1::executor::Call::default()
    }
}

fn update(name: &str, state: v1::TaskState) -> v1::executor::Call {
    let mut uuid = *b"\x40\x40\x40\x40\x40\x40\x40\x40\x80\x40\x40\x40\x40\x40\x40\x01";
    if state == v1::TaskState::TaskFinished {
        uuid[0] = 0x41;
    }
    let status = v1::TaskStatus {
        task_id: v1::TaskId { value: name.to_owned() },
        state: state.into(),
        source: Some(v1::task_status::Source::Executor.into()),
        uuid: Some(Bytes::copy_from_slice(&uuid)),
        timestamp: Some(7.0),
        ..v1::TaskStatus::default()
    };
    v1::executor::Call {
        update: Some(v1::executor::call::Update { status }),
        ..executor_call(v1::executor::call::Type::Update)
    }
}
