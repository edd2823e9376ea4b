//! Getting subscribed, staying subscribed, noticing that one is not.

use std::{sync::Arc, time::Duration};

use tepui_model::{Loss, Prospect, Tick};
use tepui_wire_libprocess::Address;
use tepui_wire_mesos::v1::scheduler::{Call, call};

use super::{CallError, Callback, Effect, SchedulerDriver, State, calls};
use crate::Subscription;

/// Masters that point at one another must not make the driver spin.
const MAX_REDIRECTS: u32 = 5;

impl SchedulerDriver {
    pub(super) fn connected(&mut self, subscription: Subscription, stream_id: Option<String>) {
        if let State::Subscribing { subscription: current, stream_id: held, .. } = &mut self.state
            && *current == subscription
        {
            *held = stream_id.map(Arc::from);
        }
    }

    pub(super) fn disconnected(&mut self, now: Tick, subscription: Subscription, loss: Loss) {
        if !self.is_current(subscription) {
            return;
        }
        match &self.state {
            State::Subscribing { .. } => self.attempt_failed(now, loss),
            State::TearingDown { .. } => self.state = State::Ended,
            _ => self.lost(now, &loss.to_string()),
        }
    }

    /// What the state waited for has not come.
    pub(super) fn fell_due(&mut self, now: Tick) {
        match self.state {
            State::Waiting { .. } => self.attempt(now),
            State::Subscribing { subscription, .. } => {
                self.effects.push_back(Effect::Close { subscription });
                let reason = format!("no subscription within {:?}", self.config.subscribe_timeout);
                self.attempt_failed(now, Loss::Broken(reason));
            }
            State::Subscribed { subscription, patience, .. } => {
                self.effects.push_back(Effect::Close { subscription });
                self.lost(now, &format!("no heartbeat from the master for {patience:?}"));
            }
            State::TearingDown { .. } => self.close(),
            State::NotStarted | State::Ended => {}
        }
    }

    /// Calls without an answer end with their subscription. They may or may not have been heard.
    fn fail_calls(&mut self) {
        for (token, call) in std::mem::take(&mut self.waiting_calls) {
            if call != call::Type::Acknowledge {
                let error = CallError::Unanswered("the subscription ended".to_owned());
                self.deliver(Callback::CallFailed { token, call, error });
            }
        }
    }

    /// Whether `subscription` is the one that counts now.
    pub(super) fn is_current(&self, subscription: Subscription) -> bool {
        match self.state {
            State::Subscribing { subscription: current, .. }
            | State::Subscribed { subscription: current, .. }
            | State::TearingDown { subscription: current, .. } => current == subscription,
            State::NotStarted | State::Waiting { .. } | State::Ended => false,
        }
    }

    /// Sends a SUBSCRIBE: to where the last answer pointed, or to the next of the configured masters.
    pub(super) fn attempt(&mut self, now: Tick) {
        let configured = self.config.masters.get(self.master).cloned();
        let Some(master) = self.redirected.take().or(configured) else {
            self.fail("no master is configured");
            return;
        };
        let subscription = self.subscriptions.begin();
        self.state = State::Subscribing {
            subscription,
            stream_id: None,
            deadline: now + self.config.subscribe_timeout,
        };
        let call = Box::new(self.subscribe_call());
        self.effects.push_back(Effect::Subscribe { subscription, master, call });
    }

    fn subscribe_call(&self) -> Call {
        calls::subscribe(
            self.config.framework.clone(),
            self.config.suppressed_roles.clone(),
            self.config.offer_constraints.clone(),
        )
    }

    /// Every record is a sign of life.
    pub(super) fn alive(&mut self, now: Tick) {
        if let State::Subscribed { patience, deadline, .. } = &mut self.state {
            *deadline = now + *patience;
        }
    }

    /// How long silence may last when the master promises a heartbeat every `interval` seconds.
    pub(super) fn patience(&self, interval: Option<f64>) -> Duration {
        let interval = interval.filter(|seconds| *seconds > 0.0).unwrap_or(15.0);
        let interval = Duration::try_from_secs_f64(interval).unwrap_or(Duration::from_secs(15));
        interval.saturating_mul(self.config.missed_heartbeats.max(1))
    }

    fn attempt_failed(&mut self, now: Tick, loss: Loss) {
        match &loss {
            Loss::Refused { prospect: Prospect::Elsewhere(location), .. } => {
                match Address::parse(location, 5050) {
                    Ok(address) if self.redirects < MAX_REDIRECTS => {
                        self.redirects += 1;
                        // Some masters name only themselves, some the whole path: the path is the same everywhere.
                        self.redirected = Some(address.with_path(""));
                        return self.attempt(now);
                    }
                    Ok(_) => self.warn(format!("redirected {MAX_REDIRECTS} times in a row; waiting")),
                    Err(error) => self.warn(format!("a redirect leads nowhere: {error}")),
                }
            }
            Loss::Refused { prospect: Prospect::Never, .. } => {
                self.state = State::Ended;
                return self.fail(loss.to_string());
            }
            Loss::Refused { .. } | Loss::Broken(_) | Loss::Ended => {
                self.warn(format!("not subscribed: {loss}"))
            }
        }
        self.master = (self.master + 1) % self.config.masters.len().max(1);
        self.wait(now);
    }

    /// The subscription is gone; tells the user and waits for the next attempt.
    pub(super) fn lost(&mut self, now: Tick, reason: &str) {
        self.fail_calls();
        self.deliver(Callback::Disconnected { reason: reason.to_owned() });
        self.wait(now);
    }

    fn wait(&mut self, now: Tick) {
        self.redirects = 0;
        let wait = self.waits.draw(&mut self.chance);
        self.state = State::Waiting { until: now + wait };
    }
}
