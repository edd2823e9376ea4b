//! Ending tasks on someone's word: TERM, and KILL after the grace.

use std::time::Duration;

use tepui_model::{TaskState, Tick};
use tepui_wire_mesos::v1::{DurationInfo, KillPolicy};

use crate::{
    DefaultExecutor,
    container::{Kill, Step, What},
    executor::Life,
    launch::status,
};

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
/// Of the time that a shutdown leaves, this much is kept for the news of it.
const REPORT_TIME: Duration = Duration::from_secs(1);

/// A duration of the wire; negative ones are none.
pub(crate) fn duration(info: &DurationInfo) -> Duration {
    Duration::from_nanos(u64::try_from(info.nanoseconds).unwrap_or(0))
}

impl DefaultExecutor {
    /// Asks a task to end. A second call can only shorten the grace.
    pub(crate) fn kill(&mut self, now: Tick, task_id: &str, policy: Option<&KillPolicy>) {
        let Some(container) = self.containers.get_mut(task_id) else { return };
        let of = |policy: Option<&KillPolicy>| policy?.grace_period.as_ref().map(duration);
        let own = || of(container.task.kill_policy.as_ref());
        let mut grace = of(policy).or_else(own).unwrap_or(self.config.kill_grace_period);
        if self.shutting_down {
            grace = grace.min(self.config.shutdown_grace_period.saturating_sub(REPORT_TIME));
        }
        let escalation = now + grace;
        if let Some(kill) = &mut container.kill {
            kill.escalation = kill.escalation.map(|at| at.min(escalation));
            return;
        }
        // Of one that is on its way into its container, the agent knows nothing yet.
        let step = if container.launch == Step::Done { Step::Due(now) } else { Step::Idle };
        container.kill = Some(Kill { signal: SIGTERM, step, escalation: Some(escalation) });
        container.deadline = None;
        let killing = status(container, TaskState::Killing);
        self.end_checks(now, task_id);
        if self.killing_state {
            self.update(killing);
        }
        self.call_if_due(now, task_id, What::Kill);
        self.wait_if_launched(now, task_id);
    }

    /// A task of a group whose other tasks are not there yet is not waited for so far.
    fn wait_if_launched(&mut self, now: Tick, task_id: &str) {
        if self.containers.get(task_id).is_some_and(|container| container.launch == Step::Done) {
            self.wait(now, task_id);
        }
    }

    /// Ends everything.
    pub(crate) fn shut_down(&mut self, now: Tick) {
        if std::mem::replace(&mut self.shutting_down, true) || self.life == Life::Stopped {
            return;
        }
        if !self.connected {
            // There is nobody to be asked; the agent that comes ends what it finds.
            return self.stop();
        }
        let tasks: Vec<String> = self.containers.keys().cloned().collect();
        for task_id in tasks {
            self.kill(now, &task_id, None);
        }
        self.end_if_empty(now);
    }

    /// Does what is due for one task.
    pub(crate) fn time_passed(&mut self, now: Tick, task_id: &str) {
        let Some(container) = self.containers.get_mut(task_id) else { return };
        if container.deadline.is_some_and(|deadline| deadline <= now) {
            container.timed_out = true;
            self.kill(now, task_id, None);
        }
        let Some(container) = self.containers.get_mut(task_id) else { return };
        if let Some(kill) = &mut container.kill
            && kill.escalation.is_some_and(|at| at <= now)
        {
            kill.escalation = None;
            kill.signal = SIGKILL;
            if container.launch == Step::Done {
                kill.step = Step::Due(now);
            }
        }
        for what in What::ALL {
            self.call_if_due(now, task_id, what);
        }
        self.checks_due(now, task_id);
    }
}
