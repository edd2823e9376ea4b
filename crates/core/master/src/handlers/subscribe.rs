//! SUBSCRIBE and UPDATE_FRAMEWORK, heartbeats, and the loss of a scheduler.

use tepui_model::{ConnectionId, FrameworkId, Outcome, RefusalKind, Role};
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{
    internal,
    v1::{
        self, FrameworkInfo,
        scheduler::{Event, call, event},
    },
};

use super::{framework, offers};
use crate::{
    Counter, Effect, Framework, FrameworkState, Master, allocation,
    audience::Leaver,
    books::Description,
    master::Timer,
    pending::{Pending, Subscription},
    publish, registry,
    schedulers::{dismiss, leave_stream, typed},
    validate::{self, Invalid, invalid},
};

/// SUBSCRIBE: what is wrong in meaning is told on a stream that then ends.
pub(crate) fn subscribe(master: &mut Master, from: ConnectionId, subscribe: call::Subscribe) {
    let mut info = subscribe.framework_info;
    info.id = info.id.filter(|id| !id.value.is_empty());
    master.counters.add(if info.id.is_some() {
        Counter::MessagesReregisterFramework
    } else {
        Counter::MessagesRegisterFramework
    });
    if let Err(Invalid(text)) = check(master, &info, &subscribe.suppressed_roles) {
        let stream_id = Some(master.chance.uuid());
        master.out.push(Effect::OpenStream { to: from, stream_id });
        return dismiss(master, from, text);
    }
    let known = info.id.as_ref().and_then(|id| master.books.frameworks().get(id.value.as_str()));
    let registered = known.map_or(master.now, |known| known.registered);
    let was_connected = known.is_some_and(|known| known.is_connected());
    if let Some(known) = known {
        // These two stay what they were; Mesos only warns of it.
        info.user.clone_from(&known.info.user);
        info.checkpoint = known.info.checkpoint;
    }
    if info.id.is_none() {
        info.id = Some(v1::FrameworkId { value: master.ids.framework().as_str().to_owned() });
    }
    master.audience.expect_scheduler(from);
    let write = registry::write_framework(info.clone(), registered, None, None);
    let subscription = Subscription {
        connection: from,
        info,
        suppressed: subscribe.suppressed_roles.into_iter().map(Role::from).collect(),
        constraints: subscribe.offer_constraints,
        was_connected,
    };
    master.write_then([write], Pending::Subscribe(Box::new(subscription)));
}

fn check(master: &Master, info: &FrameworkInfo, suppressed: &[String]) -> Result<(), Invalid> {
    validate::framework::check(&master.config, info)?;
    if let Some(id) = &info.id
        && framework::is_completed(master, &id.value)
    {
        return invalid("Framework has been removed");
    }
    validate::framework::check_suppressed(info, suppressed)?;
    let known = info.id.as_ref().and_then(|id| master.books.frameworks().get(id.value.as_str()));
    if let Some(known) = known
        && known.info.principal != info.principal
    {
        return invalid("Changing framework's principal is not allowed.");
    }
    Ok(())
}

/// The framework is written: it is subscribed.
pub(crate) fn subscribed(master: &mut Master, subscription: Subscription) {
    let connection = subscription.connection;
    let closed = !master.audience.is_expected(connection);
    let value = subscription.info.id.as_ref().map_or("", |id| id.value.as_str());
    let id = FrameworkId::new(value);
    let new = !master.books.frameworks().contains_key(&id);
    if new {
        let framework =
            Framework::new(id.clone(), subscription.info.clone(), FrameworkState::Disconnected, master.now);
        master.books.add_framework(framework);
        allocation::framework_added(master, &id);
    } else {
        if subscription.was_connected {
            rewrite_if_disconnected(master, &id, &subscription.info);
        }
        leave_stream(master, &id, Some("Framework failed over"));
        offers::discard_all_of_framework(master, &id, false);
    }
    let stream_id = master.chance.uuid();
    master.books.connect_framework(&id, connection, stream_id, (!new).then_some(master.now));
    adopt(master, &id, subscription);
    master.timers.cancel(&Timer::Failover(id.clone()));
    allocation::framework_activated(master, &id);
    let Some(framework) = master.books.frameworks().get(&id).cloned() else { return };
    if new {
        publish::framework_added(master, &framework);
    } else {
        publish::framework_updated(master, &framework);
        tell_agents(master, &framework);
    }
    if closed {
        master.audience.remove_scheduler(connection);
        return disconnect(master, &id);
    }
    master.audience.add_scheduler(connection, id);
    master.out.push(Effect::OpenStream { to: connection, stream_id: Some(stream_id) });
    let subscribed = event::Subscribed {
        framework_id: framework.wire_id(),
        heartbeat_interval_seconds: Some(master.config.heartbeat_interval.as_secs_f64()),
        master_info: Some(master.config.info.clone()),
    };
    let event = Event { subscribed: Some(Box::new(subscribed)), ..typed(event::Type::Subscribed) };
    master.out.push(Effect::SendEvent { to: connection, event: Box::new(event) });
    heartbeat(master, connection);
}

/// The old scheduler went while the new one was being written: that it went was then written last, and is not
/// what a later master is to read.
fn rewrite_if_disconnected(master: &mut Master, id: &FrameworkId, info: &FrameworkInfo) {
    let Some(framework) = master.books.frameworks().get(id) else { return };
    if !framework.is_connected() {
        let write = registry::write_framework(info.clone(), framework.registered, None, None);
        master.write([write]);
    }
}

/// Takes over what the scheduler says about its framework.
fn adopt(master: &mut Master, id: &FrameworkId, subscription: Subscription) {
    let Subscription { info, suppressed, constraints, .. } = subscription;
    master.books.describe_framework(id, Description { info, suppressed, constraints });
    offers::rescind_of_foreign_roles(master, id);
    allocation::framework_updated(master, id);
}

/// Tells every agent where the framework's scheduler is now, and what changed about it.
fn tell_agents(master: &mut Master, framework: &Framework) {
    let message = internal::UpdateFrameworkMessage {
        framework_id: framework.wire_id(),
        // Nobody: the scheduler speaks HTTP.
        pid: Some(Upid::NOBODY.to_owned()),
        framework_info: Some((*framework.info).clone()),
    };
    let connected: Vec<_> = master
        .books
        .agents()
        .values()
        .filter(|agent| agent.is_connected())
        .map(|agent| agent.pid.clone())
        .collect();
    for pid in connected {
        master.send(pid, message.clone());
    }
}

/// UPDATE_FRAMEWORK: as SUBSCRIBE, but what may not change is an error.
pub(crate) fn update_framework(
    master: &mut Master,
    from: ConnectionId,
    id: &FrameworkId,
    update: call::UpdateFramework,
) {
    let Some(known) = master.books.frameworks().get(id).cloned() else { return };
    let info = update.framework_info;
    let checked = validate::framework::check(&master.config, &info)
        .and_then(|()| validate::framework::check_suppressed(&info, &update.suppressed_roles))
        .and_then(|()| validate::framework::check_update(&known.info, &info));
    if let Err(Invalid(text)) = checked {
        let text = format!("'UpdateFramework.framework_info' is not valid: {text}");
        return master.reply(from, RefusalKind::Invalid.because(text));
    }
    let write = registry::write_framework(info.clone(), known.registered, None, None);
    let update = Subscription {
        connection: from,
        info,
        suppressed: update.suppressed_roles.into_iter().map(Role::from).collect(),
        constraints: update.offer_constraints,
        was_connected: true,
    };
    master.write_then([write], Pending::UpdateFramework { to: from, update: Box::new(update) });
}

/// The update is written: it holds.
pub(crate) fn updated(master: &mut Master, to: ConnectionId, update: Subscription) {
    let id = FrameworkId::new(update.info.id.as_ref().map_or("", |id| id.value.as_str()));
    adopt(master, &id, update);
    if let Some(framework) = master.books.frameworks().get(&id).cloned() {
        publish::framework_updated(master, &framework);
        tell_agents(master, &framework);
    }
    master.reply(to, Outcome::Done);
}

/// A HEARTBEAT now, and again after the interval.
pub(crate) fn heartbeat(master: &mut Master, connection: ConnectionId) {
    master.out.push(Effect::SendEvent { to: connection, event: Box::new(typed(event::Type::Heartbeat)) });
    master.timers.set(Timer::Heartbeat(connection), master.now + master.config.heartbeat_interval);
}

/// The other side of a stream has gone.
pub(crate) fn stream_closed(master: &mut Master, connection: ConnectionId) {
    match master.audience.leave(connection) {
        Some(Leaver::Scheduler(id)) => {
            master.timers.cancel(&Timer::Heartbeat(connection));
            disconnect(master, &id);
        }
        Some(Leaver::Operator) => publish::left(master),
        None => {}
    }
}

/// The scheduler has gone: nothing is offered to it, and its time to come back runs.
fn disconnect(master: &mut Master, id: &FrameworkId) {
    offers::discard_all_of_framework(master, id, false);
    allocation::framework_deactivated(master, id);
    master.books.disconnect_framework(id, master.now);
    let Some(framework) = master.books.frameworks().get(id) else { return };
    let deadline = master.now + framework.failover_timeout();
    let write = registry::write_framework(
        (*framework.info).clone(),
        framework.registered,
        framework.disconnected,
        None,
    );
    if master.registrar.is_ending(id.as_str()) {
        // Its end is already being written; nothing may be written after that.
        return;
    }
    master.timers.set(Timer::Failover(id.clone()), deadline);
    master.write([write]);
}
