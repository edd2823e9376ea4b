//! What is due when. Must not live here: what happens then.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tepui_model::Tick;

/// A set of deadlines, at most one for each `T`. Those of one moment fall due in the order of their names.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "T: Ord + Deserialize<'de>"))]
pub struct Timers<T> {
    queue: BTreeSet<(Tick, T)>,
    due: BTreeMap<T, Tick>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { queue: BTreeSet::new(), due: BTreeMap::new() }
    }
}

impl<T: Ord + Clone> Timers<T> {
    /// Nothing is due.
    pub fn new() -> Self {
        Self::default()
    }

    /// Arms `timer`, moving it if it was armed.
    pub fn set(&mut self, timer: T, at: Tick) {
        self.cancel(&timer);
        self.queue.insert((at, timer.clone()));
        self.due.insert(timer, at);
    }

    /// Disarms `timer`; whether it was armed.
    pub fn cancel(&mut self, timer: &T) -> bool {
        match self.due.remove_entry(timer) {
            Some((timer, at)) => self.queue.remove(&(at, timer)),
            None => false,
        }
    }

    /// Disarms all.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.due.clear();
    }

    /// When the next timer is due.
    pub fn next(&self) -> Option<Tick> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// When `timer` is due, if it is armed.
    pub fn at(&self, timer: &T) -> Option<Tick> {
        self.due.get(timer).copied()
    }

    /// Takes the first timer that is due by `now`.
    pub fn pop(&mut self, now: Tick) -> Option<T> {
        let (at, _) = self.queue.first()?;
        if *at > now {
            return None;
        }
        let (_, timer) = self.queue.pop_first()?;
        self.due.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Tick {
        Tick::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn timers_fall_due_in_order_and_once() {
        let mut timers = Timers::new();
        for (name, due) in [("c", 3), ("b", 1), ("a", 3)] {
            timers.set(name, at(due));
        }
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.pop(at(0)), None);
        assert_eq!(timers.pop(at(1)), Some("b"));
        assert_eq!(timers.pop(at(2)), None);
        assert_eq!([timers.pop(at(9)), timers.pop(at(9)), timers.pop(at(9))], [Some("a"), Some("c"), None]);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_timer_that_is_set_again_moves_and_one_that_is_cancelled_is_gone() {
        let mut timers = Timers::new();
        timers.set("a", at(1));
        timers.set("a", at(5));
        assert_eq!((timers.at(&"a"), timers.next()), (Some(at(5)), Some(at(5))));
        assert_eq!(timers.pop(at(4)), None);
        assert!(timers.cancel(&"a"));
        assert!(!timers.cancel(&"a"));
        assert_eq!((timers.at(&"a"), timers.pop(at(9))), (None, None));
        timers.set("a", at(1));
        timers.clear();
        assert_eq!((timers.at(&"a"), timers.next()), (None, None));
    }
}
