//! What the user asks for.

use std::time::Duration;

use tepui_model::Tick;
use tepui_wire_mesos::v1::scheduler::{Call, call};

use super::{Acknowledgement, Effect, Receipt, Refused, SchedulerDriver, State, calls};
use crate::{CallToken, DriverStatus};

/// How long a stop waits for the answer to its TEARDOWN.
const TEARDOWN_PATIENCE: Duration = Duration::from_secs(5);

impl SchedulerDriver {
    /// The number under which a call is taken now.
    ///
    /// # Errors
    /// [`Refused`] when none is.
    pub fn next_call(&self) -> Result<CallToken, Refused> {
        if self.status != DriverStatus::Running {
            return Err(Refused::NotRunning(self.status));
        }
        if !self.is_subscribed() {
            return Err(Refused::NotSubscribed);
        }
        if self.waiting_calls.len() >= self.config.max_calls {
            return Err(Refused::Full);
        }
        Ok(self.calls.upcoming())
    }

    /// Sends a call if one is taken now ([`SchedulerDriver::next_call`]).
    pub(super) fn put_call(&mut self, mut call: Box<Call>) -> Option<CallToken> {
        let State::Subscribed { subscription, stream_id, .. } = &self.state else { return None };
        let (subscription, stream_id) = (*subscription, stream_id.clone());
        let token = self.calls.begin();
        let kind =
            call.r#type.and_then(|kind| call::Type::try_from(kind).ok()).unwrap_or(call::Type::Unknown);
        self.waiting_calls.insert(token, kind);
        call.framework_id.clone_from(&self.config.framework.id);
        self.remember_launches(&call);
        self.effects.push_back(Effect::Call { subscription, token, stream_id, call });
        Some(token)
    }

    /// A call of the driver's own.
    pub(super) fn call(&mut self, call: Call) -> Result<Option<CallToken>, Refused> {
        self.next_call().map(|_| self.put_call(Box::new(call)))
    }

    pub(super) fn processed(&mut self, receipt: Receipt) {
        if self.config.acknowledgement == Acknowledgement::Automatic
            && self.call(calls::acknowledge(receipt)) == Err(Refused::Full)
        {
            self.warn("an update was not acknowledged, because too many calls wait for an answer");
        }
    }

    pub(super) fn begin(&mut self, now: Tick) {
        if self.status == DriverStatus::NotStarted {
            self.status = DriverStatus::Running;
            self.attempt(now);
        }
    }

    pub(super) fn stop(&mut self, now: Tick, failover: bool) {
        match self.status {
            DriverStatus::Running => {
                let teardown = if failover { None } else { self.call(calls::teardown()).ok().flatten() };
                self.status = DriverStatus::Stopped;
                match (teardown, &self.state) {
                    (Some(token), State::Subscribed { subscription, .. }) => {
                        let subscription = *subscription;
                        self.state =
                            State::TearingDown { subscription, token, deadline: now + TEARDOWN_PATIENCE };
                    }
                    _ => self.close(),
                }
            }
            DriverStatus::Aborted => self.status = DriverStatus::Stopped,
            DriverStatus::NotStarted | DriverStatus::Stopped => {}
        }
    }

    pub(super) fn abort(&mut self) {
        if self.status == DriverStatus::Running {
            self.status = DriverStatus::Aborted;
            self.effects.retain(|effect| !matches!(effect, Effect::Deliver(_)));
            self.close();
        }
    }

    fn remember_launches(&mut self, call: &Call) {
        if !self.config.reconcile {
            return;
        }
        for operation in call.accept.iter().flat_map(|accept| &accept.operations) {
            let alone = operation.launch.iter().flat_map(|launch| &launch.task_infos);
            let groups = operation.launch_group.iter().flat_map(|launch| &launch.task_group.tasks);
            for task in alone.chain(groups) {
                self.live.insert(task.task_id.value.clone(), Some(task.agent_id.clone()));
            }
        }
    }
}
