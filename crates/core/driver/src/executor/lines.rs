//! Which update may be sent now: those of one task are a line, of which one is under way at a time.
//!
//! Calls are answered one by one, so an agent that recovers may refuse the first of two and take the second;
//! together on their way they would arrive in the wrong order. Lines do not wait for each other.
//!
//! Updates are known by their numbers here; must not live here: what they are, and when one is repeated.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tepui_core_kit::{Backoff, Chance, Waits};

/// After a call failed: its line waits this long before it is tried again.
const HOLD: Backoff = Backoff { first: Duration::from_millis(200), max: Duration::from_secs(10) };

/// What of one task has not arrived; there is none when everything has.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// Under way, or failed and waiting for its time: nothing passes it.
    front: Option<u64>,
    unsent: BTreeSet<u64>,
    hold: Waits,
}

/// The lines of all tasks.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Lines {
    by_task: BTreeMap<String, Line>,
    /// Has the first of each line that may send one. What else is here is passed over.
    ready: BTreeSet<u64>,
}

impl Lines {
    pub(super) const fn new() -> Self {
        Self { by_task: BTreeMap::new(), ready: BTreeSet::new() }
    }

    /// Whether nothing is to be sent or under way.
    pub(super) fn is_empty(&self) -> bool {
        self.by_task.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.by_task.clear();
        self.ready.clear();
    }

    /// To be sent, for the first time or again, when its turn comes.
    pub(super) fn join(&mut self, task: &str, number: u64) {
        if !self.by_task.contains_key(task) {
            let line = Line { front: None, unsent: BTreeSet::new(), hold: Waits::new(HOLD) };
            self.by_task.insert(task.to_owned(), line);
        }
        self.change(task, |line| {
            line.front.take_if(|front| *front == number);
            line.unsent.insert(number);
        });
    }

    /// One that may be able to go now; [`send`](Self::send) says whether it is.
    pub(super) fn pop_ready(&mut self) -> Option<u64> {
        self.ready.pop_first()
    }

    /// Answers whether it is to be sent; then it is under way.
    pub(super) fn send(&mut self, task: &str, number: u64) -> bool {
        let Some(line) = self.by_task.get_mut(task) else { return false };
        let goes = line.front.is_none() && line.unsent.remove(&number);
        if goes {
            line.front = Some(number);
        }
        goes
    }

    /// It has arrived: the next may go.
    pub(super) fn arrived(&mut self, task: &str, number: u64) {
        self.change(task, |line| {
            line.hold.reset();
            line.front.take_if(|front| *front == number);
        });
    }

    /// It did not arrive. Answers how long the line is held before it is to join again; nothing passes it
    /// meanwhile.
    pub(super) fn failed(&mut self, task: &str, chance: &mut Chance) -> Duration {
        self.by_task.get_mut(task).map_or(HOLD.first, |line| line.hold.draw(chance))
    }

    /// It will not be sent any more.
    pub(super) fn leave(&mut self, task: &str, number: u64) {
        self.change(task, |line| {
            line.front.take_if(|front| *front == number);
            line.unsent.remove(&number);
        });
    }

    fn change(&mut self, task: &str, change: impl FnOnce(&mut Line)) {
        let Some(line) = self.by_task.get_mut(task) else { return };
        change(line);
        if line.front.is_some() {
            return;
        }
        match line.unsent.first() {
            Some(first) => drop(self.ready.insert(*first)),
            None => drop(self.by_task.remove(task)),
        }
    }
}
