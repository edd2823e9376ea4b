//! What goes to the agent, as the transport writes it: calls or messages.

use bytes::Bytes;
use tepui_model::Tick;
use tepui_wire_libprocess::Upid;
use tepui_wire_mesos::{
    Message, internal,
    v1::executor::{Call, call},
};

use super::{Effect, ExecutorDriver, Transport, Waiting};
use crate::Subscription;

impl ExecutorDriver {
    /// Asks for the subscription, with everything unacknowledged where the transport has room for it.
    pub(super) fn put_subscribe(&mut self, now: Tick, subscription: Subscription) {
        if let Transport::Libprocess { agent, .. } = &self.config.transport {
            let agent = agent.clone();
            self.effects.push_back(Effect::Link { to: agent.clone() });
            let message = if self.ever_subscribed { self.reregister(now) } else { self.register() };
            self.effects.push_back(Effect::Send { to: agent, message: Box::new(message) });
            return;
        }
        for waiting in self.waiting_calls.values_mut() {
            if matches!(waiting, Waiting::Update(_)) {
                *waiting = Waiting::Carried;
            }
        }
        let subscribe = call::Subscribe {
            unacknowledged_tasks: self.unacknowledged.values().cloned().collect(),
            unacknowledged_updates: self.updates.take_all(now),
        };
        let call = Call { subscribe: Some(subscribe), ..self.call_of(call::Type::Subscribe) };
        let agent = self.config.agent.clone();
        self.effects.push_back(Effect::Subscribe { subscription, agent, call: Box::new(call) });
    }

    /// Sends an update, by its number.
    pub(super) fn put_update(&mut self, now: Tick, number: u64, update: call::Update) {
        if let Transport::Libprocess { own, agent } = &self.config.transport {
            let (pid, agent) = (Some(own.to_string()), agent.clone());
            let message = internal::StatusUpdateMessage { update: self.status_update(update), pid };
            // A message has no answer, and links keep their order.
            self.updates.arrived(now, number);
            return self.put(agent, message);
        }
        let call = Call { update: Some(update), ..self.call_of(call::Type::Update) };
        self.put_call(Waiting::Update(number), call);
    }

    /// Sends a message to the scheduler.
    pub(super) fn put_message(&mut self, data: Bytes) {
        if let Transport::Libprocess { agent, .. } = &self.config.transport {
            let message = internal::ExecutorToFrameworkMessage {
                slave_id: self.config.agent_id.clone().unwrap_or_default(),
                framework_id: self.config.framework_id.clone(),
                executor_id: self.config.executor_id.clone(),
                data,
            };
            return self.put(agent.clone(), message);
        }
        self.messages_waiting += 1;
        let call = Call { message: Some(call::Message { data }), ..self.call_of(call::Type::Message) };
        self.put_call(Waiting::Message, call);
    }

    /// Tells the agent that this end is alive (HTTP only: a link says so by itself).
    pub(super) fn put_heartbeat(&mut self) {
        let call = self.call_of(call::Type::Heartbeat);
        self.put_call(Waiting::Heartbeat, call);
    }

    fn put_call(&mut self, waiting: Waiting, call: Call) {
        let token = self.calls.begin();
        self.waiting_calls.insert(token, waiting);
        self.effects.push_back(Effect::Call { token, call: Box::new(call) });
    }

    fn put(&mut self, to: Upid, message: impl Into<Message>) {
        self.effects.push_back(Effect::Send { to, message: Box::new(message.into()) });
    }

    fn call_of(&self, kind: call::Type) -> Call {
        Call {
            executor_id: self.config.executor_id.clone(),
            framework_id: self.config.framework_id.clone(),
            r#type: Some(kind.into()),
            ..Call::default()
        }
    }

    fn register(&self) -> Message {
        let framework_id = self.config.framework_id.clone();
        let executor_id = self.config.executor_id.clone();
        internal::RegisterExecutorMessage { framework_id, executor_id }.into()
    }

    fn reregister(&mut self, now: Tick) -> Message {
        let updates = self.updates.take_all(now);
        internal::ReregisterExecutorMessage {
            executor_id: self.config.executor_id.clone(),
            framework_id: self.config.framework_id.clone(),
            tasks: self.unacknowledged.values().cloned().collect(),
            updates: updates.into_iter().map(|update| self.status_update(update)).collect(),
        }
        .into()
    }

    /// An update as messages carry it: what the status says of itself, outside of it once more.
    fn status_update(&self, update: call::Update) -> internal::StatusUpdate {
        let status = update.status;
        internal::StatusUpdate {
            framework_id: self.config.framework_id.clone(),
            executor_id: Some(self.config.executor_id.clone()),
            slave_id: self.config.agent_id.clone(),
            timestamp: status.timestamp.unwrap_or_default(),
            uuid: status.uuid.clone(),
            latest_state: None,
            status,
        }
    }
}
