//! What is due when.

use std::collections::{BTreeMap, BTreeSet};

use tepui_model::Tick;

/// A set of deadlines, at most one for each `T`.
#[derive(Clone, Debug)]
pub(crate) struct Timers<T> {
    queue: BTreeSet<(Tick, T)>,
    due: BTreeMap<T, Tick>,
}

impl<T: Ord + Clone> Timers<T> {
    pub(crate) const fn new() -> Self {
        Self { queue: BTreeSet::new(), due: BTreeMap::new() }
    }

    /// Arms `timer`, moving it if it was armed.
    pub(crate) fn set(&mut self, timer: T, at: Tick) {
        self.cancel(&timer);
        self.queue.insert((at, timer.clone()));
        self.due.insert(timer, at);
    }

    /// Disarms `timer`; whether it was armed.
    pub(crate) fn cancel(&mut self, timer: &T) -> bool {
        match self.due.remove_entry(timer) {
            Some((timer, at)) => self.queue.remove(&(at, timer)),
            None => false,
        }
    }

    /// When the next timer is due.
    pub(crate) fn next(&self) -> Option<Tick> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// When `timer` is due, if it is armed.
    pub(crate) fn at(&self, timer: &T) -> Option<Tick> {
        self.due.get(timer).copied()
    }

    /// Takes the first timer that is due by `now`.
    pub(crate) fn pop(&mut self, now: Tick) -> Option<T> {
        let (at, _) = self.queue.first()?;
        if *at > now {
            return None;
        }
        let (_, timer) = self.queue.pop_first()?;
        self.due.remove(&timer);
        Some(timer)
    }
}
