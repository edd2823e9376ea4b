//! Status updates on their way from an executor to the master: one stream for each task, its head in flight until it is
//! acknowledged. Must not live here: who may send an update (see `executor_api`), and what an executor's end means (see `exit`).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tepui_core_kit::Backoff;
use tepui_model::{ContainerId, ExecutorId, FrameworkId, Reason, Source, TaskId, TaskState, Tick};
use tepui_wire_mesos::{internal, v1};

use crate::{
    agent::Agent,
    effect::{Checkpoint, Removal},
    events,
    executors::{Executor, Framework},
    nested::Nested,
    outbox::After,
    report::{self, Report},
    snapshot::Phase,
    timers::Timer,
    update_stream::Stream,
};

/// Whatever the settings say.
const SHORTEST_RETRY: Duration = Duration::from_millis(10);
/// Statuses that are kept of a task that goes back and forth between states.
const MAX_STATUSES: usize = 64;
/// Streams of tasks that the agent does not know, for each framework: an executor must not fill the memory with them.
const MAX_UNKNOWN_TASKS: usize = 1000;

impl Agent {
    /// A status from an executor, already found to be well formed. `true`: it was taken (or had been before).
    pub(crate) fn executor_update(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        executor: &ExecutorId,
        mut status: v1::TaskStatus,
    ) -> bool {
        let Some(agent_id) = self.agent_id.clone() else { return false };
        let wrong_agent = status.agent_id.as_ref().is_some_and(|id| id.value != agent_id.as_str());
        let Some(state) = self.executors.get_mut(framework).filter(|framework| !framework.terminating) else {
            self.stats.invalid_status_updates += 1;
            return false;
        };
        if wrong_agent || status.uuid.is_none() {
            self.stats.invalid_status_updates += 1;
            return false;
        }
        self.stats.valid_status_updates += 1;
        status.agent_id = Some((&agent_id).into());
        status.source = Some(Source::Executor.number());
        let timestamp = *status.timestamp.get_or_insert_with(|| now.as_secs_f64());
        let task = TaskId::from(&status.task_id);
        if let Some(executor) = state.executor_of(&task) {
            fill_container_status(&mut status, executor, &self.nested, &self.config.ip);
        }
        self.mark_drained(framework, &mut status);
        let update = internal::StatusUpdate {
            framework_id: framework.into(),
            // Only if the executor says so itself, as in Mesos.
            executor_id: status.executor_id.clone(),
            slave_id: status.agent_id.clone(),
            timestamp,
            uuid: status.uuid.clone(),
            latest_state: None,
            status,
        };
        self.enqueue(now, framework, &task, update, Some(executor));
        true
    }

    /// Something that the agent itself says about a task, for itself or (command tasks) as its executor.
    pub(crate) fn report(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        task: &TaskId,
        state: TaskState,
        source: Source,
        report: Report,
    ) {
        if self.executors.get(framework).is_some_and(|framework| framework.terminating) {
            return;
        }
        let uuid = self.random_uuid();
        let mut status = report::status(now, task, state, source, uuid, report);
        status.agent_id = self.agent_id.as_ref().map(Into::into);
        if let Some(executor) = self.executors.get_mut(framework).and_then(|state| state.executor_of(task)) {
            status.executor_id = Some(executor.info.executor_id.clone());
            if source == Source::Executor {
                fill_container_status(&mut status, executor, &self.nested, &self.config.ip);
            }
        }
        self.mark_drained(framework, &mut status);
        let update = internal::StatusUpdate {
            framework_id: framework.into(),
            executor_id: status.executor_id.clone(),
            slave_id: status.agent_id.clone(),
            timestamp: now.as_secs_f64(),
            uuid: status.uuid.clone(),
            latest_state: None,
            status,
        };
        self.enqueue(now, framework, task, update, None);
    }

    /// Kills in a drain say so.
    fn mark_drained(&self, framework: &FrameworkId, status: &mut v1::TaskStatus) {
        let Some(drain) = &self.drain else { return };
        if status.state == TaskState::Killing.number() || status.state == TaskState::Killed.number() {
            status.reason = Some(Reason::AgentDraining.number());
        }
        let partition_aware = self.executors.get(framework).is_some_and(Framework::partition_aware);
        if drain.config.mark_gone() && partition_aware && status.state == TaskState::Killed.number() {
            status.state = TaskState::GoneByOperator.number();
        }
    }

    /// Puts an update at the end of its task's stream, unless it is there already, and has it written down.
    fn enqueue(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        task: &TaskId,
        update: internal::StatusUpdate,
        from: Option<&ExecutorId>,
    ) {
        let Some(uuid) = update.uuid.clone() else { return };
        if self.repeated(framework, task, &uuid, from) {
            return;
        }
        let (run, known) = match self.executors.get_mut(framework) {
            None => (None, false),
            Some(state) => {
                let checkpoint = state.checkpoint();
                match state.executor_of(task) {
                    None => (None, false),
                    Some(executor) => (checkpoint.then(|| executor.run(framework)), true),
                }
            }
        };
        if !known
            && !self.updates.has(framework, task)
            && self.updates.count(framework) >= MAX_UNKNOWN_TASKS + self.known_tasks(framework)
        {
            self.stats.invalid_status_updates += 1;
            return;
        }
        self.apply_status(framework, task, &update.status);
        let stream = self.updates.of(framework, task, || Stream::new(run, !known));
        let record = stream.run().cloned().map(|run| Checkpoint::UpdateAppended {
            run,
            task_id: task.clone(),
            record: Box::new(internal::StatusUpdateRecord {
                r#type: internal::status_update_record::Type::Update.into(),
                update: Some(update.clone()),
                uuid: None,
            }),
        });
        stream.push(update, record.is_none());
        match record {
            Some(record) => {
                let (framework, task, executor) = (framework.clone(), task.clone(), from.cloned());
                self.out.write_then(record, After::Update { framework, task, uuid, executor });
            }
            None => self.update_durable(now, framework, task, &uuid, from),
        }
    }

    fn known_tasks(&self, framework: &FrameworkId) -> usize {
        self.executors.get(framework).map_or(0, |framework| framework.tasks().len())
    }

    /// Deals with an update that was sent before, or that comes after the task's end.
    fn repeated(
        &mut self,
        framework: &FrameworkId,
        task: &TaskId,
        uuid: &Bytes,
        from: Option<&ExecutorId>,
    ) -> bool {
        match self.updates.get(framework, task) {
            Some(stream) => {
                let repeats = stream.repeats(uuid);
                if repeats == Some(true) {
                    self.acknowledge_to_executor(framework, task, uuid, from);
                }
                repeats.is_some()
            }
            None => {
                // The end of a task that is over already, from an executor that did not see its acknowledgement.
                let over = from.is_some_and(|executor| {
                    self.executors
                        .get(framework)
                        .and_then(|framework| framework.executor(executor))
                        .is_some_and(|executor| {
                            executor.completed_tasks.iter().any(|over| over.task_id.value == task.as_str())
                        })
                });
                if over {
                    self.acknowledge_to_executor(framework, task, uuid, from);
                }
                over
            }
        }
    }

    /// Brings the task's own record up to what an update says.
    fn apply_status(&mut self, framework: &FrameworkId, task_id: &TaskId, status: &v1::TaskStatus) {
        let Some(executor) = self.executors.get_mut(framework).and_then(|state| state.executor_of(task_id))
        else {
            return;
        };
        let Some(task) = executor.task_mut(task_id) else { return };
        let record = Arc::make_mut(&mut task.task);
        record.state = status.state;
        if record.statuses.len() == MAX_STATUSES {
            record.statuses.remove(0);
        }
        // The data is the scheduler's business and can be large.
        let status = v1::TaskStatus { data: None, ..status.clone() };
        match record.statuses.last_mut() {
            Some(last) if last.state == status.state => *last = status,
            _ => record.statuses.push(status),
        }
        let state = task.state();
        if task.is_live() && state.is_terminal() {
            executor.end_task(task_id);
            if executor.command.is_none() && executor.pid.is_some() {
                self.out.set_limits(&executor.container_id, executor.limits());
            }
            self.count_terminal(state);
        }
    }

    fn count_terminal(&mut self, state: TaskState) {
        match state {
            TaskState::Finished => self.stats.tasks_finished += 1,
            TaskState::Failed => self.stats.tasks_failed += 1,
            TaskState::Killed => self.stats.tasks_killed += 1,
            TaskState::Gone => self.stats.tasks_gone += 1,
            _ => self.stats.tasks_lost += 1,
        }
    }

    /// An update cannot be lost any more: its executor may forget it and the master may have it.
    pub(crate) fn update_durable(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        task: &TaskId,
        uuid: &Bytes,
        executor: Option<&ExecutorId>,
    ) {
        let Some(stream) = self.updates.get_mut(framework, task) else {
            return;
        };
        stream.written(uuid);
        if !stream.is_unknown() {
            self.acknowledge_to_executor(framework, task, uuid, executor);
        }
        self.forward(now, framework, task);
    }

    fn acknowledge_to_executor(
        &mut self,
        framework: &FrameworkId,
        task: &TaskId,
        uuid: &Bytes,
        executor: Option<&ExecutorId>,
    ) {
        if let Some(executor) = executor {
            self.tell(framework, executor, events::acknowledged(task, uuid.clone()));
        }
    }

    /// Sends the head of a stream if it may go and is not under way.
    pub(crate) fn forward(&mut self, now: Tick, framework: &FrameworkId, task: &TaskId) {
        if self.phase != Phase::Running {
            return;
        }
        let Some(stream) = self.updates.get_mut(framework, task) else {
            return;
        };
        if !stream.is_ready() {
            return;
        }
        let first = self.config.status_update_retry_interval_min.max(SHORTEST_RETRY);
        let max = self.config.status_update_retry_interval_max.max(first);
        stream.restart(Backoff { first, max });
        self.send_head(now, framework, task);
    }

    fn send_head(&mut self, now: Tick, framework: &FrameworkId, task: &TaskId) {
        let Some(master) = &self.master else { return };
        let Some((update, wait)) = self.updates.get_mut(framework, task).and_then(Stream::send) else {
            return;
        };
        let timer = Timer::Retry { framework: framework.clone(), task: task.clone() };
        self.timers.set(timer, now + wait);
        if let Some(task) = self
            .executors
            .get_mut(framework)
            .and_then(|state| state.executor_of(task))
            .and_then(|executor| executor.task_mut(task))
        {
            let record = Arc::make_mut(&mut task.task);
            record.status_update_state = Some(update.status.state);
            record.status_update_uuid.clone_from(&update.uuid);
        }
        let pid = Some(self.config.pid.to_string());
        self.out.send(master, internal::StatusUpdateMessage { update, pid });
    }

    /// Sends an update again that was not acknowledged, and waits twice as long.
    pub(crate) fn retry(&mut self, now: Tick, framework: &FrameworkId, task: &TaskId) {
        let in_flight = self.updates.get(framework, task).is_some_and(Stream::is_in_flight);
        if !in_flight || self.phase != Phase::Running {
            return;
        }
        self.stats.status_update_retries += 1;
        self.send_head(now, framework, task);
    }

    /// Without a master nothing is in flight.
    pub(crate) fn pause_updates(&mut self) {
        for (framework, task, stream) in self.updates.iter_mut() {
            if stream.pause() {
                self.timers.cancel(&Timer::Retry { framework: framework.clone(), task: task.clone() });
            }
        }
    }

    /// With a master again every head goes out.
    pub(crate) fn resume_updates(&mut self, now: Tick) {
        let heads: Vec<(FrameworkId, TaskId)> =
            self.updates.iter().map(|(framework, task, _)| (framework.clone(), task.clone())).collect();
        for (framework, task) in heads {
            self.forward(now, &framework, &task);
        }
    }

    /// The scheduler has the update.
    pub(crate) fn acknowledgement(
        &mut self,
        now: Tick,
        message: internal::StatusUpdateAcknowledgementMessage,
    ) {
        let (framework, task) = (FrameworkId::from(message.framework_id), TaskId::from(message.task_id));
        if !self.is_own_id(&message.slave_id) {
            self.stats.dropped_messages += 1;
            return;
        }
        let stream = self.updates.get_mut(&framework, &task);
        let Some(stream) = stream.and_then(|it| it.acknowledge(&message.uuid).then_some(it)) else {
            self.stats.dropped_messages += 1;
            return;
        };
        let run = stream.run().cloned();
        self.timers.cancel(&Timer::Retry { framework: framework.clone(), task: task.clone() });
        let record = run.map(|run| Checkpoint::UpdateAppended {
            run,
            task_id: task.clone(),
            record: Box::new(internal::StatusUpdateRecord {
                r#type: internal::status_update_record::Type::Ack.into(),
                update: None,
                uuid: Some(message.uuid),
            }),
        });
        match record {
            Some(record) => {
                self.out.write_then(record, After::Acknowledgement { framework, task });
                self.finish_drain();
            }
            None => self.acknowledgement_durable(now, &framework, &task),
        }
    }

    /// Whether the scheduler has acknowledged the end of a task, which may not be written down yet.
    pub(crate) fn is_end_acknowledged(&self, framework: &FrameworkId, task: &TaskId) -> bool {
        self.updates.get(framework, task).is_some_and(Stream::is_end_acknowledged)
    }

    /// The acknowledgement cannot be lost any more: the task's next update may go, or the task is over.
    pub(crate) fn acknowledgement_durable(&mut self, now: Tick, framework: &FrameworkId, task: &TaskId) {
        let stream = self.updates.get_mut(framework, task);
        let Some(stream) = stream.and_then(|it| it.acknowledged().then_some(it)) else { return };
        if !stream.is_over() {
            self.forward(now, framework, task);
            self.room_made(now, framework, task);
            return;
        }
        self.updates.remove(framework, task);
        self.task_over(now, framework, task);
    }

    /// Moves a task whose end was acknowledged to its executor's history.
    fn task_over(&mut self, now: Tick, framework_id: &FrameworkId, task_id: &TaskId) {
        let keep = self.config.max_completed_tasks_per_executor;
        if let Some(framework) = self.executors.get_mut(framework_id) {
            let checkpoint = framework.checkpoint();
            let id = framework.id.clone();
            if let Some(executor) = framework.finish_task(task_id) {
                let run = checkpoint.then(|| executor.run(&id));
                while executor.completed_tasks.len() > keep {
                    let oldest = executor.completed_tasks.pop_front();
                    if let (Some(run), Some(oldest)) = (&run, oldest) {
                        let task_id = (&oldest.task_id).into();
                        self.out.remove(Removal::Task { run: run.clone(), task_id });
                    }
                }
                let executor_id = executor.id().clone();
                self.finish_executor(now, framework_id, &executor_id);
            }
        }
        self.finish_framework(now, framework_id);
    }

    /// Forgets all updates of a framework, without a word to anyone.
    pub(crate) fn drop_streams(&mut self, framework: &FrameworkId) {
        for (task, stream) in self.updates.take_all(framework) {
            self.timers.cancel(&Timer::Retry { framework: framework.clone(), task });
            self.release(stream);
        }
    }
}

/// Adds what is known of the container: the executor's, or the one nested in it that the status names, while it runs.
fn fill_container_status(status: &mut v1::TaskStatus, executor: &Executor, nested: &Nested, ip: &str) {
    let container = status.container_status.get_or_insert_default();
    let named = container.container_id.as_ref().map(ContainerId::from);
    let pid = match named.filter(|id| *id != executor.container_id) {
        None => executor.pid,
        Some(id) => match nested.pid(&id) {
            Some(pid) => Some(pid),
            None => return,
        },
    };
    container.container_id.get_or_insert_with(|| (&executor.container_id).into());
    container.executor_pid = container.executor_pid.or(pid);
    if container.network_infos.is_empty() {
        let address = v1::network_info::IpAddress { protocol: None, ip_address: Some(ip.to_owned()) };
        container
            .network_infos
            .push(v1::NetworkInfo { ip_addresses: vec![address], ..v1::NetworkInfo::default() });
    }
}
