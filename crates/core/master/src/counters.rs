//! Counters with the names of Mesos's metrics. Must not live here: gauges, which are computed from a snapshot by
//! [`crate::views::metrics`].

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use tepui_model::{Reason, Source, TaskState};

macro_rules! counters {
    ($($counter:ident = $name:literal,)*) => {
        /// Something that the master counts from its start on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Counter {
            $(#[doc = concat!("`", $name, "`")] $counter,)*
        }

        /// The names of all counters, in the order of [`Counter`].
        const NAMES: &[&str] = &[$($name),*];
    };
}

counters! {
    DroppedMessages = "master/dropped_messages",
    InvalidExecutorToFrameworkMessages = "master/invalid_executor_to_framework_messages",
    InvalidFrameworkToExecutorMessages = "master/invalid_framework_to_executor_messages",
    InvalidOperationStatusUpdateAcknowledgements = "master/invalid_operation_status_update_acknowledgements",
    InvalidOperationStatusUpdates = "master/invalid_operation_status_updates",
    InvalidStatusUpdateAcknowledgements = "master/invalid_status_update_acknowledgements",
    InvalidStatusUpdates = "master/invalid_status_updates",
    MessagesAuthenticate = "master/messages_authenticate",
    MessagesDeactivateFramework = "master/messages_deactivate_framework",
    MessagesDeclineOffers = "master/messages_decline_offers",
    MessagesExecutorToFramework = "master/messages_executor_to_framework",
    MessagesExitedExecutor = "master/messages_exited_executor",
    MessagesFrameworkToExecutor = "master/messages_framework_to_executor",
    MessagesKillTask = "master/messages_kill_task",
    MessagesLaunchTasks = "master/messages_launch_tasks",
    MessagesOperationStatusUpdate = "master/messages_operation_status_update",
    MessagesOperationStatusUpdateAcknowledgement = "master/messages_operation_status_update_acknowledgement",
    MessagesReconcileOperations = "master/messages_reconcile_operations",
    MessagesReconcileTasks = "master/messages_reconcile_tasks",
    MessagesRegisterFramework = "master/messages_register_framework",
    MessagesRegisterSlave = "master/messages_register_slave",
    MessagesReregisterFramework = "master/messages_reregister_framework",
    MessagesReregisterSlave = "master/messages_reregister_slave",
    MessagesResourceRequest = "master/messages_resource_request",
    MessagesReviveOffers = "master/messages_revive_offers",
    MessagesStatusUpdate = "master/messages_status_update",
    MessagesStatusUpdateAcknowledgement = "master/messages_status_update_acknowledgement",
    MessagesSuppressOffers = "master/messages_suppress_offers",
    MessagesUnregisterFramework = "master/messages_unregister_framework",
    MessagesUnregisterSlave = "master/messages_unregister_slave",
    MessagesUpdateSlave = "master/messages_update_slave",
    RecoverySlaveRemovals = "master/recovery_slave_removals",
    SlaveRegistrations = "master/slave_registrations",
    SlaveRemovals = "master/slave_removals",
    SlaveRemovalsReasonRegistered = "master/slave_removals/reason_registered",
    SlaveRemovalsReasonUnhealthy = "master/slave_removals/reason_unhealthy",
    SlaveRemovalsReasonUnregistered = "master/slave_removals/reason_unregistered",
    SlaveReregistrations = "master/slave_reregistrations",
    SlaveShutdownsCanceled = "master/slave_shutdowns_canceled",
    SlaveShutdownsCompleted = "master/slave_shutdowns_completed",
    SlaveShutdownsScheduled = "master/slave_shutdowns_scheduled",
    SlaveUnreachableCanceled = "master/slave_unreachable_canceled",
    SlaveUnreachableCompleted = "master/slave_unreachable_completed",
    SlaveUnreachableScheduled = "master/slave_unreachable_scheduled",
    TasksDropped = "master/tasks_dropped",
    TasksError = "master/tasks_error",
    TasksFailed = "master/tasks_failed",
    TasksFinished = "master/tasks_finished",
    TasksGone = "master/tasks_gone",
    TasksGoneByOperator = "master/tasks_gone_by_operator",
    TasksKilled = "master/tasks_killed",
    TasksLost = "master/tasks_lost",
    ValidExecutorToFrameworkMessages = "master/valid_executor_to_framework_messages",
    ValidFrameworkToExecutorMessages = "master/valid_framework_to_executor_messages",
    ValidOperationStatusUpdateAcknowledgements = "master/valid_operation_status_update_acknowledgements",
    ValidOperationStatusUpdates = "master/valid_operation_status_updates",
    ValidStatusUpdateAcknowledgements = "master/valid_status_update_acknowledgements",
    ValidStatusUpdates = "master/valid_status_updates",
}

/// What the master has counted since it started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// By [`Counter`].
    counts: Vec<u64>,
    /// Ends of tasks by state, who said so, and why; each exists once it has counted something.
    ends: BTreeMap<(TaskState, Source, Reason), u64>,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; NAMES.len()], ends: BTreeMap::new() }
    }

    /// Adds one.
    pub(crate) fn add(&mut self, counter: Counter) {
        if let Some(count) = self.counts.get_mut(counter as usize) {
            *count += 1;
        }
    }

    /// Adds one to the ends of tasks in this state.
    pub(crate) fn add_end(&mut self, state: TaskState, source: Source, reason: Reason) {
        *self.ends.entry((state, source, reason)).or_default() += 1;
    }

    /// The value of a counter.
    pub fn get(&self, counter: Counter) -> u64 {
        self.counts.get(counter as usize).copied().unwrap_or_default()
    }

    /// All counters by name.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'static, str>, u64)> {
        let ends = self.ends.iter().map(|(end, count)| (Cow::Owned(end_name(*end)), *count));
        NAMES.iter().zip(&self.counts).map(|(name, count)| (Cow::Borrowed(*name), *count)).chain(ends)
    }
}

/// `master/task_<state>/source_<source>/reason_<reason>`.
fn end_name((state, source, reason): (TaskState, Source, Reason)) -> String {
    // Metrics keep the older names: `slave` where the API says `agent`.
    let lower = |name: &str| name.to_ascii_lowercase().replace("agent", "slave");
    format!("master/{}/{}/{}", lower(state.name()), lower(source.name()), lower(reason.name()))
}
