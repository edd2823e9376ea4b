//! What is due when. Must not live here: what happens then.

use std::collections::{BTreeMap, BTreeSet};

use tepui_model::Tick;

/// Something that happens at a time; there is at most one of each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The next attempt to register.
    Registration,
    /// No ping has come for too long.
    Ping,
    /// Executors had their time to subscribe again.
    Recovery,
    /// HEARTBEAT on every executor's stream.
    Heartbeat,
    /// The oldest sandbox may go.
    Gc,
    /// The executor in this container should have subscribed.
    ExecutorRegistration(String),
    /// The executor in this container should have ended.
    ShutdownGrace(String),
    /// The command in this container should have ended after SIGTERM.
    KillGrace(String),
    /// The executor in this container, which speaks libprocess, is asked to come back.
    Reconnect(String),
    /// The command in this container had its time.
    Completion(String),
    /// A probe of the command in this container is due, or has taken too long.
    Checks(String),
    /// The update in flight was not acknowledged.
    Retry {
        /// The framework's id.
        framework: String,
        /// The task's id.
        task: String,
    },
}

/// Timers by time and by name.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Tick, Timer)>,
    by_name: BTreeMap<Timer, Tick>,
}

impl Timers {
    /// Sets or moves a timer.
    pub(crate) fn set(&mut self, timer: Timer, at: Tick) {
        self.cancel(&timer);
        self.by_time.insert((at, timer.clone()));
        self.by_name.insert(timer, at);
    }

    /// Forgets a timer.
    pub(crate) fn cancel(&mut self, timer: &Timer) {
        if let Some((timer, at)) = self.by_name.remove_entry(timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    /// When a timer fires, if it is set.
    pub(crate) fn at(&self, timer: &Timer) -> Option<Tick> {
        self.by_name.get(timer).copied()
    }

    /// When the first timer fires.
    pub(crate) fn next(&self) -> Option<Tick> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes the first timer that is due.
    pub(crate) fn pop_due(&mut self, now: Tick) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let (_, timer) = self.by_time.pop_first()?;
        self.by_name.remove(&timer);
        Some(timer)
    }
}
