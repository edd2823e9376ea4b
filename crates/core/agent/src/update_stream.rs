//! The updates of one task, in order. Must not live here: when they are sent, written and acknowledged (see `updates`).

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use tepui_core_kit::{Backoff, Waits};
use tepui_model::{ConnectionId, ExecutorId, FrameworkId, TaskId, TaskState};
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
    pub(crate) run: Option<Run>,
    pub(crate) pending: VecDeque<Pending>,
    pub(crate) pending_ids: BTreeSet<Bytes>,
    pub(crate) acknowledged: VecDeque<Bytes>,
    pub(crate) latest: TaskState,
    /// The head was sent and its timer runs.
    pub(crate) in_flight: bool,
    /// The head's acknowledgement is being written.
    pub(crate) acknowledging: bool,
    /// Until the head is sent again.
    pub(crate) waits: Waits,
    /// Calls with more of them, while there is no room.
    pub(crate) blocked: VecDeque<Blocked>,
    /// An update in the older form found no room.
    pub(crate) missed: bool,
    /// What the last check has shown, which found no room.
    pub(crate) owed: Option<Box<Report>>,
    /// The agent has no such task.
    pub(crate) unknown: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) update: internal::StatusUpdate,
    pub(crate) durable: bool,
}

/// All streams by framework and task.
pub(crate) type Streams = BTreeMap<FrameworkId, BTreeMap<TaskId, Stream>>;

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
    pub(crate) fn pop(&mut self) {
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

    pub(crate) fn find(&self, uuid: &Bytes) -> Option<&Pending> {
        self.pending.iter().find(|pending| pending.update.uuid.as_ref() == Some(uuid))
    }

    /// Whether an update was taken before.
    pub(crate) fn knows(&self, uuid: &Bytes) -> bool {
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

    pub(crate) fn head_uuid(&self) -> Option<&Bytes> {
        self.pending.front().and_then(|head| head.update.uuid.as_ref())
    }
}
