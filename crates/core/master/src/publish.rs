//! What operators that watch are told. Must not live here: who they are (`audience`), and their calls (`handlers/operator`).

use std::sync::Arc;

use tepui_model::ConnectionId;
use tepui_wire_mesos::v1::{
    self, TaskStatus,
    master::{Event, event},
};

use crate::{Agent, Effect, Framework, Master, OperatorEvent, Task, master::Timer, views};

/// Opens an operator's stream; the oldest one makes room if there are too many.
pub(crate) fn subscribe(master: &mut Master, connection: ConnectionId) {
    let limit = master.config.max_operator_event_stream_subscribers;
    for oldest in master.audience.add_operator(connection, limit) {
        master.out.push(Effect::CloseStream { to: oldest });
    }
    master.out.push(Effect::OpenStream { to: connection, stream_id: None });
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

/// An operator has gone.
pub(crate) fn left(master: &mut Master) {
    if master.audience.operators().is_empty() {
        master.timers.cancel(&Timer::OperatorHeartbeat);
    }
}

/// The next HEARTBEAT is due.
pub(crate) fn heartbeat(master: &mut Master) {
    if !master.audience.operators().is_empty() {
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
    let deactivation = master.books.deactivated().get(&agent.id).copied();
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
    if !master.audience.operators().is_empty() {
        let to = master.audience.operators().iter().copied().collect();
        let event = OperatorEvent::Event(Arc::new(event()));
        master.out.push(Effect::SendOperatorEvent { to, event });
    }
}

fn typed(r#type: event::Type) -> Event {
    Event { r#type: Some(r#type as i32), ..Event::default() }
}
