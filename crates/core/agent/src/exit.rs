//! The end of containers, executors and frameworks, and their histories. Must not live here: who asked for an end (see `kill`).

use std::sync::Arc;

use tepui_model::{ContainerId, ExecutorId, FrameworkId, Reason, Source, TaskId, TaskState, Tick};
use tepui_wire_mesos::{internal, v1};

use crate::{
    agent::Agent,
    contact::Contact,
    effect::{Checkpoint, Effect, Exit, Removal},
    executors::Termination,
    failure::{LaunchFailure, LaunchFailureReason},
    kill,
    life::Life,
    picture::{executor_view, framework_view},
    report::{self, Report},
    snapshot::{ExecutorState, Phase},
    timers::Timer,
};

/// Raw wait status of a process that exited with 1.
const EXIT_1: i32 = 1 << 8;

impl Agent {
    /// A container could not be started.
    pub(crate) fn launch_failed(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        executor_id: &ExecutorId,
        failure: LaunchFailure,
    ) {
        self.stats.container_launch_errors += 1;
        let partition_aware = kill::is_partition_aware(self.executors.get(framework));
        let Some(executor) = self.executor_mut(framework, executor_id) else { return };
        let exit = match failure.reason {
            LaunchFailureReason::NoProgram | LaunchFailureReason::NotExecutable => {
                Exit { wait_status: Some(EXIT_1), limitation: None }
            }
            LaunchFailureReason::Sandbox => {
                let directory = &executor.directory;
                let words = format!("Failed to create executor directory '{directory}': {}", failure.message);
                kill::end(executor, report::dropped(partition_aware), Reason::ExecutorTerminated, words);
                Exit::default()
            }
            LaunchFailureReason::Fetch | LaunchFailureReason::Other => {
                let words = format!("Failed to launch container: {}", failure.message);
                kill::end(executor, TaskState::Failed, Reason::ContainerLaunchFailed, words);
                Exit::default()
            }
        };
        self.executor_exited(now, framework, executor_id, exit);
    }

    /// An executor's container is gone: its tasks have ended with it.
    pub(crate) fn executor_exited(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        executor_id: &ExecutorId,
        exit: Exit,
    ) {
        let Some(state) = self.executors.get_mut(framework) else { return };
        let (framework_id, checkpoint) = (state.id.clone(), state.checkpoint());
        let Some(executor) = state.executor_mut(executor_id) else { return };
        if executor.state() == ExecutorState::Terminated {
            return;
        }
        let container = executor.container_id.clone();
        let run = executor.run(&framework_id);
        let directory = executor.directory.clone();
        let termination = executor.termination.clone();
        let command_task = executor.command.is_some();
        let contact = self.executors.detach(framework, executor_id);
        self.end_checks(now, framework, executor_id);
        self.executors.forget_container(&container);
        self.cancel_container_timers(&container);
        self.forget_children(&container, &exit);
        if let Some(Contact::Stream(stream)) = contact {
            self.out.push(Effect::CloseStream { to: stream });
        }
        if command_task && termination.is_none() {
            self.command_exited(now, &framework_id, executor_id, &exit);
        } else {
            self.report_lost_tasks(now, &framework_id, executor_id, &exit, termination);
        }
        if let Some(executor) = self.executor_mut(framework, executor_id) {
            executor.life = Life::Terminated;
            executor.queue.clear();
            executor.kills.clear();
        }
        self.out.drop_limits(&container);
        self.stats.executors_terminated += 1;
        if checkpoint {
            self.out.write(Checkpoint::Sentinel { run });
        }
        self.schedule_gc(now, directory);
        if !command_task {
            self.tell_executor_exited(&framework_id, executor_id, &exit);
        }
        self.finish_executor(now, framework, executor_id);
        self.finish_framework(now, framework);
    }

    fn cancel_container_timers(&mut self, container: &ContainerId) {
        let container = || container.clone();
        for timer in [
            Timer::ExecutorRegistration(container()),
            Timer::ShutdownGrace(container()),
            Timer::KillGrace(container()),
            Timer::Completion(container()),
            Timer::Reconnect(container()),
            Timer::Checks(container()),
        ] {
            self.timers.cancel(&timer);
        }
    }

    /// What an ended executor leaves unsaid about its tasks, the agent says.
    fn report_lost_tasks(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        executor_id: &ExecutorId,
        exit: &Exit,
        termination: Option<Termination>,
    ) {
        let (state, report) = match (&exit.limitation, termination) {
            (Some(limitation), _) => {
                let report = Report {
                    reason: Some(limitation.reason),
                    message: Some(limitation.message.clone()),
                    limitation: Some(v1::TaskResourceLimitation { resources: limitation.resources.clone() }),
                    ..Report::default()
                };
                (TaskState::Failed, report)
            }
            (None, Some(Termination { state, reason, message })) => (state, Report::new(reason, message)),
            (None, None) => {
                (TaskState::Failed, Report::new(Reason::ExecutorTerminated, "Executor terminated"))
            }
        };
        let Some(executor) = self.executor_mut(framework, executor_id) else { return };
        let live: Vec<TaskId> =
            executor.tasks().iter().filter(|(_, task)| task.is_live()).map(|(id, _)| id.clone()).collect();
        for task in live {
            self.report(now, framework, &task, state, Source::Agent, report.clone());
        }
    }

    pub(crate) fn tell_executor_exited(
        &mut self,
        framework_id: &FrameworkId,
        executor_id: &ExecutorId,
        exit: &Exit,
    ) {
        let (Some(master), Some(slave_id)) = (&self.master, &self.agent_id) else { return };
        if self.phase == Phase::Running {
            let message = internal::ExitedExecutorMessage {
                slave_id: slave_id.into(),
                framework_id: framework_id.into(),
                executor_id: executor_id.into(),
                status: exit.wait_status.unwrap_or(-1),
            };
            self.out.send(master, message);
        }
    }

    /// Moves an executor to the history once it has ended and everything about its tasks was acknowledged.
    pub(crate) fn finish_executor(
        &mut self,
        now: Tick,
        framework_id: &FrameworkId,
        executor_id: &ExecutorId,
    ) {
        let keep = self.config.max_completed_executors_per_framework;
        let Some(framework) = self.executors.get_mut(framework_id) else { return };
        let over = framework.executor(executor_id).is_some_and(|executor| {
            executor.state() == ExecutorState::Terminated
                && (framework.terminating || executor.tasks().is_empty())
        });
        if !over {
            return;
        }
        let Some(executor) = framework.take_executor(executor_id) else { return };
        if framework.checkpoint() {
            self.out.remove(Removal::Run(executor.run(&framework.id)));
        }
        framework.completed_executors.push_back(Arc::new(executor_view(&executor)));
        while framework.completed_executors.len() > keep {
            framework.completed_executors.pop_front();
        }
        self.finish_framework(now, framework_id);
    }

    /// Moves a framework to the history once nothing of it is left.
    pub(crate) fn finish_framework(&mut self, _now: Tick, framework_id: &FrameworkId) {
        let over = self.executors.get(framework_id).is_some_and(|framework| {
            framework.executors().is_empty() && self.updates.count(framework_id) == 0
        });
        if over && let Some(framework) = self.executors.take_framework(framework_id) {
            self.completed_frameworks.push_back(Arc::new(framework_view(&framework)));
            if framework.terminating {
                self.forget_written(framework_id);
            }
            while self.completed_frameworks.len() > self.config.max_completed_frameworks {
                let oldest = self.completed_frameworks.pop_front();
                if let Some(id) = oldest.and_then(|oldest| oldest.info.id.clone()) {
                    self.forget_written(&id.into());
                }
            }
        }
        self.finish_drain();
        self.stop_if_done();
    }

    fn forget_written(&mut self, framework_id: &FrameworkId) {
        let live = self.executors.contains_key(framework_id);
        if !live && self.written_frameworks.remove(framework_id).is_some() {
            self.out.remove(Removal::Framework { framework_id: framework_id.clone() });
        }
    }
}
