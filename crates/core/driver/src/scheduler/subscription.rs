//! Getting subscribed, staying subscribed, noticing that one is not.

use std::{sync::Arc, time::Duration};

use tepui_model::{Loss, Tick};
use tepui_wire_libprocess::Address;
use tepui_wire_mesos::v1::scheduler::{Call, call};

use super::{CallError, Effect, Event, SchedulerDriver, State, calls, redirect_of};
use crate::{DriverStatus, Subscription};

/// Masters that point at one another must not make the driver spin.
const MAX_REDIRECTS: u32 = 5;

impl SchedulerDriver {
    /// The shell has the answer's head: 200, and `stream_id` from its `Mesos-Stream-Id` header.
    pub fn handle_connected(&mut self, _now: Tick, subscription: Subscription, stream_id: Option<&str>) {
        if let State::Subscribing { subscription: current, stream_id: held, .. } = &mut self.state
            && *current == subscription
        {
            *held = stream_id.map(Arc::from);
        }
    }

    /// The attempt failed or the stream ended.
    pub fn handle_disconnected(&mut self, now: Tick, subscription: Subscription, loss: Loss) {
        if !self.is_current(subscription) {
            return;
        }
        match &self.state {
            State::Subscribing { .. } => self.attempt_failed(now, &loss),
            State::TearingDown { .. } => self.state = State::Ended,
            _ => self.lost(now, &loss.to_string()),
        }
    }

    /// A deadline of [`poll_timeout`](Self::poll_timeout) may have passed.
    pub fn handle_timeout(&mut self, now: Tick) {
        if self.poll_timeout().is_none_or(|deadline| deadline > now) {
            return;
        }
        match self.state {
            State::Waiting { .. } => self.attempt(now),
            State::Subscribing { subscription, .. } => {
                self.effects.push_back(Effect::Close { subscription });
                let reason = format!("no subscription within {:?}", self.config.subscribe_timeout);
                self.attempt_failed(now, &Loss::Broken(reason));
            }
            State::Subscribed { subscription, patience, .. } => {
                self.effects.push_back(Effect::Close { subscription });
                self.lost(now, &format!("no heartbeat from the master for {patience:?}"));
            }
            State::TearingDown { .. } => self.close(),
            State::NotStarted | State::Ended => {}
        }
    }

    /// The user does not take his events, so the shell does not read the stream: the silence is not the
    /// master's. To be told before [`handle_timeout`](Self::handle_timeout).
    pub fn handle_backpressure(&mut self, now: Tick) {
        self.heard(now);
    }

    /// Calls without an answer end with their subscription. They may or may not have been heard.
    fn fail_calls(&mut self) {
        for (token, call) in std::mem::take(&mut self.waiting_calls) {
            if call != call::Type::Acknowledge {
                let error = CallError::Unanswered("the subscription ended".to_owned());
                self.deliver(Event::CallFailed { token, call, error });
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
        self.subscriptions += 1;
        let subscription = Subscription(self.subscriptions);
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
    pub(super) fn heard(&mut self, now: Tick) {
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

    fn attempt_failed(&mut self, now: Tick, loss: &Loss) {
        if let Some(location) = redirect_of(loss) {
            match Address::parse(location, 5050) {
                Ok(address) if self.redirects < MAX_REDIRECTS => {
                    self.redirects += 1;
                    // Some masters name only themselves, some the whole path: the path is the same everywhere.
                    self.redirected = Some(address.with_path(""));
                    self.attempt(now);
                    return;
                }
                Ok(_) => self.warn(format!("redirected {MAX_REDIRECTS} times in a row; waiting")),
                Err(error) => self.warn(format!("a redirect leads nowhere: {error}")),
            }
        } else if is_final(loss) {
            self.state = State::Ended;
            self.fail(loss.to_string());
            return;
        } else {
            self.warn(format!("not subscribed: {loss}"));
        }
        self.master = (self.master + 1) % self.config.masters.len().max(1);
        self.wait(now);
    }

    /// The subscription is gone; tells the user and waits for the next attempt.
    pub(super) fn lost(&mut self, now: Tick, reason: &str) {
        self.fail_calls();
        self.deliver(Event::Disconnected { reason: reason.to_owned() });
        self.wait(now);
    }

    fn wait(&mut self, now: Tick) {
        self.redirects = 0;
        let wait = self.bound.draw(&mut self.chance);
        self.state = State::Waiting { until: now + wait };
    }

    /// Begins to subscribe. Returns the status that follows; outside of `NotStarted` nothing happens.
    pub fn start(&mut self, now: Tick) -> DriverStatus {
        if self.status == DriverStatus::NotStarted {
            self.status = DriverStatus::Running;
            self.attempt(now);
        }
        self.status
    }
}

/// Answers that the next attempt would get too.
const fn is_final(loss: &Loss) -> bool {
    match loss {
        // A master that is starting answers 404 before its routes are there and 503 before it has recovered.
        Loss::Refused { status, .. } => matches!(status, 400..=499) && !matches!(status, 404 | 408 | 429),
        Loss::Broken(_) | Loss::Ended => false,
    }
}
