//! Ending things on someone's word: a task, an executor, a framework, everything.
//! Must not live here: what the end of a container means (see `exit`).

use std::sync::Arc;

use tepui_model::{
    ContainerId, ExecutorId, FrameworkId, Reason, Source, TaskId, TaskState, Tick, format_duration,
};
use tepui_wire_mesos::v1;

use crate::{
    agent::Agent,
    effect::{Effect, Removal},
    events,
    executors::{Executor, Framework, Queued, Stage, Termination},
    report::{self, Report},
    snapshot::{ExecutorState, Phase},
    timers::Timer,
};

/// Mesos's command executor keeps this much of its shutdown grace for noticing and for reporting.
const RESERVED_GRACE: std::time::Duration = std::time::Duration::from_secs(2);

impl Agent {
    pub(crate) fn kill_task(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        task: &TaskId,
        policy: Option<v1::KillPolicy>,
    ) {
        let Some(state) = self.executors.get_mut(framework).filter(|framework| !framework.terminating) else {
            self.stats.dropped_messages += 1;
            return;
        };
        let framework_id = state.id.clone();
        let partition_aware = state.partition_aware();
        let Some(executor) = state.executor_of(task) else {
            let is_it = |over: &Arc<v1::Task>| over.task_id.value == task.as_str();
            let reported = self.updates.has(framework, task)
                || state.executors().values().any(|executor| executor.completed_tasks.iter().any(is_it))
                || state
                    .completed_executors
                    .iter()
                    .any(|executor| executor.completed_tasks.iter().any(is_it));
            if !reported {
                let report = Report::new(Reason::ExecutorTerminated, "Cannot find executor");
                self.report(
                    now,
                    &framework_id,
                    task,
                    report::dropped(partition_aware),
                    Source::Agent,
                    report,
                );
            }
            return;
        };
        let executor_id = executor.id().clone();
        let stage = executor.tasks().get(task).map(|task| task.stage());
        if executor.command.is_some() {
            match executor.state() {
                ExecutorState::Registering => self.kill_during_launch(now, &framework_id, &executor_id, task),
                ExecutorState::Running => {
                    let grace = executor.command_grace(policy.as_ref(), self.config.kill_grace_period);
                    self.kill_command(now, &framework_id, &executor_id, grace);
                }
                ExecutorState::Terminating | ExecutorState::Terminated => {}
            }
            return;
        }
        match (stage, executor.state()) {
            (Some(Stage::Queued), ExecutorState::Registering | ExecutorState::Running) => {
                self.kill_queued(now, &framework_id, &executor_id, task);
            }
            (Some(Stage::Launched), ExecutorState::Registering | ExecutorState::Running) => {
                if executor.contact().is_some() {
                    self.tell(framework, &executor_id, events::kill(task, policy));
                } else {
                    // It will be told when it is back.
                    executor.kills.insert(task.clone(), policy);
                }
            }
            _ => {}
        }
    }

    /// A command whose container is still being made.
    fn kill_during_launch(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        executor_id: &ExecutorId,
        task: &TaskId,
    ) {
        self.report_killed_during_launch(now, framework, task);
        if let Some(executor) = self.executor_mut(framework, executor_id) {
            executor.life.end();
            let container = executor.container_id.clone();
            self.out.push(Effect::Destroy { container });
        }
    }

    fn report_killed_during_launch(&mut self, now: Tick, framework: &FrameworkId, task: &TaskId) {
        let report = Report::new(Reason::TaskKilledDuringLaunch, "Killed before delivery to the executor");
        self.report(now, framework, task, TaskState::Killed, Source::Agent, report);
    }

    /// A task that its executor never saw; the others of its group go with it.
    fn kill_queued(&mut self, now: Tick, framework: &FrameworkId, executor_id: &ExecutorId, task: &TaskId) {
        let Some(executor) = self.executor_mut(framework, executor_id) else { return };
        let group = executor.queue.iter().find_map(|queued| match queued {
            Queued::Group(tasks) if tasks.iter().any(|member| member == task) => Some(tasks.clone()),
            _ => None,
        });
        for member in group.unwrap_or_else(|| vec![task.clone()]) {
            let queued = self
                .executor_mut(framework, executor_id)
                .and_then(|executor| executor.tasks().get(&member))
                .is_some_and(|task| task.stage() == Stage::Queued);
            if queued {
                self.report_killed_during_launch(now, framework, &member);
            }
        }
        self.shut_down_if_useless(now, framework, executor_id);
    }

    /// An executor that never got a task and has none to wait for is of no use.
    pub(crate) fn shut_down_if_useless(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        executor_id: &ExecutorId,
    ) {
        if self.executor_mut(framework, executor_id).is_some_and(|executor| executor.is_useless()) {
            self.shutdown_executor(now, framework, executor_id);
        }
    }

    /// Asks an executor to end, and sees to it that it does.
    pub(crate) fn shutdown_executor(&mut self, now: Tick, framework: &FrameworkId, executor_id: &ExecutorId) {
        let Some(state) = self.executors.get_mut(framework) else { return };
        let framework_id = state.id.clone();
        let Some(executor) = state.executor_mut(executor_id) else { return };
        let before = executor.state();
        if matches!(before, ExecutorState::Terminating | ExecutorState::Terminated) {
            return;
        }
        executor.life.end();
        let grace = executor.shutdown_grace(&self.config);
        let container = executor.container_id.clone();
        self.timers.cancel(&Timer::ExecutorRegistration(container.clone()));
        if before == ExecutorState::Running && executor.command.is_some() {
            self.kill_command(now, &framework_id, executor_id, grace.saturating_sub(RESERVED_GRACE));
            return;
        }
        if !self.tell(framework, executor_id, events::shutdown()) && before == ExecutorState::Registering {
            // Nobody is there who could be asked.
            self.out.push(Effect::Destroy { container });
            return;
        }
        self.timers.set(Timer::ShutdownGrace(container), now + grace);
    }

    pub(crate) fn destroy_container(&mut self, container: &ContainerId) {
        if self.executors.has_container(container) {
            let container = container.clone();
            self.out.push(Effect::Destroy { container });
        }
    }

    /// The executor had its time to subscribe.
    pub(crate) fn executor_not_registered(&mut self, now: Tick, container: &ContainerId) {
        let words = format!(
            "Executor did not register within {}",
            format_duration(self.config.executor_registration_timeout)
        );
        let Some((framework, executor)) = self.executors.owner(container).cloned() else { return };
        let Some(executor) = self.executor_mut(&framework, &executor) else { return };
        if executor.state() == ExecutorState::Registering {
            end(executor, TaskState::Failed, Reason::ExecutorRegistrationTimeout, words);
            self.timers.set(Timer::ShutdownGrace(container.clone()), now);
        }
    }

    /// The framework is over: its executors end, and nothing is reported any more.
    pub(crate) fn shutdown_framework(&mut self, now: Tick, framework: &FrameworkId) {
        let Some(state) = self.executors.get_mut(framework) else {
            // It never had anything here, but the agent may have said so of a task that the master asked about.
            return self.drop_streams(framework);
        };
        if state.terminating {
            return;
        }
        state.terminating = true;
        let executors: Vec<_> = state.executors().keys().cloned().collect();
        self.drop_streams(framework);
        for executor in executors {
            self.shutdown_executor(now, framework, &executor);
            self.finish_executor(now, framework, &executor);
        }
        self.finish_framework(now, framework);
    }

    /// The master wants the agent gone: everything ends, then the process. It shall come back as a new agent.
    pub(crate) fn shutdown(&mut self, now: Tick) {
        if self.phase == Phase::Terminating {
            return;
        }
        self.phase = Phase::Terminating;
        for timer in [Timer::Ping, Timer::Registration, Timer::Recovery] {
            self.timers.cancel(&timer);
        }
        self.pause_updates();
        self.out.remove(Removal::Agent);
        let frameworks: Vec<_> = self.executors.iter().map(|(id, _)| id.clone()).collect();
        for framework in frameworks {
            self.shutdown_framework(now, &framework);
        }
        self.stop_if_done();
    }

    /// With nothing left to end, a terminating agent ends itself.
    pub(crate) fn stop_if_done(&mut self) {
        if self.phase == Phase::Terminating
            && self.executors.values().all(|framework| framework.executors().is_empty())
        {
            if !self.stopped {
                self.out.push(Effect::Shutdown);
            }
            self.stopped = true;
        }
    }
}

/// Marks an executor as ended by the agent, with the words for its tasks.
pub(crate) fn end(executor: &mut Executor, state: TaskState, reason: Reason, message: String) {
    executor.life.end();
    executor.termination = Some(Termination { state, reason, message });
}

/// Says whether a framework is of those that tell dropped from lost.
pub(crate) fn is_partition_aware(framework: Option<&Framework>) -> bool {
    framework.is_some_and(Framework::partition_aware)
}
