//! What the user asks for.

use bytes::Bytes;
use tepui_model::Tick;
use tepui_wire_mesos::v1::{TaskState, TaskStatus, executor::call, task_status};

use super::{Callback, Effect, ExecutorDriver, State, Transport};
use crate::DriverStatus;

impl ExecutorDriver {
    /// Begins to subscribe.
    pub fn start(&mut self, now: Tick) -> DriverStatus {
        if self.status == DriverStatus::NotStarted {
            self.status = DriverStatus::Running;
            self.attempt(now);
        }
        self.status
    }

    /// Ends the driver. Updates already given still leave, for at most `flush_timeout`: the driver is
    /// finished when the agent has answered them. The shutdown's kill timer ends with it.
    pub fn stop(&mut self, now: Tick) -> DriverStatus {
        match self.status {
            DriverStatus::Running => {
                self.status = DriverStatus::Stopped;
                self.drop_callbacks();
                self.kill_deadline = None;
                self.flush_deadline = Some(now + self.config.flush_timeout);
                self.finish_flush();
                DriverStatus::Stopped
            }
            DriverStatus::Aborted => {
                self.status = DriverStatus::Stopped;
                // So that the caller learns of the abort.
                DriverStatus::Aborted
            }
            status @ (DriverStatus::NotStarted | DriverStatus::Stopped) => status,
        }
    }

    /// Ends the driver at once. Calls already handed to the shell are still sent; nothing is delivered.
    pub fn abort(&mut self, _now: Tick) -> DriverStatus {
        if self.status == DriverStatus::Running {
            self.status = DriverStatus::Aborted;
            self.drop_callbacks();
            self.close();
        }
        self.status
    }

    /// Sends an update and repeats it until the agent acknowledges it. Framework, executor, agent, source,
    /// uuid and (if not set) time are filled in. Never dropped: while there is no subscription, it waits.
    pub fn send_status_update(&mut self, now: Tick, mut status: TaskStatus) -> DriverStatus {
        if self.status != DriverStatus::Running {
            return self.status;
        }
        if status.state == i32::from(TaskState::TaskStaging) {
            // An agent answers it by ending the executor.
            let reason = "an executor must not send TASK_STAGING".to_owned();
            self.deliver(Callback::UpdateRefused { status: Box::new(status), reason });
            return self.status;
        }
        status.executor_id = Some(self.config.executor_id.clone());
        status.agent_id.clone_from(&self.config.agent_id);
        status.source = Some(task_status::Source::Executor.into());
        status.uuid = Some(self.chance.uuid());
        status.timestamp.get_or_insert(now.as_secs_f64());
        self.updates.add(call::Update { status });
        self.counters.updates += 1;
        self.send_due(now);
        self.status
    }

    /// Sends a message to the scheduler; best effort: it is dropped while there is no subscription, and when
    /// too many wait for their answers.
    pub fn send_framework_message(&mut self, _now: Tick, data: Bytes) -> DriverStatus {
        if self.status != DriverStatus::Running {
            return self.status;
        }
        if !self.can_call() {
            self.warn("a message was dropped: there is no subscription");
        } else if self.messages_waiting >= self.config.max_messages {
            self.warn("a message was dropped: too many wait for the agent");
        } else {
            self.put_message(data);
        }
        self.status
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
        if self.flush_deadline.is_none() {
            return;
        }
        let left = self.config.transport == Transport::Http
            && self.updates.have_arrived()
            && !matches!(self.state, State::Subscribing { .. });
        if self.updates.len() == 0 || left {
            self.close();
        }
    }

    fn drop_callbacks(&mut self) {
        self.effects.retain(|effect| !matches!(effect, Effect::Deliver(_)));
    }
}
