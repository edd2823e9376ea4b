//! A task and an executor as the master keeps them: what it decides on as fields, the rest as bytes.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use tepui_model::{AgentId, ExecutorId, FrameworkId, Resources, TaskId, TaskState};
use tepui_wire_mesos::v1;

/// How many statuses of one task are kept. Several of one state count once, so this is never reached by a
/// task that goes from state to state; it bounds one that flips between two.
const MAX_STATUSES: usize = 8;

/// A task that the master remembers.
///
/// A task of the usual size costs well below a kilobyte: its description stays encoded, and equal resources are
/// shared between the tasks of one ACCEPT.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Its id, unique within its framework.
    pub id: TaskId,
    /// Its framework.
    pub framework_id: FrameworkId,
    /// Where it runs.
    pub agent_id: AgentId,
    /// Its executor; none for a command task.
    pub executor_id: Option<ExecutorId>,
    /// The newest state that the agent has told of, sent to the scheduler or not.
    pub state: TaskState,
    /// What it holds.
    pub resources: Arc<Resources>,
    /// State and uuid of the newest update that was forwarded to the scheduler.
    pub(crate) forwarded: Option<(TaskState, Bytes)>,
    /// The scheduler wants it killed: sent (again) whenever its agent comes back.
    pub(crate) kill: Option<Box<KillWish>>,
    /// `v1::Task` without state and statuses.
    description: Bytes,
    /// `v1::TaskStatus`es, oldest first, without `data`.
    statuses: Vec<(TaskState, Bytes)>,
}

/// What an update changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The task was live before.
    pub(crate) ended: bool,
    /// An agent repeats what nobody has acknowledged yet. That is no news to operators.
    pub(crate) repeated: bool,
}

/// A KILL that the scheduler sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KillWish {
    pub(crate) policy: Option<v1::KillPolicy>,
}

impl Task {
    /// A task that is about to be sent to its agent.
    pub(crate) fn launched(
        framework_id: FrameworkId,
        agent_id: AgentId,
        info: &v1::TaskInfo,
        executor_id: Option<ExecutorId>,
        resources: Arc<Resources>,
    ) -> Self {
        let description = v1::Task {
            name: info.name.clone(),
            task_id: info.task_id.clone(),
            framework_id: v1::FrameworkId { value: framework_id.as_str().to_owned() },
            executor_id: executor_id.as_ref().map(|id| v1::ExecutorId { value: id.as_str().to_owned() }),
            agent_id: v1::AgentId { value: agent_id.as_str().to_owned() },
            state: TaskState::Staging.number(),
            resources: info.resources.clone(),
            labels: info.labels.clone(),
            discovery: info.discovery.clone(),
            container: info.container.clone(),
            health_check: info.health_check.clone(),
            kill_policy: info.kill_policy,
            user: user(info),
            limits: info.limits.clone(),
            ..v1::Task::default()
        };
        Self {
            id: TaskId::new(info.task_id.value.as_str()),
            framework_id,
            agent_id,
            executor_id,
            state: TaskState::Staging,
            resources,
            forwarded: None,
            kill: None,
            description: description.encode_to_vec().into(),
            statuses: Vec::new(),
        }
    }

    /// A task that an agent told of. Tells of no task if its state is none.
    pub(crate) fn reported(
        framework_id: FrameworkId,
        mut task: v1::Task,
        resources: Arc<Resources>,
    ) -> Option<Self> {
        let state = TaskState::from_number(task.state)?;
        let forwarded = task
            .status_update_state
            .take()
            .and_then(TaskState::from_number)
            .zip(task.status_update_uuid.take());
        let mut reported = Self {
            id: TaskId::new(task.task_id.value.as_str()),
            framework_id,
            agent_id: AgentId::new(task.agent_id.value.as_str()),
            executor_id: task
                .executor_id
                .as_ref()
                .filter(|id| !id.value.is_empty())
                .map(|id| ExecutorId::new(id.value.as_str())),
            state,
            resources,
            forwarded,
            kill: None,
            description: Bytes::new(),
            statuses: Vec::new(),
        };
        for status in std::mem::take(&mut task.statuses) {
            reported.add_status(&status);
        }
        reported.description = task.encode_to_vec().into();
        Some(reported)
    }

    /// As the v1 API shows it.
    pub fn to_wire(&self) -> v1::Task {
        // The bytes are ours: they decode.
        let mut task = v1::Task::decode(self.description.clone()).unwrap_or_default();
        task.state = self.state.number();
        task.statuses = self
            .statuses
            .iter()
            .filter_map(|(_, status)| v1::TaskStatus::decode(status.clone()).ok())
            .collect();
        if let Some((state, uuid)) = &self.forwarded {
            task.status_update_state = Some(state.number());
            task.status_update_uuid = Some(uuid.clone());
        }
        task
    }

    /// The newest status, if any update has come.
    pub fn last_status(&self) -> Option<v1::TaskStatus> {
        let (_, status) = self.statuses.last()?;
        v1::TaskStatus::decode(status.clone()).ok()
    }

    /// Takes over what an agent's update says.
    pub(crate) fn take_update(
        &mut self,
        state: TaskState,
        status: &v1::TaskStatus,
        uuid: Option<&Bytes>,
        latest: Option<TaskState>,
    ) -> Change {
        let was_terminal = self.state.is_terminal();
        if !was_terminal {
            // Later updates may wait at the agent for the acknowledgement of this one: it names the latest state.
            self.state = latest.unwrap_or(state);
        }
        self.add_status(status);
        let repeated = uuid.is_some() && self.forwarded.as_ref().map(|(_, known)| known) == uuid;
        if let Some(uuid) = uuid {
            self.forwarded = Some((state, uuid.clone()));
        }
        Change { ended: !was_terminal && self.state.is_terminal(), repeated }
    }

    /// Takes over a state that the master itself decides on; whether the task was live before.
    pub(crate) fn settle(&mut self, state: TaskState, status: &v1::TaskStatus) -> bool {
        let was_live = !self.state.is_terminal();
        if was_live {
            self.state = state;
        }
        self.add_status(status);
        was_live
    }

    /// Remembers a status: the last one of each run of equal states.
    pub(crate) fn add_status(&mut self, status: &v1::TaskStatus) {
        let Some(state) = TaskState::from_number(status.state) else { return };
        // What the executor attached can be large and is the scheduler's business only.
        let data = status.data.is_some();
        let bytes = if data {
            v1::TaskStatus { data: None, ..status.clone() }.encode_to_vec()
        } else {
            status.encode_to_vec()
        };
        if self.statuses.last().is_some_and(|(last, _)| *last == state) {
            self.statuses.pop();
        }
        if self.statuses.len() == MAX_STATUSES {
            self.statuses.remove(0);
        }
        self.statuses.push((state, bytes.into()));
    }
}

/// The user as whom a task runs, where the task says so: its command's, else its executor's.
fn user(info: &v1::TaskInfo) -> Option<String> {
    let executor = info.executor.as_ref().and_then(|executor| executor.command.as_ref());
    info.command.as_ref().or(executor).and_then(|command| command.user.clone())
}

/// An executor that runs, or is about to run, tasks of its framework.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Executor {
    /// As the framework gave it.
    pub info: Arc<v1::ExecutorInfo>,
    /// What it holds besides what its tasks hold.
    pub resources: Arc<Resources>,
    /// The scheduler wants it ended: sent again whenever its agent comes back.
    pub(crate) shutdown: bool,
}
