//! What a scheduler was told, and whether it may have been told so.

use std::collections::BTreeMap;

use bytes::Bytes;
use tepui_scheduler::v1::{AgentId, CheckStatusInfo, TaskState, TaskStatus};

/// Why the master says something that it was asked, and why an agent says that it does not know a task.
pub const RECONCILIATION: &str = "REASON_RECONCILIATION";

/// One status update.
#[derive(Clone, Debug)]
pub struct Entry {
    /// None: the master's own word, which is not acknowledged.
    pub uuid: Option<Bytes>,
    /// The state.
    pub state: TaskState,
    /// Whose word it is, why, and in words.
    pub why: String,
    /// In words only.
    pub message: String,
    /// Mesos's name of the reason; empty: none.
    pub reason: &'static str,
    /// Whether the task is healthy, if that was said.
    pub healthy: Option<bool>,
    /// What its check has shown, if it has one.
    pub check: Option<CheckStatusInfo>,
}

/// One task.
#[derive(Clone, Debug, Default)]
pub struct Task {
    /// Where it was sent; none: not yet launched.
    pub agent: Option<AgentId>,
    /// Every update but repetitions, in the order of their arrival.
    pub entries: Vec<Entry>,
    /// Its scheduler asked for its end.
    pub killed: bool,
    /// The update that its scheduler has got and not acknowledged yet.
    pub held: Option<Bytes>,
}

impl Task {
    /// The terminal state, if there was one.
    pub fn end(&self) -> Option<TaskState> {
        self.entries.iter().map(|entry| entry.state).find(|state| is_terminal(*state))
    }

    /// Whether its end is settled: of a task that has run, its agent has told so, with an update that wants to be
    /// acknowledged. The master's answer to a question is not enough.
    pub fn is_settled(&self) -> bool {
        let ran = |state| matches!(state, TaskState::TaskFinished | TaskState::TaskFailed);
        self.entries
            .iter()
            .any(|entry| is_terminal(entry.state) && (entry.uuid.is_some() || !ran(entry.state)))
    }

    /// Whether its agent has promised to end it.
    pub fn is_being_killed(&self) -> bool {
        self.entries.iter().any(|entry| entry.state == TaskState::TaskKilling)
    }

    /// Whether its agent itself has told its end, which is acknowledged.
    pub fn end_is_told(&self) -> bool {
        self.entries.iter().any(|entry| entry.uuid.is_some() && is_terminal(entry.state))
    }

    /// Whether it was ever seen running.
    pub fn has_run(&self) -> bool {
        self.entries.iter().any(|entry| entry.state == TaskState::TaskRunning)
    }
}

/// Everything that a scheduler knows.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By task id.
    pub tasks: BTreeMap<String, Task>,
    /// How often it has been subscribed.
    pub subscriptions: u32,
    /// What must not have happened.
    pub wrong: Vec<String>,
}

impl Ledger {
    /// Writes an update down. Says whether it wants to be acknowledged and comes for the first time.
    pub fn record(&mut self, status: &TaskStatus) -> bool {
        let id = &status.task_id.value;
        let Some(task) = self.tasks.get_mut(id) else {
            self.wrong.push(format!("an update of '{id}', which nobody launched"));
            return false;
        };
        let reason = status.reason.map_or("", |_| status.reason().as_str_name());
        let entry = Entry {
            uuid: status.uuid.clone(),
            state: status.state(),
            why: format!("{:?}, {reason}: {:?}", status.source(), status.message()),
            message: status.message().to_owned(),
            reason,
            healthy: status.healthy,
            check: status.check_status,
        };
        if entry.uuid.is_some() {
            let mut others = task.entries.iter().rev().filter(|known| known.uuid.is_some());
            let later = others.by_ref().take_while(|known| known.uuid != entry.uuid).count();
            if task.entries.iter().any(|known| known.uuid == entry.uuid) {
                // The later one was sent when the acknowledgement of this one could not be lost any more.
                if later > 0 {
                    self.wrong
                        .push(format!("{id}: {entry:?} comes again after a later one: {:?}", task.entries));
                }
                return false;
            }
            if entry.reason == RECONCILIATION && task.end() == Some(entry.state) {
                // An agent that was killed before this was acknowledged knows as little as the one before: it says so
                // again when it is asked again.
                return true;
            }
            if let Some(held) = &task.held {
                self.wrong.push(format!("{id}: {entry:?} comes before {held:?} was acknowledged"));
            }
        }
        // The master's answers to questions (without a uuid) run ahead of the updates that are under way, and repeat
        // those that have been.
        let closed = task.entries.iter().any(|known| known.uuid.is_some() && is_terminal(known.state));
        let knows_nothing = entry.reason == RECONCILIATION && task.end().is_some() && !task.has_run();
        let known = task.entries.iter().any(|known| known.state == entry.state);
        // A question about a task that was never begun may cross the word that it was dropped.
        let repeats = entry.uuid.is_none() && (known || knows_nothing);
        let contradicts =
            !repeats && is_terminal(entry.state) && task.end().is_some_and(|end| end != entry.state);
        if contradicts || (closed && !repeats) {
            self.wrong.push(format!("after its end, {id} became {entry:?}; before: {:?}", task.entries));
        }
        let new = entry.uuid.is_some();
        if !repeats {
            task.entries.push(entry);
        }
        new
    }

    /// The scheduler keeps the acknowledgement of an update back.
    pub fn hold(&mut self, status: &TaskStatus) {
        if let Some(task) = self.tasks.get_mut(&status.task_id.value) {
            task.held.clone_from(&status.uuid);
        }
    }

    /// The acknowledgement that was kept back goes out.
    pub fn release(&mut self, status: &TaskStatus) {
        if let Some(task) = self.tasks.get_mut(&status.task_id.value) {
            task.held = None;
        }
    }

    /// How many tasks are in such a state, by what was said of them last.
    pub fn count(&self, wanted: impl Fn(TaskState) -> bool) -> usize {
        let last = |task: &Task| task.end().or_else(|| task.entries.last().map(|entry| entry.state));
        self.tasks.values().filter_map(last).filter(|state| wanted(*state)).count()
    }

    /// Tasks that were launched and have not ended, with their agents.
    pub fn open(&self) -> Vec<(String, Option<AgentId>)> {
        let open = self.tasks.iter().filter(|(_, task)| task.agent.is_some() && task.end().is_none());
        open.map(|(id, task)| (id.clone(), task.agent.clone())).collect()
    }
}

/// Whether a task in this state will never be in another. Of unreachable and unknown tasks more may be heard.
pub fn is_terminal(state: TaskState) -> bool {
    match state {
        TaskState::TaskFinished
        | TaskState::TaskFailed
        | TaskState::TaskKilled
        | TaskState::TaskError
        | TaskState::TaskLost
        | TaskState::TaskDropped
        | TaskState::TaskGone
        | TaskState::TaskGoneByOperator => true,
        TaskState::TaskStaging
        | TaskState::TaskStarting
        | TaskState::TaskRunning
        | TaskState::TaskKilling
        | TaskState::TaskUnreachable
        | TaskState::TaskUnknown => false,
    }
}
