//! Emptying the agent on the master's word. Must not live here: how a task is killed.

use std::time::Duration;

use tepui_model::{FrameworkId, TaskId, Tick};
use tepui_wire_mesos::v1;

use crate::{
    agent::{Agent, Drain},
    effect::Checkpoint,
    executors::{self, grace_of},
};

impl Agent {
    /// Kills every task, each with its own grace or the drain's, whichever is shorter. An agent without tasks is
    /// drained already. A later word replaces an earlier one.
    pub(crate) fn drain(&mut self, now: Tick, config: v1::DrainConfig) {
        if self.has_no_tasks() {
            return;
        }
        self.out.write(Checkpoint::Drain(Some(config)));
        self.drain = Some(Drain { config, started: now });
        let max_grace = config.max_grace_period.as_ref().map(executors::duration);
        let tasks: Vec<(FrameworkId, TaskId, Option<Duration>)> = self
            .executors
            .iter()
            .flat_map(|(id, framework)| {
                framework.executors().values().flat_map(|executor| executor.tasks()).map(|(task, entry)| {
                    (id.clone(), task.clone(), grace_of(entry.task.kill_policy.as_ref()))
                })
            })
            .collect();
        for (framework, task, own) in tasks {
            let grace = match (own, max_grace) {
                (Some(own), Some(max)) => Some(own.min(max)),
                (own, max) => max.or(own),
            };
            let policy = grace.map(|grace| v1::KillPolicy {
                grace_period: Some(v1::DurationInfo {
                    nanoseconds: i64::try_from(grace.as_nanos()).unwrap_or(i64::MAX),
                }),
            });
            self.kill_task(now, &framework, &task, policy);
        }
        self.finish_drain();
    }

    /// With no task left the drain is over, and the next one is welcome. Executors that stay do not matter: the master
    /// does not count them either, and once it says that the agent is in use again, tasks come.
    pub(crate) fn finish_drain(&mut self) {
        if self.drain.is_some() && self.has_no_tasks() {
            self.drain = None;
            self.out.write(Checkpoint::Drain(None));
        }
    }

    /// Whether every task has ended and every end was acknowledged, be that written down or not.
    fn has_no_tasks(&self) -> bool {
        let tasks = self
            .executors
            .iter()
            .flat_map(|(id, framework)| framework.tasks().keys().map(move |task| (id, task)));
        let streams = self.updates.iter().map(|(id, task, _)| (id, task));
        tasks.chain(streams).all(|(framework, task)| self.is_end_acknowledged(framework, task))
    }
}
