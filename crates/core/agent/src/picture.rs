//! Taking the picture that readers see. Must not live here: wire answers (see `views`).

use std::sync::Arc;

use tepui_model::{TaskState, Tick};
use tepui_wire_mesos::v1;

use crate::{
    agent::Agent,
    executors::{Executor, Framework, Stage},
    metrics::Stats,
    snapshot::{ExecutorState, ExecutorView, FrameworkView, Phase, Snapshot},
};

impl Agent {
    /// A picture for readers; costs a pointer for each task.
    pub fn snapshot(&self, now: Tick) -> Arc<Snapshot> {
        Arc::new(Snapshot {
            taken: now,
            started: self.started,
            agent_info: self.agent_info(),
            pid: self.config.pid.clone(),
            version: self.config.version.clone(),
            phase: self.phase,
            master: self.master.clone(),
            stats: self.current_stats(now),
            frameworks: self.executors.values().map(framework_view).collect(),
            completed_frameworks: self.completed_frameworks.iter().cloned().collect(),
            containers: self.container_views(),
            drain: self.drain.as_ref().map(|drain| drain.config),
            drain_started: self.drain.as_ref().map(|drain| drain.started),
        })
    }

    /// Counters and gauges of the moment; costs a look at every task.
    pub fn current_stats(&self, now: Tick) -> Stats {
        let mut stats = self.stats.clone();
        stats.uptime_secs = now.since(self.started).as_secs_f64();
        stats.registered = self.phase == Phase::Running;
        stats.frameworks_active =
            count(self.executors.values().filter(|framework| !framework.terminating).count());
        stats.gc_path_removals_pending = count(self.gc.pending());
        stats.executor_directory_max_allowed_age_secs = self.gc.allowed_age().as_secs_f64();
        add_usage(&mut stats, &self.config.resources, true);
        for executor in self.executors.values().flat_map(|framework| framework.executors().values()) {
            match executor.state() {
                ExecutorState::Registering => stats.executors_registering += 1,
                ExecutorState::Running => stats.executors_running += 1,
                ExecutorState::Terminating => stats.executors_terminating += 1,
                ExecutorState::Terminated => continue,
            }
            add_usage(&mut stats, &executor.info.resources, false);
            for task in executor.tasks().values().filter(|task| task.is_live()) {
                add_usage(&mut stats, &task.task.resources, false);
                match task.state() {
                    TaskState::Starting => stats.tasks_starting += 1,
                    TaskState::Running => stats.tasks_running += 1,
                    TaskState::Killing => stats.tasks_killing += 1,
                    _ => stats.tasks_staging += 1,
                }
            }
        }
        stats
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn add_usage(stats: &mut Stats, resources: &[v1::Resource], total: bool) {
    for resource in resources {
        let (Some(scalar), Some(usage)) = (&resource.scalar, stats.resources.of(&resource.name)) else {
            continue;
        };
        let field = match (total, resource.revocable.is_some()) {
            (true, false) => &mut usage.total,
            (true, true) => &mut usage.revocable_total,
            (false, false) => &mut usage.used,
            (false, true) => &mut usage.revocable_used,
        };
        // Sums of thousandths stay thousandths.
        *field = ((*field + scalar.value) * 1000.0).round() / 1000.0;
    }
}

pub(crate) fn framework_view(framework: &Framework) -> FrameworkView {
    FrameworkView {
        info: framework.info.clone(),
        active: !framework.terminating,
        executors: framework.executors().values().map(|executor| executor_view(executor).into()).collect(),
        completed_executors: framework.completed_executors.iter().cloned().collect(),
    }
}

pub(crate) fn executor_view(executor: &Executor) -> ExecutorView {
    let tasks = |stage: Stage| {
        executor.tasks().values().filter(|task| task.stage() == stage).map(|task| task.task.clone()).collect()
    };
    ExecutorView {
        info: executor.info.clone(),
        container_id: executor.container_id.clone(),
        directory: executor.directory.clone(),
        state: executor.state(),
        command_task: executor.command.is_some(),
        pid: executor.pid,
        queued_tasks: tasks(Stage::Queued),
        launched_tasks: tasks(Stage::Launched),
        terminated_tasks: tasks(Stage::Terminated),
        completed_tasks: executor.completed_tasks.iter().cloned().collect(),
    }
}
