//! A framework as the master knows it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tepui_model::{AgentId, ConnectionId, ExecutorId, FrameworkId, OfferId, Role, TaskId, Tick};
use tepui_wire_mesos::v1::{self, framework_info::capability::Type as Capability};
use uuid::Uuid;

use crate::task::{Executor, Task};

/// Where a framework is in its life.
///
/// ```text
///              SUBSCRIBE                stream closed
///  (nothing) ------------> Active <----------------------> Disconnected
///                            ^          SUBSCRIBE               |
///                 SUBSCRIBE  |                                  | failover timeout
///  (restart) ----------> Recovered                              v
///                            |        TEARDOWN from anywhere: Completed
///                            +-------------------------------->-+
///                                    failover timeout
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameworkState {
    /// Known from the registry or from an agent; its scheduler has not subscribed to this master.
    Recovered,
    /// Subscribed.
    Active,
    /// Its scheduler has gone; it has the failover timeout to come back.
    Disconnected,
    /// Ended.
    Completed,
}

/// A framework: a scheduler together with its executors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Framework {
    /// Its id; also in `info`.
    pub id: FrameworkId,
    /// As the scheduler gave it, with its id.
    pub info: Arc<v1::FrameworkInfo>,
    /// Where it is in its life.
    pub state: FrameworkState,
    /// When it was first registered.
    pub registered: Tick,
    /// When it last came back.
    pub reregistered: Option<Tick>,
    /// When its scheduler last went.
    pub disconnected: Option<Tick>,
    /// When it ended.
    pub unregistered: Option<Tick>,
    /// The roles of `info`, in one form.
    pub roles: BTreeSet<Role>,
    /// Roles for which it wants no offers.
    pub suppressed: BTreeSet<Role>,
    /// Which agents it wants offers of.
    pub offer_constraints: Option<Arc<v1::scheduler::OfferConstraints>>,
    /// Tasks that run or wait for the acknowledgement of their end.
    pub tasks: BTreeMap<TaskId, Arc<Task>>,
    /// Tasks that ended, oldest first.
    pub completed_tasks: VecDeque<Arc<Task>>,
    /// Tasks whose agents are unreachable, by the time at which that was found out.
    pub unreachable_tasks: BTreeMap<TaskId, Arc<Task>>,
    /// Executors other than those of command tasks.
    pub executors: BTreeMap<(AgentId, ExecutorId), Arc<Executor>>,
    /// Its outstanding offers.
    pub offers: BTreeSet<OfferId>,
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) stream_id: Option<Uuid>,
    /// Ids of `unreachable_tasks`, oldest first, to bound them.
    pub(crate) unreachable_order: VecDeque<TaskId>,
}

impl Framework {
    pub(crate) fn new(
        id: FrameworkId,
        info: v1::FrameworkInfo,
        state: FrameworkState,
        registered: Tick,
    ) -> Self {
        let roles = roles(&info);
        Self {
            id,
            info: Arc::new(info),
            state,
            registered,
            reregistered: None,
            disconnected: None,
            unregistered: None,
            roles,
            suppressed: BTreeSet::new(),
            offer_constraints: None,
            tasks: BTreeMap::new(),
            completed_tasks: VecDeque::new(),
            unreachable_tasks: BTreeMap::new(),
            executors: BTreeMap::new(),
            offers: BTreeSet::new(),
            connection: None,
            stream_id: None,
            unreachable_order: VecDeque::new(),
        }
    }

    /// Whether its scheduler is there.
    pub fn is_connected(&self) -> bool {
        self.state == FrameworkState::Active
    }

    /// Whether it said that it can do `capability`.
    pub fn has(&self, capability: Capability) -> bool {
        has(&self.info, capability)
    }

    /// Whether its executors outlive a restart of their agent.
    pub fn checkpoint(&self) -> bool {
        self.info.checkpoint.unwrap_or(false)
    }

    /// How long its tasks wait for a scheduler that went.
    pub fn failover_timeout(&self) -> Duration {
        failover_timeout(&self.info).unwrap_or_default()
    }

    /// The v1 id.
    pub(crate) fn wire_id(&self) -> v1::FrameworkId {
        v1::FrameworkId { value: self.id.as_str().to_owned() }
    }

    pub(crate) fn remember_completed(&mut self, task: Arc<Task>, limit: usize) {
        self.completed_tasks.push_back(task);
        while self.completed_tasks.len() > limit {
            self.completed_tasks.pop_front();
        }
    }

    pub(crate) fn remember_unreachable(&mut self, task: Arc<Task>, limit: usize) {
        self.unreachable_order.retain(|id| *id != task.id);
        self.unreachable_order.push_back(task.id.clone());
        self.unreachable_tasks.insert(task.id.clone(), task);
        while self.unreachable_order.len() > limit {
            if let Some(id) = self.unreachable_order.pop_front() {
                self.unreachable_tasks.remove(&id);
            }
        }
    }

    pub(crate) fn forget_unreachable(&mut self, id: &TaskId) -> Option<Arc<Task>> {
        let task = self.unreachable_tasks.remove(id)?;
        self.unreachable_order.retain(|other| other != id);
        Some(task)
    }
}

/// Whether the framework that `info` describes said that it can do `capability`.
pub(crate) fn has(info: &v1::FrameworkInfo, capability: Capability) -> bool {
    info.capabilities.iter().any(|has| has.r#type == Some(capability as i32))
}

/// The single role of a framework that is not MULTI_ROLE.
#[expect(deprecated, reason = "older frameworks say it so")]
pub(crate) fn role(info: &v1::FrameworkInfo) -> Option<&str> {
    info.role.as_deref()
}

/// The roles that `info` names: `roles` with MULTI_ROLE, otherwise `role`, which is `*` by default.
pub(crate) fn roles(info: &v1::FrameworkInfo) -> BTreeSet<Role> {
    if has(info, Capability::MultiRole) {
        info.roles.iter().map(|role| Role::new(role.as_str())).collect()
    } else {
        BTreeSet::from([Role::new(role(info).unwrap_or(Role::DEFAULT))])
    }
}

/// The failover timeout, if it is a time.
pub(crate) fn failover_timeout(info: &v1::FrameworkInfo) -> Option<Duration> {
    Duration::try_from_secs_f64(info.failover_timeout.unwrap_or(0.0)).ok()
}
