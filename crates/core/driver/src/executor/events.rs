//! What the agent says: on the stream, and in answer to calls.

use bytes::Bytes;
use tepui_model::{Fate, Fault, TaskState, Tick};
use tepui_wire_mesos::v1::{
    AgentId, TaskGroupInfo, TaskId, TaskInfo,
    executor::{self as wire, event},
};

use super::{Callback, ExecutorDriver, State, Timer, Waiting};
use crate::{CallToken, DriverStatus, Subscription};

impl ExecutorDriver {
    /// A record of the stream.
    pub(super) fn heard(&mut self, now: Tick, subscription: Subscription, event: wire::Event) {
        if !self.is_current(subscription) {
            return;
        }
        // A type that this driver does not know is a newer agent's; Mesos wants it ignored.
        let Some(kind) = event.r#type.and_then(|kind| event::Type::try_from(kind).ok()) else { return };
        let handled = match kind {
            event::Type::Unknown | event::Type::Heartbeat => Some(()),
            event::Type::Subscribed => event.subscribed.map(|subscribed| self.subscribed(now, *subscribed)),
            event::Type::Error => event.error.map(|error| self.fail(error.message)),
            event::Type::Shutdown => {
                self.shut_down(now);
                Some(())
            }
            // Also while shutting down: it tells the user that he may go.
            event::Type::Acknowledged => {
                event.acknowledged.map(|ack| self.acknowledged(now, ack.task_id, ack.uuid))
            }
            event::Type::Kill => event.kill.map(|event::Kill { task_id, kill_policy }| {
                self.deliver_unless_shutting_down(Callback::KillTask { task_id, kill_policy });
            }),
            _ if !self.is_subscribed() => {
                self.warn(format!("{} before SUBSCRIBED: ignored", kind.as_str_name()));
                Some(())
            }
            event::Type::Launch => event.launch.map(|launch| self.launch(launch.task)),
            event::Type::LaunchGroup => event.launch_group.map(|launch| self.launch_group(launch.task_group)),
            event::Type::Message => event.message.map(|message| {
                self.deliver_unless_shutting_down(Callback::FrameworkMessage(message.data));
            }),
        };
        if handled.is_none() {
            self.warn(format!("an event {} without its body: ignored", kind.as_str_name()));
        }
    }

    pub(super) fn deliver_unless_shutting_down(&mut self, callback: Callback) {
        if !self.shutting_down {
            self.deliver(callback);
        }
    }

    fn subscribed(&mut self, now: Tick, subscribed: event::Subscribed) {
        let event::Subscribed { executor_info, framework_info, agent_info, container_id } = subscribed;
        if !self.confirmed(agent_info.id.as_ref()) {
            self.warn("SUBSCRIBED on a stream that is subscribed already: ignored");
            return;
        }
        self.timers.set(Timer::Heartbeat, now + self.config.heartbeat_interval);
        self.container_id = container_id;
        let agent_info = Box::new(agent_info);
        let again = std::mem::replace(&mut self.ever_subscribed, true);
        self.deliver(if again {
            Callback::Reregistered { agent_info }
        } else {
            let (executor_info, framework_info) = (Box::new(executor_info), Box::new(framework_info));
            Callback::Registered { executor_info, framework_info, agent_info }
        });
        // What the user gave between SUBSCRIBE and now.
        self.send_due(now);
        self.finish_flush();
    }

    /// The agent confirms the subscription that was asked for. Answers false if none was.
    pub(super) fn confirmed(&mut self, agent_id: Option<&AgentId>) -> bool {
        let State::Subscribing(subscription) = self.state else { return false };
        self.enter(State::Subscribed(subscription), None);
        self.timers.cancel(&Timer::Recovery);
        if let Some(id) = agent_id {
            self.config.agent_id.get_or_insert_with(|| id.clone());
        }
        true
    }

    pub(super) fn launch(&mut self, task: TaskInfo) {
        if self.may_launch(&[&task]) {
            self.remember(&task);
            self.deliver(Callback::LaunchTask(Box::new(task)));
        }
    }

    fn launch_group(&mut self, group: TaskGroupInfo) {
        if group.tasks.is_empty() {
            self.warn("a task group without a task: ignored");
        } else if self.may_launch(&group.tasks.iter().collect::<Vec<_>>()) {
            for task in &group.tasks {
                self.remember(task);
            }
            self.deliver(Callback::LaunchTaskGroup(group));
        }
    }

    /// A task id that is in use would make two tasks one; the second is refused. No update is sent about it,
    /// because it would be taken for one about the first.
    fn may_launch(&mut self, tasks: &[&TaskInfo]) -> bool {
        let running = self.status == DriverStatus::Running && !self.shutting_down;
        for (place, task) in tasks.iter().enumerate() {
            let id = &task.task_id.value;
            if !running {
                self.warn(format!("task '{id}' came during the shutdown: ignored"));
                return false;
            }
            if self.tasks.contains_key(id) || tasks.iter().take(place).any(|other| other.task_id.value == *id)
            {
                self.warn(format!("task '{id}' is here already: its second launch is ignored"));
                return false;
            }
        }
        true
    }

    fn remember(&mut self, task: &TaskInfo) {
        let arrival = self.arrivals;
        self.arrivals += 1;
        self.unacknowledged.insert(arrival, task.clone());
        self.tasks.insert(task.task_id.value.clone(), Some(arrival));
    }

    pub(super) fn acknowledged(&mut self, now: Tick, task_id: TaskId, uuid: Bytes) {
        if uuid.len() != 16 {
            let (id, bytes) = (&task_id.value, uuid.len());
            self.warn(format!("an acknowledgement for task '{id}' with a uuid of {bytes} bytes: ignored"));
            return;
        }
        // One that is unknown was acknowledged before, or belongs to an earlier run of this executor.
        let Some(update) = self.updates.acknowledge(&uuid) else { return };
        self.counters.acknowledgements += 1;
        if let Some(arrival) = self.tasks.get_mut(&task_id.value).and_then(Option::take) {
            self.unacknowledged.remove(&arrival);
        }
        if TaskState::from_number(update.status.state).is_some_and(TaskState::is_terminal) {
            self.tasks.remove(&task_id.value);
        }
        self.deliver(Callback::UpdateAcknowledged { task_id, uuid });
        // The next of this task, if this one was acknowledged before its call was answered.
        self.send_due(now);
        self.finish_flush();
    }

    pub(super) fn answered(&mut self, now: Tick, token: CallToken, fate: Fate) {
        match self.waiting_calls.remove(&token) {
            Some(Waiting::Update(update)) => self.update_answered(now, update, fate),
            Some(Waiting::Message) => {
                self.messages_waiting = self.messages_waiting.saturating_sub(1);
                if let Some((_, reason)) = refusal(fate) {
                    self.warn(format!("a message was lost: {reason}"));
                }
            }
            Some(Waiting::Carried | Waiting::Heartbeat) | None => {}
        }
    }

    fn update_answered(&mut self, now: Tick, update: u64, fate: Fate) {
        match refusal(fate) {
            None => self.updates.arrived(now, update),
            // The agent will never take it; repeating it would only hold up the others.
            Some((Fault::Call, reason)) => self.refuse(update, reason),
            Some((_, reason)) => {
                if self.updates.failed(now, update, &mut self.chance) {
                    self.warn(format!("an update did not arrive and is repeated: {reason}"));
                }
            }
        }
        self.send_due(now);
        self.finish_flush();
    }

    fn refuse(&mut self, update: u64, reason: String) {
        if let Some(update) = self.updates.remove(update) {
            self.warn(format!("the agent refused an update of '{}': {reason}", update.status.task_id.value));
            self.deliver(Callback::UpdateRefused { status: Box::new(update.status), reason });
        }
    }
}

/// Whose fault a failure is, and its words; `None` for a success.
fn refusal(fate: Fate) -> Option<(Fault, String)> {
    match fate {
        Fate::Taken => None,
        Fate::Refused { fault, reply } => Some((fault, format!("{} {}", reply.status, reply.body))),
        Fate::Unanswered(reason) => Some((Fault::Peer, reason)),
    }
}
