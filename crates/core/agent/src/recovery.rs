//! Taking up what the last agent left. Must not live here: reading it from disk.

use std::sync::Arc;

use tepui_model::{
    AgentId, ExecutorId, FrameworkId, Reason, Source, TaskId, TaskState, Tick, format_duration,
};
use tepui_wire_mesos::{internal, v1};

use crate::{
    agent::{Agent, Drain},
    checks, command,
    effect::{Checkpoint, Effect, Exit, Removal, Run},
    environment,
    executors::{Executor, Framework, Stage, Task},
    kill, kill_record,
    life::{Address, Life, Start},
    recovered::{ContainerState, Recovered, RecoveredExecutor, RecoveredFramework, RecoveredTask},
    report::{self, Report},
    settings::Recover,
    snapshot::{ExecutorState, Phase},
    timers::Timer,
    update_stream::Stream,
};

/// An executor whose end was found out about: its ids, and how its container ended.
struct Ended {
    framework: FrameworkId,
    executor: ExecutorId,
    exit: Option<Exit>,
}

impl Agent {
    /// Rebuilds frameworks, executors, tasks and streams; then waits for executors, or is done at once.
    pub(crate) fn recover(&mut self, now: Tick, recovered: Recovered) {
        self.stats.recovery_errors = recovered.errors;
        for container in recovered.orphans {
            self.out.push(Effect::Destroy { container });
        }
        for sandbox in recovered.sandboxes {
            self.schedule_gc(sandbox.modified, sandbox.path);
        }
        if recovered.replaced.is_some() {
            self.out.remove(Removal::Agent);
        }
        self.recover_agent(recovered.agent);
        let mut ended = Vec::new();
        if self.agent_id.is_some() {
            self.drain = recovered.drain.map(|config| Drain { config, started: now });
            for framework in recovered.frameworks {
                self.recover_framework(now, framework, recovered.rebooted, &mut ended);
            }
        }
        for Ended { framework, executor, exit } in ended {
            self.recover_ended(now, &framework, &executor, exit, recovered.rebooted);
        }
        self.recover_containers(now, recovered.containers, recovered.rebooted);
        self.tidy_recovered(now);
        if self.config.recover == Recover::Cleanup {
            return self.shutdown(now);
        }
        let timeout = self.config.executor_reregistration_timeout;
        self.timers.set(Timer::Recovery, now + timeout);
        self.recovery_progress(now);
    }

    /// Goes on as the agent that was here; what may have changed of it is written down.
    fn recover_agent(&mut self, agent: Option<internal::SlaveInfo>) {
        let Some(old) = agent else { return };
        self.agent_id = old.id.as_ref().map(AgentId::from);
        let info = self.slave_info(self.agent_id.as_ref());
        if self.agent_id.is_some() && info != old {
            self.out.write(Checkpoint::Agent(Box::new(info)));
        }
    }

    fn recover_framework(
        &mut self,
        now: Tick,
        recovered: RecoveredFramework,
        rebooted: bool,
        ended: &mut Vec<Ended>,
    ) {
        let Some(id) = recovered.info.id.as_ref().map(FrameworkId::from) else { return };
        let framework = Framework::new(id.clone(), recovered.info, recovered.pid.clone());
        self.written_frameworks.insert(id.clone(), (framework.info.clone(), recovered.pid));
        self.executors.add_framework(framework);
        for executor in recovered.executors {
            let name = ExecutorId::from(&executor.info.executor_id);
            let container = if rebooted { ContainerState::Unknown } else { executor.container.clone() };
            let completed = executor.completed;
            self.recover_executor(&id, executor);
            // Of a framework that was being ended nothing was said; if that was not brought to its end, it is said now.
            let completed = completed
                && self
                    .executor_mut(&id, &name)
                    .is_some_and(|executor| !executor.tasks().values().any(Task::is_live));
            match container {
                _ if completed => self.recover_completed(now, &id, &name),
                ContainerState::Alive => self.recover_alive(now, &id, &name),
                ContainerState::Exited(exit) => {
                    ended.push(Ended { framework: id.clone(), executor: name, exit: Some(exit) });
                }
                ContainerState::Unknown => {
                    ended.push(Ended { framework: id.clone(), executor: name, exit: None });
                }
            }
        }
    }

    fn recover_executor(&mut self, framework_id: &FrameworkId, mut recovered: RecoveredExecutor) {
        let agent = self.agent_id.as_ref();
        let name = ExecutorId::from(&recovered.info.executor_id);
        let container = &recovered.container_id;
        let directory = environment::sandbox(&self.config, agent, framework_id, &name, container);
        let environment =
            recovered.command_task.then(|| command::take_environment(&mut recovered.info)).flatten();
        let mut executor = Executor::new(
            recovered.info,
            recovered.container_id,
            directory,
            recovered.command_task,
            Start::There,
        );
        executor.environment = environment;
        executor.pid = recovered.pid;
        // Whatever it has was given to it, as far as anyone knows.
        let spoke = recovered.subscribed || recovered.process.is_some();
        if spoke || !recovered.tasks.is_empty() {
            executor.life.use_it();
        }
        executor.address = recovered.process.filter(|_| !recovered.subscribed).map(Address::Written);
        let run = executor.run(framework_id);
        for RecoveredTask { mut task, deadline, check, records } in recovered.tasks {
            let id = TaskId::from(&task.task_id);
            if let Some(command) = &mut executor.command {
                *command = kill_record::recover(&mut task);
            }
            if self.recover_stream(framework_id, &mut task, run.clone(), records) {
                executor.completed_tasks.push_back(Arc::new(task));
                continue;
            }
            let terminal = TaskState::from_number(task.state).is_some_and(TaskState::is_terminal);
            let stage = if terminal { Stage::Terminated } else { Stage::Launched };
            let mut task = Task::new(task, stage, true);
            (task.deadline, task.check) = (deadline, check);
            executor.add_task(id, task);
        }
        let keep = self.config.max_completed_tasks_per_executor;
        while executor.completed_tasks.len() > keep {
            executor.completed_tasks.pop_front();
        }
        self.executors.add(framework_id, executor);
    }

    /// An executor that had ended, with updates that were not acknowledged.
    fn recover_completed(&mut self, now: Tick, framework: &FrameworkId, executor: &ExecutorId) {
        let Some(executor) = self.executor_mut(framework, executor) else { return };
        executor.life = Life::Terminated;
        let (container, directory) = (executor.container_id.clone(), executor.directory.clone());
        self.executors.forget_container(&container);
        self.schedule_gc(now, directory);
    }

    /// A container that still runs. A custom executor has to subscribe; a command is simply watched on.
    fn recover_alive(&mut self, now: Tick, framework_id: &FrameworkId, executor_id: &ExecutorId) {
        let default_grace = self.config.kill_grace_period;
        let cleanup = self.config.recover == Recover::Cleanup;
        let Some(executor) = self.executor_mut(framework_id, executor_id) else { return };
        // What a new agent's shell does not know, and what the last one may not have come to do.
        let (container, limits) = (executor.container_id.clone(), executor.limits());
        self.out.set_limits(&container, limits);
        let Some(executor) = self.executor_mut(framework_id, executor_id) else { return };
        if executor.command.is_none() {
            if !cleanup {
                return self.call_back(now, framework_id, executor_id);
            }
            if executor.life.is_used() {
                // It knows how to be asked to end: at once, or when it subscribes.
                executor.life.run();
                if let Some(process) = executor.process().cloned() {
                    executor.listens_at(&process);
                }
            }
            return;
        }
        executor.life.run();
        let container = executor.container_id.clone();
        let task = executor.tasks().iter().find(|(_, task)| task.is_live());
        let Some(deadline) = task.map(|(_, task)| task.deadline) else {
            self.out.push(Effect::Destroy { container });
            return;
        };
        if let Some(deadline) = deadline {
            self.timers.set(Timer::Completion(container), deadline);
        }
        self.command_has_started(now, framework_id, executor_id);
        let Some(executor) = self.executor_mut(framework_id, executor_id) else { return };
        let grace = executor.command_grace(None, default_grace);
        if executor.command.as_mut().is_some_and(|command| std::mem::take(&mut command.killed)) {
            // Once more, as nobody knows how far the last agent came with it.
            self.kill_command(now, framework_id, executor_id, grace);
        } else {
            self.begin_checks(now, framework_id, executor_id);
        }
    }

    /// A command of which the last agent did not say any more that it runs: that is said now, before its end is.
    fn command_has_started(&mut self, now: Tick, framework_id: &FrameworkId, executor_id: &ExecutorId) {
        let Some(executor) = self.executor_mut(framework_id, executor_id) else { return };
        let Some((id, task)) = executor.tasks_mut().find(|(_, task)| task.is_live()) else { return };
        match task.state() {
            TaskState::Staging => {
                task.requeue();
                self.command_started(now, framework_id, executor_id);
            }
            TaskState::Starting => {
                let id = id.clone();
                let report = checks::unchecked(executor, Report::default());
                self.report(now, framework_id, &id, TaskState::Running, Source::Executor, report);
            }
            _ => {}
        }
    }

    /// A container that ended while nobody watched.
    fn recover_ended(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        executor_id: &ExecutorId,
        exit: Option<Exit>,
        rebooted: bool,
    ) {
        let partition_aware = kill::is_partition_aware(self.executors.get(framework));
        let Some(executor) = self.executor_mut(framework, executor_id) else { return };
        if exit.is_none() {
            let (reason, words) = if rebooted {
                (Reason::AgentRestarted, "Agent host was rebooted")
            } else {
                (Reason::ExecutorTerminated, "Executor terminated")
            };
            kill::end(executor, report::gone(partition_aware), reason, words.to_owned());
        } else if executor.command.is_some()
            && let Some(id) = self.executors.get(framework).map(|framework| framework.id.clone())
        {
            self.command_has_started(now, &id, executor_id);
        }
        self.executor_exited(now, framework, executor_id, exit.unwrap_or_default());
    }

    /// Moves what turned out to be over into the histories.
    fn tidy_recovered(&mut self, now: Tick) {
        let names: Vec<(FrameworkId, Vec<ExecutorId>)> = self
            .executors
            .iter()
            .map(|(id, framework)| (id.clone(), framework.executors().keys().cloned().collect()))
            .collect();
        for (framework, executors) in names {
            for executor in executors {
                self.finish_executor(now, &framework, &executor);
            }
            self.finish_framework(now, &framework);
        }
        self.finish_drain();
    }

    /// Goes on as soon as every executor is back.
    pub(crate) fn recovery_progress(&mut self, now: Tick) {
        if self.phase == Phase::Recovering && self.waiting_executors().is_empty() {
            self.recovery_over(now);
        }
    }

    fn waiting_executors(&self) -> Vec<(FrameworkId, ExecutorId)> {
        self.executors
            .iter()
            .flat_map(|(id, framework)| {
                framework.executors().iter().map(move |(name, executor)| (id, name, executor))
            })
            .filter(|(_, _, executor)| executor.state() == ExecutorState::Registering)
            .map(|(id, name, _)| (id.clone(), name.clone()))
            .collect()
    }

    /// The wait is over: executors that did not come back are ended, and the master may be told.
    pub(crate) fn recovery_over(&mut self, now: Tick) {
        if self.phase != Phase::Recovering {
            return;
        }
        let timeout = format_duration(self.config.executor_reregistration_timeout);
        for (framework, executor) in self.waiting_executors() {
            let partition_aware = kill::is_partition_aware(self.executors.get(&framework));
            let Some(executor) = self.executor_mut(&framework, &executor) else { continue };
            let words = format!("Executor did not reregister within {timeout}");
            let reason = Reason::ExecutorReregistrationTimeout;
            kill::end(executor, report::gone(partition_aware), reason, words);
            let container = executor.container_id.clone();
            self.out.push(Effect::Destroy { container });
        }
        self.phase = Phase::Disconnected;
        self.timers.cancel(&Timer::Recovery);
        self.stats.recovery_time_secs = Some(now.since(self.started).as_secs_f64());
        self.attempt_registration(now);
    }

    /// Takes up a task's log again. Says whether everything in it is acknowledged and the task over.
    pub(crate) fn recover_stream(
        &mut self,
        framework: &FrameworkId,
        task: &mut v1::Task,
        run: Run,
        records: Vec<internal::StatusUpdateRecord>,
    ) -> bool {
        for status in records.iter().filter_map(|record| record.update.as_ref()).map(|update| &update.status)
        {
            if TaskState::from_number(task.state).is_some_and(TaskState::is_terminal) {
                break;
            }
            task.state = status.state;
            let status = v1::TaskStatus { data: None, ..status.clone() };
            match task.statuses.last_mut() {
                Some(last) if last.state == status.state => *last = status,
                _ => task.statuses.push(status),
            }
        }
        let stream = Stream::replay(run, records);
        if stream.is_over() {
            return true;
        }
        if stream.is_begun() {
            self.updates.of(framework, &(&task.task_id).into(), || stream);
        }
        false
    }
}
