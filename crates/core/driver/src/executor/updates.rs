//! The updates that the agent has not acknowledged: their order, and when each is repeated.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use tepui_model::Tick;
use tepui_wire_mesos::v1::executor::call::Update;

use crate::{Backoff, backoff::Bound, chance::Chance};

/// After a call failed: wait this long before everything is repeated in order.
const HOLD: Backoff = Backoff { first: Duration::from_millis(200), max: Duration::from_secs(10) };

#[derive(Debug)]
struct Pending {
    update: Update,
    /// The next wait, once sent.
    wait: Duration,
    /// When it is repeated; `None` before it was sent, and when repeats are off.
    retry: Option<Tick>,
    sent: bool,
}

/// Unacknowledged updates in the order of their making.
#[derive(Debug)]
pub(super) struct Updates {
    retry: Option<Backoff>,
    next: u64,
    pending: BTreeMap<u64, Pending>,
    by_uuid: BTreeMap<Bytes, u64>,
    timers: BTreeSet<(Tick, u64)>,
    unsent: BTreeSet<u64>,
    /// A call failed. Until then nothing is sent, so that a later update cannot overtake one that must be
    /// repeated.
    held_until: Option<Tick>,
    hold: Bound,
}

impl Updates {
    pub(super) const fn new(retry: Option<Backoff>) -> Self {
        Self {
            retry,
            next: 0,
            pending: BTreeMap::new(),
            by_uuid: BTreeMap::new(),
            timers: BTreeSet::new(),
            unsent: BTreeSet::new(),
            held_until: None,
            hold: Bound::new(HOLD),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether there is an update that was not sent, or must be sent again.
    pub(super) fn any_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Keeps a new update. Its uuid is set and new.
    pub(super) fn add(&mut self, update: Update) {
        let number = self.next;
        self.next += 1;
        let wait = self.retry.map_or(Duration::ZERO, |retry| retry.first);
        self.by_uuid.insert(update.status.uuid.clone().unwrap_or_default(), number);
        self.pending.insert(number, Pending { update, wait, retry: None, sent: false });
        self.unsent.insert(number);
    }

    /// Everything, for a SUBSCRIBE, which counts as sending it.
    pub(super) fn take_all(&mut self, now: Tick) -> Vec<Update> {
        self.held_until = None;
        let numbers: Vec<_> = self.pending.keys().copied().collect();
        numbers.into_iter().filter_map(|number| self.sent(now, number)).collect()
    }

    /// What may be sent now, in order: what was never sent, what has waited too long.
    pub(super) fn take_due(&mut self, now: Tick) -> Vec<(u64, Update)> {
        if self.held_until.is_some_and(|until| until > now) {
            return Vec::new();
        }
        self.held_until = None;
        while let Some((due, number)) = self.timers.first().copied()
            && due <= now
        {
            self.timers.remove(&(due, number));
            self.unsent.insert(number);
        }
        let numbers = std::mem::take(&mut self.unsent);
        numbers.into_iter().filter_map(|number| Some((number, self.sent(now, number)?))).collect()
    }

    fn sent(&mut self, now: Tick, number: u64) -> Option<Update> {
        let pending = self.pending.get_mut(&number)?;
        self.unsent.remove(&number);
        if let Some(old) = pending.retry.take() {
            self.timers.remove(&(old, number));
        }
        // Doubles from the second time on.
        if let Some(retry) = self.retry {
            if std::mem::replace(&mut pending.sent, true) {
                pending.wait = pending.wait.saturating_mul(2).min(retry.max);
            }
            let due = now + pending.wait;
            pending.retry = Some(due);
            self.timers.insert((due, number));
        }
        Some(pending.update.clone())
    }

    /// The agent has it. Gives the update back; `None` if it is not known (any more).
    pub(super) fn acknowledge(&mut self, uuid: &Bytes) -> Option<Update> {
        let number = self.by_uuid.get(uuid).copied()?;
        self.remove(number)
    }

    /// Forgets an update that can never succeed.
    pub(super) fn remove(&mut self, number: u64) -> Option<Update> {
        let pending = self.pending.remove(&number)?;
        if let Some(due) = pending.retry {
            self.timers.remove(&(due, number));
        }
        self.unsent.remove(&number);
        self.by_uuid.remove(&pending.update.status.uuid.clone().unwrap_or_default());
        Some(pending.update)
    }

    /// A call did not arrive: everything not acknowledged goes out again, in order, after a wait.
    pub(super) fn failed(&mut self, now: Tick, chance: &mut Chance) {
        self.unsent.extend(self.pending.keys().copied());
        if self.held_until.is_none() {
            self.held_until = Some(now + self.hold.draw(chance));
        }
    }

    /// A call arrived: the way is open.
    pub(super) const fn arrived(&mut self) {
        self.hold.reset();
    }

    pub(super) fn poll_timeout(&self) -> Option<Tick> {
        let held = self.held_until.filter(|_| !self.unsent.is_empty());
        held.or_else(|| self.timers.first().map(|(due, _)| *due))
    }
}
