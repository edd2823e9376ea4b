//! What schedulers are sent, and the ends of their streams. Must not live here: who they are (`audience`), and their calls
//! (`handlers/call`).

use tepui_model::{ConnectionId, FrameworkId};
use tepui_wire_mesos::v1::{
    TaskStatus,
    scheduler::{Event, event},
};

use crate::{Effect, Master, master::Timer};

/// Ends a framework's stream, if it has one, with an ERROR if there is something to say.
pub(crate) fn leave_stream(master: &mut Master, id: &FrameworkId, error: Option<&str>) {
    let Some(connection) = master.books.leave_stream(id) else { return };
    master.audience.remove_scheduler(connection);
    master.timers.cancel(&Timer::Heartbeat(connection));
    match error {
        Some(error) => dismiss(master, connection, error.to_owned()),
        None => master.out.push(Effect::CloseStream { to: connection }),
    }
}

/// Says why on an open stream, and ends it.
pub(crate) fn dismiss(master: &mut Master, connection: ConnectionId, message: String) {
    let event = Event { error: Some(event::Error { message }), ..typed(event::Type::Error) };
    master.out.push(Effect::SendEvent { to: connection, event: Box::new(event) });
    master.out.push(Effect::CloseStream { to: connection });
}

/// An event of this type with nothing in it.
pub(crate) fn typed(r#type: event::Type) -> Event {
    Event { r#type: Some(r#type as i32), ..Event::default() }
}

/// Sends an event to a framework's scheduler; lost if that is not there.
pub(crate) fn send_event(master: &mut Master, id: &FrameworkId, event: Event) {
    if let Some(to) = master.books.frameworks().get(id).and_then(|framework| framework.connection) {
        master.out.push(Effect::SendEvent { to, event: Box::new(event) });
    }
}

/// Sends a status to a framework's scheduler; lost if that is not there.
pub(crate) fn send_status(master: &mut Master, id: &FrameworkId, status: TaskStatus) {
    send_event(master, id, Event { update: Some(event::Update { status }), ..typed(event::Type::Update) });
}
