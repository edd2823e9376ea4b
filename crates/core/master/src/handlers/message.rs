//! Which libprocess message goes where.

use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::Message;

use super::{agents, executors, removal, reregister, updates};
use crate::{Counter, Master};

/// Handles a message of an agent. Messages that are not for a master are dropped.
pub(crate) fn handle(master: &mut Master, from: &Upid, message: Message) {
    match message {
        Message::RegisterSlave(message) => agents::register(master, from, *message),
        Message::ReregisterSlave(message) => reregister::reregister(master, from, *message),
        Message::UnregisterSlave(message) => removal::unregister(master, from, &message),
        Message::UpdateSlave(message) => agents::update(master, from, &message),
        Message::PongSlave(_) => agents::pong(master, from),
        Message::StatusUpdate(message) => updates::status_update(master, from, *message),
        Message::ExitedExecutor(message) => executors::exited(master, &message),
        Message::ExecutorToFramework(message) => executors::message(master, *message),
        Message::UpdateOperationStatus(_) => {
            master.counters.add(Counter::MessagesOperationStatusUpdate);
            master.counters.add(Counter::InvalidOperationStatusUpdates);
        }
        other => {
            master.counters.add(Counter::DroppedMessages);
            master.warn(format!("Dropping {} from {from}: it is not for a master", other.name()));
        }
    }
}
