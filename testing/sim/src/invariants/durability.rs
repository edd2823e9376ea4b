//! 5. An update that was acknowledged to the executor is not lost by a crash. 8. A reply that implies durability is
//!    durable. 9. An agent that comes back answers for every task that it had written down. And of 6 what is seen where
//!    updates are sent: each only when the one before it was acknowledged.
//!
//! A framework that does not checkpoint has agreed to lose what its agent remembers when that is killed; and one
//! that was torn down wants to hear no more. Both are excused from 5, and so is an agent
//! that an operator gives up.

use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{Message, v1};

use super::Outcome;
use crate::{history::History, network::Node, world::World};

const LOST: &str = "5: an update that was acknowledged to its executor is not lost";
const ORDER: &str = "6: updates of one task arrive in order";
const ANSWERED: &str = "9: an agent that comes back answers for every task that it had written down";
const PROMISE: &str = "8: a reply that implies durability is durable";

/// Whether a promise was broken so far.
pub(crate) fn check(world: &World) -> Outcome {
    let History { broken_promise, overtaken, forgotten, .. } = &world.history;
    let seen = [(PROMISE, broken_promise), (ORDER, overtaken), (ANSWERED, forgotten)];
    match seen.into_iter().find_map(|(words, what)| Some((words, what.clone()?))) {
        Some(violation) => Err(violation),
        None => Ok(()),
    }
}

/// At the end: every update that an executor may forget has reached its scheduler.
pub(crate) fn nothing_acknowledged_is_lost(world: &World) -> Outcome {
    for (uuid, (task, _)) in &world.history.acknowledged {
        let left = world.scheduler_of(task).is_some_and(|scheduler| scheduler.is_leaving());
        if !left && !world.history.processed.contains(uuid) {
            let uuid: String = uuid.iter().take(3).map(|byte| format!("{byte:02x}")).collect();
            return Err((
                LOST,
                format!("{task}: update {uuid} was acknowledged, but its scheduler never heard it"),
            ));
        }
    }
    Ok(())
}

impl World {
    /// The master tells a scheduler something: it has to be in the registry.
    pub(crate) fn observe_event(&mut self, scheduler: usize, event: &v1::scheduler::Event) {
        if let Some(subscribed) = &event.subscribed {
            let id = &subscribed.framework_id.value;
            self.trace.call(id, format!("framework-{scheduler}"));
            if !self.nodes.is_registered(&format!("frameworks/{id}")) {
                self.break_promise(format!(
                    "SUBSCRIBED was sent for framework {id}, which is not in the registry"
                ));
            }
        }
        for offer in event.offers.iter().flat_map(|offers| &offers.offers) {
            self.history.offered(&offer.id.value);
            self.observe_offer(scheduler, offer);
        }
    }

    /// The master tells an agent something: it has to be in the registry.
    pub(crate) fn observe_sent_by_master(&mut self, to: &Upid, message: &Message) {
        let id = match message {
            Message::SlaveRegistered(registered) => &registered.slave_id.value,
            Message::SlaveReregistered(registered) => &registered.slave_id.value,
            Message::Shutdown(_) => {
                if let Some(Node::Agent(number)) = self.nodes.at(to).cloned()
                    && let Some(id) = self.nodes.agent(number).and_then(|agent| agent.disk.agent_id())
                {
                    let id = id.to_owned();
                    self.history.gone_agents.insert(id);
                    self.excuse_what_is_gone(number);
                }
                return;
            }
            _ => return,
        };
        if !self.nodes.is_registered(&format!("agents/{id}")) {
            let what = format!("agent {id} was told that it is registered, but it is not in the registry");
            self.break_promise(what);
        }
    }

    /// An agent tells the master of an update: it has to be on the agent's disk, if its framework checkpoints.
    pub(crate) fn observe_sent_by_agent(&mut self, number: usize, message: &Message) {
        let Message::StatusUpdate(update) = message else { return };
        let (update, task) = (&update.update, &update.update.status.task_id.value);
        let Some(uuid) = &update.uuid else { return };
        self.history.update_made(task, uuid);
        let Some(agent) = self.nodes.agent(number) else { return };
        let disk = &agent.disk;
        if disk.checkpoints(&update.framework_id.value) && disk.has_task(task) && !disk.has_update(uuid) {
            let what = format!("agent-{number} forwarded an update of {task} that is not on its disk");
            self.break_promise(what);
        }
        self.check_the_one_before(number, task, uuid);
    }

    /// An update is sent when the one before it was acknowledged, and not earlier.
    fn check_the_one_before(&mut self, number: usize, task: &str, uuid: &[u8]) {
        let Some(agent) = self.nodes.agent(number) else { return };
        let sent = self.history.sent.entry(task.to_owned()).or_default();
        let place = sent.iter().position(|known| known == uuid).unwrap_or(sent.len());
        if place == sent.len() {
            sent.push(uuid.to_vec());
        }
        let before = place.checked_sub(1).and_then(|before| sent.get(before));
        // Of a task that was never written down nothing is remembered either.
        let early = before
            .is_some_and(|before| agent.disk.has_update(before) && !self.history.processed.contains(before));
        if early {
            let what = format!(
                "agent-{number} forwarded an update of {task} before the one before it was acknowledged"
            );
            self.history.overtaken.get_or_insert(what);
        }
    }

    /// An executor hears that an update has arrived for good.
    pub(crate) fn check_acknowledged_is_durable(&mut self, number: usize, task: &str, uuid: &[u8]) {
        let excused =
            self.scheduler_of(task).is_some_and(|scheduler| !scheduler.checkpoint || scheduler.is_leaving());
        if excused || self.history.given_up.contains(&number) {
            return;
        }
        let processed = self.history.processed.contains(uuid);
        let durable = self.nodes.agent(number).is_some_and(|agent| agent.disk.has_update(uuid));
        if !processed && !durable {
            let what = format!(
                "agent-{number} acknowledged an update of {task} that is neither on its disk nor with its scheduler"
            );
            self.break_promise(what);
        }
    }

    /// An agent's process dies: what it had only in its memory is lost, as agreed with who does not checkpoint.
    pub(crate) fn excuse_what_is_not_checkpointed(&mut self, agent: usize) {
        let mut acknowledged = std::mem::take(&mut self.history.acknowledged);
        acknowledged.retain(|_, (task, by)| {
            *by != agent || self.scheduler_of(task).is_none_or(|node| node.checkpoint)
        });
        self.history.acknowledged = acknowledged;
    }

    /// An operator gives an agent up, with all that it has not passed on.
    pub(crate) fn excuse_what_is_gone(&mut self, agent: usize) {
        self.history.acknowledged.retain(|_, (_, by)| *by != agent);
        self.history.given_up.insert(agent);
    }

    /// What travels, seen from outside.
    pub(crate) fn observe_message(&mut self, to: &Node, message: &Message) {
        match message {
            Message::UnregisterSlave(agent) => {
                self.history.gone_agents.insert(agent.slave_id.value.clone());
            }
            Message::SlaveRegistered(registered) => {
                if let Node::Agent(number) = to {
                    self.history.given_up.remove(number);
                }
                self.trace.call(&registered.slave_id.value, to.to_string());
            }
            _ => {}
        }
    }

    fn break_promise(&mut self, what: String) {
        self.history.broken_promise.get_or_insert(what);
    }
}
