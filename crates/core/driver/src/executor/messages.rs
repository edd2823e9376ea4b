//! What the agent says in libprocess messages, and the end of its link.

use tepui_model::Tick;
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{
    Message, internal,
    v1::{AgentId, AgentInfo},
};

use super::{Callback, Effect, ExecutorDriver, State, Transport};

impl ExecutorDriver {
    /// A message for this driver's process.
    pub(super) fn received(&mut self, now: Tick, from: &Upid, message: Message) {
        if matches!(self.state, State::NotStarted | State::Ended) || self.config.transport == Transport::Http
        {
            return;
        }
        match message {
            Message::ExecutorRegistered(message) => {
                let agent_info = agent_info(message.slave_info, &message.slave_id);
                let executor_info = Box::new(message.executor_info);
                let framework_info = Box::new(message.framework_info);
                let callback = Callback::Registered { executor_info, framework_info, agent_info };
                self.registered(now, &message.slave_id, callback);
            }
            Message::ExecutorReregistered(message) => {
                let agent_info = agent_info(message.slave_info, &message.slave_id);
                self.registered(now, &message.slave_id, Callback::Reregistered { agent_info });
            }
            Message::ReconnectExecutor(_) => self.reconnect(now, from),
            Message::ShutdownExecutor(_) => {
                self.shut_down(now);
                if !self.is_subscribed() {
                    self.enter(State::Detached, None);
                }
            }
            // Also without a connection: a task that must end must end.
            Message::KillTask(message) => {
                let internal::KillTaskMessage { task_id, kill_policy, .. } = *message;
                self.deliver_unless_shutting_down(Callback::KillTask { task_id, kill_policy });
            }
            // Also while shutting down: it tells the user that he may go.
            Message::StatusUpdateAcknowledgement(message) if self.can_call() => {
                self.acknowledged(now, message.task_id, message.uuid);
            }
            Message::RunTask(message) if self.is_subscribed() => self.launch(message.task),
            Message::FrameworkToExecutor(message) if self.is_subscribed() => {
                self.deliver_unless_shutting_down(Callback::FrameworkMessage(message.data));
            }
            Message::StatusUpdateAcknowledgement(_)
            | Message::RunTask(_)
            | Message::FrameworkToExecutor(_) => {
                self.warn(format!("{} while not connected to the agent: ignored", message.name()));
            }
            other => self.warn(format!("{} is not for an executor: ignored", other.name())),
        }
    }

    /// The connection to a linked process has ended, or could not be made.
    pub(super) fn exited(&mut self, now: Tick, pid: &Upid) {
        let Transport::Libprocess { agent, .. } = &self.config.transport else { return };
        let (was_subscribed, asking) = (self.is_subscribed(), matches!(self.state, State::Subscribing(_)));
        // While there is no link none can end; what is told is of an earlier one.
        if pid.address != agent.address || !(was_subscribed || asking) {
            return;
        }
        self.lost(now, was_subscribed, &format!("the connection to {pid} has ended"));
    }

    fn registered(&mut self, now: Tick, agent_id: &AgentId, callback: Callback) {
        if matches!(self.state, State::Waiting | State::Lost)
            && let Transport::Libprocess { agent, .. } = &self.config.transport
        {
            // The answer was on its way when the link ended.
            self.effects.push_back(Effect::Link { to: agent.clone() });
            let subscription = self.subscriptions.begin();
            self.enter(State::Subscribing(subscription), Some(now));
        }
        if !self.confirmed(Some(agent_id)) {
            self.warn(
                "a registration was confirmed that is confirmed already, or was not asked for: ignored",
            );
            return;
        }
        self.ever_subscribed = true;
        self.deliver(callback);
        self.send_due(now);
        self.finish_flush();
    }

    /// An agent that was restarted looks for its executors. The connection to it is made anew, even if the old
    /// one seems to be there still.
    fn reconnect(&mut self, now: Tick, from: &Upid) {
        if self.shutting_down {
            return self.warn("the agent came back during the shutdown: ignored");
        }
        if let Transport::Libprocess { agent, .. } = &mut self.config.transport {
            agent.clone_from(from);
        }
        self.ever_subscribed = true;
        self.attempt(now);
    }
}

/// The agent as both transports show it.
fn agent_info(info: internal::SlaveInfo, id: &AgentId) -> Box<AgentInfo> {
    let internal::SlaveInfo { hostname, port, resources, attributes, id: own, domain, checkpoint } = info;
    let id = own.or_else(|| Some(id.clone()));
    Box::new(AgentInfo { hostname, port, resources, attributes, id, domain, checkpoint })
}
