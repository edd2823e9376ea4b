//! Command tasks: the agent is their executor and says what Mesos's command executor would say.
//! Must not live here: kills that come from outside (see `kill`).

use std::time::Duration;

use tepui_model::{ContainerId, ExecutorId, FrameworkId, Reason, Source, TaskId, TaskState, Tick};
use tepui_wire_mesos::v1;

use crate::{
    agent::Agent,
    checks,
    config::Config,
    effect::{Checkpoint, Effect, Exit},
    executors::{Executor, Stage, grace_of},
    kill_record,
    life::Start,
    outbox::After,
    report::{self, Report},
    resources,
    snapshot::ExecutorState,
    timers::Timer,
};

pub(crate) const SIGKILL: i32 = 9;
pub(crate) const SIGTERM: i32 = 15;
/// Mesos gives its command executor this much beyond a task's own kill grace, to notice and to report.
const REPORT_TIME: Duration = Duration::from_secs(2);
/// Longer commands are cut short in an executor's name.
const MAX_COMMAND_IN_NAME: usize = 15;
const CUT_COMMAND_IN_NAME: usize = 12;

/// The executor that Mesos would make up for a command task.
#[expect(deprecated, reason = "readers still look at `source`")]
pub(crate) fn executor_info(
    config: &Config,
    framework_id: &FrameworkId,
    task: &v1::TaskInfo,
) -> v1::ExecutorInfo {
    let mut helper = helper(config, "mesos-executor");
    helper.arguments.push(format!("--launcher_dir={}", config.launcher_dir));
    helper.user = task.command.as_ref().and_then(|command| command.user.clone());
    let grace = grace_of(task.kill_policy.as_ref()).map(|grace| v1::DurationInfo {
        nanoseconds: i64::try_from((grace + REPORT_TIME).as_nanos()).unwrap_or(i64::MAX),
    });
    let id = &task.task_id.value;
    v1::ExecutorInfo {
        executor_id: v1::ExecutorId { value: id.clone() },
        framework_id: Some(framework_id.into()),
        command: Some(helper),
        container: task.container.clone(),
        resources: resources::command_executor_overhead(&task.resources),
        name: Some(format!("Command Executor (Task: {id}) (Command: {})", describe(task.command.as_ref()))),
        source: Some(id.clone()),
        shutdown_grace_period: grace,
        ..v1::ExecutorInfo::default()
    }
}

/// An executor as it is written down: with what a command task's process has of its own, which readers of the info do not
/// see and the next agent needs for sessions beside it. [`take_environment`] is the way back.
pub(crate) fn written_info(executor: &Executor) -> v1::ExecutorInfo {
    let mut info = (*executor.info).clone();
    if executor.command.is_some()
        && let Some(command) = &mut info.command
    {
        command.environment.clone_from(&executor.environment);
    }
    info
}

/// Takes out of a command task's executor what [`written_info`] put in.
pub(crate) fn take_environment(info: &mut v1::ExecutorInfo) -> Option<v1::Environment> {
    info.command.as_mut()?.environment.take()
}

/// What starts an executor: its own command, or the default executor that comes with the agent. Readers never see that
/// one, as in Mesos.
pub(crate) fn executor_command(config: &Config, info: &v1::ExecutorInfo) -> v1::CommandInfo {
    if info.r#type() == v1::executor_info::Type::Default {
        return config.default_executor.clone();
    }
    info.command.clone().unwrap_or_default()
}

/// One of the programs that come with Mesos, as executors' infos name them.
pub(crate) fn helper(config: &Config, program: &str) -> v1::CommandInfo {
    v1::CommandInfo {
        shell: Some(false),
        value: Some(format!("{}/{program}", config.launcher_dir.trim_end_matches('/'))),
        arguments: vec![program.to_owned()],
        ..v1::CommandInfo::default()
    }
}

/// The command as it stands in an executor's name.
fn describe(command: Option<&v1::CommandInfo>) -> String {
    let shell = command.is_none_or(v1::CommandInfo::shell);
    match command.and_then(|command| Some((command, command.value.as_deref()?))) {
        None if shell => "NO COMMAND".to_owned(),
        None => "NO EXECUTABLE".to_owned(),
        Some((_, value)) if shell => format!("sh -c '{}'", cut(value)),
        Some((command, value)) => {
            let words: Vec<&str> =
                std::iter::once(value).chain(command.arguments.iter().map(String::as_str)).collect();
            format!("[{}]", cut(&words.join(", ")))
        }
    }
}

fn cut(text: &str) -> String {
    if text.len() <= MAX_COMMAND_IN_NAME {
        return text.to_owned();
    }
    let end = (0..=CUT_COMMAND_IN_NAME).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0);
    format!("{}...", &text[..end])
}

impl Agent {
    /// A command's process runs: that is TASK_STARTING and TASK_RUNNING at once.
    pub(crate) fn command_started(
        &mut self,
        now: Tick,
        framework_id: &FrameworkId,
        executor_id: &ExecutorId,
    ) {
        let Some(executor) = self.executor_mut(framework_id, executor_id) else { return };
        executor.life.run();
        executor.queue.clear();
        let report = checks::unchecked(executor, Report::default());
        let container = executor.container_id.clone();
        let started: Vec<(TaskId, Option<Tick>)> = executor
            .tasks_mut()
            .filter(|(_, task)| task.stage() == Stage::Queued)
            .map(|(id, task)| {
                drop(task.launch());
                (id.clone(), task.deadline)
            })
            .collect();
        for (task, deadline) in started {
            if let Some(deadline) = deadline {
                self.timers.set(Timer::Completion(container.clone()), deadline);
            }
            for state in [TaskState::Starting, TaskState::Running] {
                self.report(now, framework_id, &task, state, Source::Executor, report.clone());
            }
            self.begin_checks(now, framework_id, executor_id);
        }
    }

    /// Asks a command to end: TERM for all its processes, KILL after the grace. A second call can only shorten the grace.
    pub(crate) fn kill_command(
        &mut self,
        now: Tick,
        framework_id: &FrameworkId,
        executor_id: &ExecutorId,
        grace: Duration,
    ) {
        let Some(framework) = self.executors.get_mut(framework_id) else { return };
        let checkpoint = framework.checkpoint();
        let announce = framework.task_killing_state() && !framework.terminating;
        let Some(executor) = framework.executor_mut(executor_id) else { return };
        let container = executor.container_id.clone();
        let run = executor.run(framework_id);
        let Some(command) = executor.command.as_mut() else { return };
        let again = std::mem::replace(&mut command.killed, true);
        let timer = Timer::KillGrace(container.clone());
        let deadline = now + grace;
        if again {
            if self.timers.at(&timer).is_some_and(|at| deadline < at) {
                self.timers.set(timer, deadline);
            }
            return;
        }
        let Some(command) = &executor.command else { return };
        let task = executor.tasks().iter().find(|(_, task)| task.is_live());
        let record = task.filter(|_| checkpoint).map(|(_, task)| Checkpoint::Task {
            run,
            task: Box::new(kill_record::record_of(&task.task, command)),
            deadline: task.deadline,
            check: task.check.clone(),
        });
        let waits = record.is_some();
        if let Some(record) = record {
            self.out.write_then(record, After::Kill { container: container.clone() });
        }
        // The last agent may have said so.
        let task = task.filter(|(_, task)| task.state() != TaskState::Killing).map(|(id, _)| id.clone());
        let report = checks::unchecked(executor, Report::default());
        self.end_checks(now, framework_id, executor_id);
        if let Some(task) = task.filter(|_| announce) {
            self.report(now, framework_id, &task, TaskState::Killing, Source::Executor, report);
        }
        if !waits {
            self.kill_durable(container);
        }
        self.timers.set(timer, deadline);
    }

    /// The next agent knows as well why the command ends.
    pub(crate) fn kill_durable(&mut self, container: ContainerId) {
        if self.executors.has_container(&container) {
            self.out.push(Effect::Signal { container, signal: SIGTERM, whole_group: true });
        }
    }

    pub(crate) fn kill_grace_over(&mut self, container: &ContainerId) {
        if self.executors.has_container(container) {
            let container = container.clone();
            self.out.push(Effect::Signal { container, signal: SIGKILL, whole_group: true });
        }
    }

    /// `max_completion_time` is over.
    pub(crate) fn completion_time_reached(&mut self, now: Tick, container: &ContainerId) {
        let Some((framework, executor_id)) = self.executors.owner(container).cloned() else { return };
        let default = self.config.kill_grace_period;
        let Some(framework_id) = self.executors.get(&framework).map(|framework| framework.id.clone()) else {
            return;
        };
        let Some(executor) = self.executor_mut(&framework, &executor_id) else { return };
        let grace = executor.command_grace(None, default);
        if let Some(command) = executor.command.as_mut().filter(|command| !command.killed) {
            command.timed_out = true;
            self.kill_command(now, &framework_id, &executor_id, grace);
        }
    }

    /// A command's container ended: what its task has come to.
    pub(crate) fn command_exited(
        &mut self,
        now: Tick,
        framework_id: &FrameworkId,
        executor_id: &ExecutorId,
        exit: &Exit,
    ) {
        // The word that it had started may have been overtaken.
        self.command_started(now, framework_id, executor_id);
        self.end_checks(now, framework_id, executor_id);
        let Some(executor) = self.executor_mut(framework_id, executor_id) else { return };
        let Some(task) = executor.tasks().iter().find(|(_, task)| task.is_live()).map(|(id, _)| id.clone())
        else {
            return;
        };
        let Some(command) = &executor.command else { return };
        if let Some(limitation) = &exit.limitation {
            let report = Report {
                reason: Some(limitation.reason),
                message: Some(limitation.message.clone()),
                limitation: Some(v1::TaskResourceLimitation { resources: limitation.resources.clone() }),
                ..Report::default()
            };
            self.report(now, framework_id, &task, TaskState::Failed, Source::Agent, report);
            return;
        }
        let mut report =
            checks::unchecked(executor, Report::message(report::describe_exit(exit.wait_status)));
        report.healthy = command.unhealthy.then_some(false);
        let state = if exit.wait_status == Some(0) {
            TaskState::Finished
        } else if command.timed_out {
            report.reason = Some(Reason::MaxCompletionTimeReached);
            TaskState::Failed
        } else if command.killed {
            TaskState::Killed
        } else {
            TaskState::Failed
        };
        self.report(now, framework_id, &task, state, Source::Executor, report);
    }

    /// The container's first process is there.
    pub(crate) fn launched(
        &mut self,
        now: Tick,
        framework: &FrameworkId,
        executor_id: &ExecutorId,
        pid: u32,
    ) {
        let registration_timeout = self.config.executor_registration_timeout;
        let Some(state) = self.executors.get_mut(framework) else { return };
        let (checkpoint, framework_id) = (state.checkpoint(), state.id.clone());
        let Some(executor) = state.executor_mut(executor_id) else { return };
        executor.life.reach(Start::There);
        executor.pid = Some(pid);
        let container = executor.container_id.clone();
        if checkpoint {
            self.out.write(Checkpoint::ForkedPid { run: executor.run(&framework_id), pid });
        }
        match (executor.state(), executor.command.is_some()) {
            (ExecutorState::Terminating, _) if executor.contact().is_none() => {
                self.out.push(Effect::Destroy { container });
            }
            (ExecutorState::Registering, true) => self.command_started(now, &framework_id, executor_id),
            (ExecutorState::Registering, false) => {
                self.timers.set(Timer::ExecutorRegistration(container), now + registration_timeout);
            }
            _ => {}
        }
    }
}
