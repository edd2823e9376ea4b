//! The updates of one task, in order. Must not live here: when they are sent, written and acknowledged (see `updates`).

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use tepui_core_kit::{Backoff, Waits};
use tepui_model::{ConnectionId, ExecutorId, TaskState};
use tepui_wire_mesos::{internal, v1};

use crate::{effect::Run, report::Report};

/// Acknowledged updates of a task that are recognised when an executor sends them again.
const REMEMBERED_ACKNOWLEDGEMENTS: usize = 64;

/// Updates of one task that may wait for their acknowledgement.
pub(crate) const PENDING_MAX: usize = 1024;
/// Calls that may wait for room, for each task. An executor that comes back may bring as many updates more: those of calls
/// that waited when the last agent ended.
pub(crate) const BLOCKED_MAX: usize = 64;

/// An UPDATE that is answered when there is room for it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Blocked {
    pub(crate) from: ConnectionId,
    pub(crate) executor: ExecutorId,
    pub(crate) status: Box<v1::TaskStatus>,
}

/// The updates of one task.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stream {
    /// Where they are written down; `None`: kept in memory only.
    run: Option<Run>,
    pending: VecDeque<Pending>,
    pending_ids: BTreeSet<Bytes>,
    acknowledged: VecDeque<Bytes>,
    latest: TaskState,
    /// The head was sent and its timer runs.
    in_flight: bool,
    /// The head's acknowledgement is being written.
    acknowledging: bool,
    /// Until the head is sent again.
    waits: Waits,
    /// Calls with more of them, while there is no room.
    blocked: VecDeque<Blocked>,
    /// An update in the older form found no room.
    missed: bool,
    /// What the last check has shown, which found no room.
    owed: Option<Box<Report>>,
    /// The agent has no such task.
    unknown: bool,
}

/// An update, and whether it is written down or not to be.
#[derive(Debug, Serialize, Deserialize)]
struct Pending {
    update: internal::StatusUpdate,
    durable: bool,
}

impl Stream {
    pub(crate) fn new(run: Option<Run>, unknown: bool) -> Self {
        Self {
            run,
            pending: VecDeque::new(),
            pending_ids: BTreeSet::new(),
            acknowledged: VecDeque::new(),
            latest: TaskState::Staging,
            in_flight: false,
            acknowledging: false,
            waits: Waits::new(Backoff { first: Duration::ZERO, max: Duration::ZERO }),
            blocked: VecDeque::new(),
            missed: false,
            owed: None,
            unknown,
        }
    }

    pub(crate) fn push(&mut self, update: internal::StatusUpdate, durable: bool) {
        self.latest = TaskState::from_number(update.status.state).unwrap_or(self.latest);
        self.pending_ids.extend(update.uuid.clone());
        self.pending.push_back(Pending { update, durable });
    }

    /// Takes the head, which was acknowledged.
    fn pop(&mut self) {
        let Some(uuid) = self.pending.pop_front().and_then(|head| head.update.uuid) else { return };
        self.pending_ids.remove(&uuid);
        if self.acknowledged.len() == REMEMBERED_ACKNOWLEDGEMENTS {
            self.acknowledged.pop_front();
        }
        self.acknowledged.push_back(uuid);
    }

    /// Whether everything was said and acknowledged.
    pub(crate) fn is_over(&self) -> bool {
        self.pending.is_empty() && (self.latest.is_terminal() || self.unknown)
    }

    /// Whether an update was taken before.
    fn knows(&self, uuid: &Bytes) -> bool {
        self.pending_ids.contains(uuid) || self.acknowledged.contains(uuid)
    }

    /// Whether an update has to wait: none may overtake those that do.
    pub(crate) fn blocks(&self, uuid: Option<&Bytes>) -> bool {
        let full = self.pending.len() >= PENDING_MAX || !self.blocked.is_empty();
        full && !self.latest.is_terminal() && !uuid.is_some_and(|uuid| self.knows(uuid))
    }

    /// Rebuilds a stream from its log. The log holds only what was durable.
    pub(crate) fn replay(run: Run, records: Vec<internal::StatusUpdateRecord>) -> Self {
        let mut stream = Self::new(Some(run), false);
        for record in records {
            match (record.r#type(), record.update, record.uuid) {
                (internal::status_update_record::Type::Update, Some(update), _) => {
                    let seen = update.uuid.as_ref().is_none_or(|uuid| stream.knows(uuid));
                    if !seen && !stream.latest.is_terminal() {
                        stream.push(update, true);
                    }
                }
                (internal::status_update_record::Type::Ack, _, Some(uuid))
                    if stream.head_uuid() == Some(&uuid) =>
                {
                    stream.pop();
                }
                _ => {}
            }
        }
        stream
    }

    /// The head, for tests that acknowledge it.
    #[cfg(test)]
    pub(crate) fn check_head(&self) -> internal::StatusUpdate {
        self.pending[0].update.clone()
    }

    fn head_uuid(&self) -> Option<&Bytes> {
        self.pending.front().and_then(|head| head.update.uuid.as_ref())
    }

    /// Where it is written down, if it is.
    pub(crate) const fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    /// Whether the agent has no such task.
    pub(crate) const fn is_unknown(&self) -> bool {
        self.unknown
    }

    /// Whether anything was ever said.
    pub(crate) fn is_begun(&self) -> bool {
        self.latest != TaskState::Staging || !self.pending.is_empty()
    }

    /// Whether an update need not be taken; then, whether its executor may forget it. One that is still being written is
    /// acknowledged once it is; nothing is taken after the task's end.
    pub(crate) fn repeats(&self, uuid: &Bytes) -> Option<bool> {
        if self.pending_ids.contains(uuid) {
            let found = self.pending.iter().find(|pending| pending.update.uuid.as_ref() == Some(uuid));
            return Some(found.is_some_and(|pending| pending.durable));
        }
        (self.acknowledged.contains(uuid) || self.latest.is_terminal()).then_some(true)
    }

    /// An update was written down.
    pub(crate) fn written(&mut self, uuid: &Bytes) {
        let mut latest_first = self.pending.iter_mut().rev();
        if let Some(pending) = latest_first.find(|pending| pending.update.uuid.as_ref() == Some(uuid)) {
            pending.durable = true;
        }
    }

    fn is_head_durable(&self) -> bool {
        self.pending.front().is_some_and(|head| head.durable)
    }

    /// Whether the head may go and is not under way.
    pub(crate) fn is_ready(&self) -> bool {
        !self.in_flight && !self.acknowledging && self.is_head_durable()
    }

    /// The waits of a head that goes for the first time.
    pub(crate) fn restart(&mut self, backoff: Backoff) {
        self.waits = Waits::new(backoff);
    }

    /// Takes the head on its way: how it is sent, and how long to wait before it is sent again.
    pub(crate) fn send(&mut self) -> Option<(internal::StatusUpdate, Duration)> {
        let mut update = self.pending.front()?.update.clone();
        update.latest_state = Some(self.latest.number());
        self.in_flight = true;
        Some((update, self.waits.full()))
    }

    pub(crate) const fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    /// The head is not under way any more. Says whether it was.
    pub(crate) const fn pause(&mut self) -> bool {
        std::mem::replace(&mut self.in_flight, false)
    }

    /// The scheduler has an update. Says whether it was waited for.
    pub(crate) fn acknowledge(&mut self, uuid: &Bytes) -> bool {
        let awaited = self.head_uuid() == Some(uuid) && !self.acknowledging && self.is_head_durable();
        if awaited {
            self.in_flight = false;
            self.acknowledging = true;
        }
        awaited
    }

    /// Whether the scheduler has acknowledged the task's end, which may not be written down yet.
    pub(crate) fn is_end_acknowledged(&self) -> bool {
        self.acknowledging && self.pending.len() == 1 && self.latest.is_terminal()
    }

    /// The head's acknowledgement is written down. Says whether there was one.
    pub(crate) fn acknowledged(&mut self) -> bool {
        let was = std::mem::replace(&mut self.acknowledging, false);
        if was {
            self.pop();
        }
        was
    }

    /// Whether even an executor that comes back brings too many updates.
    pub(crate) fn is_overfull(&self, uuid: Option<&Bytes>) -> bool {
        self.pending.len() >= PENDING_MAX + BLOCKED_MAX && self.blocks(uuid)
    }

    /// Lets a call wait for room. `false`: too many wait.
    pub(crate) fn wait(&mut self, call: Blocked) -> bool {
        let room = self.blocked.len() < BLOCKED_MAX;
        if room {
            self.blocked.push_back(call);
        }
        room
    }

    /// An update in the older form found no room.
    pub(crate) const fn miss(&mut self) {
        self.missed = true;
    }

    /// What a check has shown found no room.
    pub(crate) fn owe(&mut self, report: Report) {
        self.owed = Some(Box::new(report));
    }

    pub(crate) fn has_room(&self) -> bool {
        self.pending.len() < PENDING_MAX
    }

    /// The call that has waited longest.
    pub(crate) fn take_waiting(&mut self) -> Option<Blocked> {
        self.blocked.pop_front()
    }

    /// What a check has shown, unless the task has ended, and whether an update in the older form is to be asked for.
    pub(crate) fn take_owed(&mut self) -> (Option<Box<Report>>, bool) {
        let owed = self.owed.take().filter(|_| !self.latest.is_terminal());
        (owed, std::mem::take(&mut self.missed))
    }

    /// Who still waits for room, when the stream is dropped.
    pub(crate) fn into_waiting(self) -> VecDeque<Blocked> {
        self.blocked
    }

    /// Finds contradictions. `timed`: the head is to be sent again.
    pub(crate) fn check(&self, timed: bool) -> Result<(), &'static str> {
        let is_terminal = |pending: &Pending| {
            TaskState::from_number(pending.update.status.state).is_some_and(TaskState::is_terminal)
        };
        let rules = [
            (self.in_flight == timed, "in flight and its timer disagree"),
            (!(self.in_flight && self.acknowledging), "in flight although acknowledged"),
            (!self.in_flight || self.is_head_durable(), "forwarded before it was durable"),
            (!self.has_room() || self.blocked.is_empty(), "a call waits for room that is there"),
            (self.pending.len() == self.pending_ids.len(), "an update is in it twice"),
            (!self.pending.iter().rev().skip(1).any(is_terminal), "something follows a terminal state"),
        ];
        rules.into_iter().try_for_each(|(holds, words)| if holds { Ok(()) } else { Err(words) })
    }

    /// The state that was said last, for tests.
    #[cfg(test)]
    pub(crate) const fn latest(&self) -> TaskState {
        self.latest
    }
}
