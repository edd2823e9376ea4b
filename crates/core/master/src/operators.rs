//! Who watches the master's events.

use std::{collections::VecDeque, sync::Arc};

use serde::{Deserialize, Serialize};
use tepui_model::ConnectionId;
use tepui_wire_mesos::v1::{
    self, TaskStatus,
    master::{Event, event},
};

use crate::{
    Agent, Effect, Framework, Master, OperatorEvent, Task,
    master::{Stream, Timer},
    views,
};

/// The operators' streams, oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Operators {
    streams: VecDeque<ConnectionId>,
}

impl Operators {
    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }
}

/// Opens an operator's stream; the oldest one makes room if there are too many.
pub(crate) fn subscribe(master: &mut Master, connection: ConnectionId) {
    while master.operators.len() >= master.config.max_operator_event_stream_subscribers.max(1) {
        let Some(oldest) = master.operators.streams.pop_front() else { break };
        master.streams.remove(&oldest);
        master.out.push(Effect::CloseStream { to: oldest });
    }
    master.out.push(Effect::OpenStream { to: connection, stream_id: None });
    master.operators.streams.push_back(connection);
    master.streams.insert(connection, Stream::Operator);
    let snapshot = Box::new(master.snapshot());
    master.out.push(Effect::SendOperatorEvent {
        to: vec![connection],
        event: OperatorEvent::Subscribed { snapshot },
    });
    let heartbeat = OperatorEvent::Event(Arc::new(typed(event::Type::Heartbeat)));
    master.out.push(Effect::SendOperatorEvent { to: vec![connection], event: heartbeat });
    if master.timers.at(&Timer::OperatorHeartbeat).is_none() {
        master.timers.set(Timer::OperatorHeartbeat, master.now + master.config.heartbeat_interval);
    }
}

/// Forgets an operator whose stream was closed.
pub(crate) fn closed(master: &mut Master, connection: ConnectionId) {
    master.operators.streams.retain(|stream| *stream != connection);
    if master.operators.len() == 0 {
        master.timers.cancel(&Timer::OperatorHeartbeat);
    }
}

/// The next HEARTBEAT is due.
pub(crate) fn heartbeat(master: &mut Master) {
    if master.operators.len() > 0 {
        publish(master, || typed(event::Type::Heartbeat));
        master.timers.set(Timer::OperatorHeartbeat, master.now + master.config.heartbeat_interval);
    }
}

pub(crate) fn task_added(master: &mut Master, task: &Task) {
    publish(master, || Event {
        task_added: Some(event::TaskAdded { task: task.to_wire() }),
        ..typed(event::Type::TaskAdded)
    });
}

pub(crate) fn task_updated(master: &mut Master, task: &Task, status: &TaskStatus) {
    publish(master, || Event {
        task_updated: Some(event::TaskUpdated {
            framework_id: v1::FrameworkId { value: task.framework_id.as_str().to_owned() },
            status: status.clone(),
            state: task.state.number(),
        }),
        ..typed(event::Type::TaskUpdated)
    });
}

pub(crate) fn agent_added(master: &mut Master, agent: &Agent) {
    let deactivation = master.deactivated.get(&agent.id).copied();
    publish(master, || Event {
        agent_added: Some(event::AgentAdded { agent: views::new_agent(agent, deactivation.as_ref()) }),
        ..typed(event::Type::AgentAdded)
    });
}

pub(crate) fn agent_removed(master: &mut Master, agent: &Agent) {
    publish(master, || Event {
        agent_removed: Some(event::AgentRemoved { agent_id: agent.wire_id() }),
        ..typed(event::Type::AgentRemoved)
    });
}

pub(crate) fn framework_added(master: &mut Master, framework: &Framework) {
    publish(master, || Event {
        framework_added: Some(event::FrameworkAdded { framework: views::bare_framework(framework) }),
        ..typed(event::Type::FrameworkAdded)
    });
}

pub(crate) fn framework_updated(master: &mut Master, framework: &Framework) {
    publish(master, || Event {
        framework_updated: Some(event::FrameworkUpdated { framework: views::bare_framework(framework) }),
        ..typed(event::Type::FrameworkUpdated)
    });
}

pub(crate) fn framework_removed(master: &mut Master, framework: &Framework) {
    publish(master, || Event {
        framework_removed: Some(event::FrameworkRemoved { framework_info: (*framework.info).clone() }),
        ..typed(event::Type::FrameworkRemoved)
    });
}

/// Sends an event to everybody who watches; makes it only if somebody does.
fn publish(master: &mut Master, event: impl FnOnce() -> Event) {
    if master.operators.len() > 0 {
        let to = master.operators.streams.iter().copied().collect();
        let event = OperatorEvent::Event(Arc::new(event()));
        master.out.push(Effect::SendOperatorEvent { to, event });
    }
}

fn typed(r#type: event::Type) -> Event {
    Event { r#type: Some(r#type as i32), ..Event::default() }
}
