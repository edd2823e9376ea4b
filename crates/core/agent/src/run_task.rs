//! Tasks that the master sends: to a new executor, to a running one, or not at all.
//! Must not live here: what a command task's process does (see `command`), and an executor's calls (see `executor_api`).

use std::sync::Arc;

use tepui_model::{
    ContainerId, ExecutorId, FrameworkId, Reason, Source, TaskId, TaskState, Tick, validate_id,
};
use tepui_wire_mesos::{internal, v1};

use crate::{
    agent::Agent,
    checks, command,
    effect::{Checkpoint, Exit},
    environment, events,
    executors::{Executor, Framework, Queued, Stage, Task},
    kill,
    life::Start,
    outbox::After,
    report::{self, Report},
    resources,
    snapshot::{ExecutorState, Phase},
};

/// What has to be known of a launch beside its tasks.
struct Request {
    framework: v1::FrameworkInfo,
    pid: Option<String>,
    /// The executor of a task group. Single tasks say for themselves; those that say nothing are command tasks.
    group: Option<v1::ExecutorInfo>,
    command_task: bool,
    /// The master expects that the executor is not there yet.
    launch_executor: bool,
}

impl Request {
    fn executor<'a>(&'a self, tasks: &'a [v1::TaskInfo]) -> Option<&'a v1::ExecutorInfo> {
        self.group.as_ref().or_else(|| tasks.first()?.executor.as_deref())
    }
}

impl Agent {
    pub(crate) fn run_task(&mut self, now: Tick, message: internal::RunTaskMessage) {
        let request = Request {
            framework: message.framework,
            pid: message.pid,
            group: None,
            command_task: message.task.executor.is_none(),
            launch_executor: message.launch_executor.unwrap_or(true),
        };
        self.run(now, request, vec![message.task]);
    }

    pub(crate) fn run_task_group(&mut self, now: Tick, message: internal::RunTaskGroupMessage) {
        let request = Request {
            framework: message.framework,
            pid: None,
            group: Some(message.executor),
            command_task: false,
            launch_executor: message.launch_executor.unwrap_or(true),
        };
        self.run(now, request, message.task_group.tasks);
    }

    fn run(&mut self, now: Tick, request: Request, mut tasks: Vec<v1::TaskInfo>) {
        let Some(framework_id) = request.framework.id.as_ref().map(FrameworkId::from) else {
            self.stats.dropped_messages += 1;
            return;
        };
        tasks.retain(|task| self.accepts(now, &framework_id, task));
        let Some(first) = tasks.first() else { return };
        let executor_id = match request.executor(&tasks) {
            Some(executor) => ExecutorId::from(&executor.executor_id),
            None => ExecutorId::from(first.task_id.value.as_str()),
        };
        let ids = [framework_id.as_str(), executor_id.as_str()];
        let ids = ids.into_iter().chain(tasks.iter().map(|task| task.task_id.value.as_str()));
        // Ids become names of directories: a master that lets a bad one through must not lead us out of ours.
        if let Some(error) = ids.map(validate_id).find_map(Result::err) {
            let report = Report::new(Reason::TaskInvalid, error.to_string());
            self.refuse(now, &framework_id, &tasks, TaskState::Error, &report);
            self.give_up_executor(&framework_id, &executor_id, &request);
            return;
        }
        self.know_framework(&framework_id, &request);
        if let Some(report) = self.refusal(&framework_id, &executor_id, &request) {
            let dropped = report::dropped(kill::is_partition_aware(self.executors.get(&framework_id)));
            self.refuse(now, &framework_id, &tasks, dropped, &report);
            self.give_up_executor(&framework_id, &executor_id, &request);
            self.finish_framework(now, &framework_id);
            return;
        }
        self.take(now, &framework_id, &executor_id, request, tasks);
    }

    /// The master has counted an executor since it sent its first task: it is told that there is none.
    fn give_up_executor(&mut self, framework: &FrameworkId, executor: &ExecutorId, request: &Request) {
        let known =
            self.executors.get(framework).is_some_and(|known| known.executors().contains_key(executor));
        if request.launch_executor && !request.command_task && !known {
            self.tell_executor_exited(framework, executor, &Exit::default());
        }
    }

    /// Why a task cannot be taken, although it is well formed.
    fn refusal(
        &self,
        framework: &FrameworkId,
        executor_id: &ExecutorId,
        request: &Request,
    ) -> Option<Report> {
        if self.drain.is_some() {
            return Some(Report::new(Reason::AgentDraining, "Agent is draining"));
        }
        let known = self.executors.get(framework).and_then(|known| known.executor(executor_id));
        let words = match known.map(|executor| (executor.state(), executor.command.is_some())) {
            None if request.launch_executor || request.command_task => return None,
            None => "No executor is expected to launch and there is no executor running",
            Some((ExecutorState::Terminating, _)) => "Executor terminating",
            Some((ExecutorState::Terminated, _)) => "Executor terminated",
            Some((_, command)) if command || request.command_task => {
                "The executor's id is that of a command task"
            }
            Some(_) => return None,
        };
        Some(Report::new(Reason::ExecutorTerminated, words))
    }

    /// Whether a task is for us and new. A repeated one is not answered: an answer would be taken for the first one's.
    fn accepts(&mut self, now: Tick, framework: &FrameworkId, task: &v1::TaskInfo) -> bool {
        let ours = self.is_own_id(&task.agent_id) && self.phase == Phase::Running;
        let task = TaskId::from(&task.task_id);
        let stopping = self.executors.get(framework).is_some_and(|framework| framework.terminating);
        // The scheduler may use the id again as soon as it has acknowledged; that is being written down.
        self.acknowledgement_durable(now, framework, &task);
        // An end that is on its way is the id's last word.
        let ended = self.updates.has(framework, &task);
        let known =
            ended || self.executors.get(framework).is_some_and(|known| known.tasks().contains_key(&task));
        let accepted = ours && !stopping && !known;
        if !accepted {
            self.stats.dropped_messages += 1;
        }
        accepted
    }

    /// Meets a framework, or meets it again.
    fn know_framework(&mut self, id: &FrameworkId, request: &Request) {
        let pid = request.pid.clone().unwrap_or_default();
        match self.executors.get_mut(id) {
            Some(framework) => {
                if *framework.info != request.framework {
                    framework.info = Arc::new(request.framework.clone());
                }
                if request.pid.is_some() {
                    framework.pid = pid;
                }
            }
            None => {
                let mut framework = Framework::new(id.clone(), request.framework.clone(), pid);
                // Its history goes on where it ended.
                let past = self
                    .completed_frameworks
                    .iter()
                    .position(|past| past.info.id.as_ref().is_some_and(|past| past.value == id.as_str()));
                if let Some(past) = past.and_then(|index| self.completed_frameworks.remove(index)) {
                    framework.completed_executors.extend(past.completed_executors.iter().cloned());
                }
                self.executors.add_framework(framework);
            }
        }
        self.write_framework(id);
    }

    fn refuse(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        tasks: &[v1::TaskInfo],
        state: TaskState,
        report: &Report,
    ) {
        for task in tasks {
            self.report(now, framework, &(&task.task_id).into(), state, Source::Agent, report.clone());
        }
    }

    /// Gives tasks to their executor, and asks for one if there is none.
    fn take(
        &mut self,
        now: Tick,
        framework_id: &FrameworkId,
        executor_id: &ExecutorId,
        request: Request,
        tasks: Vec<v1::TaskInfo>,
    ) {
        let new = !self
            .executors
            .get(framework_id)
            .is_some_and(|framework| framework.executors().contains_key(executor_id));
        if new {
            let executor = request.executor(&tasks).cloned();
            let info = match (executor, tasks.first()) {
                (Some(info), _) => self.complete_executor_info(framework_id, info),
                (None, Some(task)) => command::executor_info(&self.config, framework_id, task),
                (None, None) => return,
            };
            let command = tasks.first().filter(|_| request.command_task);
            self.add_executor(framework_id, info, command);
        }
        let ids: Vec<TaskId> = tasks.iter().map(|task| (&task.task_id).into()).collect();
        for task in tasks {
            self.add_task(now, framework_id, executor_id, task);
        }
        let Some(executor) = self.executor_mut(framework_id, executor_id) else { return };
        if request.group.is_some() {
            executor.queue.push_back(Queued::Group(ids));
        } else {
            executor.queue.extend(ids.into_iter().map(Queued::Task));
        }
        if new {
            if !executor.life.is_held() {
                self.launch(framework_id, executor_id);
            }
            return;
        }
        let limits = executor.limits();
        let container = executor.container_id.clone();
        let speaks_v0 = executor.address.is_some();
        if executor.pid.is_some() {
            self.out.set_limits(&container, limits);
        }
        if speaks_v0 {
            self.refuse_groups(now, framework_id, executor_id);
        }
        self.deliver(framework_id, executor_id);
    }

    /// Fills in what schedulers leave to the agent.
    fn complete_executor_info(
        &self,
        framework_id: &FrameworkId,
        mut info: v1::ExecutorInfo,
    ) -> v1::ExecutorInfo {
        info.framework_id = Some(framework_id.into());
        resources::upgrade(&mut info.resources);
        info
    }

    /// An executor, or what stands for one in the case of the command task `command`.
    fn add_executor(
        &mut self,
        framework_id: &FrameworkId,
        info: v1::ExecutorInfo,
        command: Option<&v1::TaskInfo>,
    ) {
        let container_id = self.random_container_id();
        let executor_id = ExecutorId::from(&info.executor_id);
        let agent = self.agent_id.as_ref();
        let directory = environment::sandbox(&self.config, agent, framework_id, &executor_id, &container_id);
        let Some(framework) = self.executors.get_mut(framework_id) else { return };
        let checkpoint = framework.checkpoint();
        let container = if checkpoint { Start::Held } else { Start::Asked };
        let mut executor = Executor::new(info, container_id, directory, command.is_some(), container);
        executor.environment = command.and_then(|task| task.command.as_ref()?.environment.clone());
        if checkpoint {
            self.out.write(Checkpoint::Executor {
                run: executor.run(framework_id),
                info: Box::new(command::written_info(&executor)),
                command_task: command.is_some(),
            });
        }
        self.executors.add(framework_id, executor);
        self.registration.executor_added();
    }

    fn add_task(
        &mut self,
        now: Tick,
        framework_id: &FrameworkId,
        executor_id: &ExecutorId,
        mut info: v1::TaskInfo,
    ) {
        let Some(framework) = self.executors.get_mut(framework_id) else { return };
        let checkpoint = framework.checkpoint();
        let Some(executor) = framework.executor_mut(executor_id) else { return };
        resources::upgrade(&mut info.resources);
        let id = TaskId::from(&info.task_id);
        let record = record_of(framework_id, &info);
        let deadline = info.max_completion_time.as_ref().map(|time| now + crate::executors::duration(time));
        let deadline = deadline.filter(|_| executor.command.is_some());
        let check = checks::check_of(executor, &info);
        if checkpoint {
            let write = Checkpoint::Task {
                run: executor.run(framework_id),
                task: Box::new(record.clone()),
                deadline,
                check: check.clone(),
            };
            let after = After::Task {
                framework: framework_id.clone(),
                executor: executor_id.clone(),
                container: executor.container_id.clone(),
                task: id.clone(),
            };
            self.out.write_then(write, after);
        }
        let mut task = Task::new(record, Stage::Queued, !checkpoint);
        task.info = Some(Box::new(info));
        (task.deadline, task.check) = (deadline, check);
        framework.add_task(executor_id, id, task);
    }

    /// A task is written down. If the agent dies from here on, the next one knows of it; before, nothing may have
    /// run of it, as the next one would call it dropped.
    pub(crate) fn task_durable(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        executor_id: &ExecutorId,
        container: &ContainerId,
        task: &TaskId,
    ) {
        let Some(state) = self.executors.get_mut(framework) else { return };
        let framework_id = state.id.clone();
        let executor = state.executor_mut(executor_id);
        let Some(executor) = executor.filter(|executor| executor.container_id == *container) else {
            return;
        };
        if let Some(task) = executor.task_mut(task) {
            task.durable = true;
        }
        if !executor.life.is_held() {
            self.deliver(framework, executor_id);
        } else if executor.state() == ExecutorState::Registering {
            self.launch(&framework_id, executor_id);
        } else {
            // It was ended before it was begun.
            self.executor_exited(now, framework, executor_id, Exit::default());
        }
    }

    /// Delivers what is queued, if the executor listens.
    pub(crate) fn deliver(&mut self, framework_id: &FrameworkId, executor_id: &ExecutorId) {
        let Self { executors, out, agent_id, .. } = self;
        let framework = executors.get_mut(framework_id);
        let Some((speaker, executor)) = framework
            .and_then(|known| known.speak_to(agent_id.as_ref(), executor_id))
            .filter(|(_, it)| it.state() == ExecutorState::Running && it.command.is_none())
        else {
            return;
        };
        let Some(contact) = executor.contact().cloned() else { return };
        let mut tell = |event| contact.tell(out, &speaker, executor_id, event);
        while let Some(queued) = executor.queue.front() {
            let durable = |id: &TaskId| executor.tasks().get(id).is_none_or(|task| task.durable);
            let ready = match queued {
                Queued::Task(id) => durable(id),
                Queued::Group(ids) => ids.iter().all(durable),
            };
            let Some(queued) = executor.queue.pop_front_if(|_| ready) else { return };
            match queued {
                Queued::Task(id) => {
                    if let Some(info) = take_info(executor, &id) {
                        tell(events::launch(*info));
                    }
                }
                Queued::Group(ids) => {
                    let infos: Vec<_> =
                        ids.iter().filter_map(|id| take_info(executor, id)).map(|info| *info).collect();
                    if !infos.is_empty() {
                        tell(events::launch_group(infos));
                    }
                }
            }
        }
    }

    pub(crate) fn executor_mut(
        &mut self,
        framework: &FrameworkId,
        executor: &ExecutorId,
    ) -> Option<&mut Executor> {
        self.executors.executor_mut(framework, executor)
    }
}

/// Takes a queued task's description for its delivery; `None` if it was killed meanwhile.
fn take_info(executor: &mut Executor, id: &TaskId) -> Option<Box<v1::TaskInfo>> {
    let task = executor.task_mut(id).filter(|task| task.stage() == Stage::Queued)?;
    let info = task.launch()?;
    executor.life.use_it();
    Some(info)
}

/// What is remembered of a task.
fn record_of(framework_id: &FrameworkId, info: &v1::TaskInfo) -> v1::Task {
    let command = info.command.as_ref().or_else(|| info.executor.as_ref()?.command.as_ref());
    v1::Task {
        name: info.name.clone(),
        task_id: info.task_id.clone(),
        framework_id: framework_id.into(),
        executor_id: info.executor.as_ref().map(|executor| executor.executor_id.clone()),
        agent_id: info.agent_id.clone(),
        state: TaskState::Staging.number(),
        resources: info.resources.clone(),
        statuses: Vec::new(),
        status_update_state: None,
        status_update_uuid: None,
        labels: info.labels.clone(),
        discovery: info.discovery.clone(),
        container: info.container.clone(),
        health_check: info.health_check.clone(),
        kill_policy: info.kill_policy,
        user: command.and_then(|command| command.user.clone()),
        limits: info.limits.clone(),
    }
}
