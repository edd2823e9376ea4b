//! Counters and gauges under Mesos's names. Must not live here: metrics of other rooms (containers, the machine).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counters of the agent since it started, and gauges of the moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// `slave/container_launch_errors`.
    pub container_launch_errors: u64,
    /// `slave/executor_directory_max_allowed_age_secs`.
    pub executor_directory_max_allowed_age_secs: f64,
    /// `slave/executors_preempted`.
    pub executors_preempted: u64,
    /// `slave/executors_registering` (gauge).
    pub executors_registering: u64,
    /// `slave/executors_running` (gauge).
    pub executors_running: u64,
    /// `slave/executors_terminating` (gauge).
    pub executors_terminating: u64,
    /// `slave/executors_terminated`.
    pub executors_terminated: u64,
    /// `slave/frameworks_active` (gauge).
    pub frameworks_active: u64,
    /// `slave/valid_framework_messages`.
    pub valid_framework_messages: u64,
    /// `slave/invalid_framework_messages`.
    pub invalid_framework_messages: u64,
    /// `slave/valid_status_updates`.
    pub valid_status_updates: u64,
    /// `slave/invalid_status_updates`.
    pub invalid_status_updates: u64,
    /// `slave/recovery_errors`.
    pub recovery_errors: u64,
    /// `slave/recovery_time_secs`: once recovery is over.
    pub recovery_time_secs: Option<f64>,
    /// `slave/registered` (gauge).
    pub registered: bool,
    /// `slave/tasks_staging` (gauge): queued tasks included.
    pub tasks_staging: u64,
    /// `slave/tasks_starting` (gauge).
    pub tasks_starting: u64,
    /// `slave/tasks_running` (gauge).
    pub tasks_running: u64,
    /// `slave/tasks_killing` (gauge).
    pub tasks_killing: u64,
    /// `slave/tasks_finished`.
    pub tasks_finished: u64,
    /// `slave/tasks_failed`.
    pub tasks_failed: u64,
    /// `slave/tasks_killed`.
    pub tasks_killed: u64,
    /// `slave/tasks_lost`.
    pub tasks_lost: u64,
    /// `slave/tasks_gone`.
    pub tasks_gone: u64,
    /// `slave/uptime_secs`.
    pub uptime_secs: f64,
    /// `gc/path_removals_pending` (gauge).
    pub gc_path_removals_pending: u64,
    /// `gc/path_removals_succeeded`: asked for.
    pub gc_path_removals_succeeded: u64,
    /// Status updates that were sent again for want of an acknowledgement.
    pub status_update_retries: u64,
    /// Requests that were dropped: for another agent, malformed, or repeated.
    pub dropped_messages: u64,
    /// Totals and use of resources, revocable ones apart.
    pub resources: Usages,
}

/// The resources that are measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usages {
    /// `cpus`.
    pub cpus: Usage,
    /// `gpus`.
    pub gpus: Usage,
    /// `mem`.
    pub mem: Usage,
    /// `disk`.
    pub disk: Usage,
}

impl Usages {
    /// That of one resource, if it is one of those that are measured.
    pub(crate) fn of(&mut self, name: &str) -> Option<&mut Usage> {
        match name {
            "cpus" => Some(&mut self.cpus),
            "gpus" => Some(&mut self.gpus),
            "mem" => Some(&mut self.mem),
            "disk" => Some(&mut self.disk),
            _ => None,
        }
    }
}

/// How much of a resource there is and is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// What the agent has.
    pub total: f64,
    /// What tasks and executors use of it.
    pub used: f64,
    /// Revocable: what the agent has.
    pub revocable_total: f64,
    /// Revocable: what is used.
    pub revocable_used: f64,
}

impl Stats {
    /// Every metric under its name in `/metrics/snapshot`.
    #[expect(clippy::cast_precision_loss, reason = "the metrics are doubles")]
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let counters = [
            ("slave/container_launch_errors", self.container_launch_errors),
            ("slave/executors_preempted", self.executors_preempted),
            ("slave/executors_registering", self.executors_registering),
            ("slave/executors_running", self.executors_running),
            ("slave/executors_terminating", self.executors_terminating),
            ("slave/executors_terminated", self.executors_terminated),
            ("slave/frameworks_active", self.frameworks_active),
            ("slave/valid_framework_messages", self.valid_framework_messages),
            ("slave/invalid_framework_messages", self.invalid_framework_messages),
            ("slave/valid_status_updates", self.valid_status_updates),
            ("slave/invalid_status_updates", self.invalid_status_updates),
            ("slave/recovery_errors", self.recovery_errors),
            ("slave/registered", u64::from(self.registered)),
            ("slave/tasks_staging", self.tasks_staging),
            ("slave/tasks_starting", self.tasks_starting),
            ("slave/tasks_running", self.tasks_running),
            ("slave/tasks_killing", self.tasks_killing),
            ("slave/tasks_finished", self.tasks_finished),
            ("slave/tasks_failed", self.tasks_failed),
            ("slave/tasks_killed", self.tasks_killed),
            ("slave/tasks_lost", self.tasks_lost),
            ("slave/tasks_gone", self.tasks_gone),
            ("gc/path_removals_pending", self.gc_path_removals_pending),
            ("gc/path_removals_succeeded", self.gc_path_removals_succeeded),
            ("gc/path_removals_failed", 0),
        ];
        let mut metrics: BTreeMap<String, f64> =
            counters.into_iter().map(|(name, value)| (name.to_owned(), value as f64)).collect();
        metrics.insert(
            "slave/executor_directory_max_allowed_age_secs".to_owned(),
            self.executor_directory_max_allowed_age_secs,
        );
        metrics.insert("slave/uptime_secs".to_owned(), self.uptime_secs);
        if let Some(seconds) = self.recovery_time_secs {
            metrics.insert("slave/recovery_time_secs".to_owned(), seconds);
        }
        let Usages { cpus, gpus, mem, disk } = &self.resources;
        for (name, usage) in [("cpus", cpus), ("gpus", gpus), ("mem", mem), ("disk", disk)] {
            let kinds =
                [("", usage.total, usage.used), ("_revocable", usage.revocable_total, usage.revocable_used)];
            for (kind, total, used) in kinds {
                let percent = if total > 0.0 { used / total } else { 0.0 };
                metrics.insert(format!("slave/{name}{kind}_total"), total);
                metrics.insert(format!("slave/{name}{kind}_used"), used);
                metrics.insert(format!("slave/{name}{kind}_percent"), percent);
            }
        }
        metrics
    }
}
