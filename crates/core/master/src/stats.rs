//! Counters and gauges with the names of Mesos's metrics.

use std::collections::BTreeMap;

/// What the master has counted since it started.
///
/// [`Stats::counters`] are kept as things happen; gauges (what is connected, active, running now) are computed
/// from a snapshot by [`crate::views::metrics`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    counters: BTreeMap<&'static str, u64>,
    /// `master/task_<state>/source_<source>/reason_<reason>`, created on first use.
    task_reasons: BTreeMap<String, u64>,
}

/// Every counter is there from the start, with 0.
const COUNTERS: &[&str] = &[
    "master/dropped_messages",
    "master/invalid_executor_to_framework_messages",
    "master/invalid_framework_to_executor_messages",
    "master/invalid_operation_status_update_acknowledgements",
    "master/invalid_operation_status_updates",
    "master/invalid_status_update_acknowledgements",
    "master/invalid_status_updates",
    "master/messages_authenticate",
    "master/messages_deactivate_framework",
    "master/messages_decline_offers",
    "master/messages_executor_to_framework",
    "master/messages_exited_executor",
    "master/messages_framework_to_executor",
    "master/messages_kill_task",
    "master/messages_launch_tasks",
    "master/messages_operation_status_update",
    "master/messages_operation_status_update_acknowledgement",
    "master/messages_reconcile_operations",
    "master/messages_reconcile_tasks",
    "master/messages_register_framework",
    "master/messages_register_slave",
    "master/messages_reregister_framework",
    "master/messages_reregister_slave",
    "master/messages_resource_request",
    "master/messages_revive_offers",
    "master/messages_status_update",
    "master/messages_status_update_acknowledgement",
    "master/messages_suppress_offers",
    "master/messages_unregister_framework",
    "master/messages_unregister_slave",
    "master/messages_update_slave",
    "master/recovery_slave_removals",
    "master/slave_registrations",
    "master/slave_removals",
    "master/slave_removals/reason_registered",
    "master/slave_removals/reason_unhealthy",
    "master/slave_removals/reason_unregistered",
    "master/slave_reregistrations",
    "master/slave_shutdowns_canceled",
    "master/slave_shutdowns_completed",
    "master/slave_shutdowns_scheduled",
    "master/slave_unreachable_canceled",
    "master/slave_unreachable_completed",
    "master/slave_unreachable_scheduled",
    "master/tasks_dropped",
    "master/tasks_error",
    "master/tasks_failed",
    "master/tasks_finished",
    "master/tasks_gone",
    "master/tasks_gone_by_operator",
    "master/tasks_killed",
    "master/tasks_lost",
    "master/valid_executor_to_framework_messages",
    "master/valid_framework_to_executor_messages",
    "master/valid_operation_status_update_acknowledgements",
    "master/valid_operation_status_updates",
    "master/valid_status_update_acknowledgements",
    "master/valid_status_updates",
];

impl Stats {
    pub(crate) fn new() -> Self {
        Self { counters: COUNTERS.iter().map(|name| (*name, 0)).collect(), task_reasons: BTreeMap::new() }
    }

    /// Adds one to the counter called `name`.
    pub(crate) fn count(&mut self, name: &'static str) {
        debug_assert!(COUNTERS.contains(&name), "{name} is not a counter");
        *self.counters.entry(name).or_default() += 1;
    }

    /// Adds one to a counter that exists only once it has counted something.
    pub(crate) fn count_reason(&mut self, name: String) {
        *self.task_reasons.entry(name).or_default() += 1;
    }

    /// The value of the counter called `name`; 0 if there is none.
    pub fn counter(&self, name: &str) -> u64 {
        self.counters.get(name).or_else(|| self.task_reasons.get(name)).copied().unwrap_or(0)
    }

    /// All counters by name.
    pub fn counters(&self) -> impl Iterator<Item = (&str, u64)> {
        let reasons = self.task_reasons.iter().map(|(name, count)| (name.as_str(), *count));
        self.counters.iter().map(|(name, count)| (*name, *count)).chain(reasons)
    }
}
