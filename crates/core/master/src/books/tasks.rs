//! The books of tasks and executors: with their framework, and by agent.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use tepui_model::{AgentId, ExecutorId, FrameworkId, TaskId, TaskState};
use tepui_wire_mesos::v1::{KillPolicy, TaskStatus};

use super::{Books, unlist};
use crate::{
    Task,
    task::{Change, Executor, KillWish},
};

impl Books {
    /// A live task.
    pub(crate) fn task(&self, framework: &FrameworkId, id: &str) -> Option<&Arc<Task>> {
        self.frameworks.get(framework)?.tasks.get(id)
    }

    /// Live tasks of an agent.
    pub(crate) fn tasks_of(&self, agent: &AgentId) -> Vec<(FrameworkId, TaskId)> {
        self.agent_tasks.get(agent).map_or_else(Vec::new, |tasks| tasks.iter().cloned().collect())
    }

    /// Whether any live task is on an agent.
    pub(crate) fn has_tasks(&self, agent: &AgentId) -> bool {
        self.agent_tasks.contains_key(agent)
    }

    /// A task is live from now on, even if it was on an unreachable agent before.
    pub(crate) fn add_task(&mut self, task: Task) {
        let key = (task.framework_id.clone(), task.id.clone());
        self.agent_tasks.entry(task.agent_id.clone()).or_default().insert(key);
        if let Some(framework) = self.frameworks.get_mut(&task.framework_id) {
            let framework = Arc::make_mut(framework);
            framework.forget_unreachable(&task.id);
            framework.tasks.insert(task.id.clone(), Arc::new(task));
        }
    }

    /// Takes a task out of the live ones.
    pub(crate) fn remove_task(&mut self, framework_id: &FrameworkId, id: &TaskId) -> Option<Arc<Task>> {
        let framework = self.frameworks.get_mut(framework_id)?;
        let task = Arc::make_mut(framework).tasks.remove(id)?;
        unlist(&mut self.agent_tasks, &task.agent_id, &(framework_id.clone(), id.clone()));
        Some(task)
    }

    /// Keeps a task that is over, as one of so many.
    pub(crate) fn remember_completed(&mut self, id: &FrameworkId, task: Arc<Task>, limit: usize) {
        if let Some(framework) = self.frameworks.get_mut(id) {
            Arc::make_mut(framework).remember_completed(task, limit);
        }
    }

    /// Keeps a task whose agent is unreachable, as one of so many.
    pub(crate) fn remember_unreachable(&mut self, id: &FrameworkId, task: Arc<Task>, limit: usize) {
        if let Some(framework) = self.frameworks.get_mut(id) {
            Arc::make_mut(framework).remember_unreachable(task, limit);
        }
    }

    /// Takes a task out of those on unreachable agents.
    pub(crate) fn forget_unreachable(&mut self, framework: &FrameworkId, id: &TaskId) -> Option<Arc<Task>> {
        Arc::make_mut(self.frameworks.get_mut(framework)?).forget_unreachable(id)
    }

    /// Takes over what an agent's update says about a task that is there; the task as it is then, and what changed.
    pub(crate) fn take_update(
        &mut self,
        framework: &FrameworkId,
        agent: &AgentId,
        status: &TaskStatus,
        uuid: Option<&Bytes>,
        latest: Option<TaskState>,
    ) -> Option<(Arc<Task>, Change)> {
        let state = TaskState::from_number(status.state)?;
        let framework = self.frameworks.get_mut(framework)?;
        let id = status.task_id.value.as_str();
        framework.tasks.get(id).filter(|task| task.agent_id == *agent)?;
        let shared = Arc::make_mut(framework).tasks.get_mut(id)?;
        let change = Arc::make_mut(shared).take_update(state, status, uuid, latest);
        Some((Arc::clone(shared), change))
    }

    /// A state that the master itself decides on; the task as it is then, and whether it was live before.
    pub(crate) fn settle_task(
        &mut self,
        framework: &FrameworkId,
        id: &TaskId,
        status: &TaskStatus,
    ) -> Option<(Arc<Task>, bool)> {
        let state = TaskState::from_number(status.state)?;
        let shared = Arc::make_mut(self.frameworks.get_mut(framework)?).tasks.get_mut(id)?;
        let was_live = Arc::make_mut(shared).settle(state, status);
        Some((Arc::clone(shared), was_live))
    }

    /// The scheduler wants a task killed.
    pub(crate) fn wish_kill(&mut self, framework: &FrameworkId, id: &TaskId, policy: Option<KillPolicy>) {
        let Some(framework) = self.frameworks.get_mut(framework) else { return };
        if let Some(task) = Arc::make_mut(framework).tasks.get_mut(id) {
            Arc::make_mut(task).kill = Some(Box::new(KillWish { policy }));
        }
    }

    /// Executors of an agent that have tasks, or had.
    pub(crate) fn executors_of(&self, agent: &AgentId) -> impl Iterator<Item = &(FrameworkId, ExecutorId)> {
        self.agent_executors.get(agent).into_iter().flatten()
    }

    /// An executor is there from now on.
    pub(crate) fn add_executor(&mut self, framework: &FrameworkId, agent: &AgentId, executor: Executor) {
        let id = ExecutorId::new(executor.info.executor_id.value.as_str());
        if let Some(framework) = self.frameworks.get_mut(framework) {
            Arc::make_mut(framework).executors.insert((agent.clone(), id.clone()), Arc::new(executor));
        }
        self.agent_executors.entry(agent.clone()).or_default().insert((framework.clone(), id));
    }

    /// Takes an executor out.
    pub(crate) fn remove_executor(
        &mut self,
        framework_id: &FrameworkId,
        agent: &AgentId,
        id: &ExecutorId,
    ) -> Option<Arc<Executor>> {
        unlist(&mut self.agent_executors, agent, &(framework_id.clone(), id.clone()));
        let key = (agent.clone(), id.clone());
        let framework = self.frameworks.get_mut(framework_id)?;
        framework.executors.get(&key)?;
        Arc::make_mut(framework).executors.remove(&key)
    }

    /// The scheduler wants an executor ended.
    pub(crate) fn wish_shutdown(&mut self, framework: &FrameworkId, key: &(AgentId, ExecutorId)) {
        if let Some(framework) = self.frameworks.get_mut(framework)
            && let Some(executor) = Arc::make_mut(framework).executors.get_mut(key)
        {
            Arc::make_mut(executor).shutdown = true;
        }
    }

    /// Agents that have something of a framework.
    pub(crate) fn agents_with(&self, framework: &FrameworkId) -> BTreeSet<AgentId> {
        let Some(framework) = self.frameworks.get(framework) else { return BTreeSet::new() };
        let tasks = framework.tasks.values().map(|task| &task.agent_id);
        tasks.chain(framework.executors.keys().map(|(agent, _)| agent)).cloned().collect()
    }
}
