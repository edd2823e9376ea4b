//! What the user asks for.

use bytes::Bytes;
use tepui_model::Tick;
use tepui_wire_mesos::v1::{TaskState, TaskStatus, executor::call, task_status};

use super::{Callback, Effect, ExecutorDriver, State, Timer, Transport};
use crate::DriverStatus;

impl ExecutorDriver {
    pub(super) fn begin(&mut self, now: Tick) {
        if self.status == DriverStatus::NotStarted {
            self.status = DriverStatus::Running;
            self.attempt(now);
        }
    }

    pub(super) fn stop(&mut self, now: Tick) {
        match self.status {
            DriverStatus::Running => {
                self.status = DriverStatus::Stopped;
                self.drop_callbacks();
                self.timers.cancel(&Timer::Kill);
                self.timers.set(Timer::Flush, now + self.config.flush_timeout);
                self.flushing = true;
                self.finish_flush();
            }
            DriverStatus::Aborted => self.status = DriverStatus::Stopped,
            DriverStatus::NotStarted | DriverStatus::Stopped => {}
        }
    }

    pub(super) fn abort(&mut self) {
        if self.status == DriverStatus::Running {
            self.status = DriverStatus::Aborted;
            self.drop_callbacks();
            self.close();
        }
    }

    pub(super) fn update(&mut self, now: Tick, mut status: TaskStatus) {
        if self.status != DriverStatus::Running {
            return;
        }
        if status.state == i32::from(TaskState::TaskStaging) {
            // An agent answers it by ending the executor.
            let reason = "an executor must not send TASK_STAGING".to_owned();
            return self.deliver(Callback::UpdateRefused { status: Box::new(status), reason });
        }
        status.executor_id = Some(self.config.executor_id.clone());
        status.agent_id.clone_from(&self.config.agent_id);
        status.source = Some(task_status::Source::Executor.into());
        status.uuid = Some(self.chance.uuid_bytes());
        status.timestamp.get_or_insert(now.as_secs_f64());
        self.updates.add(call::Update { status });
        self.counters.updates += 1;
        self.send_due(now);
    }

    pub(super) fn message(&mut self, data: Bytes) {
        if self.status != DriverStatus::Running {
            return;
        }
        if !self.can_call() {
            self.warn("a message was dropped: there is no subscription");
        } else if self.messages_waiting >= self.config.max_messages {
            self.warn("a message was dropped: too many wait for the agent");
        } else {
            self.put_message(data);
        }
    }

    /// Sends the updates whose time has come, if there is a way.
    pub(super) fn send_due(&mut self, now: Tick) {
        if !self.can_call() {
            return;
        }
        while let Some((number, update)) = self.updates.take_due(now) {
            self.put_update(now, number, update);
        }
    }

    /// After `stop`: ends when everything has left. A message has no answer but the acknowledgement.
    pub(super) fn finish_flush(&mut self) {
        if !self.flushing {
            return;
        }
        let left = self.config.transport == Transport::Http
            && self.updates.have_arrived()
            && !matches!(self.state, State::Subscribing(_));
        if self.updates.len() == 0 || left {
            self.close();
        }
    }

    fn drop_callbacks(&mut self) {
        self.effects.retain(|effect| !matches!(effect, Effect::Deliver(_)));
    }
}
