//! Checks and health checks of tasks. Must not live here: when to probe and what a result means.

use tepui_core_checks::{Checks, Effect as Wish, Outcome, Probe, ProbeId};
use tepui_model::{TaskState, Tick};
use tepui_wire_mesos::v1::TaskStatus;

use crate::{Answer, DefaultExecutor, Effect, calls, container::Purpose, launch::status};

impl DefaultExecutor {
    pub(crate) fn begin_checks(&mut self, now: Tick, task_id: &str) {
        let Some(container) = self.containers.get_mut(task_id) else { return };
        let task = &container.task;
        let checks = Checks::new(task.check.as_deref(), task.health_check.as_deref(), now);
        if !checks.is_empty() {
            container.checks = Some(checks);
            self.checks_due(now, task_id);
        }
    }

    /// The task ends, or is to end.
    pub(crate) fn end_checks(&mut self, now: Tick, task_id: &str) {
        let checks = self.containers.get_mut(task_id).and_then(|container| container.checks.take());
        let Some(mut checks) = checks else { return };
        checks.stop(now);
        while let Some(wish) = checks.poll_effect() {
            if let Wish::Cancel { id } = wish {
                self.cancel_probe(task_id, id);
            }
        }
    }

    pub(crate) fn pause_checks(&mut self, now: Tick) {
        self.each_checks(|checks| checks.pause(now));
        self.perform_all_checks(now);
    }

    pub(crate) fn resume_checks(&mut self, now: Tick) {
        self.each_checks(|checks| checks.resume(now));
    }

    fn each_checks(&mut self, action: impl FnMut(&mut Checks)) {
        self.containers.values_mut().filter_map(|container| container.checks.as_mut()).for_each(action);
    }

    fn perform_all_checks(&mut self, now: Tick) {
        let tasks: Vec<String> = self.containers.keys().cloned().collect();
        tasks.iter().for_each(|task_id| self.perform_checks(now, task_id));
    }

    pub(crate) fn checks_due(&mut self, now: Tick, task_id: &str) {
        if let Some(checks) = self.checks(task_id) {
            checks.handle_timeout(now);
            self.perform_checks(now, task_id);
        }
    }

    pub(crate) fn probed(&mut self, now: Tick, task_id: &str, id: ProbeId, outcome: &Outcome) {
        if let Some(checks) = self.checks(task_id) {
            checks.handle_result(now, id, outcome);
            self.perform_checks(now, task_id);
        }
    }

    fn checks(&mut self, task_id: &str) -> Option<&mut Checks> {
        self.containers.get_mut(task_id)?.checks.as_mut()
    }

    fn perform_checks(&mut self, now: Tick, task_id: &str) {
        while let Some(wish) = self.checks(task_id).and_then(Checks::poll_effect) {
            match wish {
                Wish::Probe { id, probe } => self.probe(now, task_id, id, probe),
                Wish::Cancel { id } => self.cancel_probe(task_id, id),
                Wish::Report(report) => {
                    let Some(container) = self.containers.get(task_id) else { return };
                    let status = TaskStatus {
                        reason: Some(report.reason.number()),
                        check_status: report.check_status,
                        healthy: report.healthy,
                        ..status(container, TaskState::Running)
                    };
                    self.update(status);
                }
                Wish::Kill => {
                    if let Some(container) = self.containers.get_mut(task_id) {
                        container.unhealthy = true;
                    }
                    self.kill(now, task_id, None);
                }
            }
        }
    }

    /// A command runs in a container inside the task's, the others are asked from here: group and executor share a
    /// network.
    fn probe(&mut self, now: Tick, task_id: &str, id: ProbeId, probe: Probe) {
        let task_id = task_id.to_owned();
        let command = match probe {
            Probe::Command(command) => command,
            probe => return self.effects.push_back(Effect::Probe { task_id, id, probe }),
        };
        let parent = self.containers.get(&task_id).map(|container| container.id.clone());
        let Some(parent) = parent.filter(|_| self.connected) else {
            return self.probed(now, &task_id, id, &Outcome::Lost);
        };
        let container = self.container_in(parent, "check-");
        let call = calls::session(&container, &command);
        self.call(Purpose::Session { task_id, probe: id, container }, call);
    }

    fn cancel_probe(&mut self, task_id: &str, id: ProbeId) {
        let found = self.calls.iter().find_map(|(call, purpose)| match purpose {
            Purpose::Session { task_id: task, probe, container }
            | Purpose::SessionEnd { task_id: task, probe, container }
                if task == task_id && *probe == id =>
            {
                Some((*call, container.clone()))
            }
            _ => None,
        });
        let Some((call, container)) = found else {
            return self.effects.push_back(Effect::CancelProbe { task_id: task_id.to_owned(), id });
        };
        self.calls.remove(&call);
        // The container of a session ends with its connection; then it can be removed.
        self.effects.push_back(Effect::Cancel { id: call });
        if self.connected {
            let wait = calls::wait(&container);
            self.call(Purpose::Leftover { container }, wait);
        }
    }

    /// What came of the calls that run a check's command.
    pub(crate) fn session_answered(&mut self, now: Tick, purpose: Purpose, answer: Answer) {
        match (purpose, answer) {
            (Purpose::Session { task_id, probe, container }, Answer::Done(_)) => {
                let wait = calls::wait(&container);
                self.call(Purpose::SessionEnd { task_id, probe, container }, wait);
            }
            (Purpose::Session { task_id, probe, .. }, Answer::Refused(reason) | Answer::Missed(reason)) => {
                self.warn(format!("a check of task '{task_id}' could not be made: {reason}"));
                self.probed(now, &task_id, probe, &Outcome::Lost);
            }
            (Purpose::SessionEnd { task_id, probe, container }, answer) => {
                let remove = calls::remove(&container);
                self.call(Purpose::Nothing, remove);
                let outcome = outcome(answer);
                self.probed(now, &task_id, probe, &outcome);
            }
            (Purpose::Leftover { container }, _) => {
                let remove = calls::remove(&container);
                self.call(Purpose::Nothing, remove);
            }
            (Purpose::Nothing | Purpose::Step { .. }, _) => {}
        }
    }
}

/// What the end of a check's container shows.
fn outcome(answer: Answer) -> Outcome {
    match answer {
        Answer::Done(response) => {
            Outcome::of_command(response.and_then(|response| response.wait_nested_container?.exit_status))
        }
        Answer::Refused(text) => Outcome::Failed(text),
        Answer::Missed(_) => Outcome::Lost,
    }
}
