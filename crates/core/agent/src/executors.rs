//! Frameworks, executors and tasks as the agent keeps them. Must not live here: what events do to them.

mod all;
mod task;

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tepui_core_checks::Checks;
use tepui_model::{AgentId, ConnectionId, ContainerId, ExecutorId, FrameworkId, Reason, TaskId, TaskState};
use tepui_wire_mesos::v1;

pub(crate) use self::{
    all::Executors,
    task::{Stage, Task},
};
use crate::{
    Upid,
    config::Config,
    contact::{Contact, Speaker},
    effect::{Limits, Run},
    life::{Address, Life, Start},
    resources::Sum,
    snapshot::{ExecutorState, ExecutorView},
};

/// A framework that has, or had, something on this agent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Framework {
    pub(crate) id: FrameworkId,
    pub(crate) info: Arc<v1::FrameworkInfo>,
    /// UPID of its scheduler; empty or nobody's for one over HTTP.
    pub(crate) pid: String,
    /// Being shut down: nothing of it is reported any more.
    pub(crate) terminating: bool,
    executors: BTreeMap<ExecutorId, Executor>,
    /// Which executor a task that is not over belongs to.
    tasks: BTreeMap<TaskId, ExecutorId>,
    pub(crate) completed_executors: VecDeque<Arc<ExecutorView>>,
}

impl Framework {
    pub(crate) fn new(id: FrameworkId, info: v1::FrameworkInfo, pid: String) -> Self {
        Self {
            id,
            info: Arc::new(info),
            pid,
            terminating: false,
            executors: BTreeMap::new(),
            tasks: BTreeMap::new(),
            completed_executors: VecDeque::new(),
        }
    }

    pub(crate) fn checkpoint(&self) -> bool {
        self.info.checkpoint.unwrap_or(false)
    }

    pub(crate) fn partition_aware(&self) -> bool {
        has_capability(&self.info, v1::framework_info::capability::Type::PartitionAware)
    }

    pub(crate) fn task_killing_state(&self) -> bool {
        has_capability(&self.info, v1::framework_info::capability::Type::TaskKillingState)
    }

    /// Its executors, by id.
    pub(crate) const fn executors(&self) -> &BTreeMap<ExecutorId, Executor> {
        &self.executors
    }

    pub(crate) fn executor(&self, id: &ExecutorId) -> Option<&Executor> {
        self.executors.get(id)
    }

    pub(crate) fn executor_mut(&mut self, id: &ExecutorId) -> Option<&mut Executor> {
        self.executors.get_mut(id)
    }

    /// An executor, and how it is spoken to.
    pub(crate) fn speak_to<'a>(
        &'a mut self,
        agent: Option<&'a AgentId>,
        executor: &ExecutorId,
    ) -> Option<(Speaker<'a>, &'a mut Executor)> {
        let Self { id, info, pid, executors, .. } = self;
        let executor = executors.get_mut(executor)?;
        Some((Speaker { agent, framework: id, info, scheduler: pid }, executor))
    }

    /// Whose a task is that is not over.
    pub(crate) const fn tasks(&self) -> &BTreeMap<TaskId, ExecutorId> {
        &self.tasks
    }

    /// A new task of one of its executors.
    pub(crate) fn add_task(&mut self, executor: &ExecutorId, id: TaskId, task: Task) {
        let Some(known) = self.executors.get_mut(executor) else { return };
        known.add_task(id.clone(), task);
        self.tasks.insert(id, executor.clone());
    }

    /// A task is over: it goes to its executor's history.
    pub(crate) fn finish_task(&mut self, id: &TaskId) -> Option<&mut Executor> {
        let executor = self.executors.get_mut(&self.tasks.remove(id)?)?;
        let task = executor.tasks.remove(id)?;
        executor.completed_tasks.push_back(task.task);
        Some(executor)
    }

    /// Takes out an executor that is over, and its tasks with it.
    pub(crate) fn take_executor(&mut self, id: &ExecutorId) -> Option<Executor> {
        let mut executor = self.executors.remove(id)?;
        for (id, task) in std::mem::take(&mut executor.tasks) {
            self.tasks.remove(&id);
            executor.completed_tasks.push_back(task.task);
        }
        Some(executor)
    }

    /// The executor of a task that is not over.
    pub(crate) fn executor_of(&mut self, task: &TaskId) -> Option<&mut Executor> {
        let executor = self.tasks.get(task)?;
        self.executors.get_mut(executor)
    }
}

/// Whether the framework tells a dropped task from a lost one.
pub(crate) fn has_capability(info: &v1::FrameworkInfo, kind: v1::framework_info::capability::Type) -> bool {
    info.capabilities.iter().any(|capability| capability.r#type == Some(kind.into()))
}

/// An executor, or what stands for one in the case of a command task.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Executor {
    id: ExecutorId,
    pub(crate) info: Arc<v1::ExecutorInfo>,
    pub(crate) container_id: ContainerId,
    pub(crate) directory: String,
    pub(crate) life: Life,
    /// Present for a command task: the agent itself is the executor.
    pub(crate) command: Option<Command>,
    /// The variables that a command task has of its own: sessions beside it get the same.
    pub(crate) environment: Option<v1::Environment>,
    /// Who listens for it at the moment.
    contact: Option<Contact>,
    /// Where it listens, if it speaks libprocess.
    pub(crate) address: Option<Address>,
    pub(crate) pid: Option<u32>,
    /// Tasks that are not over.
    tasks: BTreeMap<TaskId, Task>,
    /// Tasks and groups that wait for a stream. May name tasks that were killed meanwhile.
    pub(crate) queue: VecDeque<Queued>,
    /// Kills for tasks that were delivered, to be told when the executor is back.
    pub(crate) kills: BTreeMap<TaskId, Option<v1::KillPolicy>>,
    pub(crate) completed_tasks: VecDeque<Arc<v1::Task>>,
    /// Why the agent ends it; told to the tasks when it has ended.
    pub(crate) termination: Option<Termination>,
    /// What its own resources and those of its live tasks add up to.
    usage: Sum,
}

impl Executor {
    pub(crate) fn new(
        info: v1::ExecutorInfo,
        container_id: ContainerId,
        directory: String,
        command: bool,
        container: Start,
    ) -> Self {
        let usage = Sum::of(&info.resources);
        Self {
            id: (&info.executor_id).into(),
            info: Arc::new(info),
            container_id,
            directory,
            life: Life::new(container),
            command: command.then(Command::default),
            environment: None,
            contact: None,
            address: None,
            pid: None,
            tasks: BTreeMap::new(),
            queue: VecDeque::new(),
            kills: BTreeMap::new(),
            completed_tasks: VecDeque::new(),
            termination: None,
            usage,
        }
    }

    pub(crate) const fn id(&self) -> &ExecutorId {
        &self.id
    }

    /// Where it is in its life, as readers see it.
    pub(crate) const fn state(&self) -> ExecutorState {
        self.life.state()
    }

    /// Where it listens, if it speaks libprocess; whether or not the link to it holds.
    pub(crate) fn process(&self) -> Option<&Upid> {
        self.address.as_ref().map(Address::process)
    }

    /// Who listens for it at the moment.
    pub(crate) const fn contact(&self) -> Option<&Contact> {
        self.contact.as_ref()
    }

    /// A process listens for it, not a stream.
    pub(crate) fn listens_at(&mut self, process: &Upid) {
        self.contact = Some(Contact::Process(process.clone()));
    }

    /// The process at the other end of its link does not listen.
    pub(crate) fn lose_process(&mut self) {
        self.contact.take_if(|contact| matches!(contact, Contact::Process(_)));
    }

    /// The open event stream, if it is that kind of executor.
    pub(crate) fn stream(&self) -> Option<ConnectionId> {
        match self.contact {
            Some(Contact::Stream(stream)) => Some(stream),
            Some(Contact::Process(_)) | None => None,
        }
    }

    pub(crate) fn run(&self, framework: &FrameworkId) -> Run {
        Run {
            framework_id: framework.clone(),
            executor_id: self.id.clone(),
            container_id: self.container_id.clone(),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.usage.limits()
    }

    /// The role that a command task's resources are allocated to.
    pub(crate) fn role(&self) -> Option<&str> {
        let task = self.tasks.values().next().filter(|_| self.command.is_some())?;
        task.task.resources.iter().find_map(|resource| resource.allocation_info.as_ref()?.role.as_deref())
    }

    /// Its tasks that are not over.
    pub(crate) const fn tasks(&self) -> &BTreeMap<TaskId, Task> {
        &self.tasks
    }

    pub(crate) fn task_mut(&mut self, id: &TaskId) -> Option<&mut Task> {
        self.tasks.get_mut(id)
    }

    pub(crate) fn tasks_mut(&mut self) -> impl Iterator<Item = (&TaskId, &mut Task)> {
        self.tasks.iter_mut()
    }

    /// Adds a task that is not over.
    pub(crate) fn add_task(&mut self, id: TaskId, task: Task) {
        if task.is_live() {
            self.usage.add(&task.usage);
        }
        self.tasks.insert(id, task);
    }

    /// A task has ended: it uses nothing any more.
    pub(crate) fn end_task(&mut self, id: &TaskId) {
        let Some(task) = self.tasks.get_mut(id).filter(|task| task.is_live()) else { return };
        task.stage = Stage::Terminated;
        task.info = None;
        self.usage.subtract(&task.usage);
    }

    /// It never got a task and has none to wait for.
    pub(crate) fn is_useless(&self) -> bool {
        !self.life.is_used() && !self.tasks.values().any(|task| task.stage == Stage::Queued)
    }

    /// How long a command has between TERM and KILL: the call's word, the task's own, the default.
    pub(crate) fn command_grace(&self, policy: Option<&v1::KillPolicy>, default: Duration) -> Duration {
        let own = || {
            self.tasks.values().find(|task| task.is_live()).and_then(|task| task.task.kill_policy.as_ref())
        };
        grace_of(policy).or_else(|| grace_of(own())).unwrap_or(default)
    }

    pub(crate) fn shutdown_grace(&self, config: &Config) -> Duration {
        self.info.shutdown_grace_period.as_ref().map_or(config.executor_shutdown_grace_period, duration)
    }
}

/// What waits for an executor's stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Queued {
    /// One task.
    Task(TaskId),
    /// A task group, delivered as one.
    Group(Vec<TaskId>),
}

/// What the agent keeps as the executor of a command task.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Command {
    /// A kill or shutdown was asked for: what follows is TASK_KILLED.
    pub(crate) killed: bool,
    /// It was killed because its time was over.
    pub(crate) timed_out: bool,
    /// It was killed because of its health check.
    pub(crate) unhealthy: bool,
    /// Its checks, while it runs and is not to end.
    pub(crate) checks: Option<Box<Checks>>,
}

/// Why an executor is ended by the agent, in the words that its tasks' updates will have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Termination {
    pub(crate) state: TaskState,
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

/// A duration of the wire; negative ones are none.
pub(crate) fn duration(info: &v1::DurationInfo) -> Duration {
    Duration::from_nanos(u64::try_from(info.nanoseconds).unwrap_or(0))
}

/// The grace of a kill policy, if it names one.
pub(crate) fn grace_of(policy: Option<&v1::KillPolicy>) -> Option<Duration> {
    policy.and_then(|policy| policy.grace_period.as_ref()).map(duration)
}
