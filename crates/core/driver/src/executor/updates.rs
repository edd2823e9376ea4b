//! The updates that the agent has not acknowledged: their order, and when each is repeated.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tepui_core_kit::{Backoff, Chance, Timers};
use tepui_model::Tick;
use tepui_wire_mesos::v1::executor::call::Update;

use super::lines::Lines;

#[derive(Debug, Serialize, Deserialize)]
struct Pending {
    update: Update,
    /// From its next arrival until it is repeated.
    wait: Duration,
}

impl Pending {
    fn task(&self) -> &str {
        &self.update.status.task_id.value
    }
}

/// Unacknowledged updates in the order of their making.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Updates {
    retry: Option<Backoff>,
    next: u64,
    pending: BTreeMap<u64, Pending>,
    by_uuid: BTreeMap<Bytes, u64>,
    /// When each is sent again: its call failed, or it arrived and is not acknowledged.
    timers: Timers<u64>,
    lines: Lines,
}

impl Updates {
    pub(super) fn new(retry: Option<Backoff>) -> Self {
        Self {
            retry,
            next: 0,
            pending: BTreeMap::new(),
            by_uuid: BTreeMap::new(),
            timers: Timers::new(),
            lines: Lines::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether every update was sent and has arrived, as far as is known.
    pub(super) fn have_arrived(&self) -> bool {
        self.lines.is_empty()
    }

    /// Keeps a new update. Its uuid is set and new.
    pub(super) fn add(&mut self, update: Update) {
        let number = self.next;
        self.next += 1;
        let wait = self.retry.map_or(Duration::ZERO, |retry| retry.first);
        self.by_uuid.insert(update.status.uuid.clone().unwrap_or_default(), number);
        self.lines.join(&update.status.task_id.value, number);
        self.pending.insert(number, Pending { update, wait });
    }

    /// Everything, for a SUBSCRIBE, which counts as its arrival: what was under way does not matter any more.
    pub(super) fn take_all(&mut self, now: Tick) -> Vec<Update> {
        self.lines.clear();
        self.timers.clear();
        let mut all = Vec::with_capacity(self.pending.len());
        for (number, pending) in &self.pending {
            if self.retry.is_some() {
                self.timers.set(*number, now + pending.wait);
            }
            all.push(pending.update.clone());
        }
        all
    }

    /// The next that may be sent now, in order: what was never sent, what has waited too long. It is under way
    /// until [`arrived`](Self::arrived), [`failed`](Self::failed) or [`remove`](Self::remove).
    pub(super) fn take_due(&mut self, now: Tick) -> Option<(u64, Update)> {
        while let Some(number) = self.timers.pop(now) {
            if let Some(pending) = self.pending.get(&number) {
                self.lines.join(pending.task(), number);
            }
        }
        while let Some(number) = self.lines.pop_ready() {
            if let Some(pending) = self.pending.get(&number)
                && self.lines.send(pending.task(), number)
            {
                return Some((number, pending.update.clone()));
            }
        }
        None
    }

    /// It is with the agent, which has yet to acknowledge it.
    pub(super) fn arrived(&mut self, now: Tick, number: u64) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        if let Some(retry) = self.retry {
            self.timers.set(number, now + pending.wait);
            pending.wait = pending.wait.saturating_mul(2).min(retry.max);
        }
        self.lines.arrived(pending.task(), number);
    }

    /// It did not arrive: it is sent again after a wait, and what is behind it waits with it. Answers false if it is
    /// not known (any more).
    pub(super) fn failed(&mut self, now: Tick, number: u64, chance: &mut Chance) -> bool {
        let Some(pending) = self.pending.get(&number) else { return false };
        self.timers.set(number, now + self.lines.failed(pending.task(), chance));
        true
    }

    /// The agent has it. Gives the update back; `None` if it is not known (any more).
    pub(super) fn acknowledge(&mut self, uuid: &Bytes) -> Option<Update> {
        let number = self.by_uuid.get(uuid).copied()?;
        self.remove(number)
    }

    /// Forgets an update: it is acknowledged, or can never succeed.
    pub(super) fn remove(&mut self, number: u64) -> Option<Update> {
        let pending = self.pending.remove(&number)?;
        self.timers.cancel(&number);
        self.lines.leave(pending.task(), number);
        self.by_uuid.remove(&pending.update.status.uuid.clone().unwrap_or_default());
        Some(pending.update)
    }

    pub(super) fn poll_timeout(&self) -> Option<Tick> {
        self.timers.next()
    }
}
