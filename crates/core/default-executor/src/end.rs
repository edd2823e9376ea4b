//! The ends of containers, of groups, of the executor.

use tepui_model::{Reason, TaskState, Tick, describe_wait_status};
use tepui_wire_mesos::v1::{TaskStatus, agent::response};

use crate::{Answer, DefaultExecutor, Effect, container::Container, executor::Life, launch::status};

impl DefaultExecutor {
    /// A container has ended: what its task has come to.
    pub(crate) fn ended(&mut self, now: Tick, task_id: &str, answer: Answer) {
        let Some(container) = self.containers.get(task_id) else { return };
        let newer = |it: response::WaitContainer| response::WaitNestedContainer {
            exit_status: it.exit_status,
            state: it.state,
            reason: it.reason,
            limitation: it.limitation,
            message: it.message,
        };
        let end = match answer {
            Answer::Done(response) => response.and_then(|response| {
                let response = *response;
                response.wait_nested_container.or_else(|| response.wait_container.map(newer))
            }),
            Answer::Refused(text) | Answer::Missed(text) => {
                Some(response::WaitNestedContainer { message: Some(text), ..Default::default() })
            }
        };
        let end = end.unwrap_or_default();
        let status = last_status(container, end);
        self.over(now, task_id, status);
    }

    /// A task is over; so is its group, unless it succeeded, and perhaps the executor.
    pub(crate) fn over(&mut self, now: Tick, task_id: &str, status: TaskStatus) {
        let finished = status.state == TaskState::Finished.number();
        self.end_checks(now, task_id);
        let Some(container) = self.containers.remove(task_id) else { return };
        self.update(status);
        if !finished {
            for member in self.members(container.group) {
                self.kill(now, &member, None);
            }
        }
        self.end_if_empty(now);
    }

    pub(crate) fn end_if_empty(&mut self, now: Tick) {
        if self.containers.is_empty() && self.life == Life::Serving {
            self.life = Life::Ending(now + self.config.last_updates_max);
            self.stop_if_settled();
        }
    }

    pub(crate) fn stop_if_settled(&mut self) {
        if self.unsettled == 0 && matches!(self.life, Life::Ending(_)) {
            self.stop();
        }
    }

    pub(crate) fn stop(&mut self) {
        if self.life != Life::Stopped {
            self.life = Life::Stopped;
            self.effects.push_back(Effect::Stop);
        }
    }
}

/// What is said at the end of a task. Where the agent knows more than the exit status, it has the last word.
fn last_status(container: &Container, end: response::WaitNestedContainer) -> TaskStatus {
    let (mut state, mut reason) = match end.exit_status {
        _ if container.timed_out => (TaskState::Failed, Some(Reason::MaxCompletionTimeReached)),
        None => (TaskState::Failed, None),
        Some(_) if container.kill.is_some() => (TaskState::Killed, None),
        Some(0) => (TaskState::Finished, None),
        Some(_) => (TaskState::Failed, None),
    };
    state = end.state.and_then(TaskState::from_number).unwrap_or(state);
    reason = end.reason.and_then(Reason::from_number).or(reason);
    let mut message = match end.exit_status {
        Some(raw) => format!("Command {}", describe_wait_status(raw)),
        None => "Command terminated with unknown status".to_owned(),
    };
    if let Some(more) = end.message.filter(|more| !more.is_empty()) {
        message.push_str(": ");
        message.push_str(&more);
    }
    TaskStatus {
        reason: reason.map(Reason::number),
        message: Some(message),
        limitation: end.limitation,
        healthy: container.unhealthy.then_some(false),
        ..status(container, state)
    }
}
