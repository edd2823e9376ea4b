//! Checks and health checks of command tasks, of which the agent is the executor.
//! Must not live here: when to probe and what a result means, which is the machine of `tepui-core-checks`.

use tepui_core_checks::{Checks, Effect as Wish, Outcome, Probe, ProbeId, empty_status};
use tepui_model::{ContainerId, ExecutorId, FrameworkId, TaskId, Tick};
use tepui_wire_mesos::v1;

use crate::{
    agent::Agent,
    effect::{Effect, Exit},
    executors::Executor,
    report::Report,
    timers::Timer,
};

impl Agent {
    /// A command runs: its checks begin.
    pub(crate) fn begin_checks(&mut self, now: Tick, framework: &FrameworkId, executor_id: &ExecutorId) {
        let Some(executor) = self.executor_mut(framework, executor_id) else { return };
        let Some(task) = executor.tasks().values().find(|task| task.is_live()) else { return };
        let checks = Checks::new(task.check.as_deref(), task.task.health_check.as_deref(), now);
        if let Some(command) = executor.command.as_mut().filter(|command| !command.killed)
            && !checks.is_empty()
        {
            command.checks = Some(Box::new(checks));
            self.perform_checks(now, framework, executor_id);
        }
    }

    /// The command ends, or is to end: nothing is probed any more.
    pub(crate) fn end_checks(&mut self, now: Tick, framework: &FrameworkId, executor_id: &ExecutorId) {
        let Some(executor) = self.executor_mut(framework, executor_id) else { return };
        let container = executor.container_id.clone();
        let checks = executor.command.as_mut().and_then(|command| command.checks.take());
        let Some(mut checks) = checks else { return };
        checks.stop(now);
        while let Some(wish) = checks.poll_effect() {
            if let Wish::Cancel { id } = wish {
                self.cancel_probe(now, container.clone(), id);
            }
        }
        self.timers.cancel(&Timer::Checks(container));
    }

    /// A probe is due, or has taken too long.
    pub(crate) fn checks_due(&mut self, now: Tick, container: &ContainerId) {
        self.with_checks(now, container, |checks| checks.handle_timeout(now));
    }

    /// A probe has shown something.
    pub(crate) fn probed(&mut self, now: Tick, container: &ContainerId, id: ProbeId, outcome: &Outcome) {
        self.with_checks(now, container, |checks| checks.handle_result(now, id, outcome));
    }

    fn with_checks(&mut self, now: Tick, container: &ContainerId, action: impl FnOnce(&mut Checks)) {
        let Some((framework, executor_id)) = self.executors.owner(container).cloned() else { return };
        let executor = self.executor_mut(&framework, &executor_id);
        if let Some(checks) =
            executor.and_then(|executor| executor.command.as_mut()).and_then(|it| it.checks.as_mut())
        {
            action(checks);
            self.perform_checks(now, &framework, &executor_id);
        }
    }

    fn perform_checks(&mut self, now: Tick, framework: &FrameworkId, executor_id: &ExecutorId) {
        let default_grace = self.config.kill_grace_period;
        loop {
            let Some(state) = self.executors.get_mut(framework) else { return };
            let framework_id = state.id.clone();
            let Some(executor) = state.executor_mut(executor_id) else { return };
            let container = executor.container_id.clone();
            let Some(checks) = executor.command.as_mut().and_then(|it| it.checks.as_mut()) else { return };
            let Some(wish) = checks.poll_effect() else {
                let timer = Timer::Checks(container);
                match checks.poll_timeout() {
                    Some(due) => self.timers.set(timer, due),
                    None => drop(self.timers.cancel(&timer)),
                }
                return;
            };
            match wish {
                Wish::Probe { id, probe } => self.probe(now, container, id, probe),
                Wish::Cancel { id } => self.cancel_probe(now, container, id),
                Wish::Report(report) => {
                    let Some(task) = live_task(executor) else { return };
                    let report = Report {
                        reason: Some(report.reason),
                        check_status: report.check_status,
                        healthy: report.healthy,
                        ..Report::default()
                    };
                    self.report_check(now, &framework_id, &task, report);
                }
                Wish::Kill => {
                    let grace = executor.command_grace(None, default_grace);
                    if let Some(command) = &mut executor.command {
                        command.unhealthy = true;
                    }
                    self.kill_command(now, &framework_id, executor_id, grace);
                }
            }
        }
    }

    /// A command runs in a container inside the task's; everything else is asked over the network.
    fn probe(&mut self, now: Tick, container: ContainerId, id: ProbeId, probe: Probe) {
        let command = match probe {
            Probe::Command(command) => *command,
            probe => return self.out.push(Effect::Probe { container, id, probe }),
        };
        let task = container.clone();
        let own = container.child(format!("check-{}", self.random_container_id()));
        match self.launch_check(own.clone(), command) {
            Ok(()) => self.probes.begin(own, task, id),
            Err(words) => self.probed(now, &task, id, &Outcome::Failed(words)),
        }
    }

    fn cancel_probe(&mut self, now: Tick, container: ContainerId, id: ProbeId) {
        match self.probes.cancel(&container, id) {
            Some(own) => self.destroy_container_tree(now, &own),
            None => self.out.push(Effect::CancelProbe { container, id }),
        }
    }

    /// A container has ended: perhaps one in which a check's command ran.
    pub(crate) fn check_ended(&mut self, now: Tick, flat: &ContainerId, exit: &Exit) {
        let Some(asked) = self.probes.end(flat) else { return };
        self.forget_check(flat);
        if let Some((task, id)) = asked {
            self.probed(now, &task, id, &Outcome::of_command(exit.wait_status));
        }
    }
}

/// The id of the task that is not over.
fn live_task(executor: &Executor) -> Option<TaskId> {
    executor.tasks().iter().find(|(_, task)| task.is_live()).map(|(id, _)| id.clone())
}

/// A report that says, as every one about a checked task has to, that there is no result of the check.
pub(crate) fn unchecked(executor: &Executor, report: Report) -> Report {
    let check = executor.tasks().values().find(|task| task.is_live()).and_then(|task| task.check.as_deref());
    Report { check_status: check.map(empty_status), ..report }
}

/// The check that has to be remembered of a task: other executors than the agent see to theirs themselves.
pub(crate) fn check_of(executor: &Executor, info: &v1::TaskInfo) -> Option<Box<v1::CheckInfo>> {
    info.check.clone().filter(|_| executor.command.is_some())
}
