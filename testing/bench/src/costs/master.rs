//! Loads of the master's core: waves of tasks that do nothing, and a failover.

use std::net::SocketAddr;

use bytes::Bytes;
use tepui_core_kit::{Core as _, Seed};
use tepui_core_master::{Config, Effect, Event, Master, Registry, Start};
use tepui_model::{Caller, ConnectionId, Tick};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{Message, internal, v1};

const WAVES: usize = 10;
const TASKS: usize = 100;
/// Of the failover.
const AGENTS: u16 = 200;
const TASKS_EACH: usize = 50;

const NOW: Tick = Tick::from_nanos(1_790_000_000_000_000_000);

/// Tasks that came to their end.
pub(crate) fn no_op_tasks() -> usize {
    let mut master = start();
    message(&mut master, 5051, register());
    let (stream_id, framework) = subscribe(&mut master);
    let mut ended = 0;
    for wave in 0..WAVES {
        let offers: Vec<v1::OfferId> =
            master.snapshot().offers.iter().map(|offer| offer.id.clone()).collect();
        let names: Vec<String> = (0..TASKS).map(|number| format!("task-{wave}-{number}")).collect();
        let accept = accept(&framework, offers, &names);
        let updates: Vec<_> =
            names.iter().map(|name| (update(name), acknowledge(&framework, name))).collect();
        ended += crate::measured(|| {
            call(&mut master, &stream_id, accept);
            let mut delivered = 0;
            for (update, acknowledge) in updates {
                delivered += message(&mut master, 5051, update);
                call(&mut master, &stream_id, acknowledge);
            }
            delivered
        })
        .unwrap_or_default();
    }
    ended
}

/// Tasks that a new master knows, once all agents are back.
pub(crate) fn failover() -> usize {
    let mut master = start();
    let bodies: Vec<(u16, Bytes)> =
        (0..AGENTS).map(|number| (5051 + number, Message::from(reregister(number)).encode())).collect();
    crate::measured(|| {
        for (port, body) in bodies {
            if let Ok(body) = Message::decode("mesos.internal.ReregisterSlaveMessage", body) {
                message(&mut master, port, body);
            }
        }
    });
    master.snapshot().frameworks.values().map(|framework| framework.tasks.len()).sum()
}

fn start() -> Master {
    let config = Config::new(v1::MasterInfo {
        id: "7f3a1c52-9b0e-4a57-8d3f-1f2e3d4c5b6a".to_owned(),
        ip: 16_777_343,
        port: 5050,
        ..v1::MasterInfo::default()
    });
    let mut master = Master::start(NOW, Start { config, seed: Seed::from(7), restored: Registry::default() });
    perform(&mut master);
    master
}

/// Does what the master wants; answers how many updates its scheduler got.
fn perform(master: &mut Master) -> usize {
    let mut updates = 0;
    while let Some(effect) = master.poll_effect() {
        match effect {
            Effect::Persist(write) => master.handle(NOW, Event::Persisted(write.token)),
            Effect::SendEvent { event, .. } => updates += usize::from(event.update.is_some()),
            _ => {}
        }
    }
    updates
}

fn message(master: &mut Master, port: u16, message: impl Into<Message>) -> usize {
    let from = Upid::new("slave(1)", SocketAddr::from(([127, 0, 0, 1], port)));
    master.handle(NOW, Event::Message { from, message: message.into() });
    perform(master)
}

fn call(master: &mut Master, stream_id: &str, call: v1::scheduler::Call) {
    let caller = Caller { stream_id: Some(stream_id.to_owned()), ..Caller::anonymous(ConnectionId(2)) };
    master.handle(NOW, Event::SchedulerCall { caller, call: Box::new(call) });
    perform(master);
}

/// The id of the stream and that of the framework.
fn subscribe(master: &mut Master) -> (String, v1::FrameworkId) {
    let subscribe = v1::scheduler::call::Subscribe { framework_info: framework_info(), ..Default::default() };
    let call = v1::scheduler::Call {
        r#type: Some(v1::scheduler::call::Type::Subscribe.into()),
        subscribe: Some(Box::new(subscribe)),
        ..v1::scheduler::Call::default()
    };
    let caller = Caller::anonymous(ConnectionId(1));
    master.handle(NOW, Event::SchedulerCall { caller, call: Box::new(call) });
    let (mut stream, mut framework) = (String::new(), v1::FrameworkId::default());
    while let Some(effect) = master.poll_effect() {
        match effect {
            Effect::Persist(write) => master.handle(NOW, Event::Persisted(write.token)),
            Effect::OpenStream { stream_id: Some(id), .. } => stream = id.to_string(),
            Effect::SendEvent { event, .. } => {
                if let Some(subscribed) = event.subscribed {
                    framework = subscribed.framework_id;
                }
            }
            _ => {}
        }
    }
    (stream, framework)
}

fn framework_info() -> v1::FrameworkInfo {
    use v1::framework_info::{Capability, capability::Type};
    let capability = |kind: Type| Capability { r#type: Some(kind.into()) };
    v1::FrameworkInfo {
        user: "root".to_owned(),
        name: "costs".to_owned(),
        roles: vec!["role".to_owned()],
        checkpoint: Some(true),
        failover_timeout: Some(100.0),
        capabilities: vec![capability(Type::MultiRole), capability(Type::PartitionAware)],
        ..v1::FrameworkInfo::default()
    }
}

pub(crate) fn scalar(name: &str, value: f64, role: Option<&str>) -> v1::Resource {
    v1::Resource {
        name: name.to_owned(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        allocation_info: role.map(|role| v1::resource::AllocationInfo { role: Some(role.to_owned()) }),
        ..v1::Resource::default()
    }
}

fn slave_info() -> internal::SlaveInfo {
    internal::SlaveInfo {
        hostname: "127.0.0.1".to_owned(),
        port: Some(5051),
        resources: vec![scalar("cpus", 1_000.0, None), scalar("mem", 1_000_000.0, None)],
        checkpoint: Some(true),
        ..internal::SlaveInfo::default()
    }
}

fn capabilities() -> Vec<v1::agent_info::Capability> {
    (1..=8).map(|r#type| v1::agent_info::Capability { r#type: Some(r#type) }).collect()
}

fn register() -> internal::RegisterSlaveMessage {
    internal::RegisterSlaveMessage {
        slave: slave_info(),
        version: Some("1.11.0".to_owned()),
        agent_capabilities: capabilities(),
        ..internal::RegisterSlaveMessage::default()
    }
}

fn reregister(number: u16) -> internal::ReregisterSlaveMessage {
    let agent = v1::AgentId { value: format!("0f3a1c52-9b0e-4a57-8d3f-1f2e3d4c5b6a-S{number}") };
    let framework = v1::FrameworkId { value: "0f3a1c52-9b0e-4a57-8d3f-1f2e3d4c5b6a-0000".to_owned() };
    let task = |task: usize| v1::Task {
        name: "costs".to_owned(),
        task_id: v1::TaskId { value: format!("task-{number}-{task}") },
        framework_id: framework.clone(),
        agent_id: agent.clone(),
        state: v1::TaskState::TaskRunning.into(),
        resources: vec![scalar("cpus", 0.1, Some("role")), scalar("mem", 32.0, Some("role"))],
        labels: Some(v1::Labels {
            labels: (0..10)
                .map(|label| v1::Label { key: format!("label-{label}"), value: Some("value".to_owned()) })
                .collect(),
        }),
        ..v1::Task::default()
    };
    internal::ReregisterSlaveMessage {
        slave: internal::SlaveInfo { id: Some(agent.clone()), ..slave_info() },
        version: Some("1.11.0".to_owned()),
        agent_capabilities: capabilities(),
        frameworks: vec![v1::FrameworkInfo { id: Some(framework.clone()), ..framework_info() }],
        tasks: (0..TASKS_EACH).map(task).collect(),
        ..internal::ReregisterSlaveMessage::default()
    }
}

fn accept(framework: &v1::FrameworkId, offer_ids: Vec<v1::OfferId>, names: &[String]) -> v1::scheduler::Call {
    let agent_id = agent_id();
    let task_infos = names.iter().map(|name| v1::TaskInfo {
        name: name.clone(),
        task_id: v1::TaskId { value: name.clone() },
        agent_id: agent_id.clone(),
        resources: vec![scalar("cpus", 0.1, Some("role")), scalar("mem", 32.0, Some("role"))],
        command: Some(v1::CommandInfo { value: Some("true".to_owned()), ..v1::CommandInfo::default() }),
        ..v1::TaskInfo::default()
    });
    let launch = v1::offer::Operation {
        r#type: Some(v1::offer::operation::Type::Launch.into()),
        launch: Some(v1::offer::operation::Launch { task_infos: task_infos.collect() }),
        ..v1::offer::Operation::default()
    };
    v1::scheduler::Call {
        framework_id: Some(framework.clone()),
        r#type: Some(v1::scheduler::call::Type::Accept.into()),
        accept: Some(v1::scheduler::call::Accept {
            offer_ids,
            operations: vec![launch],
            filters: Some(v1::Filters { refuse_seconds: Some(0.0) }),
        }),
        ..v1::scheduler::Call::default()
    }
}

fn agent_id() -> v1::AgentId {
    v1::AgentId { value: "7f3a1c52-9b0e-4a57-8d3f-1f2e3d4c5b6a-S0".to_owned() }
}

const UUID: &[u8; 16] = b"\x40\x40\x40\x40\x40\x40\x40\x40\x80\x40\x40\x40\x40\x40\x40\x01";

fn update(name: &str) -> internal::StatusUpdateMessage {
    internal::StatusUpdateMessage {
        update: internal::StatusUpdate {
            framework_id: v1::FrameworkId { value: "7f3a1c52-9b0e-4a57-8d3f-1f2e3d4c5b6a-0000".to_owned() },
            slave_id: Some(agent_id()),
            status: v1::TaskStatus {
                task_id: v1::TaskId { value: name.to_owned() },
                state: v1::TaskState::TaskFinished.into(),
                source: Some(v1::task_status::Source::Executor.into()),
                ..v1::TaskStatus::default()
            },
            timestamp: 1.5,
            uuid: Some(Bytes::from_static(UUID)),
            latest_state: Some(v1::TaskState::TaskFinished.into()),
            ..internal::StatusUpdate::default()
        },
        pid: None,
    }
}

fn acknowledge(framework: &v1::FrameworkId, name: &str) -> v1::scheduler::Call {
    v1::scheduler::Call {
        framework_id: Some(framework.clone()),
        r#type: Some(v1::scheduler::call::Type::Acknowledge.into()),
        acknowledge: Some(v1::scheduler::call::Acknowledge {
            agent_id: agent_id(),
            task_id: v1::TaskId { value: name.to_owned() },
            uuid: Bytes::from_static(UUID),
        }),
        ..v1::scheduler::Call::default()
    }
}
