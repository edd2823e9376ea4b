//! Getting subscribed, noticing that one is not, and what follows from it.

use tepui_model::{Loss, Tick};

use super::{Callback, Effect, ExecutorDriver, State, Transport};
use crate::{DriverStatus, Subscription};

impl ExecutorDriver {
    /// The shell has the answer's head, and it was 200. An agent that answers is not lost.
    pub fn handle_connected(&mut self, _now: Tick, subscription: Subscription) {
        if self.is_current(subscription) {
            self.recovery_deadline = None;
        }
    }

    /// The attempt failed or the stream ended.
    pub fn handle_disconnected(&mut self, now: Tick, subscription: Subscription, loss: Loss) {
        if !self.is_current(subscription) {
            return;
        }
        let was_subscribed = self.is_subscribed();
        match loss {
            // Recovering, or its routes are not there yet: it is alive and will answer soon.
            Loss::Refused { status: 404 | 408 | 429 | 500..=599, .. } => {
                self.recovery_deadline = None;
                self.warn(format!("not subscribed yet: {loss}"));
                self.wait(now);
            }
            Loss::Refused { .. } => {
                self.state = State::Ended;
                self.fail(format!("the agent refused the executor: {loss}"));
            }
            Loss::Broken(_) | Loss::Ended => self.lost(now, was_subscribed, &loss.to_string()),
        }
    }

    /// The agent is gone, for now or for good.
    pub(super) fn lost(&mut self, now: Tick, was_subscribed: bool, reason: &str) {
        self.warn(format!("the agent is lost: {reason}"));
        if self.shutting_down {
            self.state = State::Detached;
            return;
        }
        if was_subscribed {
            self.deliver(Callback::Disconnected);
        }
        if self.config.checkpoint {
            self.recovery_deadline.get_or_insert(now + self.config.recovery_timeout);
            if self.ever_subscribed && self.config.transport != Transport::Http {
                self.state = State::Lost;
            } else {
                self.wait(now);
            }
        } else if self.status == DriverStatus::Running {
            self.shut_down(now);
            self.state = State::Detached;
        } else {
            // Stopped and flushing: without checkpointing the agent does not come back for us.
            self.state = State::Ended;
        }
    }

    /// A deadline of [`poll_timeout`](Self::poll_timeout) may have passed.
    pub fn handle_timeout(&mut self, now: Tick) {
        let passed = |deadline: Option<Tick>| deadline.is_some_and(|deadline| deadline <= now);
        if passed(self.flush_deadline) {
            self.close();
            return;
        }
        if passed(self.kill_deadline) {
            self.kill_deadline = None;
            self.effects.push_back(Effect::KillProcessGroup);
        }
        if passed(self.recovery_deadline) {
            self.recovery_deadline = None;
            self.warn(format!("the agent did not come back within {:?}", self.config.recovery_timeout));
            self.abandon();
            self.shut_down(now);
        }
        match self.state {
            State::Waiting { until } if until <= now => self.attempt(now),
            State::Subscribing { subscription, deadline } if deadline <= now => {
                self.put_close(subscription);
                self.warn(format!(
                    "no subscription within {:?}; trying again",
                    self.config.subscribe_timeout
                ));
                self.wait(now);
            }
            State::Subscribed { .. } if passed(self.next_heartbeat) => {
                self.next_heartbeat = Some(now + self.config.heartbeat_interval);
                self.put_heartbeat();
            }
            _ => {}
        }
        self.send_due(now);
    }

    /// Whether `subscription` is the one that counts now.
    pub(super) fn is_current(&self, subscription: Subscription) -> bool {
        match self.state {
            State::Subscribing { subscription: current, .. }
            | State::Subscribed { subscription: current } => current == subscription,
            _ => false,
        }
    }

    /// Asks for a subscription.
    pub(super) fn attempt(&mut self, now: Tick) {
        self.subscriptions += 1;
        let subscription = Subscription(self.subscriptions);
        self.state = State::Subscribing { subscription, deadline: now + self.config.subscribe_timeout };
        self.put_subscribe(now, subscription);
    }

    fn wait(&mut self, now: Tick) {
        let wait = self.chance.up_to(self.config.subscription_backoff_max);
        self.state = State::Waiting { until: now + wait };
    }

    /// SHUTDOWN came, or nothing better can be done. The timer starts before the user hears of it.
    pub(super) fn shut_down(&mut self, now: Tick) {
        if std::mem::replace(&mut self.shutting_down, true) || self.status != DriverStatus::Running {
            return;
        }
        if !self.config.local {
            self.kill_deadline = Some(now + self.config.shutdown_grace_period);
        }
        self.deliver(Callback::Shutdown);
    }

    /// Gives up the subscription, but not the calls.
    fn abandon(&mut self) {
        if let State::Subscribing { subscription, .. } | State::Subscribed { subscription } = self.state {
            self.put_close(subscription);
        }
        self.state = State::Detached;
    }

    /// A link has no stream to be closed: it ends with the driver.
    fn put_close(&mut self, subscription: Subscription) {
        if self.config.transport == Transport::Http {
            self.effects.push_back(Effect::Close { subscription });
        }
    }

    /// The end by an error: aborted first, then the user is told, as in Mesos.
    pub(super) fn fail(&mut self, message: impl Into<String>) {
        let told = self.status == DriverStatus::Running;
        self.close();
        if told {
            self.status = DriverStatus::Aborted;
            self.effects.push_back(Effect::Deliver(Callback::Error(message.into())));
        }
    }

    /// Closes what is open; nothing follows.
    pub(super) fn close(&mut self) {
        self.abandon();
        self.state = State::Ended;
        self.recovery_deadline = None;
        self.kill_deadline = None;
        self.flush_deadline = None;
    }
}
