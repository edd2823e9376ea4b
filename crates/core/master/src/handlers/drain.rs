//! DRAIN_AGENT, DEACTIVATE_AGENT, REACTIVATE_AGENT, and how a drain ends.
//! Must not live here: how the agent ends its tasks, which is its own business.

use tepui_core_kit::Write;
use tepui_model::{AgentId, ConnectionId, Outcome, RefusalKind};
use tepui_wire_mesos::{
    internal,
    v1::{self, agent_info::capability::Type as Capability, master::Call},
};

use super::{offers, removal};
use crate::{
    Drain, Master,
    pending::{Pending, Removal, Retirement},
    registry,
};

/// DRAIN_AGENT.
pub(crate) fn drain_agent(master: &mut Master, from: ConnectionId, call: &Call) {
    let Some(drain) = &call.drain_agent else { return missing(master, from, "drain_agent") };
    let id = AgentId::new(drain.agent_id.value.as_str());
    if master.books.agents().get(&id).is_some_and(|agent| !agent.has(Capability::AgentDraining)) {
        return master
            .reply(from, RefusalKind::Invalid.because(format!("Agent {id} is not capable of draining")));
    }
    if !master.books.knows_agent(&id) {
        return master.reply(from, RefusalKind::Invalid.because("Unknown agent"));
    }
    if is_being_marked_gone(master, &id) {
        return master.reply(from, RefusalKind::Conflict.because("Agent is currently being marked gone"));
    }
    let config = v1::DrainConfig {
        max_grace_period: drain.max_grace_period.map(|grace| {
            let nanoseconds = grace.seconds.saturating_mul(1_000_000_000).saturating_add(grace.nanos.into());
            v1::DurationInfo { nanoseconds }
        }),
        mark_gone: Some(drain.mark_gone()),
    };
    let info = Drain { config, drained: false, started: None }.to_wire();
    let writes = vec![registry::write_deactivated(id.as_str()), registry::write_draining(id.as_str(), info)];
    retire(master, from, id, Retirement::Drain(config), writes);
}

/// DEACTIVATE_AGENT.
pub(crate) fn deactivate_agent(master: &mut Master, from: ConnectionId, call: &Call) {
    let Some(deactivate) = &call.deactivate_agent else {
        return missing(master, from, "deactivate_agent");
    };
    let id = AgentId::new(deactivate.agent_id.value.as_str());
    if !master.books.knows_agent(&id) {
        return master.reply(from, RefusalKind::Invalid.because("Unknown agent"));
    }
    let writes = vec![registry::write_deactivated(id.as_str())];
    retire(master, from, id, Retirement::Deactivate, writes);
}

/// REACTIVATE_AGENT.
pub(crate) fn reactivate_agent(master: &mut Master, from: ConnectionId, call: &Call) {
    let Some(reactivate) = &call.reactivate_agent else {
        return missing(master, from, "reactivate_agent");
    };
    let id = AgentId::new(reactivate.agent_id.value.as_str());
    let Some(deactivation) = master.books.deactivated().get(&id) else {
        return master.reply(from, RefusalKind::Invalid.because("Agent is not deactivated"));
    };
    if deactivation.drain.is_some_and(|drain| !drain.drained) {
        return master.reply(from, RefusalKind::Invalid.because("Agent is still in the DRAINING state"));
    }
    let writes = registry::remove_deactivation(id.as_str()).into();
    retire(master, from, id, Retirement::Reactivate, writes);
}

fn missing(master: &mut Master, from: ConnectionId, field: &str) {
    let text = format!("Failed to validate master::Call: Expecting '{field}' to be present");
    master.reply(from, RefusalKind::Invalid.because(text));
}

fn is_being_marked_gone(master: &Master, id: &AgentId) -> bool {
    master.registrar.is_removing(id)
        && master.out.waiting().any(|pending| {
            matches!(pending, Pending::RemoveAgent { id: removed, why: Removal::Gone, .. } if removed == id)
        })
}

fn retire(master: &mut Master, reply: ConnectionId, id: AgentId, what: Retirement, writes: Vec<Write>) {
    master.write_then(writes, Pending::Retire { id, what, reply });
}

/// It is written: now it holds, and the operator hears of it.
pub(crate) fn retired(master: &mut Master, id: &AgentId, what: Retirement, reply: ConnectionId) {
    if !master.books.knows_agent(id) {
        // Nobody would ever remove what was written about it.
        master.books.reactivate(id);
        master.write(registry::remove_deactivation(id.as_str()));
        return master.reply(reply, RefusalKind::Conflict.because("Agent removed while processing the call"));
    }
    match what {
        Retirement::Drain(config) => {
            master.log(format!("Draining agent {id}"));
            master.books.set_drain(id.clone(), Drain { config, drained: false, started: None });
            deactivate(master, id);
            tell(master, id);
            check(master, id);
        }
        Retirement::Deactivate => {
            master.log(format!("Agent {id} is deactivated"));
            master.books.deactivate(id.clone());
            deactivate(master, id);
        }
        Retirement::Reactivate => {
            master.log(format!("Agent {id} is in use again"));
            master.books.reactivate(id);
            match master.books.agents().get(id) {
                Some(agent) if agent.is_connected() => master.allocator.activate_agent(id),
                Some(_) => {}
                None => {
                    let text = "Agent removed while processing the call";
                    return master.reply(reply, RefusalKind::Conflict.because(text));
                }
            }
        }
    }
    master.reply(reply, Outcome::Done);
}

fn deactivate(master: &mut Master, id: &AgentId) {
    master.allocator.deactivate_agent(id);
    offers::rescind_all_of_agent(master, id);
}

/// Sends DrainSlave. What was launched there before arrives before it.
fn tell(master: &mut Master, id: &AgentId) {
    let Some(pid) =
        master.books.agents().get(id).filter(|agent| agent.is_connected()).map(|agent| agent.pid.clone())
    else {
        return;
    };
    let Some(config) = master.books.begin_drain(id, master.now) else { return };
    let message = internal::DrainSlaveMessage { config };
    master.send(pid, message);
}

/// The agent is back: it may have missed it, or come back with more than was known.
pub(crate) fn agent_is_back(master: &mut Master, id: &AgentId) {
    tell(master, id);
    check(master, id);
}

/// A drain is over once no task of the agent is left, those whose end its scheduler has not acknowledged included.
/// To be asked whenever a task went from an agent.
pub(crate) fn check(master: &mut Master, id: &AgentId) {
    let drain = master.books.deactivated().get(id).and_then(|it| it.drain);
    let Some(drain) = drain.filter(|drain| !drain.drained) else { return };
    let connected = master.books.agents().get(id).is_some_and(|agent| agent.is_connected());
    if !connected || master.books.has_tasks(id) || master.registrar.is_removing(id) {
        return;
    }
    let in_hand = |pending: &Pending| match pending {
        // What was said last is what counts; it asks again.
        Pending::Retire { id: other, what: Retirement::Drain(_), .. }
        | Pending::MarkDrained { id: other } => other == id,
        _ => false,
    };
    if master.out.waiting().any(in_hand) {
        return;
    }
    if drain.config.mark_gone() {
        master.log(format!("Agent {id} is drained, and is marked gone"));
        return removal::end(master, id, Removal::Gone, None);
    }
    let info = Drain { drained: true, ..drain }.to_wire();
    master.write_then([registry::write_draining(id.as_str(), info)], Pending::MarkDrained { id: id.clone() });
}

/// It is written that an agent is drained.
pub(crate) fn marked_drained(master: &mut Master, id: &AgentId) {
    if master.books.end_drain(id) {
        master.log(format!("Agent {id} is drained"));
    }
}
