//! What the user asks for.

use std::time::Duration;

use tepui_model::Tick;
use tepui_wire_mesos::v1::scheduler::{Call, call};

use super::{Acknowledgement, Effect, Receipt, Refused, SchedulerDriver, State, calls};
use crate::{CallToken, DriverStatus};

/// How long `stop` waits for the answer to its TEARDOWN.
const TEARDOWN_PATIENCE: Duration = Duration::from_secs(5);

impl SchedulerDriver {
    /// Sends a call; the functions of [`calls`] make them. The framework id is filled in.
    ///
    /// # Errors
    /// [`Refused`] when it was not sent. What becomes of a call that was is silence if all is well, and
    /// [`Event::CallFailed`](super::Event::CallFailed) otherwise.
    pub fn call(&mut self, _now: Tick, mut call: Call) -> Result<CallToken, Refused> {
        if self.status != DriverStatus::Running {
            return Err(Refused::NotRunning(self.status));
        }
        let State::Subscribed { subscription, stream_id, .. } = &self.state else {
            return Err(Refused::NotSubscribed);
        };
        if self.waiting_calls.len() >= self.config.max_calls {
            return Err(Refused::Full);
        }
        let (subscription, stream_id) = (*subscription, stream_id.clone());
        self.calls += 1;
        let token = CallToken(self.calls);
        let kind =
            call.r#type.and_then(|kind| call::Type::try_from(kind).ok()).unwrap_or(call::Type::Unknown);
        self.waiting_calls.insert(token, kind);
        call.framework_id.clone_from(&self.config.framework.id);
        self.remember_launches(&call);
        self.effects.push_back(Effect::Call { subscription, token, stream_id, call: Box::new(call) });
        Ok(token)
    }

    /// Acknowledges an update; for [`Acknowledgement::Explicit`], harmless otherwise.
    ///
    /// # Errors
    /// [`Refused`] when it was not sent; the update will come again.
    pub fn acknowledge(&mut self, now: Tick, receipt: Receipt) -> Result<(), Refused> {
        self.call(now, calls::acknowledge(receipt)).map(|_| ())
    }

    /// The user is done with an update: acknowledges it if that is automatic. A refusal is no harm, because the
    /// update comes again.
    pub fn handle_processed(&mut self, now: Tick, receipt: Receipt) {
        if self.config.acknowledgement == Acknowledgement::Automatic
            && let Err(refused) = self.acknowledge(now, receipt)
            && refused == Refused::Full
        {
            self.warn("an update was not acknowledged, because too many calls wait for an answer");
        }
    }

    /// Ends the driver. With `failover` the framework and its tasks stay, for a scheduler that continues them
    /// within the failover timeout; without, a TEARDOWN ends them (if there is a subscription to send it on).
    /// Returns `Stopped`, or what the status was if it was not `Running` (after an abort: `Aborted`, so that
    /// the caller learns of it).
    pub fn stop(&mut self, now: Tick, failover: bool) -> DriverStatus {
        match self.status {
            DriverStatus::Running => {
                let teardown = if failover { None } else { self.call(now, calls::teardown()).ok() };
                self.status = DriverStatus::Stopped;
                match (teardown, &self.state) {
                    (Some(token), State::Subscribed { subscription, .. }) => {
                        let subscription = *subscription;
                        self.state =
                            State::TearingDown { subscription, token, deadline: now + TEARDOWN_PATIENCE };
                    }
                    _ => self.close(),
                }
                DriverStatus::Stopped
            }
            DriverStatus::Aborted => {
                self.status = DriverStatus::Stopped;
                DriverStatus::Aborted
            }
            status @ (DriverStatus::NotStarted | DriverStatus::Stopped) => status,
        }
    }

    /// Ends the driver at once and delivers nothing more; the framework stays until its failover timeout.
    pub fn abort(&mut self, _now: Tick) -> DriverStatus {
        if self.status == DriverStatus::Running {
            self.status = DriverStatus::Aborted;
            self.effects.retain(|effect| !matches!(effect, Effect::Deliver(_)));
            self.close();
        }
        self.status
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
