//! Getting subscribed, noticing that one is not, and what follows from it.

use tepui_model::{Loss, Prospect, Tick};

use super::{Callback, Effect, ExecutorDriver, State, Timer, Transport};
use crate::{DriverStatus, Subscription};

impl ExecutorDriver {
    /// An agent that answers is not lost.
    pub(super) fn connected(&mut self, subscription: Subscription) {
        if self.is_current(subscription) {
            self.timers.cancel(&Timer::Recovery);
        }
    }

    pub(super) fn disconnected(&mut self, now: Tick, subscription: Subscription, loss: Loss) {
        if !self.is_current(subscription) {
            return;
        }
        let was_subscribed = self.is_subscribed();
        match loss {
            // Recovering, or its routes are not there yet: it is alive and will answer soon.
            Loss::Refused { prospect: Prospect::Later, .. } => {
                self.timers.cancel(&Timer::Recovery);
                self.warn(format!("not subscribed yet: {loss}"));
                self.wait(now);
            }
            Loss::Refused { .. } => {
                self.enter(State::Ended, None);
                self.fail(format!("the agent refused the executor: {loss}"));
            }
            Loss::Broken(_) | Loss::Ended => self.lost(now, was_subscribed, &loss.to_string()),
        }
    }

    /// The agent is gone, for now or for good.
    pub(super) fn lost(&mut self, now: Tick, was_subscribed: bool, reason: &str) {
        self.warn(format!("the agent is lost: {reason}"));
        if self.shutting_down {
            return self.enter(State::Detached, None);
        }
        if was_subscribed {
            self.deliver(Callback::Disconnected);
        }
        if self.config.checkpoint {
            if self.timers.at(&Timer::Recovery).is_none() {
                self.timers.set(Timer::Recovery, now + self.config.recovery_timeout);
            }
            if self.ever_subscribed && self.config.transport != Transport::Http {
                self.enter(State::Lost, None);
            } else {
                self.wait(now);
            }
        } else if self.status == DriverStatus::Running {
            self.shut_down(now);
            self.enter(State::Detached, None);
        } else {
            // Stopped and flushing: without checkpointing the agent does not come back for us.
            self.enter(State::Ended, None);
        }
    }

    pub(super) fn fell_due(&mut self, now: Tick, timer: Timer) {
        match timer {
            Timer::Flush => self.close(),
            Timer::Kill => self.effects.push_back(Effect::KillProcessGroup),
            Timer::Recovery => {
                self.warn(format!("the agent did not come back within {:?}", self.config.recovery_timeout));
                self.abandon();
                self.shut_down(now);
            }
            Timer::Subscription => match self.state {
                State::Waiting => self.attempt(now),
                State::Subscribing(subscription) => {
                    self.put_close(subscription);
                    let patience = self.config.subscribe_timeout;
                    self.warn(format!("no subscription within {patience:?}; trying again"));
                    self.wait(now);
                }
                _ => {}
            },
            Timer::Heartbeat if self.is_subscribed() => {
                self.timers.set(Timer::Heartbeat, now + self.config.heartbeat_interval);
                self.put_heartbeat();
            }
            Timer::Heartbeat => {}
        }
    }

    /// Whether `subscription` is the one that counts now.
    pub(super) fn is_current(&self, subscription: Subscription) -> bool {
        match self.state {
            State::Subscribing(current) | State::Subscribed(current) => current == subscription,
            _ => false,
        }
    }

    /// Asks for a subscription.
    pub(super) fn attempt(&mut self, now: Tick) {
        let subscription = self.subscriptions.begin();
        self.enter(State::Subscribing(subscription), Some(now + self.config.subscribe_timeout));
        self.put_subscribe(now, subscription);
    }

    fn wait(&mut self, now: Tick) {
        let wait = self.chance.up_to(self.config.subscription_backoff_max);
        self.enter(State::Waiting, Some(now + wait));
    }

    /// SHUTDOWN came, or nothing better can be done. The timer starts before the user hears of it.
    pub(super) fn shut_down(&mut self, now: Tick) {
        if std::mem::replace(&mut self.shutting_down, true) || self.status != DriverStatus::Running {
            return;
        }
        if !self.config.local {
            self.timers.set(Timer::Kill, now + self.config.shutdown_grace_period);
        }
        self.deliver(Callback::Shutdown);
    }

    /// Gives up the subscription, but not the calls.
    fn abandon(&mut self) {
        if let State::Subscribing(subscription) | State::Subscribed(subscription) = self.state {
            self.put_close(subscription);
        }
        self.enter(State::Detached, None);
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
        self.enter(State::Ended, None);
        self.flushing = false;
    }
}
